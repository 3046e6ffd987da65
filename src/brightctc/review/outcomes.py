"""The verb `review outcomes`: what recovered cells turned out to be, by sequencing or the like."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from brightctc.cohort.tables import read_table
from brightctc.errors import UserError, plural
from brightctc.review.samples import all_samples, of_table
from brightctc.review.schema import cells, outcomes, picks, samples
from brightctc.review.store import COMMAND, Store

OUTCOMES = ("positive", "negative", "failed")
"""A cell of the class that is looked for; none; nothing could be told."""


@dataclass(frozen=True)
class Joined:
    """What was joined: cells by outcome; unpicked: cells with an outcome that stand on no pick sheet."""

    counts: Mapping[str, int]
    unpicked: int
    changed: int

    def summary(self) -> dict[str, Any]:
        """For --json."""
        return {"outcomes": dict(self.counts), "unpicked": self.unpicked, "changed": self.changed}


def join_outcomes(db: str, table: Path, *, scores: Path | None = None) -> Joined:
    """Join a table (columns cell_id and outcome; sample_id where ids are not unique) to the cells, all rows or none.

    scores: only cells of this scores table.

    Raises UserError where a column is missing, an outcome is none, a row fits no cell or several, or a cell comes
    twice: an outcome on the wrong cell is worse than none.
    """
    rows = read_table(table).rows
    missing = [name for name in ("cell_id", "outcome") if name not in rows.columns]
    if missing:
        raise UserError(f"the column {missing[0]!r} is missing", table, "give cell_id and outcome, a row a cell")
    odd = sorted({str(value) for value in rows["outcome"].to_list() if value not in OUTCOMES})
    if odd:
        raise UserError(f"{odd[0]!r} is no outcome", table, f"use {', '.join(OUTCOMES)}")
    with Store.opened(db) as store, store.writing() as writing:
        connection = writing.connection
        among = [sample.id for sample in of_table(all_samples(connection), scores)]
        found = [(_cell(connection, row, table, among), row["outcome"]) for row in rows.iter_rows(named=True)]
        twice = [cell for cell, count in Counter(cell for cell, _ in found).items() if count > 1]
        if twice:
            raise UserError(f"{plural(len(twice), 'cell')} come twice in this table", table, "leave one row of each")
        changed = 0
        for cell, outcome in found:
            was = connection.execute(select(outcomes.c.outcome).where(outcomes.c.cell == cell)).scalar()
            if was == outcome:
                continue
            changed += was is not None
            number = writing.record(
                COMMAND, "outcome", cell=cell, sample=_sample(connection, cell), was=was, outcome=outcome
            )
            connection.execute(delete(outcomes).where(outcomes.c.cell == cell))
            connection.execute(insert(outcomes).values(cell=cell, outcome=outcome, event=number))
        picked = set(connection.execute(select(picks.c.cell)).scalars())
    return Joined(Counter(outcome for _, outcome in found), sum(cell not in picked for cell, _ in found), changed)


def _sample(connection: Connection, cell: int) -> int | None:
    return connection.execute(select(cells.c.sample).where(cells.c.id == cell)).scalar()


def _cell(connection: Connection, row: Mapping[str, Any], table: Path, among: Sequence[int]) -> int:
    chosen = select(cells.c.id).where(cells.c.cell_id == row["cell_id"], cells.c.sample.in_(among))
    if row.get("sample_id"):
        chosen = chosen.join(samples, samples.c.id == cells.c.sample).where(samples.c.name == row["sample_id"])
    found = list(connection.execute(chosen.limit(2)).scalars())
    if len(found) != 1:
        what = "fits several cells" if found else "fits no cell"
        fix = "add the column sample_id" if found else "check it: ids are compared letter by letter"
        raise UserError(f"{row['cell_id']} {what} of this review", table, fix)
    return found[0]
