"""Grades with scores in view: a change says why, what was said blind stays, and all of it can be taken back."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from brightctc.errors import UserError
from brightctc.review import replay
from brightctc.review.accounts import Reader, everyone
from brightctc.review.grading import AGAIN, FIRST, OPEN, Said, given_to, grade
from brightctc.review.schema import events, grades
from reviewed import Room, text_of


@pytest.fixture
def reader(room: Room) -> Reader:
    room.enter("Ada")
    with room.desk.store.reading() as connection:
        return everyone(connection)[0][0]


def kept(room: Room) -> list[tuple[int, int, int | None, bool]]:
    """cell, occasion, grade, blind of all rows."""
    with room.desk.store.reading() as connection:
        rows = connection.execute(select(grades).order_by(grades.c.cell, grades.c.occasion)).all()
    return [(row.cell, row.occasion, row.grade, bool(row.blind)) for row in rows]


def test_a_change_needs_a_reason(room: Room, reader: Reader) -> None:
    grade(room.desk.store, reader, 1, Said(3))
    with pytest.raises(UserError, match="needs a reason"):
        grade(room.desk.store, reader, 1, Said(1))
    with pytest.raises(UserError, match="needs a reason"):
        grade(room.desk.store, reader, 1, Said(1, reason="  "))
    assert kept(room) == [(1, OPEN, 3, False)]
    assert grade(room.desk.store, reader, 1, Said(1, reason="saw the nucleus")) is not None
    assert kept(room) == [(1, OPEN, 1, False)]


def test_the_same_again_is_no_event(room: Room, reader: Reader) -> None:
    store = room.desk.store
    assert grade(store, reader, 1, Said(3, note="round")) is not None
    assert grade(store, reader, 1, Said(3, note="round")) is None
    assert grade(store, reader, 1, Said(3, note="round, bright")) is not None
    assert grade(store, reader, 2, Said(None)) is None


def test_what_was_said_blind_stays(room: Room, reader: Reader) -> None:
    store = room.desk.store
    grade(store, reader, 1, Said(1, FIRST, blind=True))
    grade(store, reader, 1, Said(2, AGAIN, blind=True))
    with pytest.raises(UserError, match="needs a reason"):
        grade(store, reader, 1, Said(4))
    grade(store, reader, 1, Said(4, reason="DAPI"))
    assert kept(room) == [(1, OPEN, 4, False), (1, FIRST, 1, True), (1, AGAIN, 2, True)]
    grade(store, reader, 1, Said(None, reason="undone"))
    assert kept(room) == [(1, OPEN, None, False), (1, FIRST, 1, True), (1, AGAIN, 2, True)]
    with store.reading() as connection:
        kinds = connection.execute(select(events.c.kind).where(events.c.cell == 1).order_by(events.c.number)).scalars()
        assert list(kinds) == ["graded", "graded", "changed", "took back"]
    assert replay.verify(store) is None


def test_what_was_said_blind_said_again_stays_blind(room: Room, reader: Reader) -> None:
    store = room.desk.store
    grade(store, reader, 1, Said(3, FIRST, blind=True, note="rim"))
    assert grade(store, reader, 1, Said(3)) is None
    assert grade(store, reader, 1, Said(3, note="rim")) is None
    assert kept(room) == [(1, FIRST, 3, True)]
    assert grade(store, reader, 1, Said(3, note="rim, and a bleb")) is not None


def test_taking_back_a_change_brings_the_grade_before_it(room: Room) -> None:
    ada = room.enter("Ada")
    ada.read_blind()
    cell = next(cell for cell in range(1, 12) if "why it changes" not in ada.get(f"/cells/{cell}"))
    ada.post(f"/cells/{cell}/grade", grade=3)
    ada.post(f"/cells/{cell}/grade", grade=1, reason="x")
    ada.post(f"/cells/{cell}/back")
    assert [row[2] for row in kept(room) if row[:2] == (cell, OPEN)] == [3]


def test_taking_back_goes_one_further_each_time(room: Room) -> None:
    ada = Room(replace(room.desk, queue=0)).enter("Ada")
    for cell, form in (
        (1, {"grade": 3, "note": "rim"}), (1, {"grade": 3}), (2, {"grade": 2}), (1, {"grade": 1, "reason": "x"}),
    ):  # fmt: skip
        ada.post(f"/cells/{cell}/grade", **form)
    seen = []
    for _ in range(5):
        ada.post("/cells/5/back")
        with room.desk.store.reading() as connection:
            given = {cell: given_to(connection, cell) for cell in (1, 2)}
        seen.append([(cell, one.grade, one.note) for cell, all_of_it in given.items() for one in all_of_it])
    assert seen == [[(1, 3, ""), (2, 2, "")], [(1, 3, "")], [(1, 3, "rim")], [], []]
    ada.post("/cells/2/grade", grade=4)
    ada.post("/cells/5/back")
    assert [row[2] for row in kept(room)] == [None, None]
    assert replay.verify(room.desk.store) is None


@pytest.mark.parametrize("value", [-1, 5, 40])
def test_grades_that_are_none(value: int) -> None:
    with pytest.raises(UserError, match="a grade is"):
        Said(value)


def test_long_notes_and_unknown_cells(room: Room, reader: Reader) -> None:
    with pytest.raises(UserError, match="1000 letters"):
        Said(1, note="x" * 1001)
    with pytest.raises(UserError, match="1000 letters"):
        Said(1, reason="x" * 1001)
    with pytest.raises(UserError, match="no such cell"):
        grade(room.desk.store, reader, 999, Said(1))


def test_readers_see_their_own_grades_and_leads_see_all(room: Room) -> None:
    ada, bo = room.enter("Ada"), room.enter("Bo", "reader")
    for person, value in ((ada, 3), (bo, 1)):
        person.read_blind(grades=[value])
    page = bo.post("/cells/1/grade", grade=2, note="<b>odd</b>", reason="looked again")
    assert "2 of 12" in text_of(page)
    own, all_of_it = bo.get("/cells/1"), ada.get("/cells/1")
    assert "Ada" not in own
    assert "Bo" in all_of_it
    assert "&lt;b&gt;odd" in all_of_it
    assert "<b>odd" not in all_of_it


def test_taking_back_in_the_gallery(room: Room) -> None:
    ada = room.enter("Ada")
    ada.read_blind()
    ada.post("/cells/3/grade?order=row", grade=4, reason="x")
    page = ada.post("/cells/4/back?order=row")
    assert "S1/c002 ·" in page
    assert [row[2] for row in kept(room) if row[0] == 3 and row[1] == OPEN] == [None]
    assert "S1/c003 ·" in ada.post("/cells/4/back")
