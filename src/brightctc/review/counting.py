"""How many there are: confirmed, read, unread; with what a count and a random sample of the unread can say."""

from dataclasses import dataclass

from sqlalchemy import Connection

from brightctc.metrics import poisson_interval, upper_bound_of_count
from brightctc.review.agreeing import POSITIVE, Judged, Verdict, judged
from brightctc.review.blind import queued
from brightctc.review.samples import Sample

TUBE_ML = 7.5
"""Blood that counts of CTCs are commonly given for."""


@dataclass(frozen=True)
class Draw:
    """Cells drawn at random among those that the model does not rank first.

    among: how many these are. read: of the drawn ones, those whose turn was graded. positive: of these, those that any
    reader gave a 3 or 4, unless a lead settled it otherwise. found: positive ones of all `among` that were read in any
    way. unread: of all `among`, whether drawn or not. first: unread ones that the model ranks first: no draw tells of
    them.
    """

    among: int
    read: int
    positive: int
    found: int
    unread: int
    first: int

    @property
    def most(self) -> int:
        """At 95 % no more of all unread ones are positive (one-sided, exact for a draw without replacement)."""
        total = upper_bound_of_count(self.positive, self.read, self.among)
        return min(self.unread, max(0, total - self.found)) + self.first


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
    def opened(self) -> int:
        """Readers differ, and nobody has settled it."""
        return self.verdicts[Verdict.OPEN]

    @property
    def twice(self) -> bool:
        """Has any cell been graded by two readers, or settled? Without, nothing could be confirmed."""
        return any(number for verdict, number in self.verdicts.items() if verdict is not Verdict.ONCE)

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
    ranked, drawn, read = queued(connection, sample)
    if not ranked and not drawn:
        return Draw(0, 0, 0, 0, 0, 0)
    others = {one.cell: one for one in found if one.cell not in ranked}
    taken = [others[cell] for cell in drawn & read if cell in others]
    return Draw(
        among=sample.cells - len(ranked),
        read=len(taken),
        positive=sum(_may_be_one(one) for one in taken),
        found=sum(_may_be_one(one) for one in others.values()),
        unread=sample.cells - len(ranked) - len(others),
        first=len(ranked) - (len(found) - len(others)),
    )


def _may_be_one(one: Judged) -> bool:
    if one.settled is not None:
        return one.settled >= POSITIVE
    return any(grade >= POSITIVE for grade in one.grades.values())


def _factor(sample: Sample) -> float | None:
    """7.5 mL over the blood that was imaged. Losses of enrichment are not in it: nobody knows them of a sample."""
    known = sample.about["known"]
    blood, fraction = known.get("blood_volume_ml"), known.get("fraction_imaged", 1)
    return TUBE_ML / (blood * fraction) if blood and fraction and fraction <= 1 else None
