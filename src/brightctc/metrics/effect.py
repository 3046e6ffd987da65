"""How far apart two classes lie in one number: Cliff's δ, with a bootstrap interval by whole units."""

from collections.abc import Hashable, Sequence
from functools import partial

import numpy as np

from brightctc.metrics.curves import Order, weighted_areas
from brightctc.metrics.ends import FROM_MINUS_ONE, Interval, interval_from, percentile_ends, share_ends
from brightctc.metrics.resampling import resample_weights
from brightctc.metrics.units import LIGHTEST, TOO_FEW, Unit, are_known, holders, members_of, weight_of

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
    `intervals`, and intervals as there; none under 6 units that hold cells of each class, where a class is missing, or
    where it is the same in every resample (the classes don't overlap).
    """
    known = ~np.isnan(values)
    positive, values = np.asarray(positive, dtype=bool)[known], np.asarray(values, dtype=np.float64)[known]
    if positive.all() or not positive.any():
        return Interval(None, reason="undefined: a class is missing")
    order = Order.of(values)
    value = 2 * float(weighted_areas(positive, order, np.ones((1, len(values))))[0][0]) - 1
    kept = None if groups is None else [group for group, has in zip(groups, known, strict=True) if has]
    members, unit = members_of(len(values), unit, kept), "cell" if kept is None else unit
    counted = are_known(len(values), unit, kept)
    units = weight_of("roc_auc", positive[counted], members[counted], unit)
    fewest = min(holders(positive[counted], members[counted]).values())
    if units is not None and (fewest < TOO_FEW or units < LIGHTEST):
        light = (
            f"only {fewest} {unit}(s) with cells of a class"
            if fewest < TOO_FEW
            else f"one {unit} has most cells of a class"
        )
        return Interval(value, reason=light)
    weights = resample_weights(positive, members, resamples, seed)
    blocks = [weights[start : start + _ROWS, members] for start in range(0, resamples, _ROWS)]
    drawn = 2 * np.concatenate([weighted_areas(positive, order, block)[0] for block in blocks]) - 1
    ends = percentile_ends if units is None else partial(share_ends, value, units=units, scale=FROM_MINUS_ONE)
    return interval_from(value, drawn, ends).or_none()
