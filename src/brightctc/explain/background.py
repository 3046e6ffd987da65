"""Does the network look at the background? Scores with the cell erased, and with its surroundings erased."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from brightctc.bundle.runtime import Scorer
from brightctc.evaluate.cells import Progress
from brightctc.explain.cells import Explained, scored
from brightctc.explain.erasing import without_cell, without_surroundings
from brightctc.explain.units import Units
from brightctc.metrics import Interval, Scored, compare
from brightctc.metrics.ends import CONSTANT

CHANCE = 0.5
TELLS = 0.6
"""ROC-AUC from which on what is left without the cell is said to tell the classes, where its interval is above 0.5.

As far below 0.5 (0.4 or less) it tells them the other way round."""
MOST = 0.5
"""Share of what the whole crop has above chance, from which on the background is said to carry the score."""
Verdict = Literal["background", "partly", "cell", "undecided"]


@dataclass(frozen=True)
class Erased:
    """Logits of n cells, float64 (n,): as they are, the cell alone, and what is left without it; NaN without outline.

    whole, alone, without: ROC-AUC of each, on the cells that have an outline; lost: of the whole less that without the
    cell, in pairs. Intervals are by whole units; where these are too few, `sure` is judged by cells. changed: share of
    these cells whose call changes when the surroundings are erased.
    sure: `without` lies above or below chance; the whole above chance; what is lost above 0; each with its interval, or
    where no resample differs with the figure itself.
    """

    logit: np.ndarray
    logit_alone: np.ndarray
    logit_without: np.ndarray
    whole: Interval
    alone: Interval
    without: Interval
    lost: Interval
    changed: float
    sure: tuple[bool, bool, bool]

    def called_empty(self, threshold: float) -> tuple[int, int]:
        """How many crops with the cell erased are called positive, of how many: no training showed an empty crop."""
        known = self.logit_without[np.isfinite(self.logit_without)]
        return int((known >= threshold).sum()), known.size

    @property
    def kept(self) -> float | None:
        """Of what the whole crop has above chance, the share that is left without the cell, either way round: 0 to 1.

        None: not known.
        """
        whole, without = self.whole.value, self.without.value
        if whole is None or without is None or whole <= CHANCE:
            return None
        return min(1.0, abs(without - CHANCE) / (whole - CHANCE))

    @property
    def turned(self) -> bool:
        """What is left without the cell tells the classes the other way round."""
        return self.without.value is not None and self.without.value < CHANCE

    @property
    def verdict(self) -> Verdict:
        """background: it is left without the cell, most of it or all. partly: some of it is. cell: erased, it is lost.

        undecided: these cells don't show any of the three.
        """
        left_is_sure, whole_is_sure, loss_is_sure = self.sure
        if self.without.value is None:
            return "undecided"
        if abs(self.without.value - CHANCE) >= TELLS - CHANCE and left_is_sure:
            return "background" if self.kept is None or self.kept >= MOST else "partly"
        return "cell" if whole_is_sure and loss_is_sure else "undecided"


def erased(cells: Explained, scorer: Scorer, units: Units, seed: int, progress: Progress | None) -> Erased:
    """Score every outlined cell twice more. seed: of the noise that takes the place of what is erased."""
    found = np.array([each.outline.found for each in cells.seen], dtype=bool)
    index = np.flatnonzero(found).tolist()
    sizes = [cells.pixel_sizes[at] for at in index]
    alone, without = np.full(len(found), np.nan), np.full(len(found), np.nan)
    for logit, erase, words in (
        (alone, without_surroundings, "scoring cells alone"),
        (without, without_cell, "scoring what is left"),
    ):
        crops = [erase(cells.seen[at], seed + at) for at in index]
        logit[index] = scored(crops, sizes, cells.bundle, scorer, progress, words)[1].logit
    own, line = np.where(found, cells.outputs.logit.astype(np.float64), np.nan), cells.bundle.threshold.logit
    by_cell = replace(units, unit="cell")

    whole, left = units.roc_auc(cells.positive, own), units.roc_auc(cells.positive, without)
    lost = _lost(units.some(found), cells.positive[found], own[found], without[found])
    left_low, left_high = _ends(left, lambda: by_cell.roc_auc(cells.positive, without))
    whole_low, _ = _ends(whole, lambda: by_cell.roc_auc(cells.positive, own))
    lost_low, _ = _ends(lost, lambda: _lost(by_cell.some(found), cells.positive[found], own[found], without[found]))
    return Erased(
        logit=own,
        logit_alone=alone,
        logit_without=without,
        whole=whole,
        alone=units.roc_auc(cells.positive, alone),
        without=left,
        lost=lost,
        changed=float(((alone >= line) != (own >= line))[found].mean()) if index else float("nan"),
        sure=(left_low > CHANCE or left_high < CHANCE, whole_low > CHANCE, lost_low > 0),
    )


def _ends(of: Interval, again: Callable[[], Interval]) -> tuple[float, float]:
    """Both ends, else those of `again`; the figure itself where no resample differs; no bounds where none is known."""
    for found in (lambda: of, again):
        interval = found()
        if interval.reason == CONSTANT and interval.value is not None:
            return interval.value, interval.value
        if interval.low is not None and interval.high is not None:
            return interval.low, interval.high
    return -np.inf, np.inf


def _lost(units: Units, positive: np.ndarray, own: np.ndarray, without: np.ndarray) -> Interval:
    """ROC-AUC of the first less that of the second, in pairs."""
    sides = [[Scored(logit, logit >= 0, np.full(len(logit), np.nan))] for logit in (own, without)]
    if not len(positive) or positive.all() or not positive.any():
        return Interval(None, reason="a class is missing")
    drawn = {"unit": units.unit, "groups": units.groups, "resamples": units.resamples, "seed": units.seed}
    return compare(positive, sides[0], sides[1], ["roc_auc"], **drawn)["roc_auc"].difference
