"""The figures of a result, for one weighting of its cells or for thousands of them at once."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from brightctc.metrics.calibration import Reliability, reliability
from brightctc.metrics.curves import Order, weighted_areas

AT_THRESHOLD = (
    "f1",
    "precision",
    "recall",
    "specificity",
    "balanced_accuracy",
    "mcc",
    "false_calls_per_1000",
    "looks_per_true",
)
OF_SCORES = ("roc_auc", "average_precision", "brier", "calibration_error")
FIGURES = AT_THRESHOLD + OF_SCORES
_BLOCK = 100_000  # weights held at a time (0.8 MB an array): what fits in the cache is three times as fast


@dataclass(frozen=True)
class Scored:
    """One seed's output for the cells of a part, called at that seed's own frozen threshold.

    logit:  float64[n]; −∞ for a cell that could not be read (it ranks below all others), never not-a-number.
    called: bool[n], called positive.
    score:  float64[n] in [0, 1]; not-a-number for a cell that could not be read (it has no part in the Brier
            score and the calibration error).
    """

    logit: np.ndarray
    called: np.ndarray
    score: np.ndarray

    @cached_property
    def order(self) -> Order:
        """Cells by descending logit."""
        return Order.of(self.logit)


def figures(positive: np.ndarray, scored: Scored) -> dict[str, float]:
    """Every figure of FIGURES, of the cells as they are; NaN where undefined, ∞ looks without a true call."""
    everyone = np.zeros(len(positive), dtype=np.intp)
    found = weighted_figures(positive, scored, everyone, np.ones((1, 1)))
    return {name: float(values[0]) for name, values in found.items()}


def weighted_figures(
    positive: np.ndarray, scored: Scored, units: np.ndarray, weights: np.ndarray, names: Collection[str] = FIGURES
) -> dict[str, np.ndarray]:
    """Figures under many weightings; at least those of `names` (areas and calibration are left out if not wanted).

    positive: bool[n]. units: int[n], the unit (donor, sample or cell) of each cell, from 0.
    weights: float64[r, u], how often each unit counts. Returns float64[r] a figure.
    Calibration bins are those of the whole part, in every weighting.
    """
    positive = np.asarray(positive, dtype=bool)
    found = at_threshold(*_weighted_counts(positive, scored.called, units, weights))
    if not {"roc_auc", "average_precision"}.isdisjoint(names):
        found["roc_auc"], found["average_precision"] = _areas(positive, scored.order, units, weights)
    if not {"brier", "calibration_error"}.isdisjoint(names):
        found["brier"], found["calibration_error"] = _calibration(positive, scored.score, units, weights)
    return found


def _weighted_counts(
    positive: np.ndarray, called: np.ndarray, units: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, ...]:
    """tp, fp, tn, fn, each float64[r]: counts per unit, then one matrix product."""
    outcomes = (positive & called, ~positive & called, ~positive & ~called, positive & ~called)
    return tuple(weights @ _sums(units, outcome, weights.shape[1]) for outcome in outcomes)


def at_threshold(tp: np.ndarray, fp: np.ndarray, tn: np.ndarray, fn: np.ndarray) -> dict[str, np.ndarray]:
    """Figures of AT_THRESHOLD from counts (float64 arrays of one shape); NaN, or ∞ looks, where undefined."""
    with np.errstate(invalid="ignore", divide="ignore"):
        recall, specificity = tp / (tp + fn), tn / (tn + fp)
        product = np.sqrt(tp + fp) * np.sqrt(tp + fn) * np.sqrt(tn + fp) * np.sqrt(tn + fn)
        return {
            "f1": np.where(tp + fn > 0, 2 * tp / (2 * tp + fp + fn), np.nan),
            "precision": tp / (tp + fp),
            "recall": recall,
            "specificity": specificity,
            "balanced_accuracy": (recall + specificity) / 2,
            "mcc": np.clip((tp * tn - fp * fn) / product, -1.0, 1.0),
            "false_calls_per_1000": 1000 * fp / (tn + fp),
            "looks_per_true": (tp + fp) / tp,  # ∞ where calls find nothing true, NaN where nothing is called
        }


def _areas(positive: np.ndarray, order: Order, units: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, ...]:
    if not positive.size:
        nothing = np.full(len(weights), np.nan)
        return nothing, nothing
    rows = max(1, _BLOCK // positive.size)
    blocks = [
        weighted_areas(positive, order, weights[start : start + rows, units]) for start in range(0, len(weights), rows)
    ]
    return tuple(np.concatenate(part) for part in zip(*blocks, strict=True))


def _calibration(
    positive: np.ndarray, score: np.ndarray, units: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    read = ~np.isnan(score)
    truth, value, unit, n = positive[read], score[read], units[read], weights.shape[1]
    squared = weights @ _sums(unit, (value - truth) ** 2, n)
    cells = weights @ _sums(unit, np.ones(value.size), n)
    bins = reliability(truth, value)
    distance = sum(
        (np.abs(weights @ excess) for excess in _excess(bins, value - truth, unit, n)), np.zeros(len(weights))
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        return squared / cells, distance / cells


def _excess(bins: Reliability, residual: np.ndarray, unit: np.ndarray, units: int) -> list[np.ndarray]:
    """Per bin float64[u]: the sum of score − truth over each unit's cells."""
    return [_sums(unit[bins.bin == b], residual[bins.bin == b], units) for b in range(bins.cells.size)]


def _sums(units: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    return np.bincount(units, weights=values, minlength=count)
