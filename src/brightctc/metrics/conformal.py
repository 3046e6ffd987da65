"""Conformal sets: the classes that a cell may be of, so that few cells of a class are told not to be of it.

Split conformal prediction per class (Vovk, Gammerman and Shafer 2005, "Mondrian"; Sadinle, Lei and Wasserman 2019): of
n calibration cells of a class, the least positive-looking α of the positives and the most positive-looking α of the
negatives draw the lines. Where a new cell of the class is exchangeable with them, its set holds its class with a
probability from 1 − α to 1 − α + 1/(n + 1), whatever the network. Nothing else is promised: not for cells of another
origin, and not for "of the cells called uncertain …".
"""

import math
from dataclasses import dataclass

import numpy as np

LEAST_ALPHA, MOST_ALPHA = 0.001, 0.5


@dataclass(frozen=True)
class ConformalSets:
    """The sets of one α, by the logit alone.

    negative_up_to: a cell may be negative where its logit is at most this. positive_from: positive, at least this.
    negatives, positives: calibration cells of each class.
    """

    alpha: float
    negative_up_to: float
    positive_from: float
    negatives: int
    positives: int

    def may_be(self, logit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bool (n,) each, may it be negative, may it be positive; neither where there is no logit (NaN)."""
        logit = np.asarray(logit, dtype=np.float64)
        return logit <= self.negative_up_to, logit >= self.positive_from

    def uncertain(self, logit: np.ndarray, called: np.ndarray) -> np.ndarray:
        """Bool (n,): the set is not just the class that was called; also where it is empty. Not where the logit is NaN.

        called: bool (n,), called positive at the threshold.
        """
        negative, positive = self.may_be(logit)
        alone = np.where(called, positive & ~negative, negative & ~positive)
        return ~alone & np.isfinite(np.asarray(logit, dtype=np.float64))


def needed(alpha: float) -> int:
    """Calibration cells of a class without which no line can be drawn: ⌈1/α⌉ − 1."""
    return math.ceil(1 / alpha - 1e-9) - 1


def conformal_sets(logit: np.ndarray, positive: np.ndarray, alpha: float) -> ConformalSets | None:
    """Draw the lines on calibration cells; None where a class has fewer than `needed(alpha)`.

    logit: float (n,), cells without a finite one are left out. positive: bool (n,), the truth. alpha: share of a
    class's cells whose set may lack it, 0.001 to 0.5.
    """
    if not LEAST_ALPHA <= alpha <= MOST_ALPHA:
        raise ValueError(f"alpha must be from {LEAST_ALPHA} to {MOST_ALPHA}, not {alpha}")
    logit, positive = np.asarray(logit, dtype=np.float64), np.asarray(positive, dtype=bool)
    finite = np.isfinite(logit)
    negatives, positives = logit[finite & ~positive], logit[finite & positive]
    if min(negatives.size, positives.size) < needed(alpha):
        return None
    return ConformalSets(
        alpha=alpha,
        negative_up_to=_line(negatives, alpha),
        positive_from=-_line(-positives, alpha),
        negatives=negatives.size,
        positives=positives.size,
    )


def _line(strangeness: np.ndarray, alpha: float) -> float:
    """The ⌈(n + 1)(1 − α)⌉-th smallest of n values."""
    rank = math.ceil((strangeness.size + 1) * (1 - alpha) - 1e-9)
    return float(np.partition(strangeness, rank - 1)[rank - 1])
