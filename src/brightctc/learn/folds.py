"""Folds of the cells that are learned from: each is judged by a network that has not met its donors."""

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from brightctc.errors import UserError
from brightctc.learn.crops import LabelledCells


def folds_of(cells: LabelledCells, count: int, seed: int) -> list[np.ndarray]:
    """Per fold a bool (n,) mask of its cells: whole donors (else samples, else single cells), both classes alike.

    Raises UserError where a fold would be without one of the classes.
    """
    groups = [owner or cell for owner, cell in zip(cells.donors, cells.rows["cell_id"], strict=True)]
    fewest = min(len({g for g, p in zip(groups, cells.positive, strict=True) if p == kind}) for kind in (False, True))
    if fewest < count:
        raise UserError(
            f"{count} folds need donors with cells of each class in all of them, and there are {fewest}",
            f"train.folds={count}",
            f"--set train.folds={max(fewest, 1)}",
        )
    divided = StratifiedGroupKFold(count, shuffle=True, random_state=seed % 2**32)
    masks = []
    for _, judged in divided.split(groups, cells.positive, groups):
        mask = np.zeros(len(groups), dtype=bool)
        mask[judged] = True
        masks.append(mask)
    if any(len(set(cells.positive[side].tolist())) < 2 for mask in masks for side in (mask, ~mask)):
        raise UserError(
            f"of {count} folds of whole donors, one would be without positive or without negative cells",
            f"train.folds={count}",
            f"--set train.folds={count - 1}, or another --seed",
        )
    return masks
