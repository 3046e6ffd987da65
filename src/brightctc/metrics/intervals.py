"""How sure a figure is: bootstrap intervals by whole donors (or samples, or cells), averaged over seeds.

The estimand: for each seed the figure at that seed's own frozen threshold, then the mean over seeds. A
resample draws whole donors with replacement, separately among those with and without positive cells; every
seed's figures are computed on the same resample, then averaged. Percentile intervals (Efron & Tibshirani
1993, ch. 13).
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from brightctc.metrics.counts import Counts, confusion
from brightctc.metrics.errorless import EXACT, exact_ends
from brightctc.metrics.figures import AT_THRESHOLD, FIGURES, Scored, figures, weighted_figures

Unit = Literal["donor", "sample", "cell"]
LEVEL = 0.95
TOO_FEW, FEW = 6, 20  # donors: below the first no interval, below the second the words "few donors"
_UNDEFINED = 0.025  # share of resamples without the figure, above which a percentile has no meaning
_ON_POSITIVES, _ON_NEGATIVES = {"recall"}, {"specificity", "false_calls_per_1000"}


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval. None where undefined or not to be had; `reason` then says why.

    `reason` also says where the ends are not percentiles of resamples.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    def as_dict(self) -> dict[str, float | str | None]:
        """{"value", "low", "high"}, and "reason" where there is one."""
        shown: dict[str, float | str | None] = {"value": self.value, "low": self.low, "high": self.high}
        return shown | ({"reason": self.reason} if self.reason else {})


@dataclass(frozen=True)
class Intervals:
    """All figures of a result. meaning: what a repetition would be, in words. warnings: e.g. "few donors"."""

    figures: dict[str, Interval]
    unit: Unit
    meaning: str
    warnings: tuple[str, ...]


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
    Under 6 donors (samples) with cells of a class, figures that rest on this class have no interval. The
    calibration error's interval is shifted by the bootstrap's own estimate of its bias (resampling adds
    noise, and an absolute difference only grows with it).
    """
    positive = np.asarray(positive, dtype=bool)
    members = unit_numbers(groups) if unit != "cell" and groups is not None else np.arange(positive.size)
    point = _mean_figures(positive, seeds)
    too_few = _too_few(positive, members, unit)
    resampled = {}
    if set(too_few) != set(FIGURES) and positive.size:
        resampled = resampled_figures(positive, seeds, members, resamples, seed)
    shown = {name: _interval(name, point[name], resampled.get(name), too_few.get(name)) for name in FIGURES}
    counts = [confusion(positive, scored.called) for scored in seeds]
    shown = {name: _widened(name, found, counts) for name, found in shown.items()}
    meaning = _meaning(unit, len(seeds), resamples)
    if set(too_few) == set(FIGURES):
        meaning = f"no intervals, since fewer than {TOO_FEW} {unit}s hold cells of each class"
    return Intervals(shown, unit, meaning, _warnings(positive, members, unit))


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
    No interval where a figure would have none.
    """
    positive = np.asarray(positive, dtype=bool)
    members = unit_numbers(groups) if unit != "cell" and groups is not None else np.arange(positive.size)
    too_few = _too_few(positive, members, unit)
    points = [_mean_figures(positive, seeds) for seeds in (first, second)]
    drawn = [resampled_figures(positive, seeds, members, resamples, seed) for seeds in (first, second)]
    return {
        name: _interval(name, points[0][name] - points[1][name], drawn[0][name] - drawn[1][name], too_few.get(name))
        for name in names
    }


def _mean_figures(positive: np.ndarray, seeds: Sequence[Scored]) -> dict[str, float]:
    found = [figures(positive, scored) for scored in seeds]
    return {name: sum(each[name] for each in found) / len(found) for name in FIGURES}


def resampled_figures(
    positive: np.ndarray, seeds: Sequence[Scored], members: np.ndarray, resamples: int, seed: int
) -> dict[str, np.ndarray]:
    """Per figure float64[resamples]: the mean over seeds in each resample.

    members: int[n], the unit of each cell, numbered from 0. The same (positive, members, resamples, seed)
    draw the same resamples, so two results on the same cells can be compared in pairs.
    """
    weights = resample_weights(positive, members, resamples, seed)
    found = [weighted_figures(positive, scored, members, weights) for scored in seeds]
    return {name: np.mean([each[name] for each in found], axis=0) for name in FIGURES}


def resample_weights(positive: np.ndarray, members: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """float64[resamples, units]: how often each unit is drawn; units with and without positives apart."""
    with_positives = np.bincount(members, weights=positive) > 0
    rng = np.random.default_rng(seed)
    weights = np.zeros((resamples, with_positives.size))
    for stratum in (np.flatnonzero(with_positives), np.flatnonzero(~with_positives)):
        for start in range(0, resamples, 100 if stratum.size else resamples):  # blocks bound the memory
            rows = min(100, resamples - start)
            drawn = rng.integers(0, max(stratum.size, 1), (rows, stratum.size))
            drawn += np.arange(rows)[:, None] * stratum.size
            times = np.bincount(drawn.ravel(), minlength=rows * stratum.size).reshape(rows, stratum.size)
            weights[start : start + rows, stratum] = times
    return weights


def unit_numbers(groups: Sequence[Hashable]) -> np.ndarray:
    """int[n]: groups numbered from 0 in order of first appearance."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.intp)


def _interval(name: str, value: float, resampled: np.ndarray | None, too_few: str | None) -> Interval:
    if not math.isfinite(value):
        return Interval(None, reason=_undefined(name))
    if resampled is None or too_few:
        return Interval(value, reason=too_few)
    undefined = np.isnan(resampled)
    if undefined.mean() > _UNDEFINED:
        return Interval(value, reason=f"undefined in {undefined.mean():.0%} of the resamples")
    kept = resampled[~undefined]
    if name == "calibration_error":
        kept = np.maximum(kept - (kept.mean() - value), 0.0)
    ends = [float(np.quantile(kept, share, method="nearest")) for share in ((1 - LEVEL) / 2, (1 + LEVEL) / 2)]
    low, high = (end if math.isfinite(end) else None for end in ends)
    return Interval(
        value, low, high, None if high is not None else "the upper end has no bound: resamples find nothing"
    )


def _widened(name: str, found: Interval, counts: Sequence[Counts]) -> Interval:
    """An interval without width says nothing of how much was looked at; exact ends do."""
    if found.low is None or found.high is None or not math.isclose(found.low, found.high, rel_tol=1e-9):
        return found
    ends = exact_ends(name, counts) if name in AT_THRESHOLD else None
    if ends is None:
        return Interval(found.value, reason="the same in every resample: no error was seen that could vary")
    return Interval(found.value, *ends, EXACT)


def _undefined(name: str) -> str:
    if name in _ON_NEGATIVES:
        return "undefined: there is no negative cell"
    if name in {"precision", "looks_per_true", "mcc"}:
        return "undefined: no cell is called, no call is true, or a class is missing"
    if name in {"brier", "calibration_error"}:
        return "undefined: no cell has a score"
    return "undefined: a class is missing"


def _holders(positive: np.ndarray, members: np.ndarray) -> dict[str, int]:
    """How many units have cells of each class."""
    return {
        "positive": np.unique(members[positive]).size,
        "negative": np.unique(members[~positive]).size,
    }


def _too_few(positive: np.ndarray, members: np.ndarray, unit: Unit) -> dict[str, str]:
    """Per figure the reason for having no interval, where units of a class that it rests on are too few."""
    if unit == "cell":
        return {}
    holders, reasons = _holders(positive, members), {}
    for name in FIGURES:
        needs = ["positive"] * (name not in _ON_NEGATIVES) + ["negative"] * (name not in _ON_POSITIVES)
        for side in needs:
            if holders[side] < TOO_FEW:
                reasons[name] = f"only {holders[side]} {unit}(s) with {side} cells: no interval for new {_new(unit)}"
                break
    return reasons


def _warnings(positive: np.ndarray, members: np.ndarray, unit: Unit) -> tuple[str, ...]:
    if unit == "cell":
        return ()
    holders = _holders(positive, members)
    for side, number in holders.items():
        if number < TOO_FEW:
            return (
                f"few {unit}s: {number} with {side} cells, fewer than {TOO_FEW}; see the values per {unit}, "
                f"not an interval for new {_new(unit)}",
            )
    if holders["positive"] < FEW:
        return (f"few {unit}s: {holders['positive']} with positive cells; their intervals tend to be too narrow",)
    return ()


def _new(unit: Unit) -> str:
    return {"donor": "patients", "sample": "samples", "cell": "cells"}[unit]


def _meaning(unit: Unit, seeds: int, resamples: int) -> str:
    apart = "those with and without positive cells apart"
    drawn, of_whom = {
        "donor": (f"whole donors, {apart}", "for new patients like these"),
        "sample": (f"whole samples, {apart}", "for new samples like these; not for new patients"),
        "cell": ("cells, each class apart", "cells and seeds only; not for new patients"),
    }[unit]
    mean = "" if seeds == 1 else f"; each figure is the mean of {seeds} seeds, each at its own frozen threshold"
    return f"95 % percentile intervals of {resamples:,} resamples of {drawn}{mean}: {of_whom}"
