"""How many there are: confirmed, read, unread; with what a count and a random sample of the unread can say."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from brightctc.metrics import poisson_interval, upper_bound_of_share
from brightctc.review.agreeing import POSITIVE, Judged, Verdict, judged
from brightctc.review.samples import Sample
from brightctc.review.schema import cells, turns

TUBE_ML = 7.5
"""Blood that counts of CTCs are commonly given for."""


@dataclass(frozen=True)
class Draw:
    """Cells drawn at random among those that the model does not rank first.

    among: how many these are. read: of the drawn ones. positive: of these, those that any reader gave a 3 or 4,
    unless a lead settled it otherwise. unread: of all `among`, whether drawn or not.
    """

    among: int
    read: int
    positive: int
    unread: int

    @property
    def share(self) -> float:
        """At 95 % no larger share of `among` is positive (one-sided, Clopper-Pearson)."""
        return upper_bound_of_share(self.positive, self.read) if self.read else 1.0

    @property
    def most(self) -> int:
        """So many of the unread ones can be positive."""
        return min(self.unread, int(self.share * self.unread))


@dataclass(frozen=True)
class Counts:
    """Cells of a sample by what readers make of them. factor: from a count to one in 7.5 mL of blood; None: unknown."""

    cells: int
    verdicts: dict[Verdict, int]
    once_positive: int
    draw: Draw
    factor: float | None

    @property
    def confirmed(self) -> int:
        """Two readers, all of them 3 or 4; or settled so."""
        return self.verdicts[Verdict.CONFIRMED]

    @property
    def read(self) -> int:
        """By anybody."""
        return sum(self.verdicts.values())

    @property
    def unread(self) -> int:
        """By nobody."""
        return self.cells - self.read

    @property
    def interval(self) -> tuple[float, float]:
        """Exact Poisson 95 % interval of the confirmed count: what such a volume of the same blood could hold."""
        return poisson_interval(self.confirmed)


def counts(connection: Connection, sample: Sample, found: list[Judged] | None = None) -> Counts:
    """Of a sample. found: what `judged` says, where it is known already."""
    found = judged(connection, sample) if found is None else found
    verdicts = dict.fromkeys(Verdict, 0)
    for one in found:
        verdicts[one.verdict] += 1
    once = sum(one.verdict is Verdict.ONCE and one.positive for one in found)
    return Counts(sample.cells, verdicts, once, _draw(connection, sample, found), _factor(sample))


def _draw(connection: Connection, sample: Sample, found: list[Judged]) -> Draw:
    of = turns.c
    first = select(of.cell, of.probability).where(of.sample == sample.id, of.occasion == 1).distinct()
    rows = connection.execute(first).all()
    ranked = {row.cell for row in rows if row.probability == 1}
    drawn = {row.cell for row in rows} - ranked
    total = int(connection.execute(select(func.count()).where(cells.c.sample == sample.id)).scalar() or 0)
    by_cell = {one.cell: one for one in found}
    read = [by_cell[cell] for cell in drawn if cell in by_cell]
    among = total - len(ranked) if rows else 0
    unread = among - sum(cell not in ranked for cell in by_cell) if rows else 0
    return Draw(among, len(read), sum(_may_be_one(one) for one in read), max(0, unread))


def _may_be_one(one: Judged) -> bool:
    if one.settled is not None:
        return one.settled >= POSITIVE
    return any(grade >= POSITIVE for grade in one.grades.values())


def _factor(sample: Sample) -> float | None:
    """7.5 mL over the blood that was imaged. Losses of enrichment are not in it: nobody knows them of a sample."""
    known = sample.about.get("known", {})
    volume = known.get("blood_volume_ml")
    return TUBE_ML / (float(volume) * float(known.get("fraction_imaged", 1))) if volume else None
