"""Does a whole sample look unlike those of the training, though no single cell need do so?

A cell's number is the logarithm of its distance from the training cells (see `likeness`), in units of the validation
cells of the class whose mean is nearer: so that a sample of few tumour cells is not unlike one of many. A sample's
number is the mean over its cells. Samples of the same kind differ in it, and by more than its cells alone would: the
limit is that of a further sample, from the spread between samples and between cells of a sample (one-way analysis of
variance, Searle, Linear Models, 1971, chapter 10), as in the control charts of Shewhart (1931) with limits estimated.
There is no lower limit: what differs from the training lies farther, whatever it is (docs/results/doubt.md).
"""

import math
from collections.abc import Hashable, Sequence
from typing import Self

import numpy as np
import scipy
from pydantic import Field

from brightctc.bundle.frozen import Frozen
from brightctc.bundle.likeness import Likeness

CHANCE = 0.025
"""That a sample of the same kind lies above its limit, where their spread is normal."""
FEWEST_SAMPLES, FEWEST_CELLS = 4, 10
"""Samples of training and validation without which there are no limits; cells without which a sample is not judged."""


class ShiftLimits(Frozen):
    """Where a sample's number is expected.

    means, sds: of the log distance of validation cells that are nearer to the negative, the positive class. centre: of
    the validation samples' numbers, which are `samples`. between, within: sd of samples, and of the cells of a sample.
    freedom: degrees of it that `between` rests on. quantile: of Student's t with these, that scoring needs no scipy.
    cells: that each validation sample counts for, the harmonic mean of how many it has; None: many.
    """

    means: tuple[float, float]
    sds: tuple[float, float]
    centre: float
    between: float = Field(ge=0)
    within: float = Field(ge=0)
    samples: int = Field(ge=1)
    freedom: int = Field(ge=1)
    quantile: float = Field(gt=0)
    cells: float | None = Field(default=None, gt=0)

    @classmethod
    def of(
        cls,
        likeness: Likeness,
        judged: tuple[np.ndarray, Sequence[Hashable]],
        learned: tuple[np.ndarray, Sequence[Hashable]],
    ) -> Self | None:
        """From validation and training cells: embeddings float (n, d), and whose sample each cell is of.

        The centre is of validation samples alone: training cells lie nearer, as the network has learned them. How far
        samples differ from each other is told by both. None where too few samples hold ten cells.
        """
        nearer, distance = likeness.nearest(judged[0])
        logs = np.log(distance)
        sides = [logs[nearer == side] for side in (0, 1)]
        if min(len(side) for side in sides) < FEWEST_CELLS:
            sides = [logs, logs]
        spread = [float(side.std(ddof=1)) for side in sides]
        if not min(spread) > 0:
            return None
        scale = cls(
            means=(float(sides[0].mean()), float(sides[1].mean())),
            sds=(spread[0], spread[1]),
            centre=0,
            between=0,
            within=0,
            samples=1,
            freedom=1,
            quantile=1,
        )
        parts = [
            _by_sample(scale.numbers(*likeness.nearest(embedding)), samples) for embedding, samples in (judged, learned)
        ]
        count, freedom = sum(map(len, parts)), sum(max(0, len(part) - 1) for part in parts)
        if not parts[0] or count < FEWEST_SAMPLES or freedom < 1:
            return None
        between, within = _components(parts)
        centre = float(np.mean([cells.mean() for cells in parts[0]]))
        return scale.model_copy(
            update={
                "centre": centre,
                "between": between,
                "within": within,
                "samples": len(parts[0]),
                "freedom": freedom,
                "quantile": float(scipy.stats.t.ppf(1 - CHANCE, freedom)),
                "cells": len(parts[0]) / sum(1 / len(cells) for cells in parts[0]),
            }
        )

    def numbers(self, nearer: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Of each cell, float64 (n,), from what `Likeness.nearest` says of it; NaN where the distance is."""
        return (np.log(distance) - np.array(self.means)[nearer]) / np.array(self.sds)[nearer]

    def limit(self, cells: int) -> float:
        """What a sample of so many cells stays below, but for one in forty."""
        of_cells = 1 / cells + (0 if self.cells is None else 1 / (self.cells * self.samples))
        variance = self.between**2 * (1 + 1 / self.samples) + self.within**2 * of_cells
        return self.centre + self.quantile * math.sqrt(variance)


def _by_sample(numbers: np.ndarray, samples: Sequence[Hashable]) -> list[np.ndarray]:
    """The numbers of each sample that has enough of them."""
    found: dict[Hashable, list[float]] = {}
    for number, sample in zip(numbers.tolist(), samples, strict=True):
        if math.isfinite(number):
            found.setdefault(sample, []).append(number)
    return [np.array(cells) for cells in found.values() if len(cells) >= FEWEST_CELLS]


def _components(parts: Sequence[Sequence[np.ndarray]]) -> tuple[float, float]:
    """Sd between samples and within them; each part has a mean of its own. Unequal numbers of cells: Searle's n0."""
    within = sum(float(np.square(cells - cells.mean()).sum()) for part in parts for cells in part)
    freedom = sum(len(cells) - 1 for part in parts for cells in part)
    square, between, samples, weight = within / freedom, 0.0, 0, 0.0
    for part in parts:
        if len(part) < 2:
            continue
        sizes = np.array([len(cells) for cells in part])
        means = np.array([cells.mean() for cells in part])
        middle = float((sizes * means).sum() / sizes.sum())
        between += float((sizes * np.square(means - middle)).sum())
        samples += len(part) - 1
        weight += float(sizes.sum() - np.square(sizes).sum() / sizes.sum())
    return math.sqrt(max(0.0, (between - samples * square) / weight)), math.sqrt(square)
