"""Splits that a study makes for itself: a value left out, lines apart from patients, draws of training cells.

Each is written as a cohort folder inside the study: the same cells, by their images' paths, in other parts. Donors stay
whole in all of them; nothing learns from the pool of a value left out, or of lines apart from patients. What is sealed
or set aside in the cohort takes no part.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from brightctc import files
from brightctc.cohort import Cohort, SplitFile, split, write_cohort, write_split
from brightctc.cohort.aside import POOL as ALL_OF_POOL
from brightctc.cohort.aside import open_cells
from brightctc.cohort.division import Division
from brightctc.cohort.groups import group_cells
from brightctc.errors import UserError, typed

VALIDATION, LINES_SHARE, CROSSED_SHARE, NEGATIVES_SHARE, MIXED_SHARE = 0.2, 0.25, 0.5, 0.3, 0.3
_LEAST_GROUPS = 2  # of each class that must remain: one for train, one for validation
_MOST_VALUES = 50


@dataclass(frozen=True)
class Parts:
    """A part for every cell of a cohort (its order), and how they came about. by: the column that stays whole."""

    part: np.ndarray
    by: str
    settings: dict[str, Any]
    warnings: tuple[str, ...]


def values_of(cohort: Cohort, column: str) -> list[str]:
    """The values that can be left out: at least two. Raises UserError otherwise."""
    every, cohort = cohort.cells.height, open_cells(cohort)
    closed = " outside of what is sealed or set aside" if cohort.cells.height < every else ""
    if column not in cohort.cells.columns:
        raise UserError(f"there is no column {column!r}", "--column", f"columns: {', '.join(cohort.cells.columns)}")
    found = cohort.cells[column].drop_nulls().cast(pl.String).unique().sort().to_list()
    if len(found) < 2:
        held = f"one value, {found[0]!r}" if found else "no value"
        raise UserError(
            f"the column {column!r} has {held}{closed}: nothing can be left out",
            "--column",
            "choose a column with two values or more, such as donor_id, or import further cells",
        )
    if len(found) > _MOST_VALUES:
        raise UserError(
            f"the column {column!r} has {len(found)} values, a training for each",
            "--column",
            f"choose a column with {_MOST_VALUES} at most",
        )
    return found


def leave_out(cohort: Cohort, column: str, value: str, seed: int) -> Parts:
    """Train without a value, test on it.

    The donors that have labelled cells of it are the test part. Where too few others would remain (lines spiked into
    the same volunteers), half of them are. All other cells of this value go to the pool, unlabelled ones, too. Where
    the test part has no negative cells, further donors' negatives are held out. Raises UserError where it can't be
    left out.
    """
    cohort = open_cells(cohort)
    division = _begin(cohort)
    rng = np.random.default_rng([seed, 11])
    having = (cohort.cells[column].cast(pl.String) == value).fill_null(False).to_numpy()
    named = cohort.cells[column].is_not_null().to_numpy()
    if not (having & (division.label == 1)).any():
        raise UserError(
            f"no {cohort.classes.positive} cell has {column} {value!r}", "--column", "choose a column of positive cells"
        )
    groups = np.unique(division.groups.of[having & (division.label >= 0)])
    whole = np.isin(division.groups.of, groups)
    if not _enough(division, ~whole):
        groups = rng.permutation(groups)[: max(1, round(CROSSED_SHARE * len(groups)))]
        whole = np.isin(division.groups.of, groups)
        division.warnings.append(
            f"half of the donors that have {column} {value!r} also train, without their cells of it"
        )
        if not _enough(division, ~whole & ~having):
            raise UserError(
                f"without {column} {value!r} too few cells of both classes remain for training",
                cohort.root,
                "choose another column, or import more donors",
            )
    division.part[having & ~whole] = "pool"
    division.part[whole] = "test"
    division.part[whole & named & ~having] = "pool"
    if not ((division.part == "test") & (division.label == 0)).any():
        _hold_out_negatives(division, rng)
    return _finished(division, {"left_out": f"{column} = {value}", "seed": seed}, rng)


def lines_apart(cohort: Cohort, seed: int) -> Parts:
    """Patients are the test part; a quarter of the other donors is set aside in the pool, to see what is lost."""
    cohort = open_cells(cohort)
    if "origin" not in cohort.cells.columns or not (cohort.cells["origin"] == "patient").any():
        raise UserError(
            "no cell is known to be a patient's, so there is no way from cell lines to patients to measure",
            cohort.root,
            "import with a column origin (cell_line, patient, healthy_donor), or say --column or --external",
        )
    division = _begin(cohort)
    rng = np.random.default_rng([seed, 12])
    patients = (cohort.cells["origin"] == "patient").fill_null(False).to_numpy()
    division.take(patients, division.whole_groups(patients))
    division.give(division.part == "", "pool", LINES_SHARE, 2, rng)
    return _finished(division, {"test": "origin = 'patient'", "lines_in_pool": LINES_SHARE, "seed": seed}, rng)


def write_parts(cohort: Cohort, folder: Path, parts: Parts) -> None:
    """Write the cohort with these parts into a new folder."""
    cohort = open_cells(cohort)
    with files.new_folder(folder) as beside:
        write_cohort(beside, _relocated(cohort, folder), cohort.about)
        named = cohort.cells.select("cell_id", part=pl.Series(parts.part.astype(str)))
        about = SplitFile(by=parts.by, settings=parts.settings, set_aside=ALL_OF_POOL, warnings=parts.warnings)
        write_split(beside, named, about)


def write_shares(cohort: Cohort, folder: Path, seed: int) -> None:
    """A share of all donors as the test part: what a left-out value is held against."""
    cohort = open_cells(cohort)
    with files.new_folder(folder) as beside:
        write_cohort(beside, _relocated(cohort, folder), cohort.about)
        split(beside, test_share=MIXED_SHARE, validation=VALIDATION, seed=seed)
        (beside / ".lock").unlink(missing_ok=True)


def write_draw(cohort: Cohort, folder: Path, cells: int, draw: int) -> None:
    """The cohort's own split with so many cells for training and validation; test and sealed parts as they are."""
    with files.new_folder(folder) as beside:
        write_cohort(beside, _relocated(cohort, folder), cohort.about)
        split(beside, **_own_settings(cohort) | {"train_cells": cells, "train_positives": None, "draw": draw})
        (beside / ".lock").unlink(missing_ok=True)
    _refuse_other_test(cohort, Cohort.read(folder))


def learnable(cohort: Cohort) -> int:
    """Labelled cells that are neither in the test nor in the sealed part, and not set aside by a rule."""
    settings = _own_settings(cohort)
    outside = ["train", "validation", *(["pool"] if settings.get("train_cells") and not settings.get("pool") else [])]
    rows = cohort.cells.filter(pl.col("part").is_in(outside))
    return rows.filter(pl.col("label").is_in([cohort.classes.positive, cohort.classes.negative])).height


def _own_settings(cohort: Cohort) -> dict[str, Any]:
    cohort.refuse_undivided()
    assert cohort.split is not None, "refused before"
    known = ("test", "test_share", "by", "validation", "pool", "seal", "train_cells", "seed")
    return {name: value for name, value in cohort.split.settings.items() if name in known}


def _refuse_other_test(cohort: Cohort, drawn: Cohort) -> None:
    for part in ("test", "sealed"):
        ours, theirs = (set(held.cells.filter(pl.col("part") == part)["cell_id"]) for held in (cohort, drawn))
        if ours != theirs:
            raise UserError(
                f"the {part} part of this cohort can't be made again from its settings",
                cohort.root / "splits.json",
                f"split it again: {typed('split', cohort.root, '--overwrite')}",
            )


def _begin(cohort: Cohort) -> Division:
    cells, classes = cohort.cells, cohort.classes
    label = np.where((cells["label"] == classes.positive).fill_null(False), 1, -1)
    label[(cells["label"] == classes.negative).fill_null(False).to_numpy()] = 0
    groups = group_cells(cells, cohort.split.by if cohort.split is not None else None)
    return Division(cells, classes, label, groups, np.full(cells.height, "", dtype=object), list(groups.warnings))


def _enough(division: Division, rows: np.ndarray) -> bool:
    """Do these rows hold groups of both classes for train and validation?"""
    return bool(((division.counts(rows & (division.part == "")) > 0).sum(axis=0) >= _LEAST_GROUPS).all())


def _hold_out_negatives(division: Division, rng: np.random.Generator) -> None:
    """Leukocyte donors for a test part that has none: their positives, of other values, go to the pool."""
    open_cells = division.part == ""
    holders = np.flatnonzero(division.counts(open_cells)[:, 0])
    for tried in rng.permutation(holders)[: max(1, round(NEGATIVES_SHARE * len(holders)))]:
        chosen = open_cells & (division.groups.of == tried)
        if not _enough(division, (division.part == "") & ~chosen):
            continue
        division.part[chosen] = np.where(division.label[chosen] == 1, "pool", "test")
    if not ((division.part == "test") & (division.label == 0)).any():
        division.warnings.append("no negative cells could be held out: the test part has none")
    else:
        division.warnings.append("negative cells of further donors were held out, since the value leaves none")


def _finished(division: Division, settings: dict[str, Any], rng: np.random.Generator) -> Parts:
    labelled = division.counts((division.part == "") & (division.label >= 0)).sum(axis=1) > 0
    division.part[(division.part == "") & ~labelled[division.groups.of]] = "pool"
    division.give(division.part == "", "validation", VALIDATION, 1, rng)
    division.part[division.part == ""] = "train"
    return Parts(division.part, division.groups.by, settings, tuple(division.warnings))


def _relocated(cohort: Cohort, folder: Path) -> pl.DataFrame:
    """The cells with their images' paths as they are seen from `folder`; absolute ones stay."""
    away = os.path.relpath(cohort.root.resolve(), folder.parent.resolve() / folder.name)
    columns = [name for name in ("bright_field", "dapi") if name in cohort.cells.columns]

    def moved(value: str) -> str:
        return value if os.path.isabs(value) else os.path.normpath(os.path.join(away, value))  # noqa: PTH117, PTH118

    cells = cohort.cells.drop("part", strict=False)
    return cells.with_columns(pl.col(name).map_elements(moved, return_dtype=pl.String) for name in columns)
