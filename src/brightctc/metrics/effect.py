"""How far apart two classes lie in one number: Cliff's δ, with a bootstrap interval by whole units."""

from collections.abc import Hashable, Sequence

import numpy as np

from brightctc.metrics.curves import Order, weighted_areas
from brightctc.metrics.intervals import LEVEL, TOO_FEW, Interval, Unit, resample_weights, unit_numbers

_ROWS = 200  # resamples held at a time


def cliffs_delta(
    positive: np.ndarray,
    values: np.ndarray,
    *,
    unit: Unit = "cell",
    groups: Sequence[Hashable] | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """P(positive > negative) − P(positive < negative) (Cliff 1993): 2 · ROC-AUC − 1, from −1 to 1; 0: no difference.

    positive: bool[n]. values: float[n]; not-a-number is left out. unit, groups: what is resampled whole, as for
    `intervals`. Percentile interval; none under 6 units that hold cells of each class, or where a class is missing.
    """
    known = ~np.isnan(values)
    positive, values = np.asarray(positive, dtype=bool)[known], np.asarray(values, dtype=np.float64)[known]
    if positive.all() or not positive.any():
        return Interval(None, reason="undefined: a class is missing")
    order = Order.of(values)
    value = 2 * float(weighted_areas(positive, order, np.ones((1, len(values))))[0][0]) - 1
    members = np.arange(len(values))
    if unit != "cell" and groups is not None:
        members = unit_numbers([group for group, kept in zip(groups, known, strict=True) if kept])
        fewest = min(np.unique(members[positive]).size, np.unique(members[~positive]).size)
        if fewest < TOO_FEW:
            return Interval(value, reason=f"only {fewest} {unit}(s) with cells of a class")
    weights = resample_weights(positive, members, resamples, seed)
    blocks = [weights[start : start + _ROWS, members] for start in range(0, resamples, _ROWS)]
    drawn = 2 * np.concatenate([weighted_areas(positive, order, block)[0] for block in blocks]) - 1
    low, high = np.nanquantile(drawn, ((1 - LEVEL) / 2, (1 + LEVEL) / 2))
    return Interval(value, float(low), float(high))
