"""Size alone: a model trained on cell lines can learn "large = tumour"."""

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.measure import label

from brightctc.baselines.model import Model, Training, logistic
from brightctc.preprocess import border_median


def fit(training: Training) -> Model:
    """Logistic regression on the object's area and the crop's height and width."""
    return logistic(features, training)


def features(crop: np.ndarray) -> np.ndarray:
    """float64 (3,): square root of the object's area, the crop's height and width; all in px."""
    return np.array([np.sqrt(object_area(crop)), *crop.shape], dtype=np.float64)


def object_area(crop: np.ndarray) -> float:
    """Area in px² of the largest object: |bright field / background − 1| above Otsu's threshold, holes filled.

    0 where the crop is even.
    """
    background = border_median(crop)
    if background <= 0:
        return 0.0
    departure = np.abs(crop.astype(np.float64) / background - 1)
    if np.ptp(departure) == 0:
        return 0.0
    mask = ndimage.binary_fill_holes(departure > threshold_otsu(departure))
    labels = np.asarray(label(mask, connectivity=1))
    areas = np.bincount(labels.ravel())[1:]
    return float(areas.max(initial=0))
