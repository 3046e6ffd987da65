"""Which precisions of a bundle this processor may use: unasked, and by name."""

from pathlib import Path
from typing import get_args

from brightctc.bundle.about import About
from brightctc.bundle.processor import Precision, instructions, processor_class
from brightctc.errors import UserError, typed

FASTEST_FIRST: tuple[Precision, ...] = ("int8", "bfloat16")
EXPORTED: dict[Precision, str] = {"int8": "--int8", "bfloat16": "--bf16"}


def best_precision(about: About) -> Precision:
    """The fastest precision whose guard passed on this class of processor; float32 where none did."""
    for precision in FASTEST_FIRST:
        tested = about.tested(precision)
        if tested is not None and tested.passed and tested.processor == processor_class(precision):
            return precision
    return "float32"


def refuse_precision(about: About, precision: Precision, folder: Path) -> None:
    """Raise UserError where this bundle can't be used in a precision on this processor."""
    if precision not in get_args(Precision):
        names = ", ".join(("auto", *get_args(Precision)))
        raise UserError(f"there is no precision {precision!r}", "--precision", f"use one of {names}")
    if precision == "float32":
        return
    anew = f"{typed('export', folder, 'NEW')} {EXPORTED[precision]} --calibration COHORT"
    tested, here = about.tested(precision), processor_class(precision)
    if tested is None:
        raise UserError(
            f"this bundle was not tested in {precision}", folder, f"say --precision float32, or make a bundle: {anew}"
        )
    if precision == "bfloat16":
        refuse_without_instructions(precision)
    if tested.processor != here:
        raise UserError(
            f"this bundle was tested in {precision} on processors of another class ({tested.processor}) than this one "
            f"({here}), where its threshold may not hold",
            folder,
            f"say --precision float32, or test it here: {anew}",
        )


def refuse_without_instructions(precision: Precision) -> None:
    """Raise UserError where this processor has no instructions of its own for a precision."""
    if instructions(precision) is None:
        raise UserError(
            f"this processor does not compute in {precision}: it would be slower than float32",
            "--precision",
            "say --precision float32, or use a processor with AVX512-BF16 or AMX",
        )
