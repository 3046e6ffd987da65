"""Do counts follow what was put in: a weighted straight line through a dilution series."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from brightctc.metrics.ends import LEVEL, Interval

_LEVELS = 3


@dataclass(frozen=True)
class Linearity:
    """measured = intercept + slope × expected, with 95 % intervals (Student's t); `reason` where there is no line.

    r_squared: weighted; None where nothing varies. lack_of_fit: p of the F test that replicates scatter about the line
    as about their own means; small where the line bends; None without replicates.
    """

    slope: Interval
    intercept: Interval
    r_squared: float | None
    lack_of_fit: float | None
    levels: int
    reason: str | None = None


def linearity(expected: Sequence[float], measured: Sequence[float]) -> Linearity:
    """Weighted least squares with weights 1 / max(expected, 1): a count's variance is as large as its mean (Poisson).

    expected: cells put into each sample, ≥ 0; measured: cells found in it. No line with fewer than 3 different
    expected values. Lack of fit: Draper & Smith, Applied Regression Analysis (1998), section 2.1. Raises ValueError for
    different lengths, a value that is not finite or an expected one below 0.
    """
    x, y = np.asarray(expected, dtype=np.float64), np.asarray(measured, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or not np.isfinite(np.concatenate([x, y])).all() or (x < 0).any():
        raise ValueError("expected (≥ 0) and measured must be finite numbers, one each a sample")
    levels, level = np.unique(x, return_inverse=True)
    if levels.size < _LEVELS:
        reason = f"{levels.size} different numbers of expected cells: a line takes {_LEVELS}"
        return Linearity(Interval(None, reason=reason), Interval(None, reason=reason), None, None, levels.size, reason)
    weight = 1 / np.maximum(x, 1.0)
    design = np.stack([np.ones_like(x), x], axis=1)
    inverse = np.linalg.inv(design.T @ (weight[:, None] * design))
    line = inverse @ design.T @ (weight * y)
    missed = float((weight * (y - design @ line) ** 2).sum())
    errors = np.sqrt(np.diag(inverse) * missed / (x.size - 2))
    reach = errors * float(scipy.stats.t.ppf((1 + LEVEL) / 2, x.size - 2))
    intercept, slope = (Interval(float(b), float(b - r), float(b + r)) for b, r in zip(line, reach, strict=True))
    about_mean = float((weight * (y - np.average(y, weights=weight)) ** 2).sum())
    told = 1 - missed / about_mean if np.ptp(y) else None
    return Linearity(slope, intercept, told, _lack_of_fit(y, weight, level, missed), levels.size)


def _lack_of_fit(y: np.ndarray, weight: np.ndarray, level: np.ndarray, missed: float) -> float | None:
    """p of F = (lack of fit / (levels − 2)) / (pure error / (samples − levels)); weights are equal within a level."""
    levels = int(level.max()) + 1
    means = np.bincount(level, weights=y) / np.bincount(level)
    pure = float((weight * (y - means[level]) ** 2).sum())
    replicates = y.size - levels
    if not replicates or not pure:
        return None
    ratio = max(missed - pure, 0.0) / (levels - 2) / (pure / replicates)
    return float(scipy.stats.f.sf(ratio, levels - 2, replicates))
