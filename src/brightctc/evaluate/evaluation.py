"""Scored cells → every figure with its interval, what it may claim, and what to beware of."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from brightctc.bundle import BundleThreshold
from brightctc.cohort import NOBODY, Classes, owners_of
from brightctc.evaluate.cells import ScoredCells
from brightctc.evaluate.claim import Claim
from brightctc.metrics import (
    Counts,
    Interval,
    Intervals,
    RarePrecision,
    Scored,
    cells_needed,
    confusion,
    constant_classifier,
    intervals,
    precision_at_prevalence,
    upper_bound_of_share,
)

CLAIMED_RECALL = 0.95
LOOKS = "looks_per_true"


@dataclass(frozen=True)
class Resampling:
    """How often cells are resampled, and the seed of that draw."""

    resamples: int
    seed: int


@dataclass(frozen=True)
class Judged:
    """Cells that figures are of. positive: bool[n]; scored: of each seed; members: what each is resampled with."""

    positive: np.ndarray
    scored: tuple[Scored, ...]
    members: list

    @classmethod
    def labelled(cls, seeds: Sequence[ScoredCells], claim: Claim) -> "Judged":
        """Of every figure but LOOKS."""
        return cls._of(seeds, claim, seeds[0].labelled)

    @classmethod
    def every(cls, seeds: Sequence[ScoredCells], claim: Claim) -> "Judged":
        """Of LOOKS: called cells without a label count as looks, too."""
        return cls._of(seeds, claim, np.ones_like(seeds[0].labelled))

    @classmethod
    def _of(cls, seeds: Sequence[ScoredCells], claim: Claim, kept: np.ndarray) -> "Judged":
        first = seeds[0]
        members = [member for member, has in zip(owners_of(first.rows, claim.by), kept, strict=True) if has]
        return cls((first.positive & first.labelled)[kept], tuple(cells.scored(kept) for cells in seeds), members)


@dataclass(frozen=True)
class Evaluation:
    """All that was measured on a part.

    positive, scored: the labelled cells alone. counts: at the frozen threshold; an unreadable positive is missed,
    an unreadable negative counts as called negative. members: per labelled cell the donor, sample or cell that it
    is resampled with.
    """

    cells: ScoredCells
    claim: Claim
    classes: Classes
    threshold: BundleThreshold
    resampling: Resampling
    positive: np.ndarray
    scored: Scored
    members: list
    counts: Counts
    intervals: Intervals
    warnings: tuple[str, ...]

    @property
    def figures(self) -> dict[str, Interval]:
        """Name → value and interval."""
        return self.intervals.figures

    @property
    def meaning(self) -> str:
        """What the intervals are of; the stamps have the last word on whom they speak of."""
        return meaning_of(self.intervals, self.claim)

    @property
    def constant(self) -> Counts:
        """The classifier that calls every cell positive, on the same cells."""
        return constant_classifier(self.counts.positives, self.counts.negatives)

    @property
    def rare(self) -> list[RarePrecision]:
        """Precision at 1:10 to 1:10,000."""
        return precision_at_prevalence(self.counts)

    @property
    def class_ratio(self) -> str:
        """Positives to negatives, e.g. "52 CTC : 100 leukocyte"."""
        counts = self.counts
        return f"{counts.positives:,} {self.classes.positive} : {counts.negatives:,} {self.classes.negative}"

    @property
    def holders(self) -> tuple[int, int]:
        """Known units (donors, samples), in all and with positive cells; a sample that stands for a donor is none."""
        return known_holders(self.members, self.positive, self.claim)


def known_holders(members: list, positive: np.ndarray, claim: Claim) -> tuple[int, int]:
    """How many units of a claim hold cells, and positive ones: those that are known, and no sample for a donor."""
    known = [
        (member, yes)
        for member, yes in zip(members, positive, strict=True)
        if member is not NOBODY and member[0] == claim.by
    ]
    return len({member for member, _ in known}), len({member for member, yes in known if yes})


def evaluation_of(
    cells: ScoredCells, claim: Claim, classes: Classes, threshold: BundleThreshold, resampling: Resampling
) -> Evaluation:
    """Measure. Figures are of labelled cells; called cells without a label count as looks, too."""
    judged = Judged.labelled([cells], claim)
    positive, scored, members = judged.positive, judged.scored[0], judged.members
    found = intervals_of([cells], claim, resampling)
    counts = confusion(positive, scored.called)
    warnings = (*claim.warnings, *found.warnings, *_beware(cells, counts, classes), *cells.warnings)
    return Evaluation(cells, claim, classes, threshold, resampling, positive, scored, members, counts, found, warnings)


def intervals_of(seeds: Sequence[ScoredCells], claim: Claim, drawn: Resampling) -> Intervals:
    """Figures of the same cells, scored by one network or by several seeds of it: then the mean over seeds.

    Figures are of labelled cells, but called cells without a label count as looks, too.
    """

    def of(judged: Judged) -> Intervals:
        return intervals(
            judged.positive,
            judged.scored,
            unit=claim.unit,
            groups=judged.members,
            resamples=drawn.resamples,
            seed=drawn.seed,
        )

    judged = Judged.labelled(seeds, claim)
    found = of(judged)
    found = replace(found, warnings=(*found.warnings, *_stand_ins(judged.members, claim)))
    if not seeds[0].labelled.all():
        found.figures[LOOKS] = of(Judged.every(seeds, claim)).figures[LOOKS]
    return found


def meaning_of(found: Intervals, claim: Claim) -> str:
    """What the intervals are of; the stamps have the last word on whom they speak of."""
    drawn, _, of_whom = found.meaning.partition(": ")
    return ": ".join(filter(None, (drawn, "; ".join(claim.stamps) or of_whom)))


def _stand_ins(members: list, claim: Claim) -> list[str]:
    """Which cells are not resampled with a donor (sample) that is known."""
    unit, nobodys = claim.unit, members.count(NOBODY)
    others = sum(member is not NOBODY and member[0] != claim.by for member in members)
    of, found = f"of {len(members):,} labelled cells", []
    if others:
        found.append(f"{others:,} {of} have no {unit}: each of their samples counts as one")
    if nobodys:
        lack = "neither donor nor sample" if claim.by == "donor_id" else f"no {unit}"
        found.append(
            f"{nobodys:,} {of} have {lack}: together they count as one {unit}, since nobody knows of how many they are"
            ", nor whether others of theirs were trained on"
        )
    return found


def _beware(cells: ScoredCells, counts: Counts, classes: Classes) -> list[str]:
    """What the figures alone don't say."""
    found = _unread(cells, classes)
    baseline = constant_classifier(counts.positives, counts.negatives).f1
    if counts.positives and counts.f1 <= baseline:
        found.append(f"F1 {counts.f1:.3f} is no better than calling every cell {classes.positive} ({baseline:.3f})")
    if counts.positives and not counts.fn:
        least = math.floor(1000 * (1 - upper_bound_of_share(0, counts.positives))) / 10  # a bound is not rounded up
        found.append(
            f"no {classes.positive} was missed among {counts.positives}: the recall is at least {least:.1f} % "
            "(exact, 95 %)"
        )
    if counts.negatives and not counts.fp:
        most = 1000 * upper_bound_of_share(0, counts.negatives)
        found.append(
            f"no {classes.negative} was called: false calls per 1,000 are at most {most:.2g} "
            f"(exact, 95 %, {counts.negatives:,} cells)"
        )
    needed = cells_needed(1 - CLAIMED_RECALL)
    if counts.positives < needed:
        found.append(
            f"{counts.positives} {classes.positive} cells can't show a recall of {100 * CLAIMED_RECALL:.0f} % with "
            f"95 % confidence; that takes {needed}, none missed"
        )
    return found


def _unread(cells: ScoredCells, classes: Classes) -> list[str]:
    unread = cells.unread & cells.labelled
    positives, negatives = int((unread & cells.positive).sum()), int((unread & ~cells.positive).sum())
    found = []
    if positives:
        found.append(f"{positives} {classes.positive} cells could not be read and count as missed")
    if negatives:
        found.append(f"{negatives} {classes.negative} cells could not be read and count as not called")
    return found
