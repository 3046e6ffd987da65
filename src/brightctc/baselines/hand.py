"""Hand-made features of morphology with gradient boosting: what one knew how to measure before networks."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from brightctc.baselines.model import Model, Training, fitted
from brightctc.measure import measure_cell
from brightctc.measure.features import features_of

_NAMES = [feature.name for feature in features_of(dapi=False)]
_QUALITY = ("focus", "tilt")  # of the image rather than the cell, and of what it lets one see


def fit(training: Training) -> Model:
    """Gradient-boosted trees (histograms, as LightGBM) on every bright-field feature of `brightctc measure`.

    Number of trees, leaves and learning rate by cross-validation on the training cells.
    """
    classifier = HistGradientBoostingClassifier(l2_regularization=1.0, random_state=0)
    classifier.set_params(early_stopping=False)  # no cells are set aside: cross-validation chooses the trees
    choices = {"learning_rate": [0.05, 0.1], "max_leaf_nodes": [4, 12], "max_iter": [100, 300]}
    return fitted(features, classifier, choices, training)


def features(crop: np.ndarray, pixel: float = 1.0) -> np.ndarray:
    """float64 (k,): the features, in the order of the dictionary, then focus and tilt; NaN where they can't be told."""
    found = measure_cell(crop, pixel_size_um=pixel)
    quality = [getattr(found.quality, name) for name in _QUALITY]
    return np.array([*(found.features.get(name, np.nan) for name in _NAMES), *quality])
