"""The baselines by name, and the one way to fit them."""

from collections.abc import Sequence

import numpy as np

from brightctc.baselines import border, constant, hand, hog, intensity, size
from brightctc.baselines.model import Cells, Fit, Model, Training
from brightctc.errors import UserError

BASELINES: dict[str, Fit] = {
    "constant": constant.fit,
    "size": size.fit,
    "intensity": intensity.fit,
    "border": border.fit,
    "hand_features": hand.fit,
    "hog_linear": hog.fit_linear,
    "hog_rbf": hog.fit_rbf,
}


def fit(
    name: str,
    cells: Cells,
    positive: np.ndarray,
    *,
    seed: int = 0,
    donors: Sequence[object] | None = None,
) -> Model:
    """Fit the baseline `name` on the training part.

    cells:    bright-field crops of any size from 16 px, with their pixel sizes where known.
    positive: bool (n,).
    seed:     of the folds in which settings are chosen (C, gamma, the number of trees …).
    donors:   per cell, where known: a donor's cells then share a fold.

    Raises UserError for an unknown name, or where a class has fewer than two cells.
    """
    if name not in BASELINES:
        raise UserError(f"no baseline is called {name!r}", fix=f"use one of {', '.join(BASELINES)}")
    positive = np.asarray(positive, dtype=bool)
    if min(positive.sum(), (~positive).sum()) < 2:
        raise UserError(
            "a baseline needs at least two training cells of each class",
            f"{int(positive.sum())} positive, {int((~positive).sum())} negative",
            "split again with more cells in the training part",
        )
    return BASELINES[name](Training(cells, positive, seed, donors))
