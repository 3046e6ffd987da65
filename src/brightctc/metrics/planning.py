"""How many more: donors for a narrower interval, positives for a recall, training cells for a better model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from brightctc.metrics.ends import LEVEL, Interval
from brightctc.metrics.exact import cells_needed
from brightctc.metrics.figures import Scored
from brightctc.metrics.resampling import resampled_figures
from brightctc.metrics.units import LIGHTEST, TOO_FEW, weight_of

_STARTS = (0.2, 0.5, 1.0)  # exponents from which the curve is sought
_FLAT = 1e-6


@dataclass(frozen=True)
class LearningCurve:
    """y = a − b n^(−c): `a` is what endless training cells would reach (0 to 1), c (0.1 to 2) how fast.

    sizes: distinct numbers of cells it was fitted to. error: root mean square of what it misses, of the means.
    """

    a: float
    b: float
    c: float
    sizes: int
    error: float

    def at(self, n: float) -> float:
        """The figure expected of n > 0 training cells; far beyond those that were tried it is a guess."""
        return self.a - self.b * n**-self.c


def design_effect(
    positive: np.ndarray, seeds: Sequence[Scored], members: np.ndarray, name: str, resamples: int = 1000, seed: int = 0
) -> float | None:
    """How many cells of new donors tell as much as one independent cell: Kish's design effect (1965), by resampling.

    The variance of figure `name` over resamples of whole units (times n/(n − 1), n their effective number, which
    resampling lacks) over that of resamples of cells. positive: bool[n]; members: int[n], each cell's unit from 0.
    1: units don't differ. None where a figure is undefined or has no spread, or where one unit has nearly all cells.
    From few donors it is rough: with 10, easily wrong by a half.
    """
    positive = np.asarray(positive, dtype=bool)
    units = weight_of(name, positive, members, "donor")
    if units is None or units < LIGHTEST:
        return None
    by_unit, by_cell = (
        resampled_figures(positive, seeds, which, resamples, seed, [name])[name]
        for which in (members, np.arange(positive.size))
    )
    defined = [drawn[np.isfinite(drawn)] for drawn in (by_unit, by_cell)]
    if min(drawn.size for drawn in defined) < resamples / 2 or not defined[1].std():
        return None
    return float(defined[0].var() / defined[1].var()) * units / (units - 1)


def units_needed(found: Interval, units: int, half_width: float) -> int | None:
    """How many donors (samples) like these would bring the interval to ± half_width; None without one by donors.

    units: how many `found` rests on. Widths fall as 1/√units. The new ones are assumed to be as unlike each other and
    to bring as many cells as these; Student's t, smaller with more, is left as it is, so rather too many are asked for.
    At least 6, below which there is no interval. Ends that `found.reason` says are not of resamples (exact ones, which
    take cells as independent) tell nothing of donors. Raises ValueError for a half_width ≤ 0.
    """
    if half_width <= 0:
        raise ValueError(f"half_width {half_width} is not above 0")
    if found.reason or found.low is None or found.high is None or found.has_no_width:
        return None
    return max(TOO_FEW, math.ceil(units * ((found.high - found.low) / 2 / half_width) ** 2 - 1e-9))


def positives_needed(recall: float, half_width: float, effect: float = 1.0) -> int:
    """How many positive cells bring a recall's 95 % interval to ± half_width: p (1 − p) z²/w² × design effect.

    recall: expected, 0 to 1; half_width: above 0, below 1; effect: of `design_effect`, 1 for independent cells. The
    formula (normal approximation) asks for nothing at a recall of 1: never fewer than it takes, none missed, to show
    a recall of 1 − half_width (`cells_needed`, exact), times the same effect.
    """
    if not 0 <= recall <= 1 or not 0 < half_width < 1 or effect <= 0:
        raise ValueError(f"recall {recall}, half_width {half_width} or effect {effect} is out of range")
    z = float(scipy.stats.norm.ppf((1 + LEVEL) / 2))
    by_width = recall * (1 - recall) * (z / half_width) ** 2
    return math.ceil(effect * max(by_width, cells_needed(half_width, LEVEL)) - 1e-9)


def learning_curve(cells: Sequence[int], values: Sequence[float]) -> LearningCurve | None:
    """Fit y = a − b n^(−c) to the mean value of each number of training cells (Figueroa et al., BMC Med. Inform.
    Decis. Mak. 12:8, 2012; there weighted, here each size counts once).

    cells: > 0, one for each of values (a figure from 0 to 1; several a size are averaged). None with fewer than 3
    sizes, with an undefined value, or where values don't rise with cells. Three sizes are met exactly, whatever is
    true: only more can show that the curve does not fit.
    """
    sizes, where = np.unique(np.asarray(cells, dtype=np.float64), return_inverse=True)
    if sizes.size < 3 or not np.isfinite(values).all():
        return None
    means = np.bincount(where, weights=values) / np.bincount(where)
    scaled = sizes / sizes[0]  # b is sought at the smallest size, where it is of the order of the values
    fits = [
        scipy.optimize.least_squares(
            lambda x: x[0] - x[1] * scaled ** -x[2] - means,
            (min(max(means[-1], 0.01), 0.99), min(max(means[-1] - means[0], 0.01), 0.99), start),
            bounds=([0, 0, 0.1], [1, 1, 2]),
            xtol=1e-12,
            ftol=1e-12,
            gtol=1e-12,
        )
        for start in _STARTS
    ]
    best = min(fits, key=lambda fit: fit.cost)
    a, gain, c = (float(each) for each in best.x)
    if gain < _FLAT or not best.success:
        return None
    return LearningCurve(a, gain * float(sizes[0]) ** c, c, sizes.size, float(np.sqrt(np.mean(best.fun**2))))
