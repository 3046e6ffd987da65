"""How far the readers of a sample agree, each with the others and with an earlier self, in blind readings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from sqlalchemy import Connection, func, select

from brightctc.metrics import Interval, fleiss_kappa, positive_agreement, weighted_kappa, with_interval
from brightctc.review.agreeing import DUMMY, POSITIVE
from brightctc.review.blind import OF_TURN
from brightctc.review.grading import AGAIN, FIRST, OPEN
from brightctc.review.samples import Sample
from brightctc.review.schema import cells, grades, readers, turns

_GRADES = 4  # 1 to 4; a dummy is no grade of a cell, and is told apart


@dataclass(frozen=True)
class Pair:
    """Two gradings of the same cells: by two readers, or by one at two times (first = second).

    cells: both graded 1 to 4; kappa and positive are of these. dummies: both called dummy; dummy_once: one of them did.
    same: cells with the very same grade, dummies included.
    """

    first: str
    second: str
    cells: int
    same: int
    dummies: int
    dummy_once: int
    kappa: Interval
    positive: Interval

    @property
    def all(self) -> int:
        """Cells that both have graded in any way."""
        return self.cells + self.dummies + self.dummy_once


@dataclass(frozen=True)
class Reading:
    """How far a reader is: turns of the blind queue that are graded, of all; cells graded with scores in view."""

    name: str
    done: int
    turns: int
    gallery: int


def _readings(connection: Connection, sample: Sample) -> list[Reading]:
    """Of every reader who has begun this sample, by name."""
    queued = connection.execute(
        select(readers.c.name, func.count(turns.c.id), func.count(grades.c.id))
        .join(turns, turns.c.reader == readers.c.id)
        .outerjoin(grades, OF_TURN)
        .where(turns.c.sample == sample.id)
        .group_by(readers.c.name)
    )
    found = {name: (done, whole) for name, whole, done in queued}
    opened = connection.execute(
        select(readers.c.name, func.count(grades.c.id))
        .join(grades, grades.c.reader == readers.c.id)
        .join(cells, cells.c.id == grades.c.cell)
        .where(cells.c.sample == sample.id, grades.c.occasion == OPEN, grades.c.grade.is_not(None))
        .group_by(readers.c.name)
    )
    seen = {row[0]: row[1] for row in opened}
    return [Reading(name, *found.get(name, (0, 0)), seen.get(name, 0)) for name in sorted(found.keys() | seen.keys())]


@dataclass(frozen=True)
class Agreement:
    """Of the blind readings of one sample. fleiss: of positive against not, over cells that all readers graded 1 to 4.

    everyone: number of these cells. readings: how far each reader is.
    """

    pairs: tuple[Pair, ...]
    selves: tuple[Pair, ...]
    fleiss: Interval
    everyone: int
    readings: tuple[Reading, ...]

    @property
    def unfinished(self) -> list[str]:
        """Readers who still read, and are left out of fleiss."""
        return [one.name for one in self.readings if one.done < one.turns]


def agreement(connection: Connection, sample: Sample) -> Agreement:
    """From the grades that were given without a score in view, and from nothing else."""
    rows = connection.execute(
        select(readers.c.name, grades.c.cell, grades.c.occasion, grades.c.grade)
        .join(readers, readers.c.id == grades.c.reader)
        .join(cells, cells.c.id == grades.c.cell)
        .where(cells.c.sample == sample.id, grades.c.blind, grades.c.grade.is_not(None))
        .order_by(readers.c.name)
    )
    first: dict[str, dict[int, int]] = {}
    again: dict[str, dict[int, int]] = {}
    for row in rows:
        kept = {FIRST: first, AGAIN: again}.get(row.occasion)
        if kept is not None:
            kept.setdefault(row.name, {})[row.cell] = row.grade
    pairs = tuple(_pair(one, other, first[one], first[other]) for one, other in combinations(first, 2))
    selves = tuple(_pair(name, name, first[name], again[name]) for name in first if name in again)
    progress = tuple(_readings(connection, sample))
    reading = {one.name for one in progress if one.done < one.turns}
    done = [graded for name, graded in first.items() if name not in reading]
    shared = _shared(done)
    fleiss = Interval(None, reason="fewer than two readers are done")
    if len(done) > 1:
        positive = np.bincount((shared >= POSITIVE).sum(axis=1), minlength=len(done) + 1)
        fleiss = with_interval(fleiss_kappa, positive)
    return Agreement(pairs, selves, fleiss, len(shared), progress)


def _pair(first: str, second: str, one: Mapping[int, int], other: Mapping[int, int]) -> Pair:
    table = np.zeros((_GRADES + 1, _GRADES + 1), int)
    for cell in one.keys() & other.keys():
        table[one[cell], other[cell]] += 1
    graded = table[1:, 1:]
    halves = np.add.reduceat(np.add.reduceat(graded, [0, POSITIVE - 1], axis=0), [0, POSITIVE - 1], axis=1)
    return Pair(
        first,
        second,
        cells=int(graded.sum()),
        same=int(np.trace(table)),
        dummies=int(table[DUMMY, DUMMY]),
        dummy_once=int(table[DUMMY, 1:].sum() + table[1:, DUMMY].sum()),
        kappa=with_interval(weighted_kappa, graded),
        positive=with_interval(positive_agreement, halves),
    )


def _shared(gradings: Sequence[Mapping[int, int]]) -> np.ndarray:
    """int (cells, readers): grades of the cells to which every reader gave 1 to 4."""
    if not gradings:
        return np.zeros((0, 0), int)
    both = set.intersection(*(set(one) for one in gradings))
    rows = [[one[cell] for one in gradings] for cell in sorted(both)]
    return np.array([row for row in rows if DUMMY not in row], int).reshape(-1, len(gradings))
