"""How much of the score size alone, and each group of features, predicts: the rest is what the network adds."""

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import GroupKFold

from brightctc.baselines import border
from brightctc.explain.units import Units
from brightctc.metrics import Interval
from brightctc.metrics.resampling import resample_weights
from brightctc.metrics.units import TOO_FEW, holders, members_of

FOLDS = 5
FEWEST = 40
"""Cells, without which nothing is predicted."""
SIZE, BORDER, ALL = "size alone (area)", "border pixels, without the cell", "all features"


@dataclass(frozen=True)
class Predicted:
    """share: of the logit's variance, in cells of other donors than were learned from; negative where it predicts worse
    than the mean. features: how many."""

    name: str
    features: int
    share: Interval


def predicted(
    logit: np.ndarray, groups: dict[str, np.ndarray], crops: list[np.ndarray], positive: np.ndarray, units: Units
) -> list[Predicted]:
    """One regression a group of features; none of under 40 cells, or of one unit: there is no other to learn from.

    logit: float (n,). groups: name → float (n, k), NaN where a feature can't be told; `area` stands first in the first
    one. Gradient-boosted trees, cross-validated by whole units.
    """
    members = members_of(len(logit), units.unit, units.groups)
    if len(logit) < FEWEST or len(np.unique(members)) == 1:
        return []
    everything = np.concatenate(list(groups.values()), axis=1)
    ring = np.array([border.features(crop) for crop in crops])
    size = next(iter(groups.values()))[:, :1]
    sets = {SIZE: size, **groups, ALL: everything, BORDER: ring}
    return [
        Predicted(name, values.shape[1], _share(logit, _out_of_fold(values, logit, members), positive, members, units))
        for name, values in sets.items()
    ]


def _out_of_fold(values: np.ndarray, logit: np.ndarray, members: np.ndarray) -> np.ndarray:
    """What trees that have not met a cell's unit make of it: float64 (n,)."""
    folds = GroupKFold(min(FOLDS, len(np.unique(members))))
    found = np.empty(len(logit))
    for learned, held in folds.split(values, groups=members):
        trees = HistGradientBoostingRegressor(max_iter=100, max_leaf_nodes=6, min_samples_leaf=10, random_state=0)
        trees.set_params(early_stopping=False)
        found[held] = trees.fit(values[learned], logit[learned]).predict(values[held])
    return found


def _share(logit: np.ndarray, found: np.ndarray, positive: np.ndarray, members: np.ndarray, units: Units) -> Interval:
    """1 − residual over total sum of squares, with percentiles of resamples of whole units."""
    weights = np.ones((1, len(logit)))
    value = float(_shares(logit, found, weights)[0])
    if units.unit != "cell" and min(holders(positive, members).values()) < TOO_FEW:
        return Interval(value, reason=f"fewer than {TOO_FEW} {units.unit}s with cells of a class")
    drawn = resample_weights(positive, members, units.resamples, units.seed)[:, members]
    low, high = np.percentile(_shares(logit, found, drawn), (2.5, 97.5))
    return Interval(value, float(low), float(high))


def _shares(logit: np.ndarray, found: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """float64 (r,): for each row of weights (r, n)."""
    cells = weights.sum(axis=1)
    mean = weights @ logit / cells
    whole = weights @ logit**2 - cells * mean**2
    return 1 - weights @ (logit - found) ** 2 / np.maximum(whole, 1e-12)
