"""Which cells look to the network unlike its training cells: a flag, and a number for each sample."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from brightctc.bundle import Bundle
from brightctc.bundle.likeness import FLAG, Likeness
from brightctc.bundle.shift import ShiftLimits


@dataclass(frozen=True)
class Doubt:
    """Distances from a bundle's training cells, and beyond which of them a cell is flagged. shift: None: not told."""

    likeness: Likeness
    limit: float
    shift: ShiftLimits | None

    @classmethod
    def of(cls, bundle: Bundle) -> Self | None:
        """None where the bundle can't tell."""
        likeness, limit = bundle.likeness, bundle.about.likeness
        return None if likeness is None or limit is None else cls(likeness, limit.limit, bundle.about.shift)

    def of_cells(
        self, flags: Sequence[tuple[str, ...]], ready: Sequence[int], embedding: np.ndarray
    ) -> tuple[list[tuple[str, ...]], np.ndarray | None]:
        """The flags of n cells with this one, and what each sample's number is the mean of: float32 (n,), or None.

        ready: places of the k cells among them that embedding (k, d) is of.
        """
        nearer, distance = self.likeness.nearest(embedding)
        found = list(flags)
        for place, far in zip(ready, distance > self.limit, strict=True):
            if far:
                found[place] = (*found[place], FLAG)
        if self.shift is None:
            return found, None
        numbers = np.full(len(found), np.nan, np.float32)
        numbers[list(ready)] = self.shift.numbers(nearer, distance)
        return found, numbers
