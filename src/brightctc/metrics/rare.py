"""What a result means where positives are rare: precision at one positive among k negatives."""

import math
from dataclasses import dataclass

from brightctc.metrics.counts import Counts
from brightctc.metrics.exact import cells_needed, clopper_pearson, upper_bound_of_share

RATIOS = (10, 100, 1_000, 10_000)
WORTHWHILE = 0.5  # the precision that `negatives_needed` speaks of: as many true calls as false ones


@dataclass(frozen=True)
class RarePrecision:
    """Precision at 1:`k` (positives to negatives), at the recall seen.

    value: None where there was no false call (then only `low` is known) or recall is undefined.
    low, high: from the exact 95 % bounds of the false-positive rate; cells are taken as independent.
    negatives_needed: without a false call among this many negatives, a precision of one half at 1:k would be
    shown; None where these cells show it already, or where false calls were seen.
    """

    k: int
    value: float | None
    low: float | None
    high: float | None
    negatives_needed: int | None
    text: str


def precision_at_prevalence(counts: Counts, ratios: tuple[int, ...] = RATIOS) -> list[RarePrecision]:
    """A row per k: recall / (recall + k × false-positive rate), with bounds.

    With no false call among N negatives the rate is at most about 3/N at 95 % (one-sided, exact); the row
    then says "≥ …" and how many negatives would be needed.
    """
    return [_row(counts, k) for k in ratios]


def expected_precision(recall: float, false_positive_rate: float, k: float) -> float:
    """Precision at 1:k by Bayes' rule; NaN where nothing is called. Example: 0.8, 0.1, 1000 → 0.8 %."""
    called = recall + k * false_positive_rate
    return recall / called if called else math.nan


def _row(counts: Counts, k: int) -> RarePrecision:
    if not counts.tp or not counts.negatives:
        missing = "no positive was called" if counts.positives else "there are no positives"
        return RarePrecision(k, None, None, None, None, missing if not counts.tp else "there are no negatives")
    recall = counts.recall
    if counts.fp:
        low_rate, high_rate = clopper_pearson(counts.fp, counts.negatives)
        value = expected_precision(recall, counts.fp / counts.negatives, k)
        low, high = expected_precision(recall, high_rate, k), expected_precision(recall, low_rate, k)
        return RarePrecision(k, value, low, high, None, f"{_share(value)} ({_share(low)} to {_share(high)})")
    low = expected_precision(recall, upper_bound_of_share(0, counts.negatives), k)
    if low >= WORTHWHILE:
        return RarePrecision(k, None, low, None, None, f"≥ {_share(low)}")
    needed = cells_needed(recall * (1 - WORTHWHILE) / (WORTHWHILE * k))
    return RarePrecision(
        k,
        None,
        low,
        None,
        needed,
        f"≥ {_share(low)} (≥ 50 % takes {needed:,} negatives without a false call)",
    )


def _share(value: float) -> str:
    """Per cent with two significant digits, never rounded to a certain 100 %."""
    percent = 100 * value
    if percent > 99.9 and value < 1:
        return "> 99.9 %"
    return f"{percent:.2g} %" if percent < 10 else f"{percent:.1f} %"
