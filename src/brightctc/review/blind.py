"""The first, blind reading: which cells of a sample are graded without their scores, and in what order.

Half of the cells are those that the model ranks first, half are drawn at random from all others, so that the grades
also tell of cells that no model would show. All readers get the same cells, each in an order of their own; a tenth of
them comes once more, unannounced, to hold each reader against an
earlier self.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, insert, select

from brightctc.review.accounts import Reader
from brightctc.review.samples import Sample, of_same_blood
from brightctc.review.schema import cells, grades, openings, turns
from brightctc.review.store import Store

_REPEATED = 0.1
_LESS_THAN_1 = 0.999999  # a cell that was drawn, though all that were left were: its rank did not bring it here
_APART = 20  # first turns between a cell and its repeat, at least; three times that at most; fewer in a short queue

OF_TURN = and_(
    grades.c.cell == turns.c.cell,
    grades.c.reader == turns.c.reader,
    grades.c.occasion == turns.c.occasion,
    grades.c.grade.is_not(None),
)
"""Joins a turn to the grade that was given in it and stands."""


@dataclass(frozen=True)
class Turn:
    """A cell to be graded. probability: that it came into the queue: 1 where its rank did, else that of the draw."""

    cell: int
    occasion: int
    probability: float


@dataclass(frozen=True)
class Standing:
    """How far a reader is in a queue: done of all, and the next turn; None: all are done."""

    done: int
    all: int
    next: Turn | None


def drawn(ranked: Sequence[int], others: Sequence[int], size: int, seed: int) -> list[Turn]:
    """The cells of a sample's blind reading. ranked: by rank; others: without a score, drawn like the rest."""
    first = list(ranked[: (size + 1) // 2])
    rest = [*ranked[len(first) :], *others]
    places = sorted(np.random.default_rng(seed).permutation(len(rest))[: size - len(first)].tolist())
    share = min(len(places) / len(rest), _LESS_THAN_1) if rest else 1.0
    return [Turn(cell, 1, 1.0) for cell in first] + [Turn(rest[at], 1, share) for at in places]


def in_order(found: Sequence[Turn], seed: int) -> list[Turn]:
    """A reader's own order, with the repeats."""
    rng = np.random.default_rng(seed)
    order = [found[at] for at in rng.permutation(len(found))]
    near, far = min(_APART, len(order) // 2), min(3 * _APART, len(order))
    early = rng.permutation(max(1, len(order) - near))[: round(_REPEATED * len(order))] if order else []
    later = [
        (at + int(rng.integers(near, far + 1)) + 0.5, Turn(order[at].cell, 2, order[at].probability)) for at in early
    ]
    placed = sorted([*enumerate(order), *later], key=lambda one: one[0])
    return [turn for _, turn in placed]


def standing(store: Store, sample: Sample, reader: Reader, size: int) -> Standing:
    """Where the reader is; draws his queue the first time. size: of it; 0: none is drawn."""
    with store.reading() as connection:
        whole = _count(connection, sample, reader)
    if not whole and size:
        whole = _draw(store, sample, reader, size)
    with store.reading() as connection:
        undone = connection.execute(_undone(sample, reader).order_by(turns.c.position)).all()
    return Standing(whole - len(undone), whole, Turn(*undone[0]) if undone else None)


def has_turns_left(connection: Connection, sample: Sample, reader: Reader) -> bool:
    """Is something drawn for the reader that has no grade yet?"""
    return connection.execute(_undone(sample, reader).limit(1)).first() is not None


def is_open(connection: Connection, sample: Sample, reader: Reader, size: int) -> bool:
    """Has the reader done his blind queue, so that scores may be shown to him? size: of the queue; 0: there is none."""
    if has_seen(connection, sample, reader) or not size:
        return True
    return _count(connection, sample, reader) > 0 and not has_turns_left(connection, sample, reader)


def more(store: Store, sample: Sample, reader: Reader, size: int) -> int:
    """Further turns of a reader, drawn at random among the cells that are in no queue; how many.

    Together with the earlier draw they are one random sample of all cells but those that came by their rank.
    """
    with store.writing() as writing:
        connection = writing.connection
        if has_turns_left(connection, sample, reader):
            return 0  # what was drawn before is to be read first; a second click
        taken = select(turns.c.cell).where(turns.c.sample == sample.id)
        left = select(cells.c.id).where(cells.c.sample == sample.id, cells.c.id.not_in(taken)).order_by(cells.c.id)
        rest = list(connection.execute(left).scalars())
        found = [rest[at] for at in np.random.default_rng().permutation(len(rest))[:size]]
        if not found:
            return 0
        last = connection.execute(select(func.max(turns.c.position)).where(_own(sample, reader))).scalar()
        first = 0 if last is None else last + 1
        share = len(found) / len(rest)
        own = {"sample": sample.id, "reader": reader.id, "occasion": 1, "probability": min(share, _LESS_THAN_1)}
        rows = [{**own, "position": first + at, "cell": cell} for at, cell in enumerate(found)]
        connection.execute(insert(turns), rows)
        writing.record(reader.name, "queue drawn", sample=sample.id, turns=len(found), at_random=True)
    return len(found)


def has_seen(connection: Connection, sample: Sample, reader: Reader) -> bool:
    """Have scores of this sample, by this or another table, ever been shown to the reader?"""
    own = and_(openings.c.sample.in_(of_same_blood(connection, sample)), openings.c.reader == reader.id)
    return connection.execute(select(openings.c.event).where(own).limit(1)).first() is not None


def opened(store: Store, sample: Sample, reader: Reader) -> None:
    """Keep that the reader now sees scores of this sample."""
    own = and_(openings.c.sample == sample.id, openings.c.reader == reader.id)
    chosen = select(openings.c.event).where(own)
    with store.reading() as connection:
        if connection.execute(chosen).first() is not None:
            return
    with store.writing() as writing:
        if writing.connection.execute(chosen).first() is None:
            event = writing.record(reader.name, "saw scores", sample=sample.id)
            writing.connection.execute(insert(openings).values(sample=sample.id, reader=reader.id, event=event))


def queued(connection: Connection, sample: Sample) -> tuple[set[int], set[int], set[int]]:
    """Cells of the blind readings: that came by their rank, that were drawn at random, and of both those already read.

    Read: some reader graded the turn itself; a grade in the gallery, where the eye goes to what is odd, is none.
    """
    of = turns.c
    rows = connection.execute(
        select(of.cell, of.probability, func.max(case((grades.c.id.is_not(None), 1), else_=0)).label("read"))
        .outerjoin(grades, OF_TURN)
        .where(of.sample == sample.id, of.occasion == 1)
        .group_by(of.cell, of.probability)
    ).all()
    drawn = {row.cell for row in rows if row.probability < 1}
    return {row.cell for row in rows} - drawn, drawn, {row.cell for row in rows if row.read}


def _undone(sample: Sample, reader: Reader) -> Select[Any, Any, Any]:
    return (
        select(turns.c.cell, turns.c.occasion, turns.c.probability)
        .outerjoin(grades, OF_TURN)
        .where(_own(sample, reader), grades.c.id.is_(None))
    )


def _count(connection: Connection, sample: Sample, reader: Reader) -> int:
    return int(connection.execute(select(func.count()).select_from(turns).where(_own(sample, reader))).scalar() or 0)


def _own(sample: Sample, reader: Reader) -> ColumnElement[bool]:
    return and_(turns.c.sample == sample.id, turns.c.reader == reader.id)


def _draw(store: Store, sample: Sample, reader: Reader, size: int) -> int:
    """Draw the reader's queue; its length."""
    with store.writing() as writing:
        there = _count(writing.connection, sample, reader)
        if there:
            return there  # another window was quicker
        earlier = _cells_of_others(writing.connection, sample)
        order = in_order(earlier or _drawn(writing.connection, sample, size), _seed(sample, reader.name))
        own = {"sample": sample.id, "reader": reader.id}
        rows = [{**own, "position": at, **vars(turn)} for at, turn in enumerate(order)]
        writing.connection.execute(insert(turns), rows)
        writing.record(reader.name, "queue drawn", sample=sample.id, turns=len(order))
    return len(order)


def _cells_of_others(connection: Connection, sample: Sample) -> list[Turn]:
    """What an earlier reader of this sample got: double readings are of the same cells, also with another size."""
    of = turns.c
    rows = connection.execute(
        select(of.cell, of.occasion, of.probability)
        .where(of.sample == sample.id, of.occasion == 1)
        .group_by(of.cell, of.occasion, of.probability)
        .order_by(of.cell)
    )
    return [Turn(*row) for row in rows]


def _drawn(connection: Connection, sample: Sample, size: int) -> list[Turn]:
    of = cells.c
    rows = connection.execute(select(of.id, of.score).where(of.sample == sample.id).order_by(of.place)).all()
    ranked = [row.id for row in rows if row.score is not None]
    return drawn(ranked, [row.id for row in rows if row.score is None], size, _seed(sample))


def _seed(sample: Sample, reader: str = "") -> int:
    """Of the sample's draw, or of a reader's order of it."""
    text = f"{sample.scores}/{sample.name}/{reader}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
