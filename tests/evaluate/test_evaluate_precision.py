"""`evaluate --precision`: the network, the threshold and the words of the precision that was asked for."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from brightctc.bundle import Bundle
from brightctc.bundle.processor import processor_class
from brightctc.cli.app import app
from brightctc.cohort import Cohort
from brightctc.cohort.sealed import openings
from brightctc.errors import UserError
from brightctc.evaluate import evaluate
from evaluated import cohort_of
from quantised import guard_at, guarded
from tiny_bundle import GAIN, OFFSET, tiny_bundle, tiny_network

HIGHER = 0.5  # of every logit in int8


@pytest.fixture(scope="module")
def faster(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with an INT8 network whose every logit is higher by HIGHER, and so is its threshold."""
    here = tmp_path_factory.mktemp("faster")
    bundle = tiny_bundle(here / "bundle", cohort=cohort)
    network = tiny_network(1, 16, offset=OFFSET - HIGHER / GAIN)
    return guarded(bundle, here / "faster", guard_at(bundle, "int8", shift=HIGHER), network=network).folder


def measured(bundle: Path, cohort: Path, out: Path, **options: Any) -> tuple[dict[str, Any], np.ndarray]:
    """metrics.json and the logits behind scores.csv."""
    result = evaluate(bundle, cohort, out, resamples=20, **options)
    score = pl.read_csv(out / "scores.csv")["score"].to_numpy()
    return json.loads((result.folder / "metrics.json").read_text()), np.log(score / (1 - score))


def test_each_precision_has_its_network_and_threshold(faster: Path, cohort: Path, tmp_path: Path) -> None:
    exact, logit = measured(faster, cohort, tmp_path / "float32", precision="float32")
    fast, raised = measured(faster, cohort, tmp_path / "int8", precision="int8")
    assert raised == pytest.approx(logit + HIGHER, abs=1e-4)
    bundle = Bundle.read(faster)
    for found, precision in ((exact, "float32"), (fast, "int8")):
        assert found["threshold"]["logit"] == bundle.at(precision).threshold.logit
    chosen = bundle.at("float32").validation.line("f1").logit
    assert fast["threshold"]["logit"] == pytest.approx(chosen + HIGHER, abs=0.1)
    assert fast["confusion"] == exact["confusion"]
    assert (exact["threshold"]["precision"], fast["threshold"]["precision"]) == ("float32", "int8")
    assert exact["arithmetic"] == {"precision": "float32", "processor": None}
    assert fast["arithmetic"] == {"precision": "int8", "processor": processor_class("int8")}


def test_unasked_it_is_the_fastest_that_passed(faster: Path, cohort: Path, tmp_path: Path) -> None:
    result = evaluate(faster, cohort, tmp_path / "auto", resamples=20)
    assert result.metrics["arithmetic"]["precision"] == "int8"


def test_what_failed_its_guard_is_said_to_have(faster: Path, cohort: Path, tmp_path: Path) -> None:
    read = Bundle.read(faster)
    failed = guarded(read, tmp_path / "failed", guard_at(read, "int8", passed=False))
    assert evaluate(failed.folder, cohort, tmp_path / "auto", resamples=20).metrics["arithmetic"]["processor"] is None
    asked = evaluate(failed.folder, cohort, tmp_path / "int8", resamples=20, precision="int8")
    assert any("int8 did not pass its guard" in words for words in asked.metrics["warnings"])


def test_the_sealed_part_counts_a_second_precision_as_a_second_look(
    faster: Path, images: pl.DataFrame, tmp_path: Path
) -> None:
    sealed = cohort_of(tmp_path / "cohort", images)
    parts = sealed / "splits.csv"
    parts.write_text(parts.read_text().replace(",test", ",sealed"))
    for out, precision in (("a", "float32"), ("b", "float32"), ("c", "int8")):
        evaluate(faster, sealed, tmp_path / out, part="sealed", precision=precision, resamples=20)
    assert len(openings(Cohort.read(sealed))) == 2


def test_a_precision_that_is_not_there_is_refused(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not tested in int8") as refused:
        evaluate(bundle, cohort, tmp_path / "out", precision="int8")
    assert "brightctc export" in str(refused.value.fix)
    assert not (tmp_path / "out").exists()


def test_the_command_says_in_what_it_computed(faster: Path, cohort: Path, tmp_path: Path) -> None:
    given = ["evaluate", str(faster), str(cohort), "--resamples", "20"]
    shown = CliRunner().invoke(app, [*given, str(tmp_path / "a")])
    assert f"computed in int8 ({processor_class('int8')})" in shown.output, shown.output
    shown = CliRunner().invoke(app, [*given, str(tmp_path / "b"), "--precision", "float32"])
    assert shown.exit_code == 0, shown.output
    assert "computed in" not in shown.output
