"""How unlike the training cells a cell looks to the network: a distance in its embedding.

The Mahalanobis distance to the nearer class's mean (Lee et al. 2018, arXiv 1807.03888), in the directions in which
training cells vary most; what a cell departs from them in all other directions counts as one more (as in probabilistic
principal components, Tipping and Bishop 1999). The limit is drawn on cells that the network has not learned from.
"""

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import Field
from safetensors.numpy import load, save
from threadpoolctl import threadpool_limits

from brightctc.bundle.frozen import Frozen

SHARE = 0.02
"""Of cells like the validation cells, that are flagged at most."""
FEWEST = 49
"""Validation cells, without which no limit is drawn."""
FLAG = "unlike_training"
MEANING = "looks to the network unlike any training cell: debris, a doublet, out of focus, another kind of cell"
_AXES, _CELLS_AN_AXIS = 32, 10


class LikenessLimit(Frozen):
    """Beyond `limit` a cell is flagged. cells: validation cells that it was drawn on."""

    limit: float = Field(gt=0)
    cells: int = Field(ge=1)


@dataclass(frozen=True)
class Likeness:
    """Distances from the training cells, in the first d numbers of an embedding; float32 throughout.

    means: (2, d), of the negative and the positive class. axes: (k, d), orthonormal. spread: (k,), sd along them.
    rest: sd of the length of what is left.
    """

    means: np.ndarray
    axes: np.ndarray
    spread: np.ndarray
    rest: float

    @classmethod
    def of(cls, embedding: np.ndarray, positive: np.ndarray) -> Self | None:
        """From training cells: float (n, d), bool (n,); None where a class has fewer than two, or no cell differs."""
        sides = [embedding[positive == kind].astype(np.float64) for kind in (False, True)]
        if min(len(side) for side in sides) < 2:
            return None
        means = np.stack([side.mean(axis=0) for side in sides])
        apart = np.concatenate([side - mean for side, mean in zip(sides, means, strict=True)])
        freedom, kept = len(apart) - 2, max(1, min(_AXES, len(apart) // _CELLS_AN_AXIS))
        with threadpool_limits(1):  # the same sums on any number of cores
            _, size, axes = np.linalg.svd(apart, full_matrices=False)
        spread, left = size[:kept] / math.sqrt(freedom), float(np.square(size[kept:]).sum()) / freedom
        if spread[-1] <= 0:
            return None
        rest = math.sqrt(left) if left > 0 else float(spread[-1])
        return cls(means.astype(np.float32), axes[:kept].astype(np.float32), spread.astype(np.float32), rest)

    def distance(self, embedding: np.ndarray) -> np.ndarray:
        """Of n cells, float (n, d or more), about √k for one like the training cells: float64 (n,); NaN stays NaN."""
        return self.nearest(embedding)[1]

    def nearest(self, embedding: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The class whose mean is nearer, int (n,), 0 negative, 1 positive; and the distance from it, as `distance`."""
        cells, found = embedding[:, : self.means.shape[1]].astype(np.float64), []
        places = _along(cells, self.axes)
        for mean, middle in zip(self.means, _along(self.means.astype(np.float64), self.axes), strict=True):
            along = places - middle
            left = np.maximum(np.square(cells - mean).sum(axis=1) - np.square(along).sum(axis=1), 0.0)
            found.append(np.square(along / self.spread).sum(axis=1) + left / self.rest**2)
        both = np.stack(found)
        return np.argmin(both, axis=0), np.sqrt(both.min(axis=0))

    def limit(self, embedding: np.ndarray) -> LikenessLimit | None:
        """What at most SHARE of the cells like these exceed, drawn as a conformal set is; None of under 49 cells."""
        distance = np.sort(self.distance(embedding))
        rank = math.ceil((distance.size + 1) * (1 - SHARE) - 1e-9)
        if rank > distance.size or not distance[rank - 1] > 0:
            return None
        return LikenessLimit(limit=float(distance[rank - 1]), cells=distance.size)

    def to_bytes(self) -> bytes:
        """As safetensors."""
        arrays = {"means": self.means, "axes": self.axes, "spread": self.spread}
        return save({**arrays, "rest": np.array([self.rest], np.float64)})

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """What `to_bytes` made."""
        arrays = load(content)
        return cls(arrays["means"], arrays["axes"], arrays["spread"], float(arrays["rest"][0]))


def _along(rows: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Where rows, float64 (n, d), lie along axes, float32 (k, d): float64 (n, k).

    Without numpy's linear algebra, whose threads stay awake for a while after each small product and take a core from
    the network: a tenth of all time.
    """
    return np.einsum("nd,kd->nk", rows, axes.astype(np.float64))
