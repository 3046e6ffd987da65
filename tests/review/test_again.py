"""The same cells once more: scored anew, moved, withdrawn; and ids that numbers would spoil."""

import json
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from brightctc.errors import UserError
from brightctc.predict.table import read_scores
from brightctc.review import samples
from brightctc.review.forgetting import forget
from brightctc.review.labels import export_labels
from brightctc.review.outcomes import join_outcomes
from brightctc.review.samples import all_samples
from brightctc.review.schema import cells, grades
from brightctc.review.store import COMMAND
from reviewed import Room, draw_scores, opened


def scored_again(scores: Path) -> Path:
    """Another table of the same cells."""
    path = scores.with_name("again.csv")
    pl.read_csv(scores).with_columns(pl.col("score") * 0.9).write_csv(path)
    path.with_suffix(".meta.json").write_text(scores.with_suffix(".meta.json").read_text())
    return path


def test_cells_that_are_scored_again_are_not_read_blind_again(room: Room, scores: Path, tmp_path: Path) -> None:
    ada = room.enter()
    ada.read_blind()
    assert "Cells of S1" in ada.get("/samples/1")
    again = scored_again(scores)
    samples.take_in(room.desk.store, [again], COMMAND)
    ada.get("/samples/2/read")
    ada.post("/samples/2/read", turn=0, grade=4)
    with room.desk.store.reading() as connection:
        assert not connection.execute(select(grades.c.blind).order_by(grades.c.id.desc()).limit(1)).scalar()
    url, out = room.desk.store.url, tmp_path / "labels.csv"
    with pytest.raises(UserError, match="several scores tables"):
        export_labels(url, out)
    assert export_labels(url, out, scores=scores).cells == 6
    table = tmp_path / "outcomes.csv"
    table.write_text("cell_id,outcome\nS1/c000,positive\n")
    with pytest.raises(UserError, match="several scores tables"):
        join_outcomes(url, table)
    assert join_outcomes(url, table, scores=again).counts["positive"] == 1
    table.write_text("cell_id\nS1/c000\n")
    with pytest.raises(UserError, match="not in the review"):
        export_labels(url, tmp_path / "other.csv", scores=table)


def test_tables_without_sample_id_are_different_bloods(tmp_path: Path) -> None:
    tables = []
    for folder, size in (("one", 12), ("two", 13)):
        (tmp_path / folder).mkdir()
        tables.append(draw_scores(tmp_path / folder, size))
        pl.read_csv(tables[-1]).drop("sample_id").write_csv(tables[-1])
    with opened(f"sqlite:///{tmp_path}/r.db", tables[0]) as room:
        ada = room.enter()
        ada.read_blind()
        assert "Cells of scores" in ada.get("/samples/1")
        samples.take_in(room.desk.store, [tables[1]], COMMAND)
        assert "Blind reading of scores" in ada.get("/samples/2")
        ada.post("/samples/2/read", turn=0, grade=4)
        with room.desk.store.reading() as connection:
            assert connection.execute(select(grades.c.blind).order_by(grades.c.id.desc()).limit(1)).scalar()


def test_images_that_moved_are_found_again(room: Room, scores: Path, tmp_path: Path) -> None:
    (tmp_path / "cohort").rename(tmp_path / "moved")
    meta = scores.with_suffix(".meta.json")
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"image_root": str(tmp_path / "moved")}))
    for _ in range(2):
        samples.take_in(room.desk.store, [scores], COMMAND)
    ada = room.enter()
    ada.read_blind()
    ada.get("/cells/1/bright_field.png")
    assert ada.get("/audit").count("images moved") == 1


def test_who_withdrew_does_not_come_back(room: Room, scores: Path) -> None:
    ada = room.enter()
    ada.read_blind()
    ada.get("/cells/1/bright_field.png")
    forget(room.desk.store.url, "D1")
    ada.get("/cells/1/bright_field.png", 404)
    assert samples.take_in(room.desk.store, [scores], COMMAND) == []
    with room.desk.store.reading() as connection:
        (left,) = all_samples(connection)
    assert "scores.csv" not in json.dumps(left.about)
    assert left.about["image_root"] == ""


def test_ids_stand_as_the_instrument_wrote_them(tmp_path: Path) -> None:
    scores = draw_scores(tmp_path)
    ids = [f"{number:06d}" for number in range(11)] + ["x-1"]
    table = pl.read_csv(scores).with_columns(
        instrument_cell_id=pl.Series(ids), cartridge_id=pl.lit("90071992547409931"), donor_id=pl.lit("007")
    )
    table.write_csv(scores)
    assert read_scores(scores)["instrument_cell_id"].to_list() == ids
    with opened(f"sqlite:///{tmp_path}/r.db", scores, blind=0) as room:
        with room.desk.store.reading() as connection:
            row = connection.execute(select(cells).order_by(cells.c.id)).first()
        assert row is not None
        known = json.loads(row.further)
        assert (known["instrument_cell_id"], known["cartridge_id"], known["x"]) == ("000000", "90071992547409931", 0.0)
        assert forget(room.desk.store.url, "007").cells == 12
