"""predict: ranks, calls, thresholds, and what a user should hear before believing them."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile

from brightctc.bundle import Bundle, BundleThreshold
from brightctc.errors import UserError
from brightctc.predict import PredictResult, predict
from brightctc.predict.ranking import ranks
from brightctc.report import report
from drawn import NEGATIVE, POSITIVE, Export
from new_samples import NAMES, as_cohort
from tiny_bundle import tiny_bundle, tiny_parts

# --- ranks, calls, thresholds


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        pytest.param([0.1, 0.9, 0.5], [3, 1, 2], id="plain"),
        pytest.param([0.5, 0.9, 0.5, 0.9], [3, 1, 4, 2], id="ties in input order"),
        pytest.param([np.nan, 0.2, np.nan, 0.3], [0, 2, 0, 1], id="without a score"),
        pytest.param([np.nan], [0], id="nothing scored"),
        pytest.param([], [], id="no cells"),
    ],
)
def test_ranks(score: list[float], expected: list[int]) -> None:
    assert ranks(np.array(score)).tolist() == expected


@pytest.mark.parametrize(
    ("threshold", "called"),
    [
        pytest.param("top=3", 3, id="the three highest"),
        pytest.param("top=1000", 48, id="more than there are"),
        pytest.param("recall=1.0", None, id="recall"),
        pytest.param("budget=2", None, id="looks a sample"),
    ],
)
def test_another_threshold_calls_other_cells(
    export: Export, bundle: Path, tmp_path: Path, threshold: str, called: int | None
) -> None:
    own = predict(bundle, export.folder, tmp_path / "own.csv", **NAMES)
    other = predict(bundle, export.folder, tmp_path / "other.csv", threshold=threshold, **NAMES)
    assert other.table["score"].equals(own.table["score"])
    positive = other.table.filter(pl.col("call") == POSITIVE)
    assert other.threshold.policy == threshold
    assert other.threshold.score is not None
    assert (positive["score"] >= other.threshold.score).all()
    assert called is None or positive.height == called
    assert sorted(positive["rank"]) == list(range(1, positive.height + 1))
    assert json.loads((tmp_path / "other.meta.json").read_text())["threshold"]["policy"] == threshold


def test_top_breaks_ties_and_skips_the_unreadable(export: Export, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in "abcd":
        shutil.copy(next(export.folder.glob("S00/*_BF.tif")), tmp_path / "in" / f"{name}.tif")
    (tmp_path / "in" / "a.tif").write_text("no")
    table = predict(bundle, tmp_path / "in", tmp_path / "scores.csv", threshold="top=2").table
    assert table["call"].to_list() == [None, POSITIVE, POSITIVE, NEGATIVE]


@pytest.mark.parametrize("threshold", ["top=0", "top=-1", "top=x", "top", "recall=2", "0.5", "best"])
def test_an_unknown_threshold_is_one_error(bundle: Path, export: Export, tmp_path: Path, threshold: str) -> None:
    with pytest.raises(UserError) as refused:
        predict(bundle, export.folder, tmp_path / "scores.csv", threshold=threshold, **NAMES)
    assert refused.value.where == "--threshold"
    assert "top=200" in (refused.value.fix or "")


# --- what a user should hear


def heard(result: PredictResult, words: str) -> bool:
    return any(words in warning for warning in result.warnings)


def test_a_sample_outside_the_contract_is_told(export: Export, bundle: Path, tmp_path: Path) -> None:
    dim = tmp_path / "dim"
    shutil.copytree(export.folder, dim)
    for image in dim.glob("S02/*_BF.tif"):
        tifffile.imwrite(image, tifffile.imread(image) // 3)
    result = predict(bundle, dim, tmp_path / "scores.csv", **NAMES)
    assert heard(result, "in 1 of 6 samples (S02); in S02: background level is")
    assert heard(result, "µm per pixel")
    flags = result.table.filter(pl.col("sample_id") == "S02")["flags"]
    assert flags.str.contains("background_outside").all()
    assert not heard(predict(bundle, as_cohort(export, tmp_path / "c"), tmp_path / "c.csv"), "µm per pixel")


def test_the_bundles_own_warnings_are_repeated(export: Export, tmp_path: Path) -> None:
    provenance = tiny_parts().provenance.model_copy(update={"warnings": ("not for new patients",)})
    threshold = BundleThreshold(policy="f1", logit=0.0, score=0.5, warnings=("few positives",))
    folder = tiny_bundle(tmp_path / "bundle", provenance=provenance, threshold=threshold).folder
    own = predict(folder, export.folder, tmp_path / "a.csv", **NAMES)
    assert heard(own, "not for new patients")
    assert heard(own, "few positives")
    other = predict(folder, export.folder, tmp_path / "b.csv", threshold="top=5", **NAMES)
    assert heard(other, "not for new patients")
    assert not heard(other, "few positives")


def test_cells_of_the_training_are_told(export: Export, tmp_path: Path) -> None:
    cohort = as_cohort(export, tmp_path / "cohort")
    parts = pl.read_csv(cohort / "cells.csv").select("cell_id").with_row_index()
    parts = parts.with_columns(part=pl.when(pl.col("index") < 20).then(pl.lit("train")).otherwise(pl.lit("validation")))
    parts.select("cell_id", "part").write_csv(cohort / "splits.csv")
    (cohort / "splits.json").write_text('{"format_version": 1, "by": "cell_id", "settings": {}}')
    folder = tiny_bundle(tmp_path / "bundle", cohort=cohort).folder
    assert heard(predict(folder, cohort, tmp_path / "a.csv"), "48 of 48 cells were in this bundle's training")
    fresh = as_cohort(export, tmp_path / "fresh", cell_id=pl.format("new/{}", "cell_id"))
    assert heard(predict(folder, fresh, tmp_path / "b.csv"), "6 of the input's donors")
    first = pl.int_range(pl.len()) == 0
    mixed = as_cohort(
        export, tmp_path / "mixed", cell_id=pl.when(first).then("cell_id").otherwise(pl.format("new/{}", "cell_id"))
    )
    both = predict(folder, mixed, tmp_path / "c.csv")
    assert heard(both, "1 of 48 cells were in this bundle's training")
    assert heard(both, "6 of the input's donors had other cells")


# --- uncertain


def test_uncertain_cells_are_those_whose_set_is_not_their_call(export: Export, bundle: Path, tmp_path: Path) -> None:
    read = Bundle.read(bundle)
    alpha = 0.5
    sets = read.validation.sets(alpha)
    assert sets is not None
    plain = predict(bundle, export.folder, tmp_path / "plain.csv", **NAMES)
    found = predict(bundle, export.folder, tmp_path / "found.csv", uncertain=alpha, **NAMES)
    table = found.table
    logit = np.log(table["score"].to_numpy() / (1 - table["score"].to_numpy()))
    called = (plain.table["call"] == POSITIVE).to_numpy()
    doubted = sets.uncertain(logit, called)
    expected = np.where(doubted, "uncertain", np.where(called, POSITIVE, NEGATIVE))
    assert table["call"].to_list() == expected.tolist()
    assert found.calls["uncertain"] == int(doubted.sum())
    assert sum(found.calls.values()) == found.cells
    assert table["rank"].equals(plain.table["rank"]), "doubt hides and moves nothing"
    meta = json.loads((tmp_path / "found.meta.json").read_text())
    assert meta["uncertain"]["positive_from"] == sets.positive_from
    assert "--uncertain 0.5" in meta["command"]
    assert heard(found, "not promised")


@pytest.mark.parametrize(("alpha", "words"), [(0.7, "not a share"), (0.0, "not a share"), (0.001, "takes 999 of each")])
def test_sets_that_can_not_be_drawn_are_one_error(
    export: Export, bundle: Path, tmp_path: Path, alpha: float, words: str
) -> None:
    with pytest.raises(UserError, match=words) as refused:
        predict(bundle, export.folder, tmp_path / "scores.csv", uncertain=alpha, **NAMES)
    assert refused.value.where == "--uncertain"
    assert not (tmp_path / "scores.csv").exists()


# --- what would be told wrongly


def test_a_budget_that_validation_samples_can_not_hold_is_refused(export: Export, bundle: Path, tmp_path: Path) -> None:
    cells = len(Bundle.read(bundle).validation.logit)
    with pytest.raises(UserError, match="every cell would be called") as caught:
        predict(bundle, export.folder, tmp_path / "scores.csv", threshold=f"budget={cells}", **NAMES)
    assert f"top={cells}" in (caught.value.fix or "")


def test_two_tables_do_not_share_a_meta_file(export: Export, bundle: Path, tmp_path: Path) -> None:
    predict(bundle, export.folder, tmp_path / "scores.csv", **NAMES)
    with pytest.raises(UserError, match=r"scores\.csv lies here"):
        predict(bundle, export.folder, tmp_path / "scores.parquet", overwrite=True, **NAMES)
    (tmp_path / "scores.csv").rename(tmp_path / "moved.csv")
    table = predict(bundle, export.folder, tmp_path / "scores.parquet", overwrite=True, **NAMES).table
    table.write_csv(tmp_path / "scores.csv")
    with pytest.raises(UserError, match=r"is of scores\.parquet"):
        report(tmp_path / "scores.csv", tmp_path / "report.html")


def test_an_address_without_ray_is_refused(export: Export, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="belongs to --engine ray"):
        predict(bundle, export.folder, tmp_path / "scores.csv", address="auto", **NAMES)


def test_resume_changes_no_finished_calls_unasked(export: Export, bundle: Path, tmp_path: Path) -> None:
    predict(bundle, export.folder, tmp_path / "scores.csv", threshold="top=3", **NAMES)
    with pytest.raises(UserError, match="already exists"):
        predict(bundle, export.folder, tmp_path / "scores.csv", resume=True, **NAMES)
    assert predict(bundle, export.folder, tmp_path / "scores.csv", threshold="top=3", resume=True, **NAMES).cells
    with pytest.raises(UserError, match="already exists"):
        predict(bundle, export.folder, tmp_path / "scores.csv", threshold="top=3", uncertain=0.3, resume=True, **NAMES)


def test_the_report_counts_uncertain_cells_and_tells_their_rule(export: Export, bundle: Path, tmp_path: Path) -> None:
    found = predict(bundle, export.folder, tmp_path / "scores.csv", threshold="top=30", uncertain=0.3, **NAMES)
    assert found.calls["uncertain"]
    assert found.samples["uncertain"].sum() == found.calls["uncertain"]
    told = report(tmp_path / "scores.csv", tmp_path / "report.html")
    assert f"{found.calls['uncertain']} uncertain" in told.headline
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "called uncertain, and no candidate" in page
    assert ">uncertain<" in page


def test_an_input_of_which_nothing_could_be_read_says_nothing(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a_BF.tif").write_bytes(b"no image")
    predict(bundle, tmp_path / "images", tmp_path / "s.csv", pattern="{cell_id}_{channel}.tif", bright_field="BF")
    report(tmp_path / "s.csv", tmp_path / "s.html")
    page = (tmp_path / "s.html").read_text(encoding="utf-8")
    assert "No cell could be read" in page
    assert "compatible with" not in page
