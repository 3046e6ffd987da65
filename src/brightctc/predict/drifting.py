"""Which samples of an input look to the network unlike those of its training, as a whole."""

from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from brightctc.bundle.shift import FEWEST_CELLS, ShiftLimits


@dataclass(frozen=True)
class SampleShift:
    """A sample's number and what like ones stay below. cells: those that it is the mean of."""

    sample_id: str | None
    cells: int
    unlike: float
    limit: float

    @property
    def shifted(self) -> bool:
        """Is it above its limit?"""
        return not self.unlike <= self.limit


class Shifts:
    """Sums over the cells of each sample."""

    def __init__(self, limits: ShiftLimits | None):
        self._limits = limits
        self._sums: dict[str | None, list[float]] = defaultdict(lambda: [0.0, 0.0])

    def add(self, sample: str | None, numbers: np.ndarray) -> None:
        """Take in the next cells of a sample; float (n,), NaN for those that can't be told."""
        known = numbers[np.isfinite(numbers)].astype(np.float64)
        sums = self._sums[sample]
        sums[0] += known.size
        sums[1] += float(known.sum())

    def found(self) -> list[SampleShift]:
        """Each sample that has enough cells, in order of first appearance; none where the bundle has no limits."""
        if self._limits is None:
            return []
        rows = []
        for sample, (cells, total) in self._sums.items():
            if cells < FEWEST_CELLS:
                continue
            rows.append(SampleShift(sample, int(cells), total / cells, self._limits.limit(int(cells))))
        return rows
