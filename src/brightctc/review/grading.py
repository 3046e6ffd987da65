"""Grades: what a reader says of a cell. Each is an event; a change says why."""

import json
from dataclasses import dataclass

from sqlalchemy import Connection, ScalarSelect, Select, and_, insert, select, update

from brightctc.errors import UserError
from brightctc.review.accounts import Reader
from brightctc.review.schema import cells, events, grades, readers, texts
from brightctc.review.store import Store

WORDS = ("dummy", "definitely not", "most likely not", "most likely", "definitely")
"""Of the grades 0 to 4; from 1 on followed by the positive class."""
OPEN, FIRST, AGAIN = 0, 1, 2
"""Occasions: with scores in view; in the blind reading; and once more there, unannounced."""
LONGEST_NOTE = 1000
KINDS = ("graded", "changed", "took back")
"""Of events about a grade."""


@dataclass(frozen=True)
class Given:
    """A grade that stands. at: UTC. reader: by name."""

    reader: str
    grade: int
    note: str
    blind: bool
    occasion: int
    at: str


@dataclass(frozen=True)
class Said:
    """What is said of a cell. value: the grade; None takes it back. blind: no score of the sample was seen before."""

    value: int | None
    occasion: int = OPEN
    blind: bool = False
    note: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if self.value is not None and self.value not in range(len(WORDS)):
            raise UserError("a grade is 0, 1, 2, 3 or 4", "grade", "press one of these keys")
        if len(self.note) > LONGEST_NOTE or len(self.reason) > LONGEST_NOTE:
            raise UserError(f"a note has {LONGEST_NOTE} letters at most", "note", "shorten it")


def grade(store: Store, reader: Reader, cell: int, said: Said) -> int | None:
    """Keep a grade; the number of its event, None where nothing changed. It is on the disk once this returns.

    Raises UserError for an unknown cell, or a change without a reason.
    """
    with store.writing() as writing:
        connection = writing.connection
        sample = connection.execute(select(cells.c.sample).where(cells.c.id == cell)).scalar()
        if sample is None:
            raise UserError("there is no such cell", f"cell {cell}", "go back to the sample")
        own = and_(grades.c.cell == cell, grades.c.reader == reader.id, grades.c.occasion == said.occasion)
        row = connection.execute(_with_notes(select(grades, texts.c.text)).where(own)).first()
        if row is not None and row.grade is not None:
            was, notes = row.grade, {row.text or ""}
        else:
            was, note = _blind_one(connection, reader, cell, said)
            notes = {"", note}  # what was said blind, said again, stays blind
            if said.value is None:
                return None  # nothing to take back
        if said.value == was and said.note in notes:
            return None
        changes = was is not None and said.value is not None and said.value != was
        if changes and not said.reason.strip():
            raise UserError("a change of a grade needs a reason", "reason", "say why")
        number = writing.record(
            reader.name,
            "took back" if said.value is None else "changed" if changes else "graded",
            {"note": said.note, "reason": said.reason.strip()},
            cell=cell,
            sample=sample,
            **{"from": was, "to": said.value},  # a keyword of Python's
            blind=said.blind,
            occasion=said.occasion,
        )
        values = {"blind": said.blind, "grade": said.value, "event": number}
        if row is None:
            keys = {"cell": cell, "reader": reader.id, "occasion": said.occasion}
            connection.execute(insert(grades).values(keys | values))
        else:
            connection.execute(update(grades).where(own).values(values))
    return number


def given_to(connection: Connection, cell: int) -> list[Given]:
    """All grades of a cell that stand, by reader."""
    rows = connection.execute(
        _with_notes(select(readers.c.name, grades, events.c.at, texts.c.text))
        .join(readers, readers.c.id == grades.c.reader)
        .join(events, events.c.number == grades.c.event)
        .where(grades.c.cell == cell, grades.c.grade.is_not(None))
        .order_by(readers.c.name, events.c.number)
    )
    return [Given(row.name, row.grade, row.text or "", bool(row.blind), row.occasion, row.at) for row in rows]


def standing_grade(reader: int, occasions: tuple[int, ...] = (OPEN, FIRST)) -> ScalarSelect[int]:
    """Within a query over cells: what the reader says of each now, the later occasion before the blind one."""
    of = grades.c
    return (
        select(of.grade)
        .where(of.cell == cells.c.id, of.reader == reader, of.occasion.in_(occasions), of.grade.is_not(None))
        .order_by(of.occasion)
        .limit(1)
        .scalar_subquery()
    )


def last_of(connection: Connection, reader: Reader, sample: int, occasions: tuple[int, ...]) -> tuple[int, int] | None:
    """Cell and occasion of the reader's latest grade in a sample, to be taken back."""
    row = connection.execute(
        select(grades.c.cell, grades.c.occasion)
        .join(cells, cells.c.id == grades.c.cell)
        .where(grades.c.reader == reader.id, cells.c.sample == sample, grades.c.grade.is_not(None))
        .where(grades.c.occasion.in_(occasions))
        .order_by(grades.c.event.desc())
        .limit(1)
    ).first()
    return None if row is None else (row.cell, row.occasion)


def before_last(connection: Connection, reader: Reader, cell: int) -> int | None:
    """The grade with scores in view that the reader's latest one of this cell replaced; None: there was none."""
    own = events.c.cell == cell, events.c.who == reader.name, events.c.kind.in_(KINDS)
    rows = connection.execute(select(events.c.about).where(*own).order_by(events.c.number.desc())).scalars()
    opened = [about for about in map(json.loads, rows) if about["occasion"] == OPEN]
    return opened[1]["to"] if len(opened) > 1 else None


def _with_notes(chosen: Select) -> Select:
    """Grades with the notes of their events."""
    note = and_(texts.c.event == grades.c.event, texts.c.name == "note")
    return chosen.select_from(grades).outerjoin(texts, note)


def _blind_one(connection: Connection, reader: Reader, cell: int, said: Said) -> tuple[int | None, str]:
    """What a grade with scores in view would change, the blind one, with its note; None where there is none."""
    if said.occasion != OPEN:
        return None, ""
    own = and_(grades.c.cell == cell, grades.c.reader == reader.id, grades.c.occasion == FIRST)
    row = connection.execute(_with_notes(select(grades.c.grade, texts.c.text)).where(own)).first()
    return (None, "") if row is None else (row.grade, row.text or "")
