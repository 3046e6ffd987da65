"""How far readers agree beyond chance: weighted κ of two, Fleiss' κ of several, positive agreement."""

import math
from collections.abc import Callable

import numpy as np

from brightctc.metrics.ends import Interval

_UNDEFINED = 0.05  # share of resamples without a figure, from which there is no interval


def weighted_kappa(first: np.ndarray, second: np.ndarray, grades: int) -> float:
    """Cohen's κ with quadratic weights (Psychological Bulletin 70:213, 1968): 1 agree, 0 by chance, below 0 worse.

    first, second: int (n,), two gradings of the same n cells, in 0 … grades − 1. A difference of d weighs d².
    NaN where there is no cell, or both give one and the same grade to all.
    """
    if len(first) == 0:
        return float("nan")
    apart = np.subtract.outer(np.arange(grades), np.arange(grades)) ** 2
    together = np.zeros((grades, grades))
    np.add.at(together, (first, second), 1)
    by_chance = np.outer(together.sum(axis=1), together.sum(axis=0)) / len(first)
    expected = float((apart * by_chance).sum())
    return 1 - float((apart * together).sum()) / expected if expected else float("nan")


def positive_agreement(first: np.ndarray, second: np.ndarray) -> float:
    """2a / (2a + b + c): of the cells that either calls positive, how many both do (J Clin Epidemiol 43:551, 1990).

    first, second: bool (n,). NaN where nobody calls any.
    """
    called = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / called if called else float("nan")


def fleiss_kappa(counts: np.ndarray) -> float:
    """Fleiss' κ (Psychological Bulletin 76:378, 1971) of several readers who each put every cell into one class.

    counts: int (n, classes), how many readers chose each; rows have the same sum, of two or more. NaN where there is no
    cell, or all are in one class.
    """
    if len(counts) == 0:
        return float("nan")
    readers = int(counts[0].sum())
    if readers < 2 or (counts.sum(axis=1) != readers).any():
        raise ValueError("every cell needs the same number of readers, two at least")
    observed = float(((counts**2).sum(axis=1) - readers).mean()) / (readers * (readers - 1))
    expected = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return (observed - expected) / (1 - expected) if expected < 1 else float("nan")


def with_interval(
    statistic: Callable[..., float], *gradings: np.ndarray, resamples: int = 1000, level: float = 0.95, seed: int = 0
) -> Interval:
    """A figure of agreement with a percentile interval over resampled cells; gradings share their first axis.

    Cells are taken as independent. None, with the reason, where there is no figure, or no interval of it.
    """
    rng, number = np.random.default_rng(seed), len(gradings[0])
    value = statistic(*gradings)
    if math.isnan(value):
        return Interval(None, reason="all alike" if number else "no cell")
    drawn = (rng.integers(number, size=number) for _ in range(resamples))
    found = np.array([statistic(*(grading[rows] for grading in gradings)) for rows in drawn])
    if np.isnan(found).mean() >= _UNDEFINED:
        return Interval(value, reason="too few cells for an interval")
    low, high = np.nanquantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value, float(low), float(high))
