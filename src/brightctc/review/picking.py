"""Picks: cells to be recovered, and leukocytes beside them; never from a model's call, and looked at twice."""

import json
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from sqlalchemy import Connection, Row, delete, insert, select, update

from brightctc.errors import UserError
from brightctc.review.accounts import Reader
from brightctc.review.agreeing import Judged, Verdict, judged
from brightctc.review.samples import Sample, sample_of
from brightctc.review.schema import cells, events, grades, picks
from brightctc.review.store import Store

Use = Literal["pick", "control"]
Container = Literal["single", "pool"]
KINDS = ("picked", "confirmed pick", "took pick back")
"""Of events about a pick."""
CROWDED = ("neighbour", "touching_cells", "several_nuclei")
"""Flags of cells that may bring another one along."""


@dataclass(frozen=True)
class Pick:
    """A cell to be recovered. by, at: who chose it when (UTC); second: who confirmed it; None: nobody yet."""

    row: Row
    judged: Judged
    use: Use
    container: Container
    by: str
    at: str
    second: str | None

    @property
    def further(self) -> dict[str, Any]:
        """What the scores' table says besides: cartridge, place, the instrument's own id."""
        return json.loads(self.row.further)

    @property
    def stands(self) -> bool:
        """Do readers still say what it was picked for?"""
        return _fits(self.judged, self.use)

    @property
    def status(self) -> str:
        """May it be recovered as the sheet stands? `ready`, or what is missing."""
        if not self.stands:
            return "not ready: grades changed since it was picked"
        return "ready" if self.second else "not ready: no second look yet"

    @property
    def warning(self) -> str:
        """Where another cell may come along; else empty."""
        return ", ".join(flag.replace("_", " ") for flag in self.row.flags.split(";") if flag in CROWDED)


def pick(store: Store, lead: Reader, cell: int, use: str, container: str) -> int:
    """Choose a cell; the event's number.

    Raises UserError where readers have not said what it is, or said something else: a call is no reason.
    """
    if use not in get_args(Use) or container not in get_args(Container):
        raise UserError("a pick is 'pick' or 'control', single or pool", "pick", "choose one of them")
    with store.writing() as writing:
        connection = writing.connection
        row = connection.execute(select(cells.c.sample).where(cells.c.id == cell)).first()
        sample = None if row is None else sample_of(connection, row.sample)
        found = judged(connection, sample, [cell]) if sample is not None else []
        if sample is None or not found:
            raise UserError(
                "nobody has graded this cell", f"cell {cell}", "grade it first: a call is no reason to pick"
            )
        _refuse_other_kind(found[0], sample, cast(Use, use))
        if connection.execute(select(picks.c.cell).where(picks.c.cell == cell)).first() is not None:
            raise UserError("this cell is on the sheet already", found[0].cell_id, "take it back first")
        number = writing.record(lead.name, "picked", cell=cell, sample=sample.id, use=use, container=container)
        connection.execute(insert(picks).values(cell=cell, use=use, container=container, event=number))
    return number


def confirm(store: Store, lead: Reader, cell: int) -> int:
    """The second look, by somebody else than who picked it.

    Raises UserError where it is not on the sheet, was confirmed, or is his own.
    """
    with store.writing() as writing:
        row = _known(writing.connection, cell)
        sample = sample_of(writing.connection, row.sample)
        found = judged(writing.connection, sample, [cell]) if sample is not None else []
        if sample is None or not found:
            raise UserError("nobody grades this cell any more", row.cell_id, "take the pick back")
        _refuse_other_kind(found[0], sample, row.use)
        if row.who == lead.name:
            raise UserError("you picked this cell yourself", row.cell_id, "another lead confirms it")
        if row.confirmed is not None:
            raise UserError("this pick is confirmed already", row.cell_id, "nothing is left to do")
        number = writing.record(lead.name, "confirmed pick", cell=cell, sample=row.sample)
        writing.connection.execute(update(picks).where(picks.c.cell == cell).values(confirmed=number))
    return number


def take_back(store: Store, lead: Reader, cell: int, reason: str) -> int:
    """Off the sheet again. Raises UserError where it is not on it, or no reason is given."""
    if not reason.strip():
        raise UserError("a change of the sheet needs a reason", "reason", "say why")
    with store.writing() as writing:
        row = _known(writing.connection, cell)
        number = writing.record(
            lead.name, "took pick back", {"reason": reason.strip()[:1000]}, cell=cell, sample=row.sample
        )
        writing.connection.execute(delete(picks).where(picks.c.cell == cell))
    return number


def picked(connection: Connection, sample: Sample) -> list[Pick]:
    """The sheet of a sample: cartridge by cartridge picks, then controls, as they were chosen."""
    second = events.alias()
    rows = connection.execute(
        select(cells, picks.c.use, picks.c.container, events.c.who, events.c.at, second.c.who.label("second"))
        .join(picks, picks.c.cell == cells.c.id)
        .join(events, events.c.number == picks.c.event)
        .outerjoin(second, second.c.number == picks.c.confirmed)
        .where(cells.c.sample == sample.id)
        .order_by(picks.c.use.desc(), picks.c.event)
    ).all()
    found = {one.cell: one for one in judged(connection, sample, [row.id for row in rows])}
    unread = {row.id: Judged(row.id, row.cell_id, {}) for row in rows}
    sheet = [Pick(row, (unread | found)[row.id], row.use, row.container, row.who, row.at, row.second) for row in rows]
    return sorted(sheet, key=lambda one: str(one.further.get("cartridge_id", "")))


def scores_of(connection: Connection, sample: Sample) -> dict[int, float]:
    """Scores of graded cells, to offer them in order."""
    of = cells.c
    graded = select(grades.c.cell).where(grades.c.grade.is_not(None))
    chosen = select(of.id, of.score).where(of.sample == sample.id, of.score.is_not(None), of.id.in_(graded))
    return {row.id: row.score for row in connection.execute(chosen)}


def _known(connection: Connection, cell: int) -> Row:
    row = connection.execute(
        select(cells.c.cell_id, cells.c.sample, picks.c.use, picks.c.confirmed, events.c.who)
        .join(picks, picks.c.cell == cells.c.id)
        .join(events, events.c.number == picks.c.event)
        .where(cells.c.id == cell)
    ).first()
    if row is None:
        raise UserError("this cell is not on the sheet", f"cell {cell}", "pick it first")
    return row


def _fits(found: Judged, use: Use) -> bool:
    if found.verdict is Verdict.OPEN:
        return False
    return found.positive if use == "pick" else not found.positive and found.verdict is not Verdict.DUMMY


def _refuse_other_kind(found: Judged, sample: Sample, use: Use) -> None:
    if found.verdict is Verdict.OPEN:
        raise UserError("readers differ on this cell", found.cell_id, "settle it first, under Agreement")
    if not _fits(found, use):
        what = f"readers don't take this cell for {sample.positive}"
        if use == "control":
            what = f"a control is a cell that readers take for no {sample.positive}, and for no dummy"
        raise UserError(what, found.cell_id, "pick another")
