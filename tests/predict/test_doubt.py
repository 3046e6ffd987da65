"""predict: a cell that looks to the network unlike the training cells is flagged, and keeps its score and rank."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile

from brightctc.bundle import Bundle, with_threshold
from brightctc.bundle.folder import LIKENESS
from brightctc.bundle.likeness import FLAG, Likeness, LikenessLimit
from brightctc.errors import UserError
from brightctc.predict import predict, score_cells
from drawn import Export
from new_samples import NAMES, as_cohort
from tiny_bundle import tiny_bundle


@pytest.fixture
def doubting(export: Export, bundle: Path, tmp_path: Path) -> Path:
    """The tiny bundle, knowing how the export's cells look to it."""
    paths: list[Path | None] = sorted(export.folder.glob("*/*_BF.tif"))
    embedding = np.concatenate(
        [
            chunk.embedding
            for chunk in score_cells(Bundle.read(bundle), {"bright_field": paths}, embeddings=True)
            if chunk.embedding is not None
        ]
    )
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


def test_a_derived_bundle_keeps_its_doubt(doubting: Path, tmp_path: Path) -> None:
    other = with_threshold(Bundle.read(doubting), "recall=0.9", tmp_path / "other")
    assert other.about.likeness == Bundle.read(doubting).about.likeness
    assert other.likeness is not None


def test_what_it_knows_of_them_is_verified(doubting: Path) -> None:
    (doubting / LIKENESS).unlink()
    with pytest.raises(UserError, match="is missing"):
        Bundle.read(doubting)
