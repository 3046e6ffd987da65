"""How well something that is not the cell predicts the class: cross-validated ROC-AUC, and whether chance could."""

import numpy as np

FOLDS = 5
_FEWEST_GROUPS = 4
_PRIOR = 2.0  # cells that a value's share is smoothed with, at the overall share


def encoding_auc(codes: np.ndarray, positive: np.ndarray, groups: np.ndarray) -> float:
    """ROC-AUC of target encoding: each value predicts the share of positives it has in the other folds.

    codes: int (n,), the values, from 0; positive: bool (n,); groups: int (n,), -1 where unknown.
    Where most cells' values span three groups or more, whole groups are held out together.
    """
    pairs = np.unique(np.stack([codes, groups], axis=1), axis=0)
    spans = np.bincount(pairs[:, 0], minlength=codes.max() + 1)[codes]
    folds = folds_of(positive, groups if np.median(spans) >= 3 else None)
    predicted = np.empty(len(codes))
    for fold in np.unique(folds):
        held, rest = folds == fold, folds != fold
        cells = np.bincount(codes[rest], minlength=codes.max() + 1)
        positives = np.bincount(codes[rest & positive], minlength=codes.max() + 1)
        share = (positives + _PRIOR * positive[rest].mean()) / (cells + _PRIOR)
        predicted[held] = share[codes[held]]
    return _auc(positive, predicted)


def features_auc(features: np.ndarray, positive: np.ndarray, groups: np.ndarray) -> float:
    """ROC-AUC of a logistic regression on numbers (n, k): their ranks and squared ranks, cross-validated.

    Ranks, so that a few odd crops do not rule it; squares, so that 'in the middle' can be told, too.
    groups: int (n,), -1 where unknown; held out together where there are enough.
    """
    from sklearn.linear_model import LogisticRegression  # takes a second to load; not every reader of cohorts checks

    ranks = 2 * _ranks(features) - 1
    numbers = np.concatenate([ranks, ranks**2 - 1 / 3], axis=1)
    folds = folds_of(positive, groups)
    predicted = np.empty(len(positive))
    for fold in np.unique(folds):
        held = folds == fold
        model = LogisticRegression(class_weight="balanced", max_iter=1000)
        predicted[held] = model.fit(numbers[~held], positive[~held]).decision_function(numbers[held])
    return _auc(positive, predicted)


def folds_of(positive: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    """Fold of each cell: int (n,), classes spread evenly, groups whole; cells alone where groups are too few.

    Both classes must remain in the rest of every fold; a cell of an unknown group (-1) is a group of its own.
    """
    if groups is not None:
        folds = _grouped_folds(positive, groups)
        if all(0 < positive[folds != fold].sum() < (folds != fold).sum() for fold in np.unique(folds)):
            return folds
    rng = np.random.default_rng(0)
    folds = np.empty(len(positive), int)
    for of_class in (positive, ~positive):
        folds[of_class] = rng.permutation(of_class.sum()) % FOLDS
    return folds


def beyond_chance(auc: float, positive: np.ndarray) -> bool:
    """Is the AUC further above 0.5 than chance brings it in cross-validation, in about 999 of 1,000 cases?

    4.5 standard errors of an AUC without relation (Hanley and McNeil 1982): cross-validated ones scatter 1.4 times as
    much (measured on drawn labels without relation, 40 to 1,000 cells), which leaves 3.2.
    """
    ones, zeros = int(positive.sum()), int((~positive).sum())
    return (auc - 0.5) > 4.5 * float(np.sqrt((ones + zeros + 1) / (12 * ones * zeros)))


def _grouped_folds(positive: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Largest groups first, each to the fold that is then the least full of its classes; all 0 where too few."""
    named = np.where(groups < 0, groups.max() + 1 + np.arange(len(groups)), groups)
    _, group = np.unique(named, return_inverse=True)
    counts = np.stack([np.bincount(group, ~positive), np.bincount(group, positive)], axis=1)
    if len(counts) < _FEWEST_GROUPS:
        return np.zeros(len(positive), int)
    shares = counts / np.maximum(counts.sum(axis=0), 1)
    filled = np.zeros((min(FOLDS, len(counts)), 2))
    fold_of_group = np.empty(len(counts), int)
    for index in np.argsort(-shares.sum(axis=1), kind="stable"):
        fold = int(((filled + shares[index]) ** 2 - filled**2).sum(axis=1).argmin())
        fold_of_group[index] = fold
        filled[fold] += shares[index]
    return fold_of_group[group]


def _ranks(features: np.ndarray) -> np.ndarray:
    """Ranks of each column, ties at their mean, from 0 to 1."""
    from scipy.stats import rankdata

    return (rankdata(features, axis=0) - 1) / max(1, len(features) - 1)


def _auc(positive: np.ndarray, predicted: np.ndarray) -> float:
    """Probability that a positive's prediction is above a negative's, ties half (Mann and Whitney)."""
    from scipy.stats import rankdata

    ones = int(positive.sum())
    zeros = len(positive) - ones
    return float((rankdata(predicted)[positive].sum() - ones * (ones + 1) / 2) / (ones * zeros))
