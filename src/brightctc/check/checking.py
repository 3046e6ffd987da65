"""`check`: everything that is wrong with a cohort, at once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from brightctc.check.crops import read_crops
from brightctc.check.labels import label_problems
from brightctc.check.leakage import leakage_problems
from brightctc.check.pixels import pixel_problems
from brightctc.check.privacy import privacy_problems, read_all_tags
from brightctc.check.problems import CheckReport, Problem, found, ordered
from brightctc.check.quality import quality_problems
from brightctc.check.shortcuts import shortcut_problems
from brightctc.cohort.folder import Cohort
from brightctc.errors import UserError, typed

Progress = Callable[..., Any]


def check(cohort: Path, *, progress: Progress | None = None) -> CheckReport:
    """List every problem of a cohort: files and pixels, image quality, labels and donors, leakage, shortcuts, privacy.

    Each image is read once; nothing is written. Raises UserError only where there is no cohort to read.
    progress: called as progress(task, done, total).
    """
    held, problems = _read(Path(cohort))
    crops = read_crops(held, progress)
    tags = read_all_tags(held, progress)
    problems += [
        *pixel_problems(held, crops),
        *quality_problems(held, crops),
        *label_problems(held),
        *leakage_problems(held, crops),
        *shortcut_problems(held, crops, tags.days),
        *privacy_problems(held, tags),
    ]
    return CheckReport(held.root, held.cells.height, crops.images.height, ordered(problems))


def _read(root: Path) -> tuple[Cohort, list[Problem]]:
    """The cohort; a split that does not fit is a problem, not the end of the check."""
    held = Cohort.read(root, with_split=False)
    try:
        return Cohort.read(root), []
    except UserError as error:
        misfit = found(
            "split_unfit",
            "error",
            ("splits.csv",),
            f"the parts can't be used: {error.what}",
            f"split again: {typed('split', root, '--overwrite')}",
        )
        return held, [misfit]
