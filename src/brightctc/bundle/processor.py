"""What this processor computes fast: the class of machine that a precision was tested on, and holds on."""

import platform
from functools import cache
from pathlib import Path
from typing import Literal

Precision = Literal["float32", "bfloat16", "int8"]

_INSTRUCTIONS: dict[Precision, tuple[str, ...]] = {  # best first, as Linux names them
    "bfloat16": ("amx_bf16", "avx512_bf16"),
    "int8": ("amx_int8", "avx512_vnni", "avx_vnni"),
}


def instructions(precision: Precision) -> str | None:
    """The best dot-product instructions of this processor for a precision, such as `avx512_vnni`; None: it has none.

    The same network gives the same scores on all processors of a class, as far as that can be said; on those of another
    class, sums are cut into other pieces, and without VNNI, INT8 products may overflow. float32 has no class: None.
    """
    flags = _flags()
    return next((name for name in _INSTRUCTIONS.get(precision, ()) if name in flags), None)


def unquantised() -> Precision:
    """What the layers of an INT8 network that were not quantised compute in: bfloat16 where there are instructions."""
    return "float32" if instructions("bfloat16") is None else "bfloat16"


def processor_class(precision: Precision) -> str:
    """What a test of a precision holds for: its instructions, or the architecture and that it has none.

    Of INT8 also those of the layers that are not quantised, such as `avx512_vnni + avx512_bf16`.
    """
    own = instructions(precision) or f"{platform.machine() or 'unknown'} without instructions for {precision}"
    beside = instructions(unquantised()) if precision == "int8" else None
    return own if beside is None else f"{own} + {beside}"


@cache
def _flags() -> frozenset[str]:
    """Of the first processor in Linux's /proc/cpuinfo; none elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    values = (line.split(":", 1)[1].split() for line in lines if line.split(":")[0].strip() in ("flags", "Features"))
    return frozenset(next(values, []))
