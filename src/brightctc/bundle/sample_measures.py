"""The measures of a sample's crops, gathered in bounded memory."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from brightctc.bundle.crop_measures import RANGES, CropMeasures

GATHERED = (*RANGES, "top", "focus")
"""Figures of a crop that are gathered: those of CropMeasures, and its quality's focus."""
MOST = 2048
"""Crops of a sample that are held. Of more, every second is kept, then every fourth …: evenly over the sample, and the
same whatever the order of the work."""


class SampleMeasures:
    """What the input contract looks at in the crops of one sample; at most 2,048 of them, 56 kB.

    dtypes, pixel_sizes: how many crops, of all, have which.
    """

    def __init__(self) -> None:
        self.dtypes: Counter[str] = Counter()
        self.pixel_sizes: Counter[float | None] = Counter()
        self._columns = {name: np.empty(0, np.float32) for name in GATHERED}
        self._seen, self._stride = 0, 1

    def add(self, measures: CropMeasures, pixel_size_um: float | None) -> None:
        """Take in one crop."""
        self.extend(figures([measures]), [measures.dtype], [pixel_size_um])

    def extend(
        self, columns: Mapping[str, np.ndarray], dtypes: Sequence[str], pixel_sizes: Sequence[float | None]
    ) -> None:
        """Take in the next n crops. columns: per name of GATHERED n values."""
        kept = np.arange(self._seen, self._seen + len(dtypes)) % self._stride == 0
        for name, values in columns.items():
            self._columns[name] = np.concatenate([self._columns[name], values[kept].astype(np.float32)])
        self._seen += len(dtypes)
        self.dtypes.update(dtypes)
        self.pixel_sizes.update(pixel_sizes)
        while len(self.column("top")) > MOST:
            self._columns = {name: values[::2] for name, values in self._columns.items()}
            self._stride *= 2

    def column(self, name: str) -> np.ndarray:
        """The values of one figure, of the crops that are held: float32 (n,)."""
        return self._columns[name]


def figures(crops: Sequence[CropMeasures]) -> dict[str, np.ndarray]:
    """Per name of GATHERED the values of n crops: float64 (n,)."""
    of = {name: [getattr(crop, name) for crop in crops] for name in (*RANGES, "top")}
    of["focus"] = [crop.quality.focus for crop in crops]
    return {name: np.array(values, np.float64) for name, values in of.items()}
