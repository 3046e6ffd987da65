"""The two ends of an interval, from the figure in many resamples: percentiles of cells, t intervals of few units.

With few donors percentiles are too narrow twice over: the spread over resamples of n units lacks a factor
√(n/(n − 1)), and a normal's quantile stands where Student's t belongs (Hesterberg, What Teachers Should Know about the
Bootstrap, American Statistician 69:371, 2015). Both are put in here; n is the effective number of units; and a share's
interval is symmetric on the logit scale, where its distribution is less skewed (Davison & Hinkley, Bootstrap Methods
and their Application, 1997, section 5.2). docs/results/coverage.md measures what that gains.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

LEVEL = 0.95
FURTHEST = 2.5  # times a plain t interval's half: on the logit scale 0.98 ± 0.04 would reach down to 0.25
UNDEFINED = 0.025  # share of resamples without the figure, above which a percentile has no meaning
CONSTANT = "the same in every resample: no error was seen that could vary"
Ends = tuple[float, float]


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval. None where undefined or not to be had; `reason` then says why.

    `reason` also says where the ends do not come from resamples.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    @property
    def has_no_width(self) -> bool:
        """Do both ends coincide? That says nothing of how much was looked at."""
        return self.low is not None and self.high is not None and math.isclose(self.low, self.high, rel_tol=1e-9)

    def or_none(self) -> "Interval":
        """Without ends where they coincide."""
        return Interval(self.value, reason=CONSTANT) if self.has_no_width else self

    def as_dict(self) -> dict[str, float | str | None]:
        """{"value", "low", "high"}, and "reason" where there is one."""
        shown: dict[str, float | str | None] = {"value": self.value, "low": self.low, "high": self.high}
        return shown | ({"reason": self.reason} if self.reason else {})


@dataclass(frozen=True)
class Scale:
    """How a figure becomes a share from 0 to 1, and back; `to_share` also takes arrays. span: high − low of all."""

    to_share: Callable
    back: Callable[[float], float]
    span: float = 1.0


SHARE = Scale(lambda value: value, lambda share: share)
FROM_MINUS_ONE = Scale(lambda value: (value + 1) / 2, lambda share: 2 * share - 1, 2.0)
SCALES = {
    "mcc": FROM_MINUS_ONE,
    "false_calls_per_1000": Scale(lambda value: value / 1000, lambda share: 1000 * share, 1000.0),
    "looks_per_true": Scale(lambda value: 1 / value, lambda share: 1 / share, math.inf),  # its inverse is the precision
}


def interval_from(value: float, drawn: np.ndarray, ends: Callable[[np.ndarray], Ends]) -> Interval:
    """The interval of a finite value. drawn: float64[r], the figure in resamples, NaN where it is undefined there.

    ends: from the defined ones. An end that is not finite becomes None.
    """
    undefined = np.isnan(drawn)
    if undefined.mean() > UNDEFINED:
        return Interval(value, reason=f"undefined in {undefined.mean():.0%} of the resamples")
    low, high = (end if math.isfinite(end) else None for end in ends(drawn[~undefined]))
    missing = "the upper end has no bound: resamples find nothing" if high is None else None
    return Interval(value, low, high, missing)


def rank_of_end(resamples: int) -> int:
    """How many resamples lie beyond a 95 % percentile end on each side: the nearest rank, half a rank rounded down."""
    return max(0, math.ceil((1 - LEVEL) / 2 * (resamples - 1) - 0.5 - 1e-9))


def percentile_ends(drawn: np.ndarray) -> Ends:
    """2.5th and 97.5th percentile of float64[r], each a value that occurred (Efron & Tibshirani 1993, ch. 13)."""
    ranked, beyond = np.sort(drawn), rank_of_end(drawn.size)
    return float(ranked[beyond]), float(ranked[-1 - beyond])


def stretch(units: float) -> float:
    """What the spread over resamples of so many units is multiplied with: t of units − 1 times √(units/(units − 1)).

    units: > 1, not necessarily whole (an effective number); 2.82 for 6, 2.15 for 20.
    """
    return float(scipy.special.stdtrit(units - 1, (1 + LEVEL) / 2)) * math.sqrt(units / (units - 1))


def share_ends(value: float, drawn: np.ndarray, units: float, scale: Scale = SHARE) -> Ends:
    """A t interval, symmetric on the logit scale of the figure's share: never beyond what is possible.

    value: the figure; drawn: float64[r], the same in resamples; units: the effective number that were drawn. The
    spread on the logit scale is that of the shares over p (1 − p) (delta method), which allows shares of 0 and 1 among
    resamples. Near 0 and 1 that overshoots: no end lies further away than FURTHEST times a plain t interval's. Without
    a spread, or at 0 or 1 itself, both ends are the value.
    """
    share, spread = float(scale.to_share(value)), float(np.std(scale.to_share(drawn)))
    if not 0 < share < 1 or not spread:
        return value, value
    plain = stretch(units) * spread
    logit, reach = math.log(share / (1 - share)), plain / (share * (1 - share))
    low, high = (_from_logit(logit + side * reach) for side in (-1, 1))
    ends = [scale.back(max(low, share - FURTHEST * plain)), scale.back(min(high, share + FURTHEST * plain))]
    return min(ends), max(ends)


def plain_ends(value: float, drawn: np.ndarray, units: float, least: float, most: float) -> Ends:
    """A t interval on the figure's own scale, cut at the least and most that are possible."""
    if not np.isfinite(drawn).all():
        return -math.inf, math.inf
    reach = stretch(units) * float(np.std(drawn))
    return max(least, value - reach), min(most, value + reach)


def _from_logit(logit: float) -> float:
    """The share, kept off 0 and 1, whose inverse may be asked for."""
    return float(np.clip(1 / (1 + np.exp(-np.clip(logit, -700, 700))), 1e-12, 1 - 1e-12))
