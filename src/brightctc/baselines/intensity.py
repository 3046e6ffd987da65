"""Intensity alone: how bright and how varied a crop is, without where."""

import numpy as np

from brightctc.baselines.model import Model, Training, logistic
from brightctc.preprocess import border_median

PERCENTILES = (1, 5, 25, 50, 75, 95, 99)


def fit(training: Training) -> Model:
    """Logistic regression on statistics of the pixel levels, as they are and relative to the background."""
    return logistic(features, training)


def features(crop: np.ndarray, _pixel: float = 1.0) -> np.ndarray:
    """float64 (18,): mean, sd and percentiles (1, 5, 25, 50, 75, 95, 99) of levels, then of levels/background."""
    levels = crop.astype(np.float64)
    background = border_median(levels)
    relative = levels / background if background > 0 else np.ones_like(levels)
    return np.concatenate([_statistics(levels), _statistics(relative)])


def _statistics(values: np.ndarray) -> np.ndarray:
    return np.array([values.mean(), values.std(), *np.percentile(values, PERCENTILES)])
