"""Whose cells are resampled whole, for every interval of an explanation."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from brightctc.metrics import Interval, cliffs_delta
from brightctc.metrics.units import Unit


@dataclass(frozen=True)
class Units:
    """unit: donor, sample or cell. groups: each cell's donor, sample or id. resamples, seed: of the bootstrap."""

    unit: Unit
    groups: Sequence[Hashable]
    resamples: int
    seed: int

    def delta(self, positive: np.ndarray, values: np.ndarray) -> Interval:
        """Cliff's δ of n values, those that are not numbers left out."""
        drawn = {"unit": self.unit, "groups": self.groups, "resamples": self.resamples, "seed": self.seed}
        return cliffs_delta(positive, values, **drawn)

    def roc_auc(self, positive: np.ndarray, values: np.ndarray) -> Interval:
        """The same as an area, from 0 to 1."""
        delta = self.delta(positive, values)
        ends = [None if end is None else (1 + end) / 2 for end in (delta.value, delta.low, delta.high)]
        return Interval(*ends, reason=delta.reason)

    def some(self, kept: np.ndarray) -> "Units":
        """Of the cells of a bool (n,) mask."""
        groups = [group for group, one in zip(self.groups, kept, strict=True) if one]
        return Units(self.unit, groups, self.resamples, self.seed)
