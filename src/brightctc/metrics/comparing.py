"""Is one model better than another: on new patients (a paired bootstrap), and over seeds of training (permutations)."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from brightctc.metrics.ends import Interval
from brightctc.metrics.figures import Scored
from brightctc.metrics.intervals import Difference, resampled_differences
from brightctc.metrics.units import Unit

_CHANCE = 0.05
_PERMUTATIONS = 20_000  # more than there are: all of them are taken (up to 14 paired seeds, 8 against 8)
_SPEAKS = "this speaks of the noise of training, not of new patients"


@dataclass(frozen=True)
class Comparison:
    """first − second of a figure. p: two-sided, of no difference; None where it can't be had, `reason` says why."""

    difference: Interval
    p: float | None
    reason: str | None


@dataclass(frozen=True)
class SeedTests:
    """Two-sided p-values of no difference between two recipes over seeds of training; None where there is none.

    paired: sign flips of the differences seed by seed. unpaired: relabelling of all seeds. welch: Welch's t-test.
    paired_least, unpaired_least: the smallest p that so many seeds can give. words: all of it in one sentence.
    """

    paired: float | None
    paired_least: float | None
    unpaired: float | None
    unpaired_least: float | None
    welch: float | None
    words: str


def compare(
    positive: np.ndarray,
    first: Sequence[Scored],
    second: Sequence[Scored],
    names: Sequence[str],
    *,
    unit: Unit = "cell",
    groups: Sequence[Hashable] | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Comparison]:
    """first − second of figures on the same cells: the intervals of `differences`, and the p-values that fit them.

    The interval turned round (Efron & Tibshirani 1993, section 15.4): p is the smallest level at which the interval
    would leave 0 out, so p < 0.05 exactly where the 95 % interval does. It is never below 2 / (resamples + 1), more
    than which so many resamples can't show; so it takes 40 of them. The options are those of `intervals`.
    """
    positive = np.asarray(positive, dtype=bool)
    found = resampled_differences(positive, (first, second), names, unit, groups, (resamples, seed))
    return {name: _comparison(each, resamples) for name, each in found.items()}


def holm(p: Sequence[float | None]) -> list[float | None]:
    """p-values for a family of declared comparisons, so that any false claim among them has at most the level's chance.

    Holm (Scand. J. Stat. 6:65, 1979). A declared pair without a p-value stays None and still counts among those that
    the others are corrected for, as if its p were 1: what was declared is not undeclared by failing to come about.
    """
    order = sorted((value, index) for index, value in enumerate(p) if value is not None)
    adjusted: list[float | None] = [None] * len(p)
    largest = 0.0
    for rank, (value, index) in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * value))
        adjusted[index] = largest
    return adjusted


def seed_tests(first: Sequence[float], second: Sequence[float], paired: bool = True) -> SeedTests:
    """Three tests of no difference between two recipes, each trained with several seeds.

    first, second: a figure of each seed; paired: the i-th of both share what a seed decides. Permutations (Fisher, The
    Design of Experiments, 1935) are all gone through where there are at most 20,000, else drawn, always the same ones;
    two-sided is twice the smaller side. Raises ValueError for pairs of different number.
    """
    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if paired and one.size != other.size:
        raise ValueError(f"{one.size} and {other.size} seeds are not pairs")
    if min(one.size, other.size) < 2:
        return _untold("one seed: the noise of training is unknown")
    if not np.isfinite(np.concatenate([one, other])).all():
        return _untold("the figure of a seed is undefined: seeds can't be compared")
    least = 2.0 ** (1 - one.size) if paired else None
    unpaired_least = 2 / math.comb(one.size + other.size, one.size)
    flips = _permuted((one - other,), "samples") if paired else None
    relabelled, welch = _permuted((one, other), "independent"), _welch(one, other)
    seeds = f"{one.size}" if one.size == other.size else f"{one.size} and {other.size}"
    told = [_told("paired permutation", flips, least), _told("permutation", relabelled, unpaired_least)]
    told += [_told("Welch's t", welch, None)]
    words = f"over {seeds} seeds: {', '.join(filter(None, told))}; {_SPEAKS}"
    return SeedTests(flips, least, relabelled, unpaired_least, welch, words)


def _comparison(found: Difference, resamples: int) -> Comparison:
    interval = found.interval
    if interval.low is None or interval.high is None:
        return Comparison(interval, None, interval.reason)
    if 2 / (resamples + 1) >= _CHANCE:
        return Comparison(interval, None, f"{resamples} resamples are too few for a p-value: it takes 40")
    return Comparison(interval, _p_of(found), None)


def _p_of(found: Difference) -> float:
    """Of a difference with an interval: of its resamples for cells, of Student's t for units."""
    drawn = np.array([]) if found.drawn is None else found.drawn[~np.isnan(found.drawn)]
    least = 2 / (drawn.size + 1)
    if found.units is None:
        beyond = min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
        return min(1.0, max(least, 2 * (beyond - 0.5) / (drawn.size - 1)))  # the rank of `rank_of_end`, turned round
    spread = float(np.std(drawn)) * math.sqrt(found.units / (found.units - 1))
    if not spread:
        return 1.0  # no difference at all: `interval` has none where a constant difference isn't 0
    return max(least, 2 * float(scipy.stats.t.sf(abs(found.value) / spread, found.units - 1)))


def _permuted(samples: tuple[np.ndarray, ...], kind: str) -> float:
    def statistic(*values: np.ndarray, axis: int) -> np.ndarray:
        means = [np.mean(each, axis=axis) for each in values]
        return means[0] - means[1] if len(means) > 1 else means[0]

    rng = np.random.default_rng(0)
    found = scipy.stats.permutation_test(
        samples, statistic, permutation_type=kind, vectorized=True, n_resamples=_PERMUTATIONS, batch=2_000, rng=rng
    )
    return float(found.pvalue)


def _welch(one: np.ndarray, other: np.ndarray) -> float | None:
    """Welch (Biometrika 34:28, 1947); None where neither side varies."""
    errors = np.array([one.var(ddof=1) / one.size, other.var(ddof=1) / other.size])
    if not errors.sum():
        return None
    freedom = errors.sum() ** 2 / (errors**2 / np.array([one.size - 1, other.size - 1])).sum()
    return 2 * float(scipy.stats.t.sf(abs(one.mean() - other.mean()) / math.sqrt(errors.sum()), freedom))


def _told(test: str, p: float | None, least: float | None) -> str:
    if p is None:
        return ""
    limit = f" (cannot reach 0.05: {least:.3g} at least)" if least is not None and least >= _CHANCE else ""
    return f"{test} p = {p:.3g}{limit}"


def _untold(words: str) -> SeedTests:
    return SeedTests(None, None, None, None, None, words)
