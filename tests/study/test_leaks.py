"""Planted faults: what would flatter a figure is refused, or said on top of the report."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile

from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.learn import train
from brightctc.study import safeguards
from studied import TINY, drawn_cohort, tiny


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    return drawn_cohort(tmp_path)


def part_of(cohort: Path, part: str) -> pl.DataFrame:
    return Cohort.read(cohort).part(part)


def replaced(cohort: Path, cell: str, column: str, image: Path) -> None:
    """Another image for one cell."""
    cells = pl.read_csv(cohort / "cells.csv")
    value = pl.when(pl.col("cell_id") == cell).then(pl.lit(str(image))).otherwise(pl.col(column))
    cells.with_columns(value.alias(column)).write_csv(cohort / "cells.csv")


def donor_in_two_parts(cohort: Path, _tmp: Path) -> None:
    parts = pl.read_csv(cohort / "splits.csv")
    moved = part_of(cohort, "test")["cell_id"][0]
    part = pl.when(pl.col("cell_id") == moved).then(pl.lit("train")).otherwise(pl.col("part"))
    parts.with_columns(part.alias("part")).write_csv(cohort / "splits.csv")


def turned_copy_in_validation(cohort: Path, tmp: Path) -> None:
    held = Cohort.read(cohort)
    source = held.path(part_of(cohort, "train")["bright_field"][0])
    tifffile.imwrite(tmp / "turned.tif", np.ascontiguousarray(np.rot90(tifffile.imread(source))))
    replaced(cohort, part_of(cohort, "validation")["cell_id"][0], "bright_field", tmp / "turned.tif")


def dapi_copy_in_validation(cohort: Path, tmp: Path) -> None:
    held = Cohort.read(cohort)
    source = held.path(part_of(cohort, "train")["dapi"][0])
    shutil.copy(source, tmp / "copy.tif")
    replaced(cohort, part_of(cohort, "validation")["cell_id"][0], "bright_field", tmp / "copy.tif")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (donor_in_two_parts, "1 donor with cells in more than one part"),
        (turned_copy_in_validation, "the same bright-field pixels in two parts"),
        (dapi_copy_in_validation, "one's bright field in another's DAPI in two parts"),
    ],
)
def test_a_study_does_not_start(cohort: Path, tmp_path: Path, fault, words: str) -> None:
    fault(cohort, tmp_path)
    with pytest.raises(UserError, match=words):
        tiny("ablation", cohort, tmp_path / "study")
    assert not (tmp_path / "study" / "runs").exists()


@pytest.mark.slow
def test_first_weights_that_met_a_test_donor_are_refused(cohort: Path, tmp_path: Path) -> None:
    """A teacher's weights: trained on another split, in which test donors were training donors."""
    from studied import divide

    divide(cohort, {0: "test", 6: "validation", 8: "train"})
    teacher = train(cohort, tmp_path / "teacher", settings=TINY, threads=1).bundle.folder / "weights.safetensors"
    divide(cohort)
    settings = [*TINY, f"backbone.weights={teacher}"]
    with pytest.raises(UserError, match="first weights have met"):
        train(cohort, tmp_path / "pupil", settings=settings, threads=1)
    divide(cohort, {0: "pool", 6: "test", 8: "train", 12: "validation"})
    with pytest.raises(UserError, match="first weights have met"):
        train(cohort, tmp_path / "pupil", settings=settings, threads=1)  # D06 and D07 judged the teacher
    divide(cohort, {0: "test", 6: "pool", 8: "train", 14: "pool"} | {13: "validation"})
    with pytest.raises(UserError, match="first weights have met"):
        train(cohort, tmp_path / "pupil", settings=settings, threads=1)
    copied = tmp_path / "alone.safetensors"
    shutil.copy(teacher, copied)
    divide(cohort)
    pupil = train(cohort, tmp_path / "pupil", settings=[*TINY, f"backbone.weights={copied}"], threads=1)
    assert any(
        "what these were trained on is not known" in words for words in pupil.bundle.about.provenance.assumptions
    )


@pytest.mark.slow
@pytest.mark.parametrize("way", ["none", "mix"])
def test_normalisation_has_not_seen_test_donors(cohort: Path, tmp_path: Path, way: str) -> None:
    """Other pixels of the test and sealed donors change nothing in the bundle."""
    settings = [*TINY, "preprocess.intensity=bit_depth", f"dapi.way={way}"]
    first = train(cohort, tmp_path / "one", settings=settings, threads=1).bundle
    for part in ("test", "sealed"):
        held = Cohort.read(cohort)
        rows = held.part(part)
        for path in (*held.paths(rows, "bright_field"), *held.paths(rows, "dapi")):
            assert path is not None
            image = tifffile.imread(path)
            path.unlink()
            tifffile.imwrite(path, np.minimum(image.astype(np.uint32) * 9, 65535).astype(np.uint16))
    second = train(cohort, tmp_path / "two", settings=settings, threads=1).bundle
    assert first.preparation == second.preparation
    assert first.hash == second.hash


@pytest.mark.slow
def test_a_cartridge_that_predicts_the_class_is_said_on_top(cohort: Path, tmp_path: Path) -> None:
    cells = pl.read_csv(cohort / "cells.csv")
    cells.with_columns(cartridge_id=pl.format("K-{}", "label")).write_csv(cohort / "cells.csv")
    result = tiny("dapi", cohort, tmp_path / "study", seeds=1, ways=("mix",), baselines=("border",))
    assert any("cartridge_id" in warning for warning in result.warnings)
    page = (tmp_path / "study" / "report.html").read_text(encoding="utf-8")
    assert page.index("cartridge_id") < page.index("Every row</h2>")


@pytest.mark.slow
def test_what_was_checked_is_not_checked_again(cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny("dapi", cohort, tmp_path / "study", seeds=1, ways=("mix",), baselines=())
    monkeypatch.setattr(safeguards, "read_crops", lambda *_: pytest.fail("looked twice"))
    tiny("dapi", cohort, tmp_path / "study", seeds=1, ways=("mix",), baselines=())
