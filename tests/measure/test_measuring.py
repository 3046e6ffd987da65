"""`brightctc measure`: a row for every cell, whatever is wrong with it; units, limits, masks, files."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import tifffile
from typer.testing import CliRunner

from brightctc.cli.app import app
from brightctc.cohort import Classes, CohortFile, SplitFile, write_cohort, write_split
from brightctc.errors import UserError
from brightctc.measure import measure
from brightctc.measure.masks import mask_names
from drawn_faults import blurred, even, pair, round_cell

ODD = {
    "usual": (round_cell(seed=99), ""),
    "blank": (np.full((40, 40), 2000, np.uint16), "constant;no_cell"),
    "white": (np.full((40, 40), 65535, np.uint16), "constant;saturated;no_cell;background_outside"),
    "empty": (even(40), "no_cell"),
    "two cells": (pair(), "touching_cells"),
    "nucleus only": (even(40, 1), "no_cell;nucleus_without_cell"),
    "16 px": (round_cell(16, 4.5), "small_object"),
    "unsharp": (blurred(round_cell()), "out_of_focus"),
}  # fmt: skip


def cohort_of(folder: Path, crops: dict[str, np.ndarray], **columns: list[Any]) -> Path:
    """A cohort of these crops, by cell id; `columns` have a value a cell."""
    folder.mkdir(parents=True)
    paths = []
    for number, crop in enumerate(crops.values()):
        paths.append(str(folder / f"{number}.tif"))
        tifffile.imwrite(paths[-1], crop)
    cells = pl.DataFrame({"cell_id": list(crops), "bright_field": paths, **columns})
    classes = Classes(negative="leukocyte", positive="CTC")
    write_cohort(folder, cells, CohortFile(name="odd", classes=classes, channels=("bright_field",)))
    return folder


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 usual cells, then one of each of ODD, a missing and a damaged file; only `nucleus only` has DAPI."""
    folder = tmp_path_factory.mktemp("odd")
    crops = {f"c{n}": round_cell(radius=9 + n % 3, seed=n) for n in range(40)} | {k: c for k, (c, _) in ODD.items()}
    root = cohort_of(folder / "cohort", {**crops, "missing": crops["c0"], "damaged": crops["c1"]})
    stain = (100 + 900 * (np.hypot(*(np.mgrid[:40, :40] - 19.5)) < 7)).astype(np.uint16)
    tifffile.imwrite(root / "dapi.tif", stain + np.random.default_rng(0).integers(0, 9, (40, 40), dtype=np.uint16))
    cells = pl.read_csv(root / "cells.csv")
    dapi = [str(root / "dapi.tif") if name == "nucleus only" else None for name in cells["cell_id"]]
    missing, damaged = (Path(path) for path in cells["bright_field"][-2:])
    missing.unlink()
    damaged.write_bytes(damaged.read_bytes()[:300])
    about = CohortFile(name="odd", classes=None, channels=("bright_field", "dapi"))
    write_cohort(root, cells.with_columns(dapi=pl.Series(dapi, dtype=pl.String)), about)
    return root


@pytest.fixture(scope="module")
def measured(odd: Path) -> pl.DataFrame:
    return measure(odd, odd.parent / "features.parquet", masks=odd.parent / "masks").table


def test_every_cell_has_a_row_in_its_order(odd: Path, measured: pl.DataFrame) -> None:
    cells = pl.read_csv(odd / "cells.csv")
    assert measured["cell_id"].to_list() == cells["cell_id"].to_list()
    assert measured.columns[:3] == ["cell_id", "flags", "error"]
    assert measured.columns[-2:] == ["bright_field", "dapi"]


@pytest.mark.parametrize("name", ODD)
def test_odd_crops_have_their_flags(measured: pl.DataFrame, name: str) -> None:
    row = measured.row(by_predicate=pl.col("cell_id") == name, named=True)
    assert (row["flags"] or "") == ODD[name][1]
    assert row["error"] is None
    assert (row["cell_area_px2"] is None) == ("no_cell" in ODD[name][1])
    assert (row["nucleus_area_px2"] is not None) == (name == "nucleus only")


def test_usual_cells_have_no_flags_and_every_feature(measured: pl.DataFrame) -> None:
    usual = measured.filter(pl.col("cell_id").str.starts_with("c"))
    assert usual["flags"].null_count() >= usual.height - 1
    features = [
        name for name in measured.columns if name.startswith(("cell_", "edge_", "texture_")) and name != "cell_id"
    ]
    assert usual.select(features).null_count().sum_horizontal()[0] == 0


@pytest.mark.parametrize(("name", "error"), [("missing", "missing: "), ("damaged", "unreadable: ")])
def test_unreadable_cells_are_rows_with_their_error(measured: pl.DataFrame, name: str, error: str) -> None:
    row = measured.row(by_predicate=pl.col("cell_id") == name, named=True)
    assert row["error"].startswith(error)
    assert row["flags"] is None
    assert row["focus"] is None
    empty = measured.row(by_predicate=pl.col("cell_id") == "empty", named=True)
    assert (empty["focus"], empty["centre_distance"]) == (None, None)


def test_masks_are_label_images(odd: Path, measured: pl.DataFrame) -> None:
    masks = odd.parent / "masks"
    row = measured.row(by_predicate=pl.col("cell_id") == "usual", named=True)
    labels = tifffile.imread(masks / row["mask"])
    assert labels.dtype == np.uint8
    assert (labels == 1).sum() == row["cell_area_px2"]
    stained = measured.row(by_predicate=pl.col("cell_id") == "nucleus only", named=True)
    assert (tifffile.imread(masks / stained["mask"]) == 2).sum() == stained["nucleus_area_px2"]
    assert measured.row(by_predicate=pl.col("cell_id") == "missing", named=True)["mask"] is None
    assert len(list(masks.rglob("*.tif"))) == measured.height - 2


def test_meta_tells_every_column_flag_and_limit(odd: Path, measured: pl.DataFrame) -> None:
    meta = json.loads((odd.parent / "features.meta.json").read_text(encoding="utf-8"))
    told = {row["column"] for row in meta["columns"]}
    plain = {"cell_id", "flags", "error", "mask", "bright_field", "dapi"}
    assert set(measured.columns) - told == plain
    assert (meta["unit"], meta["limits_from"], meta["unreadable"]) == ("px", "all", 2)
    assert meta["limits"]["focus"]["low"] > 0
    assert set(meta["flags"]) <= set(meta["flag_meanings"])
    assert pl.read_parquet(odd.parent / "features.parquet").equals(measured)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_processes_changes_nothing(
    odd: Path, measured: pl.DataFrame, workers: int, tmp_path: Path
) -> None:
    table = measure(odd, tmp_path / "features.csv", workers=workers).table
    assert table.equals(measured.drop("mask"))


def test_limits_are_learned_from_the_training_part(tmp_path: Path) -> None:
    crops = {f"c{n}": round_cell(seed=n) if n < 30 else blurred(round_cell(seed=n)) for n in range(60)}
    root = cohort_of(tmp_path / "cohort", crops)
    parts = ["train" if n < 30 else "test" for n in range(60)]
    write_split(root, pl.DataFrame({"cell_id": list(crops), "part": parts}), SplitFile(by="cell_id", settings={}))
    result = measure(root, tmp_path / "features.csv")
    assert result.limits_from == "train"
    assert result.limits.cells == 30
    flagged = result.table.filter(pl.col("flags").str.contains("out_of_focus"))
    assert set(flagged["part"]) == {"test"}
    assert flagged.height == 30


@pytest.mark.parametrize(
    ("sizes", "unit", "warned"),
    [
        pytest.param([0.5, 0.25], "um", False, id="all known"),
        pytest.param([None, None], "px", False, id="none known"),
        pytest.param([0.5, None], "px", True, id="some known"),
    ],
)
def test_one_unit_for_all(tmp_path: Path, sizes: list[float | None], unit: str, warned: bool) -> None:
    root = cohort_of(tmp_path / "cohort", {"a": round_cell(), "b": round_cell()}, pixel_size_um=sizes)
    result = measure(root, tmp_path / "features.csv")
    diameters = result.table[f"cell_diameter_{unit}"]
    assert diameters[0] == pytest.approx(diameters[1] * (2 if unit == "um" else 1))
    assert bool(result.warnings) == warned


def test_columns_of_the_cohort_stay_and_make_room(tmp_path: Path) -> None:
    root = cohort_of(tmp_path / "cohort", {"a": round_cell()}, flags=["mine"], remark=["kept"], sample_id=["S1"])
    table = measure(root, tmp_path / "features.csv").table
    assert (table["input_flags"][0], table["remark"][0], table.columns[1]) == ("mine", "kept", "sample_id")


def test_columns_of_an_earlier_table_make_room_too(tmp_path: Path) -> None:
    root = cohort_of(tmp_path / "cohort", {"a": round_cell()}, flags=["second"], input_flags=["first"])
    table = measure(root, tmp_path / "features.csv").table
    assert (table["input_flags"][0], table["input_input_flags"][0]) == ("first", "second")


def test_ids_make_file_names_that_stay_in_their_folder() -> None:
    ids = ["S01/c1", "../c1", "S 1/c%1", "a/../b", "/etc/x", "ü", "..", "a//b", "c.1", "."]
    names = mask_names(ids)
    assert names[0] == Path("S01/c1.tif")
    assert names[8] == Path("c.1.tif")
    assert len(set(names)) == len(ids)
    for name in names:
        assert not name.is_absolute()
        assert ".." not in name.parts
        assert name.as_posix().isascii()


@pytest.mark.parametrize(
    ("target", "options", "what"),
    [
        pytest.param("features.xlsx", {}, "not as .xlsx", id="ending"),
        pytest.param("features", {}, "without an ending", id="no ending"),
        pytest.param("features.h5ad", {}, "needs the package anndata", id="no anndata"),
        pytest.param("features.csv", {"with_cellprofiler": True}, "needs? the package cp-measure", id="no cp-measure"),
    ],
)
def test_what_can_not_be_written_is_told_before_the_work(
    odd: Path, tmp_path: Path, target: str, options: dict[str, bool], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("anndata", "cp_measure", "cp_measure.bulk"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=what):
        measure(odd, tmp_path / target, **options)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_unasked(odd: Path, tmp_path: Path) -> None:
    target = tmp_path / "features.csv"
    target.write_text("mine")
    with pytest.raises(UserError, match="already exists"):
        measure(odd, target)
    assert target.read_text() == "mine"
    (tmp_path / "masks").mkdir()
    (tmp_path / "masks" / "mine.tif").write_text("mine")
    with pytest.raises(UserError, match="already exists"):
        measure(odd, tmp_path / "other.csv", masks=tmp_path / "masks")
    assert not (tmp_path / "other.csv").exists()
    measure(odd, tmp_path / "same.csv")
    with pytest.raises(UserError, match="already exists") as told:  # its same.meta.json would be overwritten
        measure(odd, tmp_path / "same.parquet")
    assert "same.meta.json" in str(told.value.where)
    assert measure(odd, target, overwrite=True).table.height == 50


def test_ids_that_occur_twice_are_refused(tmp_path: Path) -> None:
    root = cohort_of(tmp_path / "cohort", {"a": round_cell(), "b": round_cell()})
    cells = pl.read_csv(root / "cells.csv").with_columns(cell_id=pl.lit("a"))
    write_cohort(root, cells, CohortFile(name="twice", classes=None, channels=("bright_field",)))
    with pytest.raises(UserError, match="occurs twice"):
        measure(root, tmp_path / "features.csv")


def test_the_command_prints_flags_limits_and_json(odd: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["measure", str(odd), str(tmp_path / "features.csv")])
    assert done.exit_code == 0, done.output
    for words in ("50 cells measured; lengths in px", "out_of_focus", "small_object", "2 cells could not be read"):
        assert words in done.output
    shutil.rmtree(tmp_path)
    done = CliRunner().invoke(app, ["measure", str(odd), str(tmp_path / "features.csv"), "--json"])
    told = json.loads(done.stdout)
    assert (told["cells"], told["unreadable"], told["flags"]["touching_cells"]) == (50, 2, 1)
