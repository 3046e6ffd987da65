"""A network scores made cells as chance where nothing tells them apart, and above it where something does."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from brightctc.cohort import import_export, split
from brightctc.evaluate import evaluate
from brightctc.evaluate.claim import MADE
from brightctc.learn import train
from brightctc.learn.packing import MADE_CELLS
from brightctc.simulate import chosen_settings, simulate

COUNTS = {
    "line_cells": 60, "spiked_leukocytes": 60, "patient_ctcs": 40, "leukocytes_per_ctc": 1, "volunteers": 3,
    "patients": 8,
}  # fmt: skip
SETTINGS = ["train.epochs=5", "train.batch_size=16", "preprocess.size=48", "backbone.views=1"]


def roc_auc(work: Path, *, difference: bool = True, shuffled: bool = False) -> float:
    """Of patients' CTCs, by a network trained on lines."""
    counts = {**COUNTS, "class_difference": difference}
    made = simulate(work / "export", settings=chosen_settings(counts=counts), dapi=False)
    labels = made.labels
    if shuffled:
        order = np.random.default_rng(0).permutation(labels.height)
        labels = labels.with_columns(label=labels["label"][order.tolist()])
    labels.write_csv(work / "labels.csv")
    import_export(
        work / "export", work / "cohort", pattern="{sample_id}/{cell_id}_{channel}.tif", bright_field="BF",
        table=work / "labels.csv", label="label", positive=["CTC"], negative=["leukocyte"],
    )  # fmt: skip
    split(work / "cohort", test="origin = 'patient'")
    trained = train(work / "cohort", work / "run", settings=SETTINGS)
    assert MADE_CELLS in trained.bundle.warnings
    found = evaluate(work / "run" / "bundle", work / "cohort", work / "results", resamples=20)
    assert pl.read_csv(work / "results" / "scores.csv").height == 80
    assert MADE in found.metrics["stamps"]
    assert found.evaluation.meaning.endswith(MADE)
    return found.metrics["roc_auc"]["value"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "low", "high"),
    [
        pytest.param({}, 0.72, 1.0, id="tumour cells differ"),
        pytest.param({"difference": False}, 0.3, 0.7, id="no class difference"),
        pytest.param({"shuffled": True}, 0.3, 0.7, id="labels shuffled"),
    ],
)
def test_what_a_network_finds(how: dict[str, bool], low: float, high: float, tmp_path: Path) -> None:
    """40 against 40 cells: the standard error of a ROC-AUC at chance is 0.065."""
    assert low < roc_auc(tmp_path, **how) <= high
