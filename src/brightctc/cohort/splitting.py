"""`split`: every cell of a cohort into exactly one part, donors whole."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from brightctc import files
from brightctc.cohort.division import Division
from brightctc.cohort.drawing import TrainingDraw, draw_training
from brightctc.cohort.expressions import select
from brightctc.cohort.folder import PARTS, Cohort, SplitFile, write_split
from brightctc.cohort.groups import group_cells
from brightctc.cohort.origins import other_origins, others_words
from brightctc.cohort.sealed import FILE as SEALED_FILE
from brightctc.errors import UserError, typed

DEFAULT_TEST_SHARE = 0.3
PATIENTS = "origin = 'patient'"
# independent streams of one seed, so that another training draw leaves test and sealed as they are
_TEST, _SEALED, _TRAINING = 0, 1, 2


@dataclass(frozen=True)
class SplitResult:
    """What went where. parts: a row a part: `part`, `cells`, the classes' names, `unlabelled`, and where cells are
    grouped `donors` (or what `by` says), with those that hold positives; `positive_share` of the labelled cells.
    """

    cohort: Path
    by: str
    parts: pl.DataFrame
    settings: Mapping[str, Any]
    warnings: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "cohort": str(self.cohort),
            "by": self.by,
            "parts": self.parts.to_dicts(),
            "settings": dict(self.settings),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class _Wishes:
    """The options of `split`, as given."""

    test: str | None
    test_share: float | None
    by: str | None
    validation: float
    pool: str | None
    seal: float
    train_cells: int | None
    train_positives: int | None
    seed: int
    draw: int


def split(
    cohort: Path,
    *,
    test: str | None = None,
    test_share: float | None = None,
    by: str | None = None,
    validation: float = 0.2,
    pool: str | None = None,
    seal: float = 0.0,
    train_cells: int | None = None,
    train_positives: int | None = None,
    seed: int = 0,
    draw: int = 0,
    overwrite: bool = False,
) -> SplitResult:
    """Divide a cohort into train, validation, test, pool and sealed; writes `splits.csv` and `splits.json`.

    test: SQL condition, whole donors of which are the test part; or test_share: the test part's share of the labelled
        cells. Without either, patients are the test part where both classes then remain for training, else a share
        of 0.3.
    by: the column that stays whole: donors by default; samples, then cells, where the column is absent or has one
        value, with a warning.
    validation: share of what is not test. pool: SQL condition; these cells are set aside: nothing learns from them, not
        even without their labels, as it may from others in the pool. seal: share of the test part that is sealed
        instead.
    train_cells, train_positives: train and validation together hold exactly so many labelled cells, and so many
        positives among them (default: their share); the others go to the pool. draw: another choice of these, and of
        the validation part, with the same test and sealed parts.

    Unlabelled cells go with their donor; split by cell, and from donors without any label, to the pool.
    Raises UserError for what can't be met.
    """
    wishes = _Wishes(test, test_share, by, validation, pool, seal, train_cells, train_positives, seed, draw)
    _refuse_impossible(wishes)
    held = Cohort.read(Path(cohort), with_split=False)
    with files.lock(held.root):
        files.refuse_existing(held.root / "splits.csv", overwrite)
        division = _begin(held, wishes)
        if wishes.seal and (held.root / SEALED_FILE).is_file():
            division.warnings.append(
                "cells of this cohort were sealed and opened before: a new seal does not undo that"
            )
        others = other_origins(held.cells)
        if others:
            division.warnings.append(others_words(others))
        resolved = _divide(division, wishes)
        result = _result(held, division, {**asdict(wishes), **resolved})
        about = SplitFile(by=result.by, settings=dict(result.settings), set_aside=wishes.pool, warnings=result.warnings)
        write_split(held.root, held.cells.select("cell_id", part=pl.Series(division.part)), about)
    return result


def _refuse_impossible(wishes: _Wishes) -> None:
    """Options that no cohort could meet."""
    if wishes.test is not None and wishes.test_share is not None:
        raise UserError("--test and --test-share exclude each other", None, "give one of them")
    for option, share, least_is_open in (
        ("--test-share", wishes.test_share, True),
        ("--validation", wishes.validation, False),
        ("--seal", wishes.seal, False),
    ):
        if share is not None and not (0 <= share < 1 and not (least_is_open and share == 0)):
            raise UserError(f"a share lies between 0 and 1, and {share:g} does not", option, "such as 0.2")
    if wishes.test_share is not None and wishes.test_share + wishes.validation > 1:
        raise UserError(
            f"the shares of test ({wishes.test_share:g}) and validation ({wishes.validation:g}) sum to more than 1",
            "--test-share, --validation",
            "choose smaller shares, such as 0.3 and 0.2",
        )
    if min(wishes.seed, wishes.draw) < 0:
        raise UserError("seeds and draws are 0 or more", "--seed, --draw", "such as 0")
    if wishes.train_positives is not None and wishes.train_cells is None:
        raise UserError("--train-positives needs --train-cells", None, "say how many cells they are among")


def _begin(held: Cohort, wishes: _Wishes) -> Division:
    """Labels and groups of the cohort, and the cells that go to the pool from the start."""
    cells, classes = held.cells, held.classes
    if cells["cell_id"].n_unique() != cells.height:
        raise UserError("a cell id occurs twice", held.table, f"run: {typed('check', held.root)}")
    labels = cells["label"] if "label" in cells.columns else pl.Series([None] * cells.height, dtype=pl.String)
    unknown = labels.drop_nulls().filter(~labels.drop_nulls().is_in([classes.negative, classes.positive]))
    if unknown.len():
        raise UserError(f"{unknown[0]!r} is no class", held.table, f"run: {typed('check', held.root)}")
    numbers = {classes.negative: 0, classes.positive: 1}
    label = labels.replace_strict(numbers, default=-1, return_dtype=pl.Int64).to_numpy()
    groups = group_cells(cells, wishes.by)
    part = np.full(cells.height, "", dtype=object)
    if wishes.pool is not None:
        chosen = _chosen(cells, wishes.pool, "--pool")
        part[chosen] = "pool"
    if groups.single:
        part[label < 0] = "pool"
    for name, value in numbers.items():
        if not ((label == value) & (part == "")).any():
            where = held.root if wishes.pool is None else f"--pool {wishes.pool!r}"
            raise UserError(f"no cell of the class {name!r} is there to be divided", where, "both classes are needed")
    return Division(cells, classes, label, groups, part, list(groups.warnings))


def _divide(division: Division, wishes: _Wishes) -> dict[str, Any]:
    """Give every cell its part; returns the settings as they were resolved."""
    rng = [np.random.default_rng([wishes.seed, stream]) for stream in (_TEST, _SEALED)]
    training = np.random.default_rng([wishes.seed, _TRAINING, wishes.draw])
    further = 1 + (wishes.validation > 0)  # parts that must still get both classes after the test part
    resolved = _give_test(division, wishes, further, rng[0])
    if wishes.seal:
        of_test = division.part == "test"
        division.give(of_test, "sealed", wishes.seal, 1, rng[1])
    labelled = division.counts((division.part == "") & (division.label >= 0)).sum(axis=1) > 0
    division.part[(division.part == "") & ~labelled[division.groups.of]] = "pool"
    rest = division.part == ""
    if wishes.validation:
        division.give(rest, "validation", wishes.validation, 1, training)
    division.part[division.part == ""] = "train"
    if wishes.train_cells is not None:
        wanted = TrainingDraw(wishes.train_cells, wishes.train_positives, wishes.validation)
        drawn = draw_training(division.label, division.part, wanted, training)
        division.part[drawn] = "pool"
    return resolved


def _give_test(division: Division, wishes: _Wishes, further: int, rng: np.random.Generator) -> dict[str, Any]:
    """The test part: an expression's, the patients, or a share."""
    if wishes.test is not None:
        chosen = _chosen(division.cells, wishes.test, "--test")
        whole = division.whole_groups(chosen)
        _refuse_rest(division, whole, further, f"--test {wishes.test!r}")
        division.take(chosen, whole)
        return {}
    if wishes.test_share is None:
        chosen = _patients(division)
        if chosen.any():
            whole = division.whole_groups(chosen)
            lacking = division.lacking(whole, further)
            if lacking is None:
                division.take(chosen, whole)
                return {"test": PATIENTS}
            division.warnings.append(f"patients are not the test part: {lacking}")
    share = DEFAULT_TEST_SHARE if wishes.test_share is None else wishes.test_share
    division.give(division.part == "", "test", share, further, rng)
    return {"test_share": share}


def _patients(division: Division) -> np.ndarray:
    """Open cells of patients, where any of them has a label; else none."""
    none = np.zeros(division.cells.height, bool)
    if "origin" not in division.cells.columns:
        return none
    chosen = (division.cells["origin"] == "patient").fill_null(False).to_numpy() & (division.part == "")
    return chosen if (division.label[chosen] >= 0).any() else none


def _refuse_rest(division: Division, whole: np.ndarray, further: int, where: str) -> None:
    """A test part must be labelled, and leave both classes for the other parts."""
    if not (division.label[whole] >= 0).any():
        raise UserError("the test part would hold no labelled cell", where, "choose cells that have a label")
    lacking = division.lacking(whole, further)
    if lacking is not None:
        raise UserError(lacking, where, "choose fewer cells, --validation 0, or import more donors")


def _chosen(cells: pl.DataFrame, expression: str, option: str) -> np.ndarray:
    """The rows an expression chooses: some, but not all."""
    chosen = select(cells, expression, option).to_numpy()
    if chosen.all() or not chosen.any():
        which = "every cell" if chosen.all() else "no cell"
        raise UserError(f"this matches {which}", f"{option} {expression!r}", "check the values of this column")
    return chosen


def _result(held: Cohort, division: Division, settings: dict[str, Any]) -> SplitResult:
    """Counts a part, and the warnings."""
    rows = []
    for part in PARTS:
        here = division.part == part
        if not here.any():
            continue
        positive, negative = (int((here & (division.label == value)).sum()) for value in (1, 0))
        row = {
            "part": part,
            "cells": int(here.sum()),
            division.classes.positive: positive,
            division.classes.negative: negative,
            "unlabelled": int((here & (division.label < 0)).sum()),
            "positive_share": round(positive / (positive + negative), 4) if positive + negative else None,
        }
        if not division.groups.single:
            values = division.cells[division.groups.by].filter(here)
            row |= {
                "groups": values.drop_nulls().n_unique(),
                "groups_with_positives": values.filter(division.label[here] == 1).drop_nulls().n_unique(),
            }
        rows.append(row)
    parts = pl.DataFrame(rows, infer_schema_length=None)
    return SplitResult(held.root, division.groups.by, parts, settings, tuple(division.warnings))
