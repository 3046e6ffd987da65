"""Which cells look to the network unlike its training cells: a flag, beside those of the image alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from brightctc.bundle import Bundle
from brightctc.bundle.likeness import FLAG, Likeness


@dataclass(frozen=True)
class Doubt:
    """Distances from a bundle's training cells, and beyond which of them a cell is flagged."""

    likeness: Likeness
    limit: float

    @classmethod
    def of(cls, bundle: Bundle) -> Self | None:
        """None where the bundle can't tell."""
        likeness, limit = bundle.likeness, bundle.about.likeness
        return None if likeness is None or limit is None else cls(likeness, limit.limit)

    def added(
        self, flags: Sequence[tuple[str, ...]], ready: Sequence[int], embedding: np.ndarray
    ) -> list[tuple[str, ...]]:
        """The flags of n cells with this one; ready: places of the k cells among them that embedding (k, d) is of."""
        found = list(flags)
        for place, distance in zip(ready, self.likeness.distance(embedding), strict=True):
            if distance > self.limit:
                found[place] = (*found[place], FLAG)
        return found
