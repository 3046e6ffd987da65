"""The border with the cell erased: where the background predicts the class, the batch is the label."""

import numpy as np

from brightctc.baselines.model import Model, Training, logistic
from brightctc.measure import OutlinedCrop
from brightctc.measure.morphology import grown
from brightctc.preprocess import border_pixels

PERCENTILES = (5, 50, 95)
_REACH = 7  # px around an object that its diffraction rings may fill
_LEAST = 0.25  # of the border: with less of it free of the cell, all of it is taken


def fit(training: Training) -> Model:
    """Logistic regression on raw levels of the outermost pixels where no object lies."""
    return logistic(features, training)


def features(crop: np.ndarray, _pixel: float = 1.0) -> np.ndarray:
    """float64 (6,): mean, sd, percentiles (5, 50, 95) and mean step between neighbours of the border ring.

    Pixels of the cell and of other objects, and 7 px around them, are left out: a large cell comes near the border and
    would speak through it.
    """
    outline = OutlinedCrop.of(crop).outline
    free = border_pixels(~grown(outline.cell | outline.others, _REACH))
    ring = border_pixels(crop.astype(np.float64))
    step = border_pixels(np.abs(np.gradient(crop.astype(np.float64), axis=1)))
    kept = free if free.mean() >= _LEAST else np.ones_like(free)
    ring, step = ring[kept], step[kept]
    return np.array([ring.mean(), ring.std(), *np.percentile(ring, PERCENTILES), step.mean()])
