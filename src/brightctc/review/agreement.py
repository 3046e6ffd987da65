"""How far the readers of a sample agree, each with the others and with an earlier self, in blind readings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from sqlalchemy import Connection, select

from brightctc.metrics import Interval, fleiss_kappa, positive_agreement, weighted_kappa, with_interval
from brightctc.review.agreeing import DUMMY, POSITIVE
from brightctc.review.grading import AGAIN, FIRST
from brightctc.review.samples import Sample
from brightctc.review.schema import cells, grades, readers

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
class Agreement:
    """Of the blind readings of one sample. fleiss: of positive against not, over cells that all readers graded 1 to 4.

    everyone: number of these cells.
    """

    pairs: tuple[Pair, ...]
    selves: tuple[Pair, ...]
    fleiss: Interval
    everyone: int


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
    shared = _shared(list(first.values()))
    counts = np.array([[np.sum(row >= POSITIVE), np.sum(row < POSITIVE)] for row in shared], dtype=int).reshape(-1, 2)
    fleiss = with_interval(fleiss_kappa, counts) if len(first) > 1 else Interval(None, reason="one reader")
    return Agreement(pairs, selves, fleiss, len(shared))


def _pair(first: str, second: str, one: Mapping[int, int], other: Mapping[int, int]) -> Pair:
    both = sorted(one.keys() & other.keys())
    a, b = np.array([one[cell] for cell in both], int), np.array([other[cell] for cell in both], int)
    graded = (a != DUMMY) & (b != DUMMY)
    dummies = (a == DUMMY) & (b == DUMMY)
    at, bt = a[graded] - 1, b[graded] - 1
    return Pair(
        first,
        second,
        cells=int(graded.sum()),
        same=int((a == b).sum()),
        dummies=int(dummies.sum()),
        dummy_once=int((~graded & ~dummies).sum()),
        kappa=with_interval(lambda x, y: weighted_kappa(x, y, _GRADES), at, bt),
        positive=with_interval(positive_agreement, at >= POSITIVE - 1, bt >= POSITIVE - 1),
    )


def _shared(gradings: Sequence[Mapping[int, int]]) -> np.ndarray:
    """int (cells, readers): grades of the cells to which every reader gave 1 to 4."""
    if not gradings:
        return np.zeros((0, 0), int)
    both = set.intersection(*(set(one) for one in gradings))
    rows = [[one[cell] for one in gradings] for cell in sorted(both)]
    return np.array([row for row in rows if DUMMY not in row], int).reshape(-1, len(gradings))
