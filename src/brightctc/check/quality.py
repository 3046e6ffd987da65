"""Problems of image quality: crops without a cell, with several, cut, unsharp, off centre; limits from the cohort."""

from collections.abc import Iterator

from brightctc.check.crops import Crops, ids
from brightctc.check.problems import Problem, Severity, found
from brightctc.cohort.folder import Cohort
from brightctc.errors import plural
from brightctc.measure.limits import limits_of

# flag → severity, what is said of so many crops, fix; saturated and constant crops are problems of pixels
_SAID: dict[str, tuple[Severity, str, str]] = {
    "no_cell": (
        "warning",
        "without an outlined cell: nothing stands out from the background",
        "look at them: a cell that fills its crop can't be outlined (export larger crops); an empty crop is no cell "
        "(leave it out with --where when importing)",
    ),
    "out_of_focus": (
        "warning",
        "out of focus",
        "image them again, or keep in mind that a network sees less in them",
    ),
    "touching_cells": (
        "note",
        "whose object in the middle is made of two or more rounded bodies",
        "look at them: a doublet's label may be that of either cell",
    ),
    "neighbour": ("note", "with a second object of a cell's size", "look at them: which cell does the label mean?"),
    "debris": ("note", "with smaller objects beside the cell", "nothing, unless one class has more of them"),
    "cut_off": ("note", "whose border cuts the cell", "export larger crops: sizes and shapes are wrong there"),
    "off_centre": ("note", "with the cell off centre", "nothing, unless one class has more of them"),
    "background_outside": (
        "note",
        "with an unusual background level",
        "preprocess.intensity: background evens out levels; check lamp and exposure",
    ),
    "uneven_background": ("note", "with an unevenly lit background", "check the illumination"),
    "small_object": ("note", "whose object is unusually small", "look at them: they may be debris and no cells"),
}


def quality_problems(cohort: Cohort, crops: Crops) -> Iterator[Problem]:
    """A problem a flag of `brightctc measure`; limits are learned from the training part where there is one."""
    limits, _ = limits_of(cohort, crops.quality)
    flags = [() if quality is None else limits.flags(quality) for quality in crops.quality]
    shown = limits.shown()
    for flag, (severity, words, fix) in _SAID.items():
        rows = [row for row, names in enumerate(flags) if flag in names and "constant" not in names]
        if rows:
            message = f"{plural(len(rows), 'crop')} {words}"
            if flag in shown:
                message += f" ({shown[flag]}; limit learned from {plural(limits.cells, 'cell')})"
            yield found(flag, severity, ids(cohort, rows), message, fix)
