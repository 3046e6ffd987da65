"""A full disk and a locked database: told on the page, nothing half kept, and on it goes."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from brightctc.review import replay, store
from reviewed import Room, draw_scores, opened


def grades_of(room: Room) -> int:
    with room.desk.store.reading() as connection:
        return len([found for found, _ in room.desk.store.events(connection) if found.kind == "graded"])


def test_a_locked_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_BUSY_SECONDS", 0)
    with opened(f"sqlite:///{tmp_path}/review.db", draw_scores(tmp_path), blind=0) as room:
        ada = room.enter()
        ada.get("/samples/1")
        other = sqlite3.connect(tmp_path / "review.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        page = ada.post("/cells/1/grade", 503, grade=4)
        assert "Nothing of it was kept" in page
        assert "locked" in page
        assert "Cells of S1" in ada.get("/samples/1")  # reading goes on
        other.execute("ROLLBACK")
        other.close()
        assert grades_of(room) == 0
        ada.post("/cells/1/grade", grade=4)
        assert grades_of(room) == 1
        assert replay.verify(room.desk.store) is None


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/review.db", draw_scores(tmp_path), blind=0) as room:
        ada = room.enter()
        ada.get("/samples/1")
        engine = room.desk.store._engine

        def full(connection: Any, _: Any) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count={pages}")

        engine.dispose()
        event.listen(engine, "connect", full)
        answers = [
            ada.client.post(f"/cells/{cell}/grade", data={"csrf": ada.csrf, "grade": 4, "note": "x" * 900})
            for cell in range(1, 12)
        ]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert refused
        assert all("full" in answer.text for answer in refused)
        event.remove(engine, "connect", full)
        engine.dispose()
        assert grades_of(room) == 11 - len(refused)
        assert replay.verify(room.desk.store) is None
        ada.post("/cells/11/grade", grade=3)
