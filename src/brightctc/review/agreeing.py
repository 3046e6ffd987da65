"""What readers make of a cell together, and where they differ."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, and_, delete, insert, select

from brightctc.errors import UserError
from brightctc.review.accounts import Reader
from brightctc.review.grading import AGAIN, LONGEST_NOTE, OPEN, WORDS
from brightctc.review.samples import Sample, sample_of
from brightctc.review.schema import cells, events, grades, readers, settlements, texts
from brightctc.review.store import Store

POSITIVE = 3
"""The lowest grade that says: it is one."""
DUMMY = 0


class Verdict(StrEnum):
    """What is known of a graded cell."""

    CONFIRMED = "confirmed"  # two readers or more, all of them 3 or 4; or settled so
    REJECTED = "rejected"  # two readers or more, all of them 1 or 2; or settled so
    DUMMY = "dummy"  # all of them 0; or settled so
    ONCE = "read once"  # one reader alone
    OPEN = "open"  # readers differ, and no lead has settled it


@dataclass(frozen=True)
class Judged:
    """A cell with what stands: the grade of each reader by name, a settlement where there is one."""

    cell: int
    cell_id: str
    grades: Mapping[str, int]
    settled: int | None = None

    @property
    def verdict(self) -> Verdict:
        """What they make of it together."""
        if self.settled is not None:
            return _side(self.settled)
        sides = {_side(grade) for grade in self.grades.values()}
        if len(sides) != 1:  # also where all grades were taken back
            return Verdict.OPEN
        return Verdict.ONCE if len(self.grades) == 1 else sides.pop()

    @property
    def positive(self) -> bool:
        """Does nobody, or in a settlement the lead, doubt that it is one? Also where it was read once."""
        stands = [self.settled] if self.settled is not None else self.grades.values()
        return bool(stands) and all(grade >= POSITIVE for grade in stands)

    @property
    def apart(self) -> int:
        """How far the grades are apart; a dummy beside a grade counts as the furthest."""
        given = self.grades.values()
        return len(WORDS) if DUMMY in given and max(given) > DUMMY else max(given) - min(given)


def judged(connection: Connection, sample: Sample, among: Sequence[int] | None = None) -> list[Judged]:
    """All graded cells of a sample, by their numbers. A reader's later grade stands before his blind one.

    A settlement stands until somebody grades the cell anew, or takes a grade back. among: numbers of cells; None: all.
    """
    chosen = (
        select(
            grades,
            cells.c.cell_id,
            readers.c.name,
            settlements.c.grade.label("settled"),
            settlements.c.event.label("at"),
        )
        .join(cells, cells.c.id == grades.c.cell)
        .join(readers, readers.c.id == grades.c.reader)
        .outerjoin(settlements, settlements.c.cell == grades.c.cell)
        .where(cells.c.sample == sample.id, grades.c.occasion != AGAIN)
        .order_by(grades.c.cell, readers.c.name, grades.c.occasion.desc())  # the later one comes last, and stands
    )
    if among is not None:
        chosen = chosen.where(grades.c.cell.in_(among))
    found: dict[int, tuple[str, dict[str, int], int | None]] = {}
    for row in connection.execute(chosen):
        before = found.get(row.cell, (row.cell_id, {}, row.settled))
        stands = None if row.at is not None and row.event > row.at else before[2]
        given = {} if row.grade is None else {row.name: row.grade}  # taken back: another stands, or none
        found[row.cell] = (row.cell_id, before[1] | given, stands)
    return [Judged(cell, *rest) for cell, rest in found.items() if rest[1]]


def settle(store: Store, lead: Reader, cell: int, grade: int, reason: str) -> int:
    """A lead decides what a cell on which readers differ is taken for; the event's number. Grades stay as they are.

    Raises UserError where the cell is unknown or readers don't differ on it, or no reason is given.
    """
    if not reason.strip() or len(reason) > LONGEST_NOTE:
        raise UserError(f"a settlement needs a reason, of {LONGEST_NOTE} letters at most", "reason", "say why")
    if grade not in range(len(WORDS)):
        raise UserError("a grade is 0, 1, 2, 3 or 4", "grade", "choose one of them")
    with store.writing() as writing:
        connection = writing.connection
        sample = connection.execute(select(cells.c.sample).where(cells.c.id == cell)).scalar()
        known = None if sample is None else sample_of(connection, sample)
        found = [] if known is None else judged(connection, known, [cell])
        if not found:
            raise UserError("nobody has graded this cell", f"cell {cell}", "grade it first")
        was = found[0].settled
        if was is None and found[0].verdict is not Verdict.OPEN:
            raise UserError("readers don't differ on this cell", found[0].cell_id, "there is nothing to settle")
        number = writing.record(
            lead.name, "settled", {"reason": reason.strip()}, cell=cell, sample=sample,
            **{"from": was, "to": grade}, blind=False, occasion=OPEN,
        )  # fmt: skip
        connection.execute(delete(settlements).where(settlements.c.cell == cell))
        connection.execute(insert(settlements).values(cell=cell, grade=grade, event=number))
    return number


def reasons(connection: Connection, among: Sequence[int]) -> dict[int, str]:
    """Of settlements: who settled a cell, and why."""
    rows = connection.execute(
        select(settlements.c.cell, events.c.who, texts.c.text)
        .join(events, events.c.number == settlements.c.event)
        .outerjoin(texts, and_(texts.c.event == settlements.c.event, texts.c.name == "reason"))
        .where(settlements.c.cell.in_(among))
    )
    return {row.cell: f"{row.who}: {row.text or 'taken out'}" for row in rows}


def _side(grade: int) -> Verdict:
    if grade == DUMMY:
        return Verdict.DUMMY
    return Verdict.CONFIRMED if grade >= POSITIVE else Verdict.REJECTED
