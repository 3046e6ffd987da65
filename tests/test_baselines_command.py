"""`brightctc baselines`: simple models and a network on one split, measured alike, in one table."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from brightctc import evaluate
from brightctc.baselines import BASELINES, BaselinesResult, baselines
from brightctc.bundle import Seen
from brightctc.cli.app import app
from brightctc.errors import UserError
from evaluated import cohort_of, drawn_cells
from tiny_bundle import tiny_bundle, tiny_parts

ONLY = ("constant", "size", "hog_linear")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """180 cells of 12 donors: two donors train, two validate, eight test; one test image is missing."""
    folder = tmp_path_factory.mktemp("baselines")
    root = cohort_of(folder / "cohort", drawn_cells(folder / "export"))
    lost = pl.read_csv(root / "cells.csv").join(pl.read_csv(root / "splits.csv"), on="cell_id")
    Path(lost.filter(pl.col("part") == "test")["bright_field"][0]).unlink()
    return root


@pytest.fixture(scope="module")
def result(cohort: Path) -> BaselinesResult:
    tiny_bundle(cohort.parent / "bundle", cohort=cohort)
    return baselines(cohort, cohort.parent / "out", bundle=cohort.parent / "bundle", only=ONLY, resamples=200)


def test_a_row_a_model_with_its_interval(result: BaselinesResult) -> None:
    table = pl.read_csv(result.folder / "baselines.csv")
    assert table["model"].to_list() == ["network", *ONLY]
    for row in table.iter_rows(named=True):
        assert row["average_precision_low"] is None or (
            row["average_precision_low"] <= row["average_precision"] <= row["average_precision_high"]
        )
    constant = table.row(by_predicate=pl.col("model") == "constant", named=True)
    counts = result.record["n"]
    # every readable cell is called; the unreadable one is not, and ranks below all others
    assert constant["roc_auc"] == pytest.approx(0.5, abs=0.01)
    always = 2 * counts["positive"] / (2 * counts["positive"] + counts["negative"])
    assert constant["f1"] == pytest.approx(always, abs=0.01)


def test_the_networks_row_is_what_evaluate_says(cohort: Path, result: BaselinesResult, tmp_path: Path) -> None:
    alone = evaluate(cohort.parent / "bundle", cohort, tmp_path / "results", resamples=200)
    for figure in ("roc_auc", "f1", "false_calls_per_1000"):
        told = {key: alone.metrics[figure][key] for key in ("value", "low", "high")}
        assert {key: result.record["models"]["network"][figure][key] for key in told} == told
    assert result.record["n"]["cells"] == alone.metrics["n"]["cells"]


def test_differences_to_the_network_are_in_pairs(result: BaselinesResult) -> None:
    models = result.record["models"]
    assert "network_minus_this" not in models["network"]
    for name in ONLY:
        gain = models[name]["network_minus_this"]["roc_auc"]
        assert gain["value"] == pytest.approx(models["network"]["roc_auc"]["value"] - models[name]["roc_auc"]["value"])
        assert gain["low"] <= gain["value"] <= gain["high"]


def test_what_is_said_of_the_network_alone(cohort: Path, tmp_path: Path) -> None:
    """As evaluate says it: here of a bundle that knows no donors, and of its training."""
    provenance = tiny_parts().provenance.model_copy(update={"warnings": ("trained on few cells",)})
    seen = Seen.of(train_cells=["a"], validation_cells=["b"])
    model = tiny_bundle(tmp_path / "bundle", seen=seen, provenance=provenance)
    told = baselines(cohort, tmp_path / "out", bundle=model.folder, only=("constant",), resamples=50).warnings
    assert "network: trained on few cells" in told
    assert any(words.startswith("network: the bundle does not know the donors") for words in told)
    alone = evaluate(model.folder, cohort, tmp_path / "alone", resamples=50).warnings
    assert {words.removeprefix("network: ") for words in told} >= set(alone)


def test_scores_have_a_row_a_cell_and_a_column_a_model(cohort: Path, result: BaselinesResult) -> None:
    scores = pl.read_csv(result.folder / "scores.csv")
    parts = pl.read_csv(cohort / "splits.csv")
    assert scores["cell_id"].to_list() == parts.filter(pl.col("part") == "test")["cell_id"].to_list()
    for name in ("network", *ONLY):
        assert scores[name].null_count() == scores[f"{name}_call"].null_count() == 1
    assert set(scores["size_call"].drop_nulls()) <= {"CTC", "leukocyte"}
    for name in ("network", *ONLY):  # value, threshold and call are of one scale
        read = scores.drop_nulls(name)
        called = read[name] >= result.record["models"][name]["threshold"]
        assert (called == (read[f"{name}_call"] == "CTC")).all()
    assert scores["network"].max() <= 1


def test_whole_donors_are_resampled_and_pictures_drawn(result: BaselinesResult) -> None:
    assert result.record["interval"]["unit"] == "donor"
    assert result.record["split_by"] == "donor_id"
    assert {path.name for path in result.folder.iterdir()} == {
        "baselines.csv",
        "baselines.json",
        "scores.csv",
        "figure.png",
        "figure.svg",
    }
    assert json.loads((result.folder / "baselines.json").read_text(encoding="utf-8")) == result.record


def test_it_repeats_to_the_byte(cohort: Path, result: BaselinesResult) -> None:
    again = cohort.parent / "again"
    baselines(cohort, again, bundle=cohort.parent / "bundle", only=ONLY, resamples=200)
    for path in result.folder.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


@pytest.mark.parametrize(
    ("options", "what"),
    [
        pytest.param({"only": ["sise"]}, "no baseline is called 'sise'", id="unknown"),
        pytest.param({"part": "pool"}, "has no cells", id="empty part"),
        pytest.param({"part": "tets"}, "there is no part 'tets'", id="unknown part"),
        pytest.param({"part": "all"}, "training or validation part", id="seen cells"),
        pytest.param({"by": "site"}, "can't be resampled by 'site'", id="unknown unit"),
    ],
)
def test_what_can_not_be_measured_is_refused(cohort: Path, tmp_path: Path, options: dict[str, Any], what: str) -> None:
    with pytest.raises(UserError, match=what):
        baselines(cohort, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_unreadable_training_cells_are_refused_as_in_train(tmp_path: Path) -> None:
    root = cohort_of(tmp_path / "cohort", drawn_cells(tmp_path / "export"))
    train = pl.read_csv(root / "cells.csv").join(pl.read_csv(root / "splits.csv"), on="cell_id")
    Path(train.filter(pl.col("part") == "train")["bright_field"][0]).unlink()
    with pytest.raises(UserError, match="1 image of the train part can't be read") as told:
        baselines(root, tmp_path / "out", only=["size"], resamples=20)
    assert "--where \"cell_id <> '" in str(told.value.fix)


def test_the_command_prints_a_table_and_json(cohort: Path, result: BaselinesResult, tmp_path: Path) -> None:
    command = ["baselines", str(cohort), str(tmp_path / "out"), "--only", "size,constant"]
    done = CliRunner().invoke(app, [*command, "--resamples", "50", "--beside", str(cohort.parent / "bundle")])
    assert done.exit_code == 0, done.output
    for words in ("size", "constant", "network minus", "average precision"):
        assert words in done.output
    done = CliRunner().invoke(app, [*command, "--resamples", "50", "--json", "--overwrite"])
    assert set(json.loads(done.stdout)["models"]) == {"size", "constant"}


def test_every_baseline_has_a_name_for_the_picture() -> None:
    from brightctc.baselines.picture import NAMES

    assert set(BASELINES) < set(NAMES)


def test_overwrite_replaces_baselines_and_nothing_else(cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("mine")
    with pytest.raises(UserError, match="holds something else"):
        baselines(cohort, tmp_path, only=("constant",), overwrite=True)
    assert (tmp_path / "scores.csv").read_text() == "mine"
