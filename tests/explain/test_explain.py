"""The verb: what it writes, what it says, what it refuses."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile
from typer.testing import CliRunner

from brightctc.bundle import Bundle
from brightctc.cli.app import app
from brightctc.cohort import Cohort, fingerprint
from brightctc.errors import UserError
from brightctc.explain import ExplainResult, explain, finding
from brightctc.explain.morphology import Morphology, morphology_of
from brightctc.report.explained import read_explained
from brightctc.withdraw import withdraw
from tiny_bundle import tiny_bundle


@pytest.fixture
def torchless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "find_spec", lambda _: None)


def said(result: ExplainResult) -> str:
    return "\n".join(result.record["sentences"])


def test_it_writes_what_it_promises(explained: ExplainResult) -> None:
    names = {path.name for path in explained.folder.iterdir()}
    assert {"explain.json", "cells.csv", "features.csv", "neighbours.csv", "figure.png", "cells.png"} <= names
    record = json.loads((explained.folder / "explain.json").read_text())
    assert record == explained.record
    assert record["n"] == {
        "cells": 120, "positive": record["n"]["positive"], "negative": 120 - record["n"]["positive"],
        "unread": 0, "without_outline": 0, "attributed": 48, "described": record["n"]["described"],
        "between_zero_and_threshold": record["n"]["between_zero_and_threshold"],
    }  # fmt: skip


def test_a_network_that_looks_at_the_cell_is_told_from_one_that_reads_the_border(
    explained: ExplainResult, border_bundle: Bundle, framed: Path, tmp_path: Path, torchless: None
) -> None:
    own = explained.record["background"]
    assert own["verdict"] == "cell"
    assert own["roc_auc_lost"]["low"] > 0
    assert own["roc_auc"]["value"] > 0.95
    assert own["roc_auc_cell_alone"]["value"] > 0.95
    assert own["roc_auc_without_cell"]["value"] < 0.7
    assert "The network looks at the cell" in said(explained)
    assert (own["called_without_cell"], own["of_crops_without_cell"]) == (0, 120)
    assert "cell erased, " not in said(explained).replace("with the cell erased, ROC", "")
    other = explain(border_bundle.folder, framed, tmp_path / "out", resamples=200, attributed=0)
    assert other.record["background"]["verdict"] == "background"
    assert other.record["background"]["roc_auc_without_cell"]["value"] > 0.9
    assert "THE NETWORK READS THE BACKGROUND" in said(other)
    empty = other.record["background"]
    assert empty["called_without_cell"] > 40
    assert f"Of 120 crops with the cell erased, {empty['called_without_cell']} would be called CTC" in said(other)
    shares = {row["features"]: row["share_of_variance"]["value"] for row in other.record["score_predicted_by"]}
    assert shares["border pixels, without the cell"] > shares["size alone (area)"]


def test_the_map_lies_inside_the_cell(explained: ExplainResult) -> None:
    found = explained.explanation
    assert np.nanmean(found.inside[found.cells.called]) > found.area.mean()
    assert explained.record["attribution"]["methods"]["activation map"]["better_than_random_order"]


def test_neighbours_are_training_cells_of_the_same_kind(explained: ExplainResult, read: Cohort) -> None:
    table = pl.read_csv(explained.folder / "neighbours.csv")
    assert table.height == 5 * 120
    assert set(table["neighbour"]) <= set(read.part("train")["cell_id"])
    assert table.filter(pl.col("order") == 1)["distance"].max() <= table.filter(pl.col("order") == 5)["distance"].max()
    labels = dict(read.cells.select("cell_id", "label").iter_rows())
    assert table["label"].to_list() == [labels[cell] for cell in table["neighbour"]]
    own = explained.record["neighbours"]
    assert own["positive"]["same_label"] > 0.8
    assert own["positive"]["of_training_cells"] + own["negative"]["of_training_cells"] == 1
    assert f"{own['positive']['same_label']:.0%} for CTC cells" in said(explained)


def test_what_differs_is_what_was_drawn(explained: ExplainResult) -> None:
    table = pl.read_csv(explained.folder / "features.csv")
    area = table.row(by_predicate=pl.col("feature").str.starts_with("cell_area"), named=True)
    assert area["median_first"] > area["median_second"]
    assert area["delta_low"] > 0
    assert area["meaning"] == "area inside the outline"
    assert area["p_holm"] < 0.05
    assert "signed ranks of 12 donors" in area["test"]
    assert (table["delta"].abs().diff().drop_nulls() <= 1e-12).all(), "the largest first"
    assert "nucleus (DAPI)" in table["group"].to_list(), "this cohort has DAPI"


@pytest.mark.parametrize(("sizes", "unit", "told"), [
    ((0.25, 0.25), "um", ()),
    ((0.25, None), "px", ("90 cells without pixel_size_um: all lengths are in px, also those of the other 90",)),
    ((None, None), "px", ()),
])  # fmt: skip
def test_a_column_is_in_one_unit(sizes: tuple, unit: str, told: tuple, read: Cohort) -> None:
    def sized(own: tuple) -> Morphology:
        given = pl.Series("pixel_size_um", [*own] * (read.cells.height // 2), dtype=pl.Float64)
        return morphology_of(replace(read, cells=read.cells.with_columns(given)), (), 0, None)

    found, in_px = sized(sizes), sized((None, None)).features["cell_area_px2"]
    assert found.warnings == told
    np.testing.assert_allclose(found.features[f"cell_area_{unit}2"], in_px * (0.25**2 if unit == "um" else 1))


def test_the_same_call_gives_the_same_bytes(
    explained: ExplainResult, bundle: Bundle, cohort: Path, tmp_path: Path, torchless: None
) -> None:
    again = explain(bundle.folder, cohort, tmp_path / "out", resamples=200)
    for path in explained.folder.iterdir():
        assert (again.folder / path.name).read_bytes() == path.read_bytes(), path.name


def test_crops_that_show_nothing_are_rows(bundle: Bundle, cohort: Path, tmp_path: Path, torchless: None) -> None:
    copy = tmp_path / "cohort"
    shutil.copytree(cohort, copy)
    table = pl.read_csv(copy / "cells.csv", infer_schema_length=None)
    test = Cohort.read(copy).part("test")["cell_id"].to_list()
    images = {"blank": np.full((24, 24), 2000, np.uint16), "black": np.zeros((24, 24), np.uint16),
              "small": np.full((16, 16), 2000, np.uint16)}  # fmt: skip
    paths = {}
    for cell, (name, pixels) in zip(test, images.items(), strict=False):
        paths[cell] = tmp_path / f"{name}.tif"
        tifffile.imwrite(paths[cell], pixels, photometric="minisblack")
    paths[test[3]] = tmp_path / "cut.tif"
    paths[test[3]].write_bytes(b"II*\0")
    own = pl.col("cell_id").replace_strict({cell: str(path) for cell, path in paths.items()}, default=None)
    table.with_columns(bright_field=pl.coalesce(own, "bright_field")).write_csv(copy / "cells.csv")
    result = explain(bundle.folder, copy, tmp_path / "out", resamples=100, attributed=8)
    rows = pl.read_csv(result.folder / "cells.csv")
    assert rows.height == len(test)
    found = {row["cell_id"]: row for row in rows.iter_rows(named=True)}
    blank, black, small, cut = test[:4]
    for cell in (blank, small):
        assert "no_cell" in found[cell]["flags"]
        assert found[cell]["logit"] is not None
        assert found[cell]["logit_without_cell"] is None
    for cell in (black, cut):  # a black crop can't be divided by its background
        assert found[cell]["error"]
        assert found[cell]["logit"] is None
    assert result.record["n"]["unread"] == 2
    assert result.record["n"]["without_outline"] == 2


def test_a_part_without_images_is_refused(bundle: Bundle, cohort: Path, tmp_path: Path) -> None:
    copy = tmp_path / "cohort"
    shutil.copytree(cohort, copy)
    table = pl.read_csv(copy / "cells.csv", infer_schema_length=None)
    table.with_columns(bright_field=pl.lit("gone.tif")).write_csv(copy / "cells.csv")
    with pytest.raises(UserError, match="no cell of the part can be read"):
        explain(bundle.folder, copy, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_few_of_many_cells_are_drawn_from_both_classes(
    bundle: Bundle, cohort: Path, tmp_path: Path, torchless: None
) -> None:
    result = explain(bundle.folder, cohort, tmp_path / "out", cells=20, attributed=4, resamples=50)
    assert (result.record["n"]["positive"], result.record["n"]["negative"]) == (10, 10)
    assert any("20 of 120 labelled cells" in words for words in result.warnings)
    assert result.record["score_predicted_by"] == []


def test_a_cohort_that_the_bundle_has_not_learned_from_has_no_neighbours(
    cohort: Path, tmp_path: Path, torchless: None
) -> None:
    other = tiny_bundle(tmp_path / "bundle")  # has learned from other cells; this cohort's train part is not its own
    result = explain(other.folder, cohort, tmp_path / "out", cells=20, attributed=0, resamples=50)
    assert result.record["neighbours"] is None
    assert not (result.folder / "neighbours.csv").exists()


@pytest.mark.parametrize(("channels", "part", "message"), [
    (("bright_field", "dapi"), "test", "bright field alone can be explained"),
    (("bright_field",), "sealed", "not for looking at"),
    (("bright_field",), "tset", "there is no part"),
])  # fmt: skip
def test_what_it_refuses(channels: tuple, part: str, message: str, cohort: Path, tmp_path: Path) -> None:
    other = tiny_bundle(tmp_path / "bundle", cohort=cohort, channels=channels)
    with pytest.raises(UserError, match=message):
        explain(other.folder, cohort, tmp_path / "out", part=part)


def test_cells_that_the_bundle_has_learned_from_are_stamped(
    bundle: Bundle, cohort: Path, tmp_path: Path, torchless: None
) -> None:
    result = explain(bundle.folder, cohort, tmp_path / "out", part="train", cells=20, attributed=0, resamples=50)
    assert "seen in training" in result.record["stamps"]
    assert any("these are training cells" in words for words in result.warnings)
    donor_of = dict(Cohort.read(cohort).cells.select("cell_id", "donor_id").iter_rows())
    table = pl.read_csv(result.folder / "neighbours.csv")
    pairs = [(donor_of[one], donor_of[other]) for one, other in table.select("cell_id", "neighbour").iter_rows()]
    assert all(one != other for one, other in pairs), "a donor's own cells are no answer"


def test_a_donor_that_withdraws_takes_the_explanation_along(
    explained: ExplainResult, cohort: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "explained"
    shutil.copytree(explained.folder, folder)
    train_donor = Cohort.read(cohort).part("train")["donor_id"][0]
    found = withdraw(train_donor, [folder, cohort])
    assert [(held.kind, held.path) for held in found.holdings if folder in (held.path, held.path.parent)] == [
        ("explanation", folder)
    ]
    assert not withdraw("D99", [folder]).holdings
    assert train_donor not in (folder / "explain.json").read_text()
    withdraw(train_donor, [folder], remove=True)
    assert not list(folder.iterdir())


def test_the_report_of_its_run_shows_it(explained: ExplainResult, bundle: Bundle, read: Cohort, tmp_path: Path) -> None:
    of = fingerprint(read)
    shown = read_explained(explained.folder, [bundle], of, "test")
    assert shown.sentences == tuple(explained.record["sentences"])
    assert (shown.verdict, shown.sure, shown.elsewhere, shown.remarks) == ("cell", True, (), ())
    assert len(shown.pictures) == len(list(explained.folder.glob("*.png")))
    other = tiny_bundle(tmp_path / "other", name="another")
    with pytest.raises(UserError, match="of another bundle"):
        read_explained(explained.folder, [other], of, "test")
    told = read_explained(explained.folder, [other, bundle], "another", "validation")
    assert [words.split(" (")[0] for words in told.elsewhere] == [
        "these are cells of another cohort",
        "these are cells of the test part; all else on this page is of the validation part",
        "this is the network of seed 0, one of 2",
    ]
    record = json.loads((explained.folder / "explain.json").read_text())
    record["background"]["called_without_cell"], record["stamps"] = 7, ["made cells"]
    record["background"]["roc_auc"] |= {"low": None, "high": None, "reason": "only 5 donor(s)"}
    (tmp_path / "explain.json").write_text(json.dumps(record))
    changed = read_explained(tmp_path, [bundle], of, "test")
    assert changed.remarks == ("of 120 crops with the cell erased, 7 would be called CTC", "made cells")
    assert not changed.sure
    with pytest.raises(UserError, match="there is no explanation"):
        read_explained(tmp_path / "other", [bundle], of, "test")


def test_the_command_says_what_was_found(bundle: Bundle, cohort: Path, tmp_path: Path, torchless: None) -> None:
    out = tmp_path / "out"
    words = [str(bundle.folder), str(cohort), str(out), "--cells", "20", "--attributed", "4", "--resamples", "50"]
    answer = CliRunner().invoke(app, ["explain", *words])
    assert answer.exit_code == 0, answer.output
    assert "The network looks at the cell" in answer.output
    assert "need torch and captum" in answer.output
    again = CliRunner().invoke(app, ["explain", *words, "--json", "--overwrite"])
    assert json.loads(again.stdout)["out"] == str(out)


def test_overwrite_replaces_an_explanation_and_nothing_else(bundle: Bundle, cohort: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "cells.csv").write_text("mine")
    with pytest.raises(UserError, match="holds something else"):
        explain(bundle.folder, cohort, precious, overwrite=True)
    assert (precious / "cells.csv").read_text() == "mine"
