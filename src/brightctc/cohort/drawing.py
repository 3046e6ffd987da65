"""Keep a given number of labelled cells for training and validation, drawn at random."""

from dataclasses import dataclass

import numpy as np

from brightctc.errors import UserError

_PARTS = ("train", "validation")


@dataclass(frozen=True)
class TrainingDraw:
    """cells: labelled cells that train and validation hold together; positives of them (None: their share there);
    validation: the share of `cells` in the validation part.
    """

    cells: int
    positives: int | None
    validation: float


def draw_training(label: np.ndarray, part: np.ndarray, draw: TrainingDraw, rng: np.random.Generator) -> np.ndarray:
    """Rows that are drawn out of train and validation, so that exactly `draw.cells` labelled cells remain.

    label: int (n,), 1, 0 or -1; part: object (n,). Unlabelled cells stay. Raises UserError where there are too few.
    """
    available = np.array([[_held(label, part, name, value).sum() for value in (0, 1)] for name in _PARTS])
    wanted = _per_class(draw, available.sum(axis=0))
    out = []
    for value in (0, 1):
        quotas = _per_part(wanted[value], available[:, value], draw.validation)
        for name, quota in zip(_PARTS, quotas, strict=True):
            rows = np.flatnonzero(_held(label, part, name, value))
            out.append(rng.permutation(rows)[quota:])
    return np.sort(np.concatenate(out))


def _held(label: np.ndarray, part: np.ndarray, name: str, value: int) -> np.ndarray:
    return (part == name) & (label == value)


def _per_class(draw: TrainingDraw, available: np.ndarray) -> tuple[int, int]:
    """Negatives and positives to keep."""
    if draw.cells > available.sum():
        raise _too_many("labelled cells", draw.cells, int(available.sum()), "--train-cells")
    positives = draw.positives
    if positives is None:
        positives = round(draw.cells * available[1] / available.sum())
    negatives = draw.cells - positives
    if positives > available[1]:
        raise _too_many("positive cells", positives, int(available[1]), "--train-positives")
    if negatives > available[0]:
        raise _too_many("negative cells", negatives, int(available[0]), "--train-cells, --train-positives")
    least = 1 + (draw.validation > 0)
    if min(positives, negatives) < least:
        raise UserError(
            f"{positives:,} positive and {negatives:,} negative cells are too few: each part needs both classes",
            "--train-cells, --train-positives",
            f"ask for at least {least} of either class",
        )
    return negatives, positives


def _per_part(wanted: int, available: np.ndarray, validation: float) -> tuple[int, int]:
    """Cells of one class for train and validation: by the share, as far as each part has them."""
    of_validation = max(1, round(wanted * validation)) if validation else 0
    of_validation = min(of_validation, int(available[1]))
    of_validation = max(of_validation, wanted - int(available[0]))
    return wanted - of_validation, of_validation


def _too_many(what: str, wanted: int, available: int, option: str) -> UserError:
    return UserError(
        f"{wanted:,} {what} were asked for training and validation, and there are {available:,} outside the test part",
        option,
        "ask for fewer, or make the test part smaller (--test-share)",
    )
