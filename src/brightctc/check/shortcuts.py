"""Is the batch the label? Warnings for columns, folders, image types and border pixels that predict the class."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np
import polars as pl

from brightctc.check.crops import CHANNELS, Crops
from brightctc.check.predictable import beyond_chance, encoding_auc, features_auc
from brightctc.check.problems import MOST_EXAMPLES, Problem
from brightctc.cohort.expressions import plain_numbers
from brightctc.cohort.folder import TEXT_COLUMNS, Cohort

WARN_FROM, STRONG_FROM = 0.7, 0.9
_NAMED = ("sample_id", "donor_id", "cartridge_id", "site", "instrument", "pixel_size_um")
# conditions of imaging, by name; what describes the cell itself (origin, line, …) is no shortcut
_CONDITION = re.compile(
    r"(?:^|_)(?:date|day|time|datetime|timestamp|acquired|acquisition|imaged|month|week|batch|run|plate|slide|chip|"
    r"well|operator|scanner|microscope|camera|experiment|session|exposure|gain|lot)(?:_|$)",
    re.IGNORECASE,
)
_NO_CONDITION = {
    "cell_id",
    "bright_field",
    "dapi",
    "label",
    "label_source",
    "part",
    "instrument_cell_id",
    "selected_by",
}
_DATE = re.compile(r"(\d{4}[-./:]?\d{2}[-./:]?\d{2}|\d{1,2}[-./]\d{1,2}[-./]\d{4})(?:[ T_].*)?")
_FEWEST = 10  # labelled cells of each class; fewer say nothing
_BINS = 20
_WORDS = {
    "folder": "the image's folder",
    "imaging_day": "the day in the images' DateTime tag",
    "crop_size": "the crop's size",
    "dtype": "the type of pixel",
    "intensity": "the background's grey level",
}
_FIXES = {
    "folder": "harmless if cells were sorted into folders by label; not if the folders were imaged apart",
    "crop_size": "a larger cell may get a larger crop; otherwise crop both classes alike (preprocess.fit: pad)",
    "dtype": "export both classes with one bit depth",
    "intensity": "image both classes with one exposure and lamp; preprocess.intensity: background evens out levels",
}
_IMAGE_BOTH = "image both classes in the same samples on the same days, or test on samples that hold both"


@dataclass(frozen=True)
class _Labelled:
    """The labelled cells with a readable bright field: rows, bool positive, int groups to hold out (-1: none)."""

    rows: np.ndarray
    positive: np.ndarray
    groups: np.ndarray


def shortcut_problems(cohort: Cohort, crops: Crops, days: Sequence[str | None]) -> Iterator[Problem]:
    """A warning for each source that predicts the class with a cross-validated ROC-AUC of 0.7 or more.

    days: for each cell the day its image file says it was made, or None.
    Sources that divide the cells in the same way are one problem. A note names those whose ROC-AUC of 0.7 or more
    chance could bring with so few cells; another says where nothing could be tested.
    """
    labelled = _labelled(cohort, crops)
    fewest = min(labelled.positive.sum(), (~labelled.positive).sum())
    if fewest < _FEWEST:
        if _has_both_classes(cohort):  # a class without any cell is a problem of its own
            yield _untested()
        return
    unsure: list[str] = []
    names: dict[bytes, list[str]] = {}
    for name, values in _sources(cohort, crops, days):
        codes = _codes(values.gather(labelled.rows))
        if codes is not None:
            names.setdefault(codes.tobytes(), []).append(name)
    for key, alike in names.items():
        auc = encoding_auc(np.frombuffer(key, np.int64), labelled.positive, labelled.groups)
        if auc >= WARN_FROM and beyond_chance(auc, labelled.positive):
            yield _predicted_by(alike, auc, len(labelled.rows))
        elif auc >= WARN_FROM:
            unsure.append(f"{_words(alike)}: {auc:.2f}")
    auc = features_auc(crops.background[labelled.rows], labelled.positive, labelled.groups)
    if auc >= WARN_FROM and beyond_chance(auc, labelled.positive):
        yield _border(auc, len(labelled.rows))
    elif auc >= WARN_FROM:
        unsure.append(f"border pixels, where no cell lies: {auc:.2f}")
    if unsure:
        yield _unsure(unsure, len(labelled.rows))


def _has_both_classes(cohort: Cohort) -> bool:
    """Has the table labelled cells of both classes, whether or not their images can be read?"""
    cells, classes = cohort.cells, cohort.about.classes
    if classes is None or "label" not in cells.columns:
        return False
    return all((cells["label"] == name).any() for name in (classes.positive, classes.negative))


def _labelled(cohort: Cohort, crops: Crops) -> _Labelled:
    cells, classes = cohort.cells, cohort.about.classes
    if classes is None or "label" not in cells.columns:
        return _Labelled(np.empty(0, int), np.empty(0, bool), np.empty(0, int))
    known = cells["label"].is_in([classes.positive, classes.negative]).fill_null(False).to_numpy()
    rows = np.flatnonzero(known & np.isfinite(crops.background).all(axis=1))
    groups = np.full(len(rows), -1)
    for column in ("donor_id", "sample_id"):
        if column in cells.columns and cells[column].drop_nulls().n_unique() > 1:
            groups = _numbered(cells[column].gather(rows), unknown=-1)
            break
    return _Labelled(rows, (cells["label"].gather(rows) == classes.positive).to_numpy(), groups)


def _sources(cohort: Cohort, crops: Crops, days: Sequence[str | None]) -> Iterator[tuple[str, pl.Series]]:
    """Name and value a cell of everything that might stand for the batch."""
    cells = cohort.cells
    dates = [column for column in cells.columns if _holds_dates(cells[column])]
    conditions = [column for column in cells.columns if _CONDITION.search(column)]
    for column in dict.fromkeys([*_NAMED, *dates, *conditions]):
        if column in cells.columns and column not in _NO_CONDITION:
            if column in dates:
                yield column, cells[column].cast(pl.String).str.head(10)
            else:  # 12.40 is text in the table
                yield column, cells[column] if column in TEXT_COLUMNS else plain_numbers(cells[column])
    yield "folder", pl.Series([None if p is None else PurePath(p).parent.as_posix() for p in cells["bright_field"]])
    yield "imaging_day", pl.Series(days, dtype=pl.String)
    bright = pl.DataFrame({"row": pl.Series(range(cells.height), dtype=pl.UInt32)}).join(
        crops.images.filter(pl.col("channel") == CHANNELS[0]), on="row", how="left", maintain_order="left"
    )
    yield "crop_size", bright.select(pl.format("{} × {}", "width", "height")).to_series()
    yield "dtype", bright["dtype"]
    yield "intensity", bright["level"]


def _holds_dates(values: pl.Series) -> bool:
    """Do nine in ten of a text column's values look like dates?"""
    if values.dtype != pl.String:
        return values.dtype in (pl.Date, pl.Datetime)
    known = values.drop_nulls().unique()
    dates = sum(_DATE.fullmatch(value) is not None for value in known)
    return known.len() > 0 and dates >= 0.9 * known.len()


def _codes(values: pl.Series) -> np.ndarray | None:
    """Values as numbers from 0, in order of appearance; None where there is one, or almost one a cell.

    Numbers of many values are divided into up to 20 groups of equal size, of 20 cells or more. A missing value is a
    value of its own.
    """
    if values.dtype.is_numeric() and values.n_unique() > _BINS:
        bins = min(_BINS, max(4, values.len() // 20))
        values = (values.rank("average") / values.len() * bins).ceil().cast(pl.Int32)
    elif values.n_unique() > values.len() / 2:
        return None
    if values.n_unique() < 2:
        return None
    return _numbered(values)


def _numbered(values: pl.Series, unknown: int | None = None) -> np.ndarray:
    """Each value as a number from 0 in order of appearance; a missing one as `unknown`, or as a value like others."""
    order = {value: code for code, value in enumerate(values.unique(maintain_order=True))}
    if unknown is not None:
        order[None] = unknown
    return np.array([order[value] for value in values], np.int64)


def _strength(auc: float) -> str:
    return " STRONG: figures may measure the batch and not the cell." if auc >= STRONG_FROM else ""


def _words(names: Sequence[str]) -> str:
    """Sources that divide the cells in the same way, as a sentence names them."""
    words = " (and ".join(_WORDS.get(name, f"the column {name!r}") for name in names[:2])
    return words + ("" if len(names) == 1 else ", which divides the cells alike)" if len(names) == 2 else ", …)")


def _predicted_by(names: Sequence[str], auc: float, cells: int) -> Problem:
    return Problem(
        f"shortcut_{names[0]}",
        "warning",
        cells,
        tuple(names[:MOST_EXAMPLES]),
        f"{_words(names)} predicts the class: ROC-AUC {auc:.2f} on {cells:,} labelled cells.{_strength(auc)}",
        _FIXES.get(names[0], _IMAGE_BOTH),
    )


def _untested() -> Problem:
    return Problem(
        "shortcuts_untested",
        "note",
        1,
        (),
        f"with fewer than {_FEWEST} labelled cells of a class whose image can be read it can't be tested whether the "
        "batch predicts the class",
        "label more cells, and mend the images that can't be read",
    )


def _unsure(sources: Sequence[str], cells: int) -> Problem:
    return Problem(
        "shortcuts_unsure",
        "note",
        len(sources),
        (),
        f"with {cells:,} labelled cells chance alone could bring these ROC-AUCs of {WARN_FROM} or more, so it can't be "
        f"told whether the batch predicts the class: {'; '.join(sources)}",
        "label more cells",
    )


def _border(auc: float, cells: int) -> Problem:
    return Problem(
        "shortcut_border",
        "warning",
        cells,
        ("corners and outermost pixels",),
        f"border pixels, where no cell lies, predict the class: ROC-AUC {auc:.2f} on {cells:,} labelled cells."
        f"{_strength(auc)}",
        f"{_IMAGE_BOTH}; read every figure beside the border-pixels baseline",
    )
