"""The corridor on real cells, in small: mitotic among interphase, by bright field (in full: benchmarks/jurkat.py)."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from brightctc.cli.app import app

PATTERN = "{folder}/{cell_id}_{channel}.tif"
IMPORT = [
    "--pattern", PATTERN, "--bright-field", "BF", "--dapi", "DNA", "--key", "file_stem={folder}/{cell_id}",
    "--label", "phase", "--positive", "Prophase,Metaphase,Anaphase,Telophase", "--negative", "G1,S_phase,G2",
    "--classes", "mitotic,interphase",
]  # fmt: skip
TINY = [
    "backbone.name=test_resnet", "backbone.weights=none", "preprocess.size=40", "train.epochs=12",
    "train.learning_rate=3e-3", "train.keep=last",
]  # fmt: skip


def run(*words: object) -> dict[str, Any]:
    """A command's `--json` summary; the test fails with its screen where it does not end well."""
    result = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout.strip().splitlines()[-1])


@pytest.mark.slow
def test_from_the_unzipped_folder_to_figures_and_a_new_sample(jurkat: Path, tmp_path: Path) -> None:
    cohort, table = tmp_path / "cohort", ["--table", jurkat / "cells.csv"]
    run("import", jurkat, cohort, *IMPORT, *table, "--where", "experiment = 'Experiment_1'")
    cells = pl.read_csv(cohort / "cells.csv")
    assert cells["label"].value_counts().sort("label").rows() == [("interphase", 2700), ("mitotic", 718)]

    run("split", cohort, "--test-share", "0.45", "--train-cells", "400", "--train-positives", "150")
    parts = dict(pl.read_csv(cohort / "splits.csv")["part"].value_counts().iter_rows())
    assert parts["test"] >= 1500
    assert parts["train"] + parts["validation"] == 400

    settings = [word for setting in TINY for word in ("--set", setting)]
    run("train", cohort, tmp_path / "run", *settings, "--threads", "1")

    metrics = run("evaluate", tmp_path / "run/bundle", cohort, tmp_path / "results", "--resamples", "200")
    assert metrics["split_by"] == "cell_id"
    assert any("cells and seeds only" in stamp for stamp in metrics["stamps"])
    assert metrics["roc_auc"]["value"] > 0.7  # far from the 0.5 of a mixed-up label; the benchmark has the real figure
    assert metrics["f1"]["value"] > metrics["constant_classifier"]["f1"]

    # another day's sample, straight from its folder: interphase cells alone, so every call is false
    run("predict", tmp_path / "run/bundle", jurkat / "Experiment_2", tmp_path / "scores.csv")
    scores = pl.read_csv(tmp_path / "scores.csv")
    assert scores.height == 1500
    assert sorted(scores["rank"]) == list(range(1, 1501))
    assert (scores["call"] == "mitotic").mean() < 0.5
