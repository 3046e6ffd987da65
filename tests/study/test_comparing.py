"""Declared pairs: compared by the figures that are printed; what is said of rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from brightctc.bundle import BundleThreshold
from brightctc.cohort import Classes, Cohort, CohortFile
from brightctc.evaluate.cells import ScoredCells
from brightctc.evaluate.claim import Claim
from brightctc.evaluate.evaluation import Resampling
from brightctc.study.comparing import compared
from brightctc.study.measuring import Row
from brightctc.study.plan import TEST
from brightctc.study.scores import Scoring
from brightctc.study.wording import warnings_of

CLASSES = Classes(negative="leukocyte", positive="CTC")
LINE = BundleThreshold(policy="f1", logit=0.0, score=0.5)
CLAIM = Claim("test", "bright_field", "donor_id", "donor_id", (), ())


def row_of(name: str, called: list[np.ndarray]) -> Row:
    """Eight donors, each with two positive, two negative and two unlabelled cells. called: bool[48] of each seed."""
    label = np.tile(["CTC", "CTC", "leukocyte", "leukocyte", "", ""], 8)
    rows = pl.DataFrame(
        {
            "cell_id": [f"c{number}" for number in range(48)],
            "donor_id": [f"D{number // 6}" for number in range(48)],
            "label": [each or None for each in label],
        }
    )
    seeds = []
    for each in called:
        logit = np.where(each, 1.0, -1.0)
        seeds.append(
            ScoredCells(rows, label == "CTC", label != "", logit, 1 / (1 + np.exp(-logit)), each, [None] * 48,
                        [()] * 48, ())
        )  # fmt: skip
    cohort = Cohort(Path(), rows, CohortFile(name="table", classes=CLASSES, channels=("bright_field",)))
    scorings = tuple(Scoring.of(LINE, CLAIM, ()) for _ in called)
    return Row(name, name, "network", TEST, cohort, tuple(range(len(called))), tuple(seeds), scorings,
               Resampling(200, 0))  # fmt: skip


def test_looks_per_true_call_count_unlabelled_cells_in_pairs_and_seeds_as_in_the_row() -> None:
    """The first calls unlabelled cells, the second a leukocyte: on labelled cells alone the sign would be another."""
    places = np.arange(48) % 6
    first = row_of("first", [np.isin(places, (0, 1, 4, 5)), np.isin(places, (0, 1, 4))])
    second = row_of("second", [np.isin(places, (0, 1, 2)), np.isin(places, (0, 1))])
    pair = compared([first, second], [("first", "second")], "looks_per_true")[0]
    assert [found["looks_per_true"] for found in first.by_seed] == [2.0, 1.5]
    assert [found["looks_per_true"] for found in second.by_seed] == [1.5, 1.0]
    assert first.figures["looks_per_true"].value == pytest.approx(1.75)
    assert pair.figure == "looks_per_true"
    assert pair.difference.value == pytest.approx(0.5)
    recall = next(each for each in compared([first, second], [("first", "second")], "recall"))
    assert recall.difference.value == 0.0, "other figures are of the labelled cells"


def test_warnings_of_every_seeds_claim_are_told() -> None:
    """Given bundles are seeds of one row, and need not know their donors alike."""
    row = row_of("given", [np.arange(48) % 6 < 2] * 2)
    claims = [replace(CLAIM, warnings=(words,)) for words in ("of the first", "of the second")]
    row = replace(row, scorings=tuple(Scoring.of(LINE, claim, ()) for claim in claims))
    assert {"of the first", "of the second"} <= set(warnings_of([row]))
