"""What a network has to beat: the constant answer, size, intensity, the border alone, and HOG with an SVM.

Each is fitted on training crops of the bright field; nothing else is learned from. A new one is a file with a
`fit` and a line in `BASELINES`.
"""

from collections.abc import Sequence

import numpy as np

from brightctc.baselines import border, constant, hog, intensity, size
from brightctc.baselines.model import Fit, Model, Training, threshold
from brightctc.errors import UserError

BASELINES: dict[str, Fit] = {
    "constant": constant.fit,
    "size": size.fit,
    "intensity": intensity.fit,
    "border": border.fit,
    "hog_linear": hog.fit_linear,
    "hog_rbf": hog.fit_rbf,
}

__all__ = ["BASELINES", "Model", "fit", "threshold"]


def fit(
    name: str,
    crops: Sequence[np.ndarray],
    positive: np.ndarray,
    *,
    seed: int = 0,
    donors: Sequence[object] | None = None,
) -> Model:
    """Fit the baseline `name` on the training part.

    crops:    bright-field crops, 2-D arrays (uint8, uint16 or float32) of any size from 16 px.
    positive: bool (n,).
    seed:     of the folds in which settings are chosen (HOG's C and gamma, the others' C).
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
    return BASELINES[name](Training(list(crops), positive, seed, donors))
