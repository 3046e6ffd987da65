"""What makes scores mean what they say: a temperature that logits are divided by, or a rising line of pieces.

Temperature scaling (Guo et al. 2017, arXiv 1706.04599), with the smoothed targets of Platt (1999), so that cells which
the network tells apart without fault don't make it infinitely sure. Pieces: isotonic regression (Zadrozny and Elkan
2002) through the middles of its blocks (Oron and Flournoy 2017, arXiv 1701.05964), which keeps different logits apart.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import scipy

FEWEST = 30
"""Positive cells, and negative ones, without which no temperature is learned."""
FEWEST_FOR_KNOTS = 200
"""And without which no pieces are: they follow the noise of fewer."""
_LEAST, _MOST = 0.05, 20.0
_FOLDS = 5
_SAME = 1e-9  # shares that differ by rounding alone are one block

Knots = tuple[tuple[float, float], ...]
"""Pairs of logit and log-odds, both rising; none for a temperature alone."""
Fit = Callable[[np.ndarray, np.ndarray], tuple[float, Knots] | None]


def fitted_temperature(logit: np.ndarray, positive: np.ndarray, fewest: int = FEWEST) -> float | None:
    """The temperature of the least log loss on these cells, from 0.05 to 20; None with fewer than `fewest` of a class.

    logit: float (n,), cells without a finite one are left out. positive: bool (n,). Ranks, thresholds on the logit and
    conformal sets don't change by it.
    """
    logit, positive = _finite(logit, positive)
    if _fewer(positive) < fewest:
        return None
    target = _targets(positive)

    def loss(log_temperature: float) -> float:
        scaled = logit / math.exp(log_temperature)
        return float(np.mean(np.logaddexp(0, scaled) - target * scaled))

    found = scipy.optimize.minimize_scalar(loss, bounds=(math.log(_LEAST), math.log(_MOST)), method="bounded")
    return math.exp(float(found.x))


def fitted_knots(logit: np.ndarray, positive: np.ndarray, fewest: int = FEWEST_FOR_KNOTS) -> Knots:
    """The pieces of isotonic regression on these cells; none with fewer than `fewest` of a class, or with one block.

    logit, positive: as `fitted_temperature`.
    """
    logit, positive = _finite(logit, positive)
    if _fewer(positive) < fewest:
        return ()
    places, place = np.unique(logit, return_inverse=True)
    cells = np.bincount(place)
    found = scipy.optimize.isotonic_regression(np.bincount(place, _targets(positive)) / cells, weights=cells)
    starts = np.flatnonzero(np.diff(found.x, prepend=-1.0) > _SAME)
    if len(starts) < 2:
        return ()
    middle = np.add.reduceat(cells * places, starts) / np.add.reduceat(cells, starts)
    share = found.x[starts]
    return tuple(zip(middle.tolist(), (np.log(share) - np.log1p(-share)).tolist(), strict=True))


def fitted_calibration(logit: np.ndarray, positive: np.ndarray, groups: Sequence[object]) -> tuple[float, Knots] | None:
    """A temperature, and the pieces where they say more of groups that they were not learned from; None: too few cells.

    groups: per cell its donor, sample or own id. What says more has the lower log loss, cross-fitted.
    """
    temperature, knots = fitted_temperature(logit, positive), fitted_knots(logit, positive)
    if temperature is None:
        return None
    if not knots:
        return temperature, ()
    plain, bent = (_loss(cross_fitted(logit, positive, groups, fit), positive) for fit in (_plain, _bent))
    return temperature, knots if bent < plain else ()


def log_odds(logit: np.ndarray, temperature: float, knots: Knots) -> np.ndarray:
    """Logits (any shape) → log-odds, float64: logit / temperature; NaN stays NaN.

    With knots, the pieces between them, and on either side of them on with the slope of the temperature.
    """
    logit = np.asarray(logit, dtype=np.float64)
    if not knots:
        return logit / temperature
    at, value = np.array(knots).T
    inside = np.clip(logit, at[0], at[-1])
    return np.interp(inside, at, value) + (logit - inside) / temperature


def cross_fitted(
    logit: np.ndarray, positive: np.ndarray, groups: Sequence[object], fit: Fit | None = None, seed: int = 0
) -> np.ndarray:
    """Log-odds, each as learned from the other groups: float64 (n,), for an honest look at calibration.

    groups: per cell its donor, sample or own id; a group is in one of five folds. fit: a temperature where none is
    given. NaN where the others allow none.
    """
    names, number = np.unique(np.array([str(group) for group in groups]), return_inverse=True)
    fold = np.random.default_rng(seed).permutation(len(names))[number] % _FOLDS
    logit, positive = np.asarray(logit, dtype=np.float64), np.asarray(positive, dtype=bool)
    found = np.full(len(number), np.nan)
    for held in range(_FOLDS):
        own = fold == held
        learned = (fit or _plain)(logit[~own], positive[~own])
        if learned is not None:
            found[own] = log_odds(logit[own], *learned)
    return found


def _plain(logit: np.ndarray, positive: np.ndarray) -> tuple[float, Knots] | None:
    temperature = fitted_temperature(logit, positive)
    return None if temperature is None else (temperature, ())


def _bent(logit: np.ndarray, positive: np.ndarray) -> tuple[float, Knots] | None:
    temperature = fitted_temperature(logit, positive)
    return None if temperature is None else (temperature, fitted_knots(logit, positive, FEWEST))


def _loss(found: np.ndarray, positive: np.ndarray) -> float:
    """Mean log loss of log-odds; infinite where a cell that has a logit has none."""
    signed = np.where(positive, found, -found)
    return float(np.mean(np.logaddexp(0, -signed))) if np.isfinite(found).all() else math.inf


def _finite(logit: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    logit, positive = np.asarray(logit, dtype=np.float64), np.asarray(positive, dtype=bool)
    finite = np.isfinite(logit)
    return logit[finite], positive[finite]


def _fewer(positive: np.ndarray) -> int:
    """Cells of the class that has fewer."""
    return int(min(np.count_nonzero(positive), np.count_nonzero(~positive)))


def _targets(positive: np.ndarray) -> np.ndarray:
    """Of each cell, a little within 0 and 1, by the number of cells of its class (Platt 1999)."""
    positives = int(np.count_nonzero(positive))
    return np.where(positive, (positives + 1) / (positives + 2), 1 / (positive.size - positives + 2))
