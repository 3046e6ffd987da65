"""Labels for the next training: who said it, how the cell came up, and whether a score was in view."""

import csv
from pathlib import Path

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from brightctc.cli.app import app
from brightctc.cohort import READ_BLIND, READ_IN_VIEW
from brightctc.errors import UserError
from brightctc.review.labels import COLUMNS, export_labels
from brightctc.review.schema import turns
from reviewed import Room, draw_scores, opened


def rows_of(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["cell_id"]: row for row in csv.DictReader(file)}


def test_labels_say_how_they_came_about(room: Room, tmp_path: Path) -> None:
    ada, bo = room.enter("Ada"), room.enter("Bo")
    ada.read_blind(grades=[4])
    bo.read_blind(grades=[3])
    with room.desk.store.reading() as connection:
        queued = {row.cell: row.probability for row in connection.execute(select(turns).where(turns.c.occasion == 1))}
    gallery = next(cell for cell in range(1, 12) if cell not in queued)
    settled = min(queued)
    for person in (ada, bo):
        person.post(f"/cells/{gallery}/grade", grade=2)
    ada.post(f"/cells/{settled}/grade", grade=0, reason="gone")
    out = tmp_path / "labels.csv"
    found = export_labels(room.desk.store.url, out)
    rows = rows_of(out)
    assert tuple(next(iter(rows.values()))) == COLUMNS
    assert (found.cells, found.labelled) == (7, 6)
    assert len(rows) == 7
    for cell, probability in queued.items():
        row = rows[f"S1/c{cell - 1:03d}"]
        if cell == settled:
            assert (row["label"], row["verdict"], row["label_source"]) == ("", "open", READ_IN_VIEW)
            continue
        assert (row["label"], row["label_source"], row["readers"]) == ("CTC", READ_BLIND, "2")
        assert row["queue"] == ("rank" if probability == 1 else "random")
        assert bool(row["selected_by"]) == (probability == 1)
        assert float(row["inclusion_probability"]) == pytest.approx(1 if probability == 1 else 3 / 9, abs=1e-5)
    row = rows[f"S1/c{gallery - 1:03d}"]
    assert (row["label"], row["label_source"], row["queue"]) == ("not CTC", READ_IN_VIEW, "gallery")
    assert row["inclusion_probability"] == ""
    assert {row["chain_head"] for row in rows.values()} == {found.head}
    assert {row["bundle_hash"] for row in rows.values()} == {"a" * 64}


def test_the_command(tmp_path: Path) -> None:
    db, out, run = f"sqlite:///{tmp_path}/r.db", tmp_path / "labels.csv", CliRunner()
    with opened(db, draw_scores(tmp_path)) as room:
        with pytest.raises(UserError, match="nobody has graded"):
            export_labels(db, out)
        assert not out.exists()
        room.enter().read_blind()
    assert isinstance(run.invoke(app, ["review", "export", "--db", db]).exception, UserError)
    shown = run.invoke(app, ["review", "export", "--labels", str(out), "--db", db])
    assert "6 graded cells, 0 with a label" in shown.output
    assert isinstance(run.invoke(app, ["review", "export", "--labels", str(out), "--db", db]).exception, UserError)
