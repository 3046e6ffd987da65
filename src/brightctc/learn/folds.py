"""Folds of the cells that are learned from: each is judged by a network that has not met its donors."""

from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from brightctc.errors import UserError


def folds_of(groups: Sequence[str], positive: np.ndarray, count: int, seed: int, setting: str) -> list[np.ndarray]:
    """Per fold a bool (n,) mask of its cells: whole groups, both classes alike.

    groups: of each cell, as `LabelledCells.groups`. positive: bool (n,). setting: what asks for so many folds.
    Raises UserError where a fold would be without one of the classes.
    """
    fewest = min(len({g for g, p in zip(groups, positive, strict=True) if p == kind}) for kind in (False, True))
    if fewest < count:
        raise UserError(
            f"{count} folds need donors with cells of each class in all of them, and there are {fewest}",
            f"{setting}={count}",
            f"--set {setting}={fewest}" if fewest > 1 else "learn from cells of more donors",
        )
    divided = StratifiedGroupKFold(count, shuffle=True, random_state=seed % 2**32)
    masks = []
    for _, judged in divided.split(groups, positive, groups):
        mask = np.zeros(len(groups), dtype=bool)
        mask[judged] = True
        masks.append(mask)
    if any(len(set(positive[side].tolist())) < 2 for mask in masks for side in (mask, ~mask)):
        raise UserError(
            f"of {count} folds of whole donors, one would be without positive or without negative cells",
            f"{setting}={count}",
            f"--set {setting}={count - 1}, or another --seed",
        )
    return masks


def at_most_folds_of(
    groups: Sequence[str], positive: np.ndarray, count: int, seed: int, setting: str
) -> list[np.ndarray]:
    """As `folds_of`, with as many folds up to `count` as there are donors for; two at least, or UserError."""
    for fewer in range(count, 1, -1):
        try:
            return folds_of(groups, positive, fewer, seed, setting)
        except UserError:
            continue
    raise UserError(
        "teachers need two donors or more with cells of each class in the train part, so that each cell is taught by "
        "one that has not met its donor",
        setting,
        "learn from cells of more donors, or train with --recipe default",
    )
