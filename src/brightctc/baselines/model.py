"""What the baselines share: their training cells, a classifier on features, and the choice of its settings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from brightctc.metrics import Threshold, choose_threshold

FOLDS = 5


@dataclass(frozen=True)
class Training:
    """Training cells: n crops, bool (n,), the seed of the folds, and donors where known."""

    crops: list[np.ndarray]
    positive: np.ndarray
    seed: int
    donors: Sequence[object] | None = None


class Model(Protocol):
    """A fitted baseline."""

    def score(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """float64 (n,): larger means more like the positive class; no probability."""
        ...


Fit = Callable[[Training], Model]
Features = Callable[[np.ndarray], np.ndarray]
"""The numbers of one crop: a 2-D array in, float64 (k,) out."""


@dataclass(frozen=True)
class FeatureModel:
    """Numbers measured on each crop alone, and a scikit-learn classifier of them."""

    features: Features
    classifier: Any

    def score(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """float64 (n,): the classifier's decision value."""
        return np.asarray(self.classifier.decision_function(measured(self.features, crops)), dtype=np.float64)


def measured(features: Features, crops: Sequence[np.ndarray]) -> np.ndarray:
    """float64 (n, k): the features of each crop."""
    return np.stack([features(crop) for crop in crops]).astype(np.float64)


def logistic(features: Features, training: Training) -> FeatureModel:
    """Logistic regression on the features, their squares and products; C is chosen by cross-validation.

    The same for all simple features, so that only what they see differs; squares, since a class may lie between.
    """
    steps = (StandardScaler(), PolynomialFeatures(2, include_bias=False), StandardScaler())
    classifier = make_pipeline(*steps, LogisticRegression(max_iter=10_000))
    choices = {"logisticregression__C": [0.001, 0.01, 0.1, 1.0]}
    return FeatureModel(features, chosen(classifier, choices, measured(features, training.crops), training))


def chosen(classifier: Any, choices: dict[str, list[Any]], table: np.ndarray, training: Training) -> Any:
    """The classifier with the settings of the best cross-validated average precision, fitted on all of `table`.

    Donors, where there are enough of them, stay in one fold. With too few cells for folds the first choice is taken.
    """
    folds = int(min(FOLDS, training.positive.sum(), (~training.positive).sum()))
    donors = training.donors
    if (
        donors is not None
        and len({donor for donor, yes in zip(donors, training.positive, strict=True) if yes}) >= folds
    ):
        names = [str(donor) for donor in donors]
        splits = StratifiedGroupKFold(folds, shuffle=True, random_state=training.seed).split(
            table, training.positive, names
        )
    else:
        splits = StratifiedKFold(folds, shuffle=True, random_state=training.seed).split(table, training.positive)
    search = GridSearchCV(classifier, choices, scoring="average_precision", cv=list(splits))
    return search.fit(table, training.positive).best_estimator_


def threshold(model: Model, crops: Sequence[np.ndarray], positive: np.ndarray, policy: str = "f1") -> Threshold:
    """The threshold of a fitted baseline, chosen on validation crops alone, by the rule that networks use."""
    return choose_threshold(model.score(crops), np.asarray(positive, dtype=bool), policy)
