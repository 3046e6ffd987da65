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
    """What is said of a cell. value: the grade; None: none stands any more. blind: no score of the sample was seen.

    takes_back: what was said last did not hold, and value is what it had replaced.
    """

    value: int | None
    occasion: int = OPEN
    blind: bool = False
    note: str = ""
    reason: str = ""
    takes_back: bool = False

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
            "took back" if said.takes_back or said.value is None else "changed" if changes else "graded",
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


def last_of(connection: Connection, reader: Reader, sample: int, *, blind: bool) -> tuple[int, int] | None:
    """Cell and occasion of the reader's latest grade of a turn in a sample, given blind or not, to be taken back."""
    row = connection.execute(
        select(grades.c.cell, grades.c.occasion)
        .join(cells, cells.c.id == grades.c.cell)
        .where(grades.c.reader == reader.id, cells.c.sample == sample, grades.c.grade.is_not(None))
        .where(grades.c.occasion != OPEN, grades.c.blind == blind)
        .order_by(grades.c.event.desc())
        .limit(1)
    ).first()
    return None if row is None else (row.cell, row.occasion)


def taking_back(connection: Connection, reader: Reader, sample: int) -> tuple[int, Said] | None:
    """The cell that the reader graded last with scores in view, and what takes that back: what was said before it."""
    rows = connection.execute(
        select(events.c.cell, events.c.kind, events.c.about, texts.c.text)
        .join(cells, cells.c.id == events.c.cell)
        .outerjoin(texts, and_(texts.c.event == events.c.number, texts.c.name == "note"))
        .where(events.c.who == reader.name, events.c.kind.in_(KINDS), cells.c.sample == sample)
        .order_by(events.c.number)
    )
    said: list[tuple[int, int, str]] = []  # of those that were not taken back: cell, grade, note
    for row in rows:
        about = json.loads(row.about)
        if about["occasion"] != OPEN:
            continue
        if row.kind != "took back":
            said.append((row.cell, about["to"], row.text or ""))
        elif taken := [at for at, one in enumerate(said) if one[0] == row.cell]:
            del said[taken[-1]]
    if not said:
        return None
    cell = said.pop()[0]
    value, note = next((one[1:] for one in reversed(said) if one[0] == cell), (None, ""))
    return cell, Said(value, note=note, reason="undone", takes_back=True)


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
