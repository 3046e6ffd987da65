"""The verb `export`: a bundle → a new one that has faster precisions, each with its guard."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brightctc import files
from brightctc.bundle import Arithmetic, Bundle, Tested, with_precisions
from brightctc.bundle.folder import ABOUT, MODEL
from brightctc.bundle.precision import refuse_without_instructions
from brightctc.bundle.processor import instructions, processor_class
from brightctc.bundle.tested import LARGEST_CHANGE
from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.quantise import quantising
from brightctc.quantise.calibrating import calibrating_cells, judging_cells
from brightctc.quantise.guard import Guard, shortfall

Progress = Callable[..., None]


@dataclass(frozen=True)
class ExportResult:
    """The new bundle, and the precisions that were made for it. parent: hash of the old one."""

    bundle: Bundle
    parent: str
    tested: tuple[Tested, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Guards that did not pass, and what the thresholds of the precisions rest on."""
        failed = [
            f"{each.precision} did not pass its guard and is used by name alone: {each.figures}"
            for each in self.tested
            if not each.passed
        ]
        lines = [words for each in self.tested for words in each.threshold.warnings]
        return tuple(dict.fromkeys((*failed, *lines)))

    def summary(self) -> dict[str, Any]:
        """For `--json`: the guards' figures, without the cells."""
        left_out = {"validation"}
        return {
            "bundle": str(self.bundle.folder),
            "hash": self.bundle.hash,
            "parent": self.parent,
            "precisions": [each.model_dump(mode="json", exclude=left_out) for each in self.tested],
            "warnings": list(self.warnings),
        }


def export(
    bundle: Path,
    new: Path,
    *,
    calibration: Path,
    int8: bool = False,
    bf16: bool = False,
    accept_loss: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExportResult:
    """Write a new bundle that also computes in INT8 or bfloat16, each with a threshold of its own.

    bundle: stays as it is. new: its copy with the precisions, which names it as its parent.
    calibration: the cohort it was trained on. The cells that the bundle has seen in training calibrate INT8, those it
        has seen in validation judge both. What the cohort's split says today does not matter; no other cell is read.
    int8, bf16: at least one. accept_loss: write also what did not pass its guard; it is then used by name alone.

    A precision passes where recall does not fall and average precision changes by at most 0.005, each at its own
    threshold. Where quantising fails that, layers are taken back to float32 until it passes. Raises UserError, with
    the figures, where a precision does not pass, and where the cohort's cells are not those of the bundle.
    """
    new = Path(new)
    if not (int8 or bf16):
        raise UserError("no precision was asked for", "export", "say --int8, --bf16 or both")
    _refuse_place(Path(bundle), new, overwrite)
    if int8:
        quantising.require_nncf()
    if bf16:
        refuse_without_instructions("bfloat16")
    read, cohort = Bundle.read(bundle), Cohort.read(calibration)
    _refuse_folds(read)
    inputs = calibrating_cells(read, cohort, progress).inputs if int8 else None
    guard = Guard.of(read, judging_cells(read, cohort, progress), cohort.root)
    made: list[Tested] = []
    network = None
    if inputs is not None:
        tested, network = _quantised(guard, inputs, progress)
        made.append(tested)
    if bf16:
        made.append(_bfloat16(guard, progress))
    if not accept_loss:
        _refuse_loss(made, read)
    written = with_precisions(read, made, new, int8=network, overwrite=overwrite)
    return ExportResult(written, read.hash, tuple(made))


def _quantised(guard: Guard, inputs: Any, progress: Progress | None) -> tuple[Tested, quantising.Quantised]:
    """The guard and the network, quantised in the plain way; where that fails, layer by layer, if it is better so."""
    plain = Arithmetic(
        precision="int8",
        processor=processor_class("int8"),
        way="post_training",
        overflow_fix=instructions("int8") is None,
    )
    material = quantising.Material(guard.bundle.bytes_of(MODEL), inputs, plain.overflow_fix)
    _tell(progress, "quantising", 0)
    network = quantising.post_training(material)
    tested = guard.tested(plain, network)
    _tell(progress, "quantising", 1, "" if tested.passed else "did not pass its guard")
    if tested.passed:
        return tested, network
    _tell(progress, "taking layers back to float32", 0, "minutes")
    aware = plain.model_copy(update={"way": "accuracy_aware"})
    other = quantising.accuracy_aware(material, guard.inputs, lambda logit: guard.judged(aware, logit))
    again = None if other is None else guard.tested(aware, other)
    _tell(progress, "taking layers back to float32", 1)
    if other is not None and again is not None and shortfall(again) < shortfall(tested):
        return again, other
    return tested, network


def _bfloat16(guard: Guard, progress: Progress | None) -> Tested:
    _tell(progress, "testing bfloat16", 0)
    how = Arithmetic(precision="bfloat16", processor=processor_class("bfloat16"), way="hint")
    tested = guard.tested(how)
    _tell(progress, "testing bfloat16", 1)
    return tested


def _tell(progress: Progress | None, task: str, done: int, note: str = "") -> None:
    if progress is not None:
        progress(task, done, 1, note)


def _refuse_folds(bundle: Bundle) -> None:
    """Raise UserError where no cell is left that the network has not learned from."""
    if bundle.about.validation.folds > 1:
        raise UserError(
            f"this bundle averages {bundle.about.validation.folds} folds: some of them have learned from each of its "
            "cells, and none is left to test a precision on",
            bundle.folder,
            "train with --set train.folds=1 for a bundle that can be quantised",
        )


def _refuse_place(bundle: Path, new: Path, overwrite: bool) -> None:
    """Raise UserError where the new bundle would replace the old one, or something that is no bundle."""
    if bundle.resolve() in (new.resolve(), *new.resolve().parents):
        raise UserError("a bundle never changes: the new one can't take its place", new, "give another folder")
    files.refuse_other_things(new, ABOUT)
    files.refuse_existing(new, overwrite)


def _refuse_loss(made: list[Tested], bundle: Bundle) -> None:
    failed = [tested for tested in made if not tested.passed]
    if failed:
        words = "; ".join(f"{tested.precision} ({tested.way.replace('_', ' ')}): {tested.figures}" for tested in failed)
        raise UserError(
            f"this costs too much. Recall may not fall, average precision change by at most {LARGEST_CHANGE}. {words}",
            bundle.folder,
            "stay with float32, or say --accept-loss: it is written, and used only where it is asked for by name",
        )
