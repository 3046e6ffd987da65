"""predict: a cell that looks to the network unlike the training cells is flagged, and keeps its score and rank."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile

from brightctc.bundle import Bundle, with_threshold
from brightctc.bundle.folder import LIKENESS
from brightctc.bundle.likeness import FLAG, Likeness, LikenessLimit
from brightctc.bundle.shift import ShiftLimits
from brightctc.errors import UserError
from brightctc.predict import drifting, predict, score_cells
from drawn import Export
from new_samples import NAMES, as_cohort
from tiny_bundle import tiny_bundle


def embedded(export: Export, bundle: Path) -> np.ndarray:
    """How the export's cells look to the network."""
    paths: list[Path | None] = sorted(export.folder.glob("*/*_BF.tif"))
    chunks = score_cells(Bundle.read(bundle), {"bright_field": paths}, embeddings=True)
    return np.concatenate([chunk.embedding for chunk in chunks if chunk.embedding is not None])


@pytest.fixture
def doubting(export: Export, bundle: Path, tmp_path: Path) -> Path:
    """The tiny bundle, knowing how the export's cells look to it."""
    embedding = embedded(export, bundle)
    likeness = Likeness.of(embedding, np.arange(len(embedding)) % 2 == 0)
    assert likeness is not None
    limit = LikenessLimit(limit=float(likeness.distance(embedding).max()) * 1.01, cells=len(embedding))
    return tiny_bundle(tmp_path / "doubting", likeness=likeness, likeness_limit=limit).folder


def test_a_strange_cell_is_flagged_and_not_moved(export: Export, bundle: Path, doubting: Path, tmp_path: Path) -> None:
    cohort = as_cohort(export, tmp_path / "cohort")
    image = tifffile.imread(next(export.folder.glob("S00/*_BF.tif")))
    strange = image.astype(np.float64)
    strange[8:16, 8:16] *= 4
    tifffile.imwrite(tmp_path / "strange.tif", strange.clip(0, 65535).astype(np.uint16))
    table = pl.read_csv(cohort / "cells.csv", infer_schema_length=None)
    path = pl.when(pl.int_range(pl.len()) == 3).then(pl.lit(str(tmp_path / "strange.tif"))).otherwise("bright_field")
    table.with_columns(bright_field=path).write_csv(cohort / "cells.csv")
    plain = predict(bundle, cohort, tmp_path / "plain.csv").table
    found = predict(doubting, cohort, tmp_path / "found.csv")
    flagged = found.table["flags"].fill_null("").str.contains(FLAG)
    assert flagged.arg_true().to_list() == [3]
    assert found.flags[FLAG] == 1
    for column in ("score", "rank", "call"):
        assert found.table[column].equals(plain[column])
    others = plain["flags"].fill_null("").to_list()
    assert [words for index, words in enumerate(found.table["flags"].fill_null("").to_list()) if index != 3] == [
        words for index, words in enumerate(others) if index != 3
    ]


def test_cells_like_the_training_cells_are_not(export: Export, doubting: Path, tmp_path: Path) -> None:
    assert FLAG not in predict(doubting, export.folder, tmp_path / "scores.csv", **NAMES).flags


def shifting(export: Export, doubting: Path, folder: Path, centre: float) -> Path:
    """The doubting bundle with limits for samples about `centre`; the export's own lie near 0."""
    bundle = Bundle.read(doubting)
    assert bundle.likeness is not None
    log = float(np.log(bundle.likeness.distance(embedded(export, doubting))).mean())
    limits = ShiftLimits(
        means=(log, log),
        sds=(1.0, 1.0),
        centre=centre,
        between=0.1,
        within=1.0,
        samples=4,
        freedom=8,
        quantile=2.3,
        cells=20,
    )
    about = bundle.about
    return tiny_bundle(folder, likeness=bundle.likeness, likeness_limit=about.likeness, shift=limits).folder


def test_a_sample_that_looks_unlike_is_told(
    export: Export, doubting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_none = predict(
        shifting(export, doubting, tmp_path / "none", -5.0), export.folder, tmp_path / "n.csv", **NAMES
    )
    assert judged_none.shifts == [], "samples of so few cells"
    monkeypatch.setattr(drifting, "FEWEST_CELLS", 2)
    near = predict(shifting(export, doubting, tmp_path / "near", 0.0), export.folder, tmp_path / "near.csv", **NAMES)
    assert [shift.sample_id for shift in near.shifts] == near.samples["sample_id"].to_list()
    assert [shift.cells for shift in near.shifts] == near.samples["cells"].to_list()
    assert not any("unlike those it was validated on" in warning for warning in near.warnings)
    assert not any(shift.shifted for shift in near.shifts)
    far = predict(shifting(export, doubting, tmp_path / "far", -5.0), export.folder, tmp_path / "far.csv", **NAMES)
    assert all(shift.shifted for shift in far.shifts)
    count = len(far.shifts)
    assert any(f"{count} of {count} samples look to the network unlike" in warning for warning in far.warnings)
    meta = json.loads(far.meta.read_text(encoding="utf-8"))
    assert [row["unlike"] for row in meta["shifts"]] == [shift.unlike for shift in near.shifts]
    assert meta["shifts"][0]["shifted"] is True
    assert far.table.equals(near.table), "nothing else changes"


def test_a_bundle_without_limits_judges_no_sample(export: Export, doubting: Path, tmp_path: Path) -> None:
    assert predict(doubting, export.folder, tmp_path / "scores.csv", **NAMES).shifts == []


def test_a_derived_bundle_keeps_its_doubt(doubting: Path, tmp_path: Path) -> None:
    other = with_threshold(Bundle.read(doubting), "recall=0.9", tmp_path / "other")
    assert other.about.likeness == Bundle.read(doubting).about.likeness
    assert other.likeness is not None


def test_what_it_knows_of_them_is_verified(doubting: Path) -> None:
    (doubting / LIKENESS).unlink()
    with pytest.raises(UserError, match="is missing"):
        Bundle.read(doubting)


def test_where_no_samples_are_known_those_of_donors_are_judged(
    export: Export, doubting: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle learns its limits of donors where its cohort has no samples."""
    monkeypatch.setattr(drifting, "FEWEST_CELLS", 1)
    cohort = as_cohort(export, tmp_path / "cohort")
    table = pl.read_csv(cohort / "cells.csv", infer_schema_length=None)
    owners = pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("D1")).otherwise(pl.lit("D2"))
    table.with_columns(sample_id=pl.lit(None, pl.String), donor_id=owners).write_csv(cohort / "cells.csv")
    found = predict(shifting(export, doubting, tmp_path / "near", 0.0), cohort, tmp_path / "near.csv")
    assert [shift.sample_id for shift in found.shifts] == ["D1", "D2"]
