"""A run as `train` leaves it is all that `report` asks for."""

from pathlib import Path

import pytest

from brightctc.learn import train
from brightctc.report import report
from reported import patients_cohort

TINY = (
    "backbone.name=test_resnet",
    "backbone.weights=none",
    "backbone.views=1",
    "preprocess.size=24",
    "train.epochs=1",
)


@pytest.mark.slow
def test_two_trained_seeds_are_reported(tmp_path: Path) -> None:
    root = patients_cohort(tmp_path, cells=140)
    runs = [train(root, tmp_path / f"run-{seed}", settings=TINY, threads=1, seed=seed).folder for seed in (0, 1)]
    done = report(runs, tmp_path / "report.html", resamples=20)
    page = done.page.read_text(encoding="utf-8")
    for words in ("network, seed 0", "network, seed 1", "random weights, not from ImageNet", "versions at training"):
        assert words in page
    assert f"brightctc train {root} {runs[1]} --recipe {runs[1] / 'recipe.yaml'} --seed 1" in page
