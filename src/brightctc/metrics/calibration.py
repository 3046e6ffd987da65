"""Do scores mean what they say at this class ratio: Brier score, calibration error, bins of a diagram."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Reliability:
    """Bins of about equal numbers of cells, by ascending score.

    bin:      int[n], each cell's bin. cells: int[k]. score: float64[k], mean score. share: float64[k], the
              positives' share.
    """

    bin: np.ndarray
    cells: np.ndarray
    score: np.ndarray
    share: np.ndarray


def brier(positive: np.ndarray, score: np.ndarray) -> float:
    """Mean squared difference of score (0 to 1) and truth (Brier 1950); 0 is perfect. NaN without cells."""
    positive = np.asarray(positive, dtype=np.float64)
    return float(np.mean((np.asarray(score, dtype=np.float64) - positive) ** 2)) if positive.size else math.nan


def calibration_error(positive: np.ndarray, score: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over bins of equal mass: Σ (cells/n) |mean score − positives' share|.

    positive: bool[n]; score: float[n] in [0, 1]. NaN without cells. The figure is of these cells' class
    ratio: at a rarer one the same scores promise too much.
    """
    found = reliability(positive, score, bins)
    return float(np.average(np.abs(found.score - found.share), weights=found.cells)) if found.cells.size else math.nan


def reliability(positive: np.ndarray, score: np.ndarray, bins: int = 10) -> Reliability:
    """Sort by score, cut into `bins` of equal mass; equal scores stay in one bin, so there may be fewer."""
    positive, score = np.asarray(positive, dtype=np.float64), np.asarray(score, dtype=np.float64)
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    cuts = np.unique(ranked[np.arange(1, bins) * score.size // bins]) if score.size else ranked
    found, bin_of = np.unique(np.searchsorted(cuts, score, side="right"), return_inverse=True)
    cells = np.bincount(bin_of, minlength=found.size)
    return Reliability(
        bin_of,
        cells,
        np.bincount(bin_of, weights=score, minlength=found.size) / np.maximum(cells, 1),
        np.bincount(bin_of, weights=positive, minlength=found.size) / np.maximum(cells, 1),
    )
