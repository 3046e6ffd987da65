"""Size alone: a model trained on cell lines can learn "large = tumour"."""

import numpy as np

from brightctc.baselines.model import Model, Training, logistic
from brightctc.measure import OutlinedCrop
from brightctc.measure.features.shape import shape_of


def fit(training: Training) -> Model:
    """Logistic regression on the outlined cell's diameters and the crop's height and width."""
    return logistic(features, training)


def features(crop: np.ndarray, pixel: float = 1.0) -> np.ndarray:
    """float64 (4,): diameter of the circle of the cell's area, its Feret diameter, the crop's height and width.

    In µm with pixel in µm, else in px; the diameters are 0 where there is no cell.
    """
    cell = OutlinedCrop.of(crop).outline.cell
    diameters = (0.0, 0.0)
    if cell.any():
        shape = shape_of(cell)
        diameters = (shape.diameter, shape.feret)
    return np.array([*diameters, *crop.shape], dtype=np.float64) * pixel
