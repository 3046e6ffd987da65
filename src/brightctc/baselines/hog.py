"""Histograms of oriented gradients (Dalal and Triggs 2005) with a support vector machine: strong on few cells."""

from functools import partial
from typing import Any

import numpy as np
from skimage.feature import hog
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from brightctc.baselines.model import Model, Training, fitted
from brightctc.preprocess import border_median, centred, resampled

SIZES = (40, 64)  # px


def fit_linear(training: Training) -> Model:
    """HOG + linear SVM; C by cross-validation on the training cells."""
    classifier = make_pipeline(StandardScaler(), LinearSVC(dual="auto", max_iter=20_000, random_state=0))
    return _fitted(classifier, {"linearsvc__C": [1e-5, 1e-4, 1e-3, 1e-2]}, training)


def fit_rbf(training: Training) -> Model:
    """HOG + SVM with a radial kernel; C and gamma by cross-validation on the training cells."""
    gamma = (
        1 / features(training.cells.crops[0], side=side_for(training)).size
    )  # each feature has variance 1 after scaling
    choices = {"svc__C": [0.3, 1.0, 3.0, 10.0, 30.0], "svc__gamma": [gamma / 4, gamma / 2, gamma, 2 * gamma]}
    return _fitted(make_pipeline(StandardScaler(), SVC(cache_size=500)), choices, training)


def features(crop: np.ndarray, _pixel: float = 1.0, *, side: int) -> np.ndarray:
    """float64 (k,): HOG of the crop divided by its background, its longer side resized to `side` px.

    9 orientations, cells of 8 × 8 px, blocks of 2 × 2 cells, L2-Hys normalisation; 576 numbers at 40 px, 1,764 at 64.
    """
    background = border_median(crop)
    unit = crop.astype(np.float32) / np.float32(background if background > 0 else 1)
    square = centred(resampled(unit, side / max(unit.shape)), side)
    return hog(square, orientations=9, pixels_per_cell=(8, 8), cells_per_block=(2, 2), block_norm="L2-Hys")


def side_for(training: Training) -> int:
    """40 or 64 px, whichever is nearer to the median longer side of the training crops."""
    median = float(np.median([max(crop.shape) for crop in training.cells.crops]))
    return min(SIZES, key=lambda side: abs(side - median))


def _fitted(classifier: Any, choices: dict[str, list[Any]], training: Training) -> Model:
    return fitted(partial(features, side=side_for(training)), classifier, choices, training)
