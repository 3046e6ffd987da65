"""The chain of events, on both databases: whole, in order, and no change of it goes unseen."""

import gc
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from brightctc.errors import UserError
from brightctc.review import replay, schema
from brightctc.review.chain import START, Break, Event, first_break
from brightctc.review.store import Store
from reviewed import Room


@pytest.fixture
def store(database: str) -> Iterator[Store]:
    with Store.opened(database, make=True) as found:
        for number in range(3):
            with found.writing() as writing:
                writing.record("Ada", "said", {"note": f"word {number}"}, number=number)
        yield found


def change(store: Store, statement: str) -> None:
    """What somebody with a database client could do."""
    with store.writing() as writing:
        writing.connection.execute(text(statement))


def test_events_follow_each_other(store: Store) -> None:
    with store.reading() as connection:
        found = [event for event, _ in store.events(connection)]
        assert store.head(connection) == found[-1].hash
    assert [event.number for event in found] == [1, 2, 3]
    assert [event.previous for event in found] == [START, found[0].hash, found[1].hash]
    assert store.verify() is None
    assert "word" not in json.dumps([event.about for event in found])


def test_tables_are_those_of_the_schema(store: Store) -> None:
    with store.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_what_fails_leaves_no_event(store: Store) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"), store.writing() as writing:  # noqa: PT012
        writing.connection.execute(text("DELETE FROM texts"))
        writing.record("Ada", "said", what=object())
    with store.reading() as connection:
        assert len(list(store.events(connection))) == 3
        assert connection.execute(text("SELECT count(*) FROM texts")).scalar() == 3


def test_writers_at_once_leave_no_gap(store: Store) -> None:
    def write() -> None:
        for _ in range(15):
            with store.writing() as writing:
                writing.record("Bo", "said")

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as connection:
        assert len(list(store.events(connection))) == 63
    assert store.verify() is None


@pytest.mark.parametrize(
    ("statement", "number", "why"),
    [
        ("UPDATE events SET about = '{}' WHERE number = 2", 2, "changed"),
        ("UPDATE events SET who = 'Bo' WHERE number = 1", 1, "changed"),
        ("DELETE FROM texts WHERE event = 2; DELETE FROM events WHERE number = 2", 2, "follows event 1"),
        ("UPDATE events SET previous = hash WHERE number = 3", 3, "does not follow"),
        ("UPDATE texts SET text = 'other' WHERE event = 2", 2, "note has been changed"),
        ("UPDATE events SET cell = 9 WHERE number = 2", 2, "changed"),
    ],
)
def test_changes_are_seen(store: Store, statement: str, number: int, why: str) -> None:
    for part in statement.split(";"):
        change(store, part)
    broken = store.verify()
    assert broken is not None
    assert broken.number == number
    assert why in broken.why


def test_a_text_can_be_taken_out(store: Store) -> None:
    change(store, "DELETE FROM texts WHERE event = 2")
    assert store.verify() is None


def test_a_grade_that_was_changed_behind_the_chain_is_seen(room: Room) -> None:
    room.enter().read_blind()
    assert replay.verify(room.desk.store) is None
    change(room.desk.store, "UPDATE grades SET grade = 4 WHERE id = (SELECT min(id) FROM grades)")
    broken = replay.verify(room.desk.store)
    assert broken is not None
    assert "is not the one of this event" in broken.why


def test_a_grade_that_is_gone_is_seen(room: Room) -> None:
    room.enter().read_blind()
    change(room.desk.store, "DELETE FROM grades WHERE id = (SELECT min(id) FROM grades)")
    broken = replay.verify(room.desk.store)
    assert broken is not None
    assert "gone" in broken.why


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        (
            ["UPDATE cells SET cell_id = 'a' WHERE id = 1", "UPDATE cells SET cell_id = 'S1/c000' WHERE id = 2"],
            "cells of",
        ),
        (["UPDATE cells SET bright_field = 'images/S1_1_bright_field.png' WHERE id = 1"], "cells of sample 1"),
        (["DELETE FROM openings"], "saw scores is no longer known"),
        (["UPDATE readers SET role = 'lead' WHERE name = 'Bo'"], "signed up as reader"),
        (["UPDATE grades SET blind = NOT blind WHERE id = (SELECT min(id) FROM grades)"], "grade of cell"),
    ],
)
def test_what_events_tell_of_is_checked(room: Room, statements: list[str], why: str) -> None:
    ada = room.enter("Ada")
    ada.read_blind()
    room.enter("Bo", "reader").read_blind()
    ada.get("/samples/1")
    assert replay.verify(room.desk.store) is None
    for statement in statements:
        change(room.desk.store, statement)
    broken = replay.verify(room.desk.store)
    assert broken is not None
    assert why in broken.why


def test_a_hash_depends_on_every_part() -> None:
    first = Event(1, "2026-01-01T00:00:00+00:00", "Ada", "said", None, {"a": 1}, START)
    others = [
        Event(2, first.at, first.who, first.kind, None, first.about, first.previous),
        Event(1, "2026-01-02T00:00:00+00:00", first.who, first.kind, None, first.about, first.previous),
        Event(1, first.at, "Bo", first.kind, None, first.about, first.previous),
        Event(1, first.at, first.who, "read", None, first.about, first.previous),
        Event(1, first.at, first.who, first.kind, None, {"a": 2}, first.previous),
        Event(1, first.at, first.who, first.kind, None, first.about, "1" * 64),
        Event(1, first.at, first.who, first.kind, 7, first.about, first.previous),
    ]
    assert len({event.hash for event in (first, *others)}) == 8
    assert first_break([(first, first.hash)]) is None
    assert first_break([(others[0], others[0].hash)]) == Break(1, "event 2 follows event 0")


@pytest.mark.parametrize("url", ["nothing", "sqlite://", "sqlite:///:memory:", "mysql://host/name", "oracle://x", ""])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(UserError) as refused, Store.opened(url, make=True):
        pass
    assert "review.db" in (refused.value.fix or "")


def test_postgresql_without_its_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UserError) as refused, Store.opened("postgresql://host/name", make=True):
        pass
    assert "pip install 'brightctc[postgres]'" in (refused.value.fix or "")


def test_a_missing_file_is_made_only_when_asked(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such database"), Store.opened(f"sqlite:///{tmp_path}/a.db"):
        pass
    with pytest.raises(UserError, match="no such folder"), Store.opened(f"sqlite:///{tmp_path}/a/a.db", make=True):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("hello, I am no database at all. " * 100)
    with pytest.raises(UserError, match="can't be opened"), Store.opened(f"sqlite:///{tmp_path}/a.db"):
        pass


def test_a_later_database_is_refused(store: Store) -> None:
    change(store, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UserError, match="later brightctc"), Store.opened(store.url):
        pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # psycopg leaves what it tried
def test_a_server_that_is_away_is_told() -> None:
    with pytest.raises(UserError, match="can't be opened"), Store.opened("postgresql://nobody@127.0.0.1:9/none"):
        pass
    gc.collect()
