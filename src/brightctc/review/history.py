"""Events in words: numbers of cells and samples become their names again, where these are still there."""

import json
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from brightctc.review.grading import WORDS
from brightctc.review.schema import cells, events, samples, texts

_TELL_NOTHING = ("took in", "queue drawn", "saw scores")  # of any cell


@dataclass(frozen=True)
class Happened:
    """An event as people read it. at: UTC. cell: its number; None: it is of none. what: in words."""

    number: int
    at: str
    who: str
    kind: str
    cell: int | None
    name: str
    what: str


def of_cell(connection: Connection, cell: int) -> list[Happened]:
    """All that was ever said of a cell, oldest first."""
    rows = connection.execute(select(events).where(events.c.cell == cell).order_by(events.c.number)).all()
    return read(connection, rows)


def read(connection: Connection, rows: Sequence[Row], hidden: Container[int] = ()) -> list[Happened]:
    """Rows of the table of events, in words. hidden: samples of which nothing about a cell is told."""
    abouts = [json.loads(row.about) for row in rows]
    of_cells = _names(connection, cells.c.id, cells.c.cell_id, {row.cell for row in rows})
    of_samples = _names(connection, samples.c.id, samples.c.name, {about.get("sample") for about in abouts})
    said: dict[int, dict[str, str]] = {}
    for row in connection.execute(select(texts).where(texts.c.event.in_([row.number for row in rows]))):
        said.setdefault(row.event, {})[row.name] = row.text
    found = []
    for row, about in zip(rows, abouts, strict=True):
        cell, sample = row.cell, about.get("sample")
        name = of_cells.get(cell) or of_samples.get(sample) or ""
        if sample in hidden and row.kind not in _TELL_NOTHING:
            found.append(Happened(row.number, row.at, row.who, "–", None, "", "kept until your own reading is done"))
            continue
        what = _words(about, said.get(row.number, {}))
        found.append(Happened(row.number, row.at, row.who, row.kind, cell, name, what))
    return found


def _words(about: dict[str, Any], said: dict[str, str]) -> str:
    parts = []
    if "to" in about:
        was, to = about["from"], about["to"]
        parts.append(_graded(to) if was is None else f"{_graded(was)} → {_graded(to)}")
        parts.append("blind" if about["blind"] else "scores in view")
        if about["occasion"] == 2:
            parts.append("repeat")
    known = ("sample", "from", "to", "blind", "occasion", *said)
    parts += [f"{name}: {value}" for name, value in about.items() if name not in known and value is not None]
    parts += [f"{name}: “{text}”" for name, text in said.items() if name != "name"]
    return " · ".join(parts)


def _graded(value: int | None) -> str:
    return "no grade" if value is None else f"{value} {WORDS[value]}"


def _names(connection: Connection, key: Any, name: Any, wanted: set[Any]) -> dict[int, str]:
    numbers = [number for number in wanted if number is not None]
    return {row[0]: row[1] for row in connection.execute(select(key, name).where(key.in_(numbers)))}
