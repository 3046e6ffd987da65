"""How sure a figure is: bootstrap intervals by whole donors (or samples, or cells), averaged over seeds.

The estimand: for each seed the figure at that seed's own frozen threshold, then the mean over seeds. A
resample draws whole donors with replacement, separately among those with and without positive cells; every
seed's figures are computed on the same resample, then averaged. Of donors and samples, which are few, the interval
is Student's t with the spread over resamples; of cells it is between percentiles (`ends` says how and why).
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from brightctc.metrics.counts import Counts, confusion
from brightctc.metrics.ends import (
    SCALES,
    SHARE,
    Ends,
    Interval,
    interval_from,
    percentile_ends,
    plain_ends,
    share_ends,
)
from brightctc.metrics.errorless import EXACT, exact_ends
from brightctc.metrics.figures import AT_THRESHOLD, FIGURES, Scored, figures
from brightctc.metrics.resampling import resampled_figures
from brightctc.metrics.units import (
    TOO_FEW,
    Unit,
    are_known,
    meaning_of_units,
    members_of,
    too_few,
    warnings_of,
    weight_of,
)

CONSTANT_DIFFERENCE = "the same in every resample: resampling can't tell how sure it is"


@dataclass(frozen=True)
class Intervals:
    """All figures of a result. meaning: what a repetition would be, in words. warnings: e.g. "few donors"."""

    figures: dict[str, Interval]
    unit: Unit
    meaning: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """first − second of one figure. value: NaN where undefined. drawn: float64[r], the same in each resample, or None
    with `reason` where an interval is not to be had. units: effective number that were drawn; None for cells."""

    name: str
    value: float
    drawn: np.ndarray | None
    units: float | None
    reason: str | None = None

    @property
    def interval(self) -> Interval:
        """Between percentiles for cells; Student's t on the figure's own scale for units."""
        if not math.isfinite(self.value):
            return Interval(None, reason=_undefined(self.name))
        if self.drawn is None:
            return Interval(self.value, reason=self.reason)
        span = SCALES.get(self.name, SHARE).span
        ends = percentile_ends
        if self.units is not None:
            ends = partial(plain_ends, self.value, units=self.units, least=-span, most=span)
        found = interval_from(self.value, self.drawn, ends)
        if self.value and found.has_no_width:
            return Interval(self.value, reason=CONSTANT_DIFFERENCE)
        return found


def intervals(
    positive: np.ndarray,
    seeds: Sequence[Scored],
    *,
    unit: Unit = "cell",
    groups: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Intervals:
    """Figures of one or several seeds on the same cells, with intervals.

    positive: bool[n]. seeds: at least one `Scored` of n cells. unit: what is resampled whole; "donor" and
    "sample" need `groups`, the id of each cell's donor or sample. resamples ≥ 1; seed: of the resampling.

    A figure that is the same in every resample (no error was seen) takes exact ends where there are some.
    Under 6 donors (samples) with cells of a class, or where one has nearly all of them, figures that rest on this
    class have no interval. The calibration error's interval is shifted by the bootstrap's own estimate of its bias
    (resampling adds noise, and an absolute difference only grows with it).
    """
    positive = np.asarray(positive, dtype=bool)
    members, known = members_of(positive.size, unit, groups), are_known(positive.size, unit, groups)
    counted = positive[known], members[known]
    point, lacking = _mean_figures(positive, seeds), too_few(*counted, unit)
    resampled = {}
    if set(lacking) != set(FIGURES) and positive.size:
        resampled = resampled_figures(positive, seeds, members, resamples, seed)
    weights = {name: weight_of(name, *counted, unit) for name in FIGURES}
    shown = {
        name: _interval(name, point[name], resampled.get(name), weights[name], lacking.get(name)) for name in FIGURES
    }
    counts = [confusion(positive, scored.called) for scored in seeds]
    shown = {name: _widened(name, found, counts) for name, found in shown.items()}
    meaning = meaning_of_units(unit, len(seeds), resamples)
    if set(lacking) == set(FIGURES):
        meaning = f"no intervals, since fewer than {TOO_FEW} {unit}s hold cells of each class"
    return Intervals(shown, unit, meaning, warnings_of(*counted, unit))


def differences(
    positive: np.ndarray,
    first: Sequence[Scored],
    second: Sequence[Scored],
    names: Sequence[str],
    *,
    unit: Unit = "cell",
    groups: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Interval]:
    """first − second of figures on the same cells, with intervals of pairs: both in each resample of whole units.

    first, second: one or several seeds each; the means over seeds are compared. The options are those of `intervals`.
    No interval where a figure would have none, or where the difference is the same in every resample (but for 0).
    """
    positive = np.asarray(positive, dtype=bool)
    found = resampled_differences(positive, (first, second), names, unit, groups, (resamples, seed))
    return {name: each.interval for name, each in found.items()}


def resampled_differences(
    positive: np.ndarray,
    pair: tuple[Sequence[Scored], Sequence[Scored]],
    names: Sequence[str],
    unit: Unit,
    groups: Sequence[Hashable] | None,
    drawing: tuple[int, int],
) -> dict[str, Difference]:
    """What `differences` and `compare` rest on. drawing: resamples and seed."""
    members, known = members_of(positive.size, unit, groups), are_known(positive.size, unit, groups)
    counted = positive[known], members[known]
    lacking = too_few(*counted, unit)
    points = [_mean_figures(positive, seeds) for seeds in pair]
    found = {}
    drawn: list[dict[str, np.ndarray]] = []
    wanted = [name for name in names if name not in lacking]
    if wanted and positive.size:
        drawn = [resampled_figures(positive, seeds, members, *drawing, wanted) for seeds in pair]
    with np.errstate(invalid="ignore"):  # looks without a bound on both sides: ∞ − ∞
        for name in names:
            apart = drawn[0][name] - drawn[1][name] if drawn and name in wanted else None
            value = points[0][name] - points[1][name]
            weight = weight_of(name, *counted, unit)
            found[name] = Difference(name, value, apart, weight, lacking.get(name))
    return found


def _mean_figures(positive: np.ndarray, seeds: Sequence[Scored]) -> dict[str, float]:
    found = [figures(positive, scored) for scored in seeds]
    return {name: sum(each[name] for each in found) / len(found) for name in FIGURES}


def _interval(name: str, value: float, drawn: np.ndarray | None, units: float | None, lack: str | None) -> Interval:
    if not math.isfinite(value):
        return Interval(None, reason=_undefined(name))
    if drawn is None or lack:
        return Interval(value, reason=lack)
    if name == "calibration_error":
        return interval_from(value, drawn, partial(_without_bias, value, units=units))
    if units is None:
        return interval_from(value, drawn, percentile_ends)
    return interval_from(value, drawn, partial(share_ends, value, units=units, scale=SCALES.get(name, SHARE)))


def _without_bias(value: float, drawn: np.ndarray, units: float | None) -> Ends:
    """Ends of a figure that resampling makes larger, moved down by as much as the resamples' mean lies too high."""
    added = float(drawn.mean()) - value
    if units is None:
        return percentile_ends(np.maximum(drawn - added, 0.0))
    return plain_ends(max(value - added, 0.0), drawn, units, 0.0, 1.0)


def _widened(name: str, found: Interval, counts: Sequence[Counts]) -> Interval:
    """An interval without width says nothing of how much was looked at; exact ends do."""
    ends = exact_ends(name, counts) if found.has_no_width and name in AT_THRESHOLD else None
    return found.or_none() if ends is None else Interval(found.value, *ends, EXACT)


def _undefined(name: str) -> str:
    if name in {"specificity", "false_calls_per_1000"}:
        return "undefined: there is no negative cell"
    if name in {"precision", "looks_per_true", "mcc"}:
        return "undefined: no cell is called, no call is true, or a class is missing"
    if name in {"brier", "calibration_error"}:
        return "undefined: no cell has a score"
    return "undefined: a class is missing"
