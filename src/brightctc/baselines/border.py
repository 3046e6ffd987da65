"""The border with the cell erased: where the background predicts the class, the batch is the label."""

import numpy as np

from brightctc.baselines.model import Model, Training, logistic
from brightctc.preprocess import border_pixels

PERCENTILES = (5, 50, 95)


def fit(training: Training) -> Model:
    """Logistic regression on raw levels of the outermost pixels."""
    return logistic(features, training)


def features(crop: np.ndarray) -> np.ndarray:
    """float64 (9,): mean, sd and percentiles (5, 50, 95) of the border ring; means of the four sides' edges."""
    levels = crop.astype(np.float64)
    ring = border_pixels(levels)
    sides = (levels[0], levels[-1], levels[:, 0], levels[:, -1])
    return np.array([ring.mean(), ring.std(), *np.percentile(ring, PERCENTILES), *(side.mean() for side in sides)])
