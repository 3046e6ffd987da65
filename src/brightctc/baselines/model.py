"""What the baselines share: their training cells, a classifier on features, and the choice of its settings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, Self

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from brightctc.engine import mapped
from brightctc.errors import UserError
from brightctc.metrics import Threshold, choose_threshold

FOLDS = 5
_TASK = 32  # crops that a process measures at a time


@dataclass(frozen=True)
class Cells:
    """n bright-field crops (2-D uint8, uint16 or float32), and µm per pixel of each; None: lengths are in px."""

    crops: Sequence[np.ndarray]
    pixel_sizes: Sequence[float] | None = None

    @classmethod
    def of(cls, crops: Sequence[np.ndarray], pixel_sizes: Sequence[float | None] | None = None) -> Self:
        """Lengths are in µm only where the pixel size of every cell is known."""
        known = [size for size in pixel_sizes or () if size is not None]
        return cls(crops, known if known and len(known) == len(crops) else None)

    def __len__(self) -> int:
        return len(self.crops)


@dataclass(frozen=True)
class Training:
    """Training cells: n crops, bool (n,), the seed of the folds, and donors where known."""

    cells: Cells
    positive: np.ndarray
    seed: int
    donors: Sequence[object] | None = None


class Model(Protocol):
    """A fitted baseline."""

    def score(self, cells: Cells) -> np.ndarray:
        """float64 (n,): larger means more like the positive class; no probability."""
        ...


Fit = Callable[[Training], Model]
Features = Callable[[np.ndarray, float], np.ndarray]
"""The numbers of one crop: a 2-D array and its µm per pixel (1: in px) → float64 (k,)."""


@dataclass(frozen=True)
class FeatureModel:
    """Numbers measured on each crop alone, and a scikit-learn classifier of them. in_um: lengths were in µm."""

    features: Features
    classifier: Any
    in_um: bool

    def score(self, cells: Cells) -> np.ndarray:
        """float64 (n,): the classifier's decision value. UserError where lengths were in µm and no longer are."""
        if self.in_um and cells.pixel_sizes is None:
            raise UserError(
                "this baseline was fitted to lengths in µm, and cells without pixel_size_um are to be scored",
                fix="import them with their pixel size, or fit on cells without",
            )
        used = cells if self.in_um else Cells(cells.crops)
        return np.asarray(self.classifier.decision_function(measured(self.features, used)), dtype=np.float64)


def measured(features: Features, cells: Cells) -> np.ndarray:
    """float64 (n, k): the features of each crop; in all processors where that is worth it."""
    pairs = list(zip(cells.crops, cells.pixel_sizes or [1.0] * len(cells), strict=True))
    tasks = [pairs[start : start + _TASK] for start in range(0, len(pairs), _TASK)]
    return np.concatenate(list(mapped(partial(_measured, features), tasks)))


def _measured(features: Features, pairs: list[tuple[np.ndarray, float]]) -> np.ndarray:
    return np.stack([features(crop, pixel) for crop, pixel in pairs]).astype(np.float64)


def logistic(features: Features, training: Training) -> FeatureModel:
    """Logistic regression on the features, their squares and products; C is chosen by cross-validation.

    The same for all simple features, so that only what they see differs; squares, since a class may lie between.
    """
    steps = (StandardScaler(), PolynomialFeatures(2, include_bias=False), StandardScaler())
    classifier = make_pipeline(*steps, LogisticRegression(max_iter=10_000))
    choices = {"logisticregression__C": [0.001, 0.01, 0.1, 1.0]}
    return fitted(features, classifier, choices, training)


def fitted(features: Features, classifier: Any, choices: dict[str, list[Any]], training: Training) -> FeatureModel:
    """The classifier of these features with the settings that cross-validation on the training cells chooses."""
    table = measured(features, training.cells)
    return FeatureModel(features, chosen(classifier, choices, table, training), training.cells.pixel_sizes is not None)


def chosen(classifier: Any, choices: dict[str, list[Any]], table: np.ndarray, training: Training) -> Any:
    """The classifier with the settings of the best cross-validated average precision, fitted on all of `table`.

    Donors, where there are enough of them, stay in one fold. With too few cells for folds the first choice is taken.
    """
    search = GridSearchCV(classifier, choices, scoring="average_precision", cv=_folds(table, training))
    return search.fit(table, training.positive).best_estimator_


def _folds(table: np.ndarray, training: Training) -> list[tuple[np.ndarray, np.ndarray]]:
    """By whole donors where each fold then holds both classes, else by cell."""
    positive, donors = training.positive, training.donors
    folds = int(min(FOLDS, positive.sum(), (~positive).sum()))
    if donors is not None and len({donor for donor, yes in zip(donors, positive, strict=True) if yes}) >= folds:
        by_donor = StratifiedGroupKFold(folds, shuffle=True, random_state=training.seed)
        found = list(by_donor.split(table, positive, [str(donor) for donor in donors]))
        if all(len(set(positive[judged].tolist())) == 2 for _, judged in found):
            return found
    return list(StratifiedKFold(folds, shuffle=True, random_state=training.seed).split(table, positive))


def threshold(model: Model, cells: Cells, positive: np.ndarray, policy: str = "f1") -> Threshold:
    """The threshold of a fitted baseline, chosen on validation cells alone, by the rule that networks use."""
    return choose_threshold(model.score(cells), np.asarray(positive, dtype=bool), policy)
