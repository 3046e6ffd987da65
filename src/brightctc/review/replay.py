"""Are the tables what the events tell of? Whoever changes a table by other means leaves the chain as it is."""

import hashlib
import json
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Row, select

from brightctc.review import grading, picking
from brightctc.review.chain import Break
from brightctc.review.schema import events, grades, picks, readers, reports, settlements
from brightctc.review.store import Store


def verify(store: Store) -> Break | None:
    """Where the chain does not hold, or grades, settlements and picks that stand are not those that it tells of."""
    broken = store.verify()
    if broken is not None:
        return broken
    with store.reading() as connection:
        return _grades(connection) or _settlements(connection) or _picks(connection) or _reports(connection)


def _told(connection: Connection, kinds: Sequence[str]) -> Iterator[tuple[Row, dict]]:
    chosen = select(events).where(events.c.kind.in_(kinds)).order_by(events.c.number)
    for row in connection.execute(chosen.execution_options(yield_per=1000)):
        yield row, json.loads(row.about)


def _grades(connection: Connection) -> Break | None:
    told: dict[tuple[str, int, int], tuple[int | None, bool, int]] = {}
    for row, about in _told(connection, grading.KINDS):
        told[row.who, row.cell, about["occasion"]] = (about["to"], about["blind"], row.number)
    for row in connection.execute(select(readers.c.name, grades).join(readers, readers.c.id == grades.c.reader)):
        said = told.pop((row.name, row.cell, row.occasion), None)
        if said != (row.grade, bool(row.blind), row.event):
            return Break(row.event, f"the grade of cell {row.cell} by {row.name} is not the one of this event")
    return _gone([number for _, _, number in told.values()], "the grade")


def _settlements(connection: Connection) -> Break | None:
    told = {row.cell: (about["to"], row.number) for row, about in _told(connection, ("settled",))}
    for row in connection.execute(select(settlements)):
        if told.pop(row.cell, None) != (row.grade, row.event):
            return Break(row.event, f"the settlement of cell {row.cell} is not the one of this event")
    return _gone([number for _, number in told.values()], "the settlement")


def _picks(connection: Connection) -> Break | None:
    told: dict[int, tuple[str, str, int, int | None]] = {}
    for row, about in _told(connection, picking.KINDS):
        if row.kind == "picked":
            told[row.cell] = (about["use"], about["container"], row.number, None)
        elif row.kind == "confirmed pick":
            told[row.cell] = (*told[row.cell][:3], row.number)
        else:
            told.pop(row.cell)
    for row in connection.execute(select(picks)):
        if told.pop(row.cell, None) != (row.use, row.container, row.event, row.confirmed):
            return Break(row.event, f"the pick of cell {row.cell} is not the one of this event")
    return _gone([number for _, _, number, _ in told.values()], "the pick")


def _reports(connection: Connection) -> Break | None:
    told = {row.number: about["sha256"] for row, about in _told(connection, ("signed report",))}
    for row in connection.execute(select(reports)):
        expected = told.pop(row.event, None)
        if expected is None:
            return Break(row.event, f"report {row.id} was never signed")
        if row.document is not None and hashlib.sha256(row.document.encode()).hexdigest() != expected:
            return Break(row.event, f"report {row.id} has been changed since it was signed")
    return _gone(list(told), "the report")


def _gone(numbers: Sequence[int], what: str) -> Break | None:
    return Break(min(numbers), f"{what} that it tells of is gone") if numbers else None
