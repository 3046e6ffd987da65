"""Does the network look at the background? Scores with the cell erased, and with its surroundings erased."""

from dataclasses import dataclass, replace

import numpy as np

from brightctc.bundle.runtime import Scorer
from brightctc.evaluate.cells import Progress
from brightctc.explain.cells import Explained, scored
from brightctc.explain.erasing import without_cell, without_surroundings
from brightctc.explain.units import Units
from brightctc.metrics import Interval

CHANCE = 0.5
TELLS = 0.6
"""ROC-AUC from which on what is left without the cell is said to tell the classes, where its interval is above 0.5."""


@dataclass(frozen=True)
class Erased:
    """Logits of n cells, float64 (n,): as they are, the cell alone, and what is left without it; NaN without outline.

    whole, alone, without: ROC-AUC of each, on the cells that have an outline. changed: share of these cells whose call
    changes when the surroundings are erased. sure: is `without` above chance, by whole units, or by cells where units
    are too few?
    """

    logit: np.ndarray
    logit_alone: np.ndarray
    logit_without: np.ndarray
    whole: Interval
    alone: Interval
    without: Interval
    changed: float
    sure: bool

    @property
    def reads_background(self) -> bool | None:
        """Does it tell the classes with the cell erased? None where that can't be said."""
        if self.without.value is None:
            return None
        return self.without.value >= TELLS and self.sure


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
    left = units.roc_auc(cells.positive, without)
    low = left.low if left.low is not None else replace(units, unit="cell").roc_auc(cells.positive, without).low
    return Erased(
        logit=own,
        logit_alone=alone,
        logit_without=without,
        whole=units.roc_auc(cells.positive, own),
        alone=units.roc_auc(cells.positive, alone),
        without=left,
        changed=float(((alone >= line) != (own >= line))[found].mean()) if index else float("nan"),
        sure=low is not None and low > CHANCE,
    )
