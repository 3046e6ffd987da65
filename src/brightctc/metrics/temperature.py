"""One number that makes scores say what they mean: the temperature that logits are divided by.

Temperature scaling (Guo et al. 2017, arXiv 1706.04599), with the smoothed targets of Platt (1999), so that cells which
the network tells apart without fault don't make it infinitely sure.
"""

import math
from collections.abc import Sequence

import numpy as np
import scipy

FEWEST = 30
"""Positive cells, and negative ones, without which no temperature is learned."""
_LEAST, _MOST = 0.05, 20.0


def fitted_temperature(logit: np.ndarray, positive: np.ndarray, fewest: int = FEWEST) -> float | None:
    """The temperature of the least log loss on these cells, from 0.05 to 20; None with fewer than `fewest` of a class.

    logit: float (n,), cells without a finite one are left out. positive: bool (n,). Ranks, thresholds on the logit and
    conformal sets don't change by it.
    """
    logit, positive = np.asarray(logit, dtype=np.float64), np.asarray(positive, dtype=bool)
    finite = np.isfinite(logit)
    logit, positive = logit[finite], positive[finite]
    positives = int(np.count_nonzero(positive))
    negatives = positive.size - positives
    if min(positives, negatives) < fewest:
        return None
    target = np.where(positive, (positives + 1) / (positives + 2), 1 / (negatives + 2))

    def loss(log_temperature: float) -> float:
        scaled = logit / math.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, scaled) - target * scaled))

    found = scipy.optimize.minimize_scalar(loss, bounds=(math.log(_LEAST), math.log(_MOST)), method="bounded")
    return math.exp(float(found.x))


def cross_fitted(
    logit: np.ndarray, positive: np.ndarray, groups: Sequence[object], folds: int = 5, seed: int = 0
) -> np.ndarray:
    """Logits, each divided by the temperature of the other groups: float64 (n,), for an honest look at calibration.

    groups: per cell its donor, sample or own id; a group is in one fold. NaN where the others allow no temperature.
    """
    names, number = np.unique(np.array([str(group) for group in groups]), return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(names))[number] % folds
    scaled = np.full(len(number), np.nan)
    for held in range(folds):
        own = fold == held
        temperature = fitted_temperature(np.asarray(logit)[~own], np.asarray(positive)[~own])
        if temperature is not None:
            scaled[own] = np.asarray(logit, dtype=np.float64)[own] / temperature
    return scaled
