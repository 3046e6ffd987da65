"""Are the tables what the events tell of? Whoever changes a table by other means leaves the chain as it is."""

import hashlib
import json
from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Row, select

from brightctc.review import grading, picking
from brightctc.review.chain import Break
from brightctc.review.samples import digest_of
from brightctc.review.schema import events, grades, openings, outcomes, picks, readers, reports, samples, settlements
from brightctc.review.store import Store


def verify(store: Store) -> Break | None:
    """Where the chain does not hold, or what stands in the tables is not what it tells of."""
    broken = store.verify()
    if broken is not None:
        return broken
    checks = (_cells, _readers, _blindness, _grades, _settlements, _picks, _reports, _outcomes)
    with store.reading() as connection:
        return next((found for check in checks if (found := check(connection)) is not None), None)


def _cells(connection: Connection) -> Break | None:
    """Numbers still mean the cells that they meant when they were taken in, or when a donor withdrew."""
    told: dict[int, tuple[str, int]] = {}
    for row, about in _told(connection, ("took in", "withdrew a donor")):
        if row.kind == "took in":
            told[about["sample"]] = (about["digest"], row.number)
        else:
            told |= {int(sample): (digest, row.number) for sample, digest in about["digests"].items()}
    known = set(connection.execute(select(samples.c.id)).scalars())
    for sample, (digest, number) in told.items():
        if sample not in known or digest_of(connection, sample) != digest:
            return Break(number, f"the cells of sample {sample} are not those of this event")
    unknown = known - told.keys()
    return Break(0, f"sample {min(unknown)} was never taken in") if unknown else None


def _readers(connection: Connection) -> Break | None:
    """Roles are those that readers signed up with."""
    told = {row.who: (about["role"], row.number) for row, about in _told(connection, ("signed up",))}
    for row in connection.execute(select(readers.c.name, readers.c.role)):
        role, number = told.get(row.name, ("", 0))
        if row.role != role:
            return Break(number, f"{row.name} is a {row.role}, and signed up as {role or 'nobody'}")
    return None


def _blindness(connection: Connection) -> Break | None:
    """Who had seen scores of a sample gave no blind grade of it; and that he had is still known."""
    seen: set[tuple[str, int]] = set()
    for row, about in _told(connection, ("saw scores", *grading.KINDS)):
        key = (row.who, about["sample"])
        if row.kind == "saw scores":
            seen.add(key)
        elif key in seen and about["blind"] and about["to"] is not None:
            return Break(row.number, "it calls a grade blind, and its reader had seen scores")
    kept = connection.execute(
        select(readers.c.name, openings.c.sample).join(readers, readers.c.id == openings.c.reader)
    )
    gone = seen - {(row.name, row.sample) for row in kept}
    return Break(0, f"that {min(gone)[0]} saw scores is no longer known") if gone else None


def _outcomes(connection: Connection) -> Break | None:
    told = {row.cell: (about["outcome"], row.number) for row, about in _told(connection, ("outcome",))}
    for row in connection.execute(select(outcomes)):
        if told.pop(row.cell, None) != (row.outcome, row.event):
            return Break(row.event, f"the outcome of cell {row.cell} is not the one of this event")
    return _gone([number for _, number in told.values()], "the outcome")


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
            if row.cell not in told:
                return Break(row.number, "it confirms a cell that nobody had picked")
            told[row.cell] = (*told[row.cell][:3], row.number)
        else:
            told.pop(row.cell, None)
    for row in connection.execute(select(picks)):
        if told.pop(row.cell, None) != (row.use, row.container, row.event, row.confirmed):
            return Break(row.event, f"the pick of cell {row.cell} is not the one of this event")
    return _gone([number for _, _, number, _ in told.values()], "the pick")


def _reports(connection: Connection) -> Break | None:
    told = {row.number: about["sha256"] for row, about in _told(connection, ("signed report",))}
    withdrawn = any(True for _ in _told(connection, ("withdrew a donor",)))
    for row in connection.execute(select(reports)):
        expected = told.pop(row.event, None)
        if expected is None:
            return Break(row.event, f"report {row.id} was never signed")
        if row.document is None and not withdrawn:
            return Break(row.event, f"report {row.id} is gone, and no donor withdrew")
        if row.document is not None and hashlib.sha256(row.document.encode()).hexdigest() != expected:
            return Break(row.event, f"report {row.id} has been changed since it was signed")
    return _gone(list(told), "the report")


def _gone(numbers: Sequence[int], what: str) -> Break | None:
    return Break(min(numbers), f"{what} that it tells of is gone") if numbers else None
