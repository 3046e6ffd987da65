"""Figures of the order of the scores, whatever the threshold: ROC and precision-recall curves, their areas.

Definitions are scikit-learn's: equal scores are one step of a curve, and average precision is the step-wise
sum of precision × gain in recall, without interpolation.
"""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """Points of a curve: a start at "nothing called", then one for each distinct score from the highest down.

    x, y:      float64[k + 1]; (1 − specificity, recall) of a ROC, (recall, precision) of precision-recall.
    threshold: float64[k + 1]; a point calls score ≥ threshold. The first, at which nothing is called, is +∞.
    """

    x: np.ndarray
    y: np.ndarray
    threshold: np.ndarray


@dataclass(frozen=True)
class Order:
    """Cells in descending order of score, with the first cell of every run of equal scores.

    order:  int[n], cell indices. starts: int[k], positions in `order` where a new score begins.
    scores: float64[k], the distinct scores, descending.
    """

    order: np.ndarray
    starts: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, score: np.ndarray) -> "Order":
        """score: float[n]; −∞ is allowed (a cell below all others), not-a-number isn't."""
        score = np.asarray(score, dtype=np.float64)
        if np.isnan(score).any():
            raise ValueError("a score is not a number; decide first how an unreadable cell ranks")
        order = np.argsort(-score, kind="stable")
        ranked = score[order]
        new = np.ones(ranked.size, dtype=bool)
        new[1:] = ranked[1:] != ranked[:-1]
        starts = np.flatnonzero(new)
        return cls(order, starts, ranked[starts])


def roc_auc(positive: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve: how often a positive outscores a negative, ties counted half.

    positive: bool[n]; score: float[n], higher is more positive. NaN where a class is missing.
    """
    return _area(positive, score, 0)


def average_precision(positive: np.ndarray, score: np.ndarray) -> float:
    """Σ (recallᵢ − recallᵢ₋₁) precisionᵢ over descending distinct scores; chance level: the positives' share.

    positive: bool[n]; score: float[n]. NaN where there is no positive.
    """
    return _area(positive, score, 1)


def roc_curve(positive: np.ndarray, score: np.ndarray) -> Curve:
    """x: false-positive rate, y: recall, both 0 to 1, non-decreasing. ValueError where a class is missing."""
    tp, fp, threshold = _cumulative(positive, score)
    if not tp[-1] or not fp[-1]:
        raise ValueError("a ROC curve needs both classes")
    return Curve(fp / fp[-1], tp / tp[-1], threshold)


def precision_recall_curve(positive: np.ndarray, score: np.ndarray) -> Curve:
    """x: recall, y: precision, 0 to 1; starts at (0, 1) as is customary. ValueError without positives."""
    tp, fp, threshold = _cumulative(positive, score)
    if not tp[-1]:
        raise ValueError("a precision-recall curve needs positives")
    precision = np.ones(tp.size)
    precision[1:] = tp[1:] / (tp[1:] + fp[1:])
    return Curve(tp / tp[-1], precision, threshold)


def weighted_areas(positive: np.ndarray, order: Order, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ROC-AUC and average precision under many weightings of the same cells at once.

    positive: bool[n]; weights: float64[r, n], how often a cell counts. Returns two float64[r], NaN where
    a class has no weight.
    """
    ranked = weights[:, order.order]
    truth = np.asarray(positive, dtype=bool)[order.order]
    gained = np.add.reduceat(ranked * truth, order.starts, axis=1)
    lost = np.add.reduceat(ranked * ~truth, order.starts, axis=1)
    tp, fp = np.cumsum(gained, axis=1), np.cumsum(lost, axis=1)
    positives, negatives = tp[:, -1], fp[:, -1]
    below = negatives[:, None] - fp + lost / 2
    called = tp + fp
    precision = np.divide(tp, called, out=np.zeros_like(tp), where=called > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        auc = np.einsum("rk,rk->r", gained, below) / (positives * negatives)
        ap = np.einsum("rk,rk->r", gained, precision) / positives
    return auc, ap


def _area(positive: np.ndarray, score: np.ndarray, which: int) -> float:
    positive = np.asarray(positive, dtype=bool)
    if not positive.size:
        return math.nan
    return float(weighted_areas(positive, Order.of(score), np.ones((1, positive.size)))[which][0])


def _cumulative(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    order = Order.of(score)
    truth = np.asarray(positive, dtype=bool)[order.order]
    if not truth.size:
        raise ValueError("a curve needs cells")
    ends = np.append(order.starts[1:], truth.size) - 1
    tp = np.cumsum(truth)[ends].astype(np.float64)
    fp = ends + 1 - tp
    return np.append(0.0, tp), np.append(0.0, fp), np.append(np.inf, order.scores)
