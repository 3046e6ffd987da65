"""predict: a row for every input cell, and the same scores in any order and company."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tifffile

from brightctc import files
from brightctc.bundle import Bundle, Contract
from brightctc.cohort.folder import CohortFile, write_cohort
from brightctc.errors import UserError
from brightctc.predict import blocks, predict, score_cells
from brightctc.predict.scoring import TASK
from brightctc.predict.table import read_scores
from drawn import PATTERN, Export
from drawn_faults import blurred, even, pair, round_cell
from new_samples import NAMES, as_cohort, spoil
from tiny_bundle import tiny_bundle, tiny_parts

# --- inputs


def test_a_cohort_is_scored_and_its_columns_are_kept(export: Export, bundle: Path, tmp_path: Path) -> None:
    result = predict(bundle, as_cohort(export, tmp_path / "cohort"), tmp_path / "scores.csv")
    table = read_scores(tmp_path / "scores.csv")
    assert table.columns[:8] == ["cell_id", "sample_id", "bright_field", "score", "call", "rank", "flags", "error"]
    assert set(table.columns[8:]) == {"label", "donor_id", "origin", "pixel_size_um", "dapi"}
    assert table["cell_id"].to_list() == (export.cells["sample_id"] + "/" + export.cells["cell_id"]).to_list()
    assert (table["call"] == table["label"]).sum() > 43  # the drawn cells are easy
    assert sorted(table["rank"]) == list(range(1, 49))
    assert table.sort("rank")["score"].is_sorted(descending=True)
    assert result.calls == {**dict(table["call"].value_counts().iter_rows()), "unreadable": 0}
    assert result.table.equals(table.with_columns(result.table["flags"], result.table["error"]))


def test_a_folder_is_read_by_the_pattern(export: Export, bundle: Path, tmp_path: Path) -> None:
    cohort = as_cohort(export, tmp_path / "cohort")
    one = predict(bundle, cohort, tmp_path / "a.csv").table
    two = predict(bundle, export.folder, tmp_path / "b.csv", **NAMES)
    joined = one.join(two.table, on="cell_id", how="full", validate="1:1")
    assert joined["score"].equals(joined["score_right"])
    assert any("DAPI (48)" in warning for warning in two.warnings)


def recorded(tmp_path: Path, **changes: object) -> Path:
    """A bundle that knows the names of its cohort's files."""
    names = {"pattern": PATTERN, "bright_field": "BF", "dapi": "DAPI"} | changes
    provenance = tiny_parts().provenance.model_copy(update=names)
    return tiny_bundle(tmp_path / "knowing", provenance=provenance).folder


def test_the_bundle_knows_the_names_of_its_cohort(export: Export, tmp_path: Path) -> None:
    result = predict(recorded(tmp_path), export.folder, tmp_path / "scores.csv")
    assert result.table.height == 48
    assert result.table["sample_id"].n_unique() == 6
    assert not any("left out" in warning for warning in result.warnings)


def test_other_names_fall_back_to_one_cell_a_file(export: Export, tmp_path: Path) -> None:
    (tmp_path / "new sample ü").mkdir()
    for index, image in enumerate(sorted(export.folder.glob("S0*/*_BF.tif"))[:5]):
        shutil.copy(image, tmp_path / "new sample ü" / f"cell {index}.tif")
    result = predict(recorded(tmp_path), tmp_path / "new sample ü", tmp_path / "scores.csv")
    assert result.table["cell_id"].to_list() == [f"cell {index}" for index in range(5)]
    assert result.table["score"].null_count() == 0
    assert any("every image file was taken" in warning for warning in result.warnings)


@pytest.mark.parametrize("mark", ["-", "_", " ", "."])
def test_channels_under_other_names_are_not_taken_for_cells(mark: str, export: Export, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    for image in sorted(export.folder.glob("S00/*.tif"))[:6]:
        shutil.copy(
            image, tmp_path / "new" / image.name.replace("_", mark).replace("BF", "bright").replace("DAPI", "dna")
        )
    with pytest.raises(UserError, match="several images of one cell") as caught:
        predict(recorded(tmp_path), tmp_path / "new", tmp_path / "scores.csv")
    assert "--pattern" in str(caught.value.fix)


def test_files_of_one_stem_stay_two_cells(export: Export, bundle: Path, tmp_path: Path) -> None:
    image = next(export.folder.glob("S00/*_BF.tif"))
    (tmp_path / "in").mkdir()
    shutil.copy(image, tmp_path / "in" / "a.tif")
    shutil.copy(image, tmp_path / "in" / "a.tiff")
    table = predict(bundle, tmp_path / "in", tmp_path / "scores.csv").table
    assert table["cell_id"].to_list() == ["a.tif", "a.tiff"]


def test_a_single_file_is_one_row(export: Export, bundle: Path, tmp_path: Path) -> None:
    image = export.folder / "S01" / "c0003_BF.tif"
    alone = predict(bundle, image, tmp_path / "one.csv").table
    among = predict(bundle, export.folder, tmp_path / "all.csv", **NAMES).table
    assert alone.height == 1
    assert alone["score"][0] == among.filter(pl.col("cell_id") == "S01/c0003")["score"][0]
    assert alone["rank"][0] == 1


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(lambda f: f / "nowhere", "nothing here", id="no such path"),
        pytest.param(lambda f: f / "table.csv", "not an image", id="a table"),
        pytest.param(lambda f: f / "empty", "no .tif", id="empty folder"),
        pytest.param(lambda f: f / "cohort", "has no cells", id="empty cohort"),
    ],
)
def test_an_input_without_cells_is_one_error(
    bundle: Path, tmp_path: Path, source: Callable[[Path], Path], message: str
) -> None:
    (tmp_path / "table.csv").write_text("a,b\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "cohort").mkdir()
    about = CohortFile(name="x", classes=None, channels=("bright_field",))
    write_cohort(tmp_path / "cohort", pl.DataFrame({"cell_id": [], "bright_field": []}), about)
    with pytest.raises(UserError, match=message):
        predict(bundle, source(tmp_path), tmp_path / "scores.csv")
    assert not (tmp_path / "scores.csv").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"pattern": "{cell_id}_none.tif"}, "fits the pattern", id="pattern fits nothing"),
        pytest.param({"pattern": PATTERN}, "bright field", id="channel not said"),
        pytest.param({"pattern": PATTERN, "bright_field": "GFP"}, "GFP", id="no such channel"),
        pytest.param({"bright_field": "BF"}, "without a pattern", id="channel without a pattern"),
        pytest.param({"pattern": "{sample_id}.tif"}, "cell_id", id="pattern without a cell"),
    ],
)
def test_names_that_do_not_fit_are_one_error(
    export: Export, bundle: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        predict(bundle, export.folder, tmp_path / "scores.csv", **options)


def test_names_are_for_plain_folders(export: Export, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="plain folders"):
        predict(bundle, as_cohort(export, tmp_path / "cohort"), tmp_path / "scores.csv", **NAMES)


# --- unreadable cells


def test_unreadable_images_are_rows_with_their_error(export: Export, bundle: Path, tmp_path: Path) -> None:
    whole = predict(bundle, export.folder, tmp_path / "whole.csv", **NAMES).table
    result = predict(bundle, spoil(export, tmp_path / "spoiled"), tmp_path / "scores.csv", **NAMES)
    table = read_scores(tmp_path / "scores.csv")
    assert table["cell_id"].equals(whole["cell_id"])
    lost = table.filter(pl.col("error").is_not_null())
    assert lost.height == 5
    assert lost.select("score", "call", "rank").null_count().row(0) == (5, 5, 5)
    kinds = [error.partition(":")[0] for error in lost["error"]]
    assert kinds == ["unreadable", "unreadable", "missing", "unreadable", "not_a_number"]
    assert table["score"][5:].equals(whole["score"][5:])
    assert sorted(table["rank"].drop_nulls()) == list(range(1, 44))
    assert result.calls["unreadable"] == 5
    assert result.samples.row(0) == ("S00", 8, result.samples["candidates"][0], 5)
    assert any("5 of 48 cells (10.4%) have no score" in warning for warning in result.warnings)


@pytest.mark.parametrize(("intensity", "error"), [("background", "no_background: the border's"), ("per_crop", None)])
def test_a_crop_without_a_background_is_a_row_with_its_error(tmp_path: Path, intensity: str, error: str | None) -> None:
    preparation = tiny_parts().preparation
    settings = preparation.settings.model_copy(update={"intensity": intensity})
    changed = preparation.model_copy(update={"settings": settings})
    bundle = tiny_bundle(tmp_path / "bundle", preparation=changed).folder
    pixels = np.random.default_rng(0).normal(0, 1, (24, 24)).astype(np.float32)
    tifffile.imwrite(tmp_path / "cell.tif", pixels - np.float32(2))
    found = predict(bundle, tmp_path / "cell.tif", tmp_path / "scores.csv").table["error"][0]
    assert found is None if error is None else found.startswith(error)


def test_an_unreadable_single_file_is_a_row(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("text")
    table = predict(bundle, tmp_path / "x.png", tmp_path / "scores.csv").table
    assert (table.height, table["score"][0]) == (1, None)
    assert table["error"][0].startswith("unreadable")


# --- the same bits


def test_order_and_company_do_not_change_a_score(
    export: Export, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = np.random.default_rng(0).permutation(48).tolist()
    plain = predict(bundle, as_cohort(export, tmp_path / "a"), tmp_path / "a.csv").table
    mixed = predict(bundle, as_cohort(export, tmp_path / "b", order), tmp_path / "b.csv").table
    assert mixed["score"].equals(plain["score"].gather(order))
    few = predict(bundle, as_cohort(export, tmp_path / "c", [7, 3]), tmp_path / "c.csv").table
    assert few["score"].equals(plain["score"].gather([7, 3]))
    monkeypatch.setattr(blocks, "CELLS", 5)
    chunked = predict(bundle, as_cohort(export, tmp_path / "d"), tmp_path / "d.csv", workers=5)
    assert chunked.table.drop("bright_field").equals(plain.drop("bright_field"))


def test_the_same_run_writes_the_same_bytes(export: Export, bundle: Path, tmp_path: Path) -> None:
    for name, workers in (("a", 1), ("b", 3)):
        predict(bundle, export.folder, tmp_path / f"{name}.csv", workers=workers, **NAMES)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    metas = [(tmp_path / f"{name}.meta.json").read_text().replace(f"{name}.csv", "") for name in "ab"]
    assert metas[0] == metas[1]


def test_the_stream_gives_every_cell_once_in_constant_memory(export: Export, bundle: Path) -> None:
    image = next(export.folder.glob("S00/*_BF.tif"))
    paths: list[Path | None] = [image] * (2 * blocks.CELLS + 20)
    paths[3] = None
    paths[TASK : 2 * TASK] = [None] * TASK
    chunks = list(score_cells(Bundle.read(bundle), {"bright_field": paths}, embeddings=True))
    assert [chunk.start for chunk in chunks] == list(range(0, len(paths), TASK))
    assert {len(chunk.logit) for chunk in chunks} == {TASK, 20}
    logit = np.concatenate([chunk.logit for chunk in chunks])
    assert np.flatnonzero(np.isnan(logit)).tolist() == [3, *range(TASK, 2 * TASK)]
    assert len(set(logit[~np.isnan(logit)].tolist())) == 1
    assert (chunks[0].error[3] or "").startswith("missing")
    for chunk in chunks:
        assert chunk.embedding is not None
        assert chunk.embedding.shape == (len(chunk.logit), 2)
        assert np.isnan(chunk.embedding).any(axis=1).tolist() == np.isnan(chunk.logit).tolist()


def test_a_stream_that_is_left_early_ends_its_threads(export: Export, bundle: Path) -> None:
    image = next(export.folder.glob("S00/*_BF.tif"))
    stream = score_cells(Bundle.read(bundle), {"bright_field": [image] * 2000})
    next(stream)
    stream.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert not list(stream)


# --- two channels


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("both") / "bundle", channels=("bright_field", "dapi")).folder


def test_a_two_channel_bundle_takes_both(export: Export, both: Path, tmp_path: Path) -> None:
    cohort = predict(both, as_cohort(export, tmp_path / "cohort"), tmp_path / "a.csv").table
    folder = predict(both, export.folder, tmp_path / "b.csv", dapi="DAPI", **NAMES).table
    assert cohort["score"].null_count() == folder["score"].null_count() == 0
    assert cohort.sort("cell_id")["score"].equals(folder.sort("cell_id")["score"])


def test_a_cell_without_dapi_is_a_row_with_its_error(export: Export, both: Path, tmp_path: Path) -> None:
    first = pl.when(pl.int_range(pl.len()) == 0).then(None).otherwise(pl.col("dapi"))
    table = predict(both, as_cohort(export, tmp_path / "cohort", dapi=first), tmp_path / "a.csv").table
    assert table["error"][0] == "missing: dapi: the cell has no image of this channel"
    assert table["score"].null_count() == 1


@pytest.mark.parametrize("source", ["cohort", "folder", "file"])
def test_a_two_channel_bundle_refuses_bright_field_alone(
    export: Export, both: Path, tmp_path: Path, source: str
) -> None:
    cohort = as_cohort(export, tmp_path / "cohort", dapi=pl.lit(None, pl.String))
    image = export.folder / "S00" / "c0000_BF.tif"
    options = NAMES if source == "folder" else {}
    with pytest.raises(UserError, match="takes bright_field and dapi"):
        predict(
            both,
            {"cohort": cohort, "folder": export.folder, "file": image}[source],
            tmp_path / "scores.csv",
            **options,
        )


def test_a_channel_the_bundle_never_met_is_refused(export: Export, bundle: Path) -> None:
    read = Bundle.read(bundle)
    with pytest.raises(UserError, match="without dapi"):
        score_cells(read, {"dapi": [None]})
    with pytest.raises(UserError, match="one channel"):
        score_cells(read, {"bright_field": [None], "dapi": [None]})


# --- quality


def test_quality_flags_come_with_their_limits_and_move_nothing(export: Export, bundle: Path, tmp_path: Path) -> None:
    sample = tmp_path / "sample"
    shutil.copytree(export.folder, sample)
    first = sorted(sample.rglob("*_BF.tif"))[:3]
    plain = predict(bundle, sample, tmp_path / "plain.csv", **NAMES).table
    for path, crop in zip(first, (even(), pair(24), np.roll(tifffile.imread(first[2]), 9, axis=1)), strict=True):
        tifffile.imwrite(path, crop)
    result = predict(bundle, sample, tmp_path / "scores.csv", **NAMES)
    flags = dict(result.table.select("bright_field", pl.col("flags").fill_null("")).iter_rows())
    for path, flag in zip(first, ("no_cell", "touching_cells", "cut_off"), strict=True):
        assert flag in flags[path.relative_to(sample).as_posix()].split(";")
    assert (result.flags["no_cell"], result.flags["touching_cells"]) == (1, 1)
    same = plain.filter(~pl.col("bright_field").is_in([p.relative_to(sample).as_posix() for p in first]))
    joined = same.join(result.table, on="cell_id")
    assert joined["score"].equals(joined["score_right"])
    meta = files.read_json(result.meta)
    assert meta["flags"] == result.flags
    assert meta["quality_limits"] == Bundle.read(bundle).about.contract.quality.model_dump(mode="json")


def test_a_sample_out_of_focus_is_told_as_a_whole(tmp_path: Path) -> None:
    crops = [round_cell(seed=n) for n in range(40)]
    model = tiny_bundle(tmp_path / "bundle", contract=Contract.learn(crops, [None] * 40))
    for n, crop in enumerate(crops):
        (tmp_path / "sample").mkdir(exist_ok=True)
        tifffile.imwrite(tmp_path / "sample" / f"c{n}.tif", blurred(crop) if n % 2 else crop)
    result = predict(model.folder, tmp_path / "sample", tmp_path / "scores.csv")
    assert result.flags["out_of_focus"] == 20
    assert any("50% of the cells are out of focus" in warning for warning in result.warnings)
