"""What the input contract looks at in a crop, and the same gathered over a sample."""

import math
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Self

import cv2
import numpy as np

from brightctc.measure import OutlinedCrop, Quality
from brightctc.preprocess import border_median

RANGES = {
    "height": "crop height (px)",
    "width": "crop width (px)",
    "background": "background level",
    "mean": "mean intensity",
    "contrast": "contrast (sd / mean)",
}


@dataclass(frozen=True)
class CropMeasures:
    """What the contract looks at in one crop.

    height, width: px. dtype: numpy's name. low, top: smallest and largest value. background: median of the border ring,
    in the crop's own units. mean: of all pixels. contrast: sd / |mean|. quality: focus, centring, other objects ….
    """

    height: int
    width: int
    dtype: str
    low: float
    top: float
    background: float
    mean: float
    contrast: float
    quality: Quality

    @classmethod
    def of(cls, crop: np.ndarray) -> Self:
        """Measure a 2-D crop (uint8, uint16 or float32, in native byte order, as `read_image` gives it)."""
        mean, square = cv2.sumElems(crop)[0] / crop.size, cv2.norm(crop, cv2.NORM_L2SQR) / crop.size
        sd = math.sqrt(max(square - mean**2, 0.0))
        low, top, _, _ = cv2.minMaxLoc(crop)
        return cls(
            height=crop.shape[0],
            width=crop.shape[1],
            dtype=crop.dtype.type.__name__,
            low=low,
            top=top,
            background=border_median(crop),
            mean=mean,
            contrast=sd / abs(mean) if mean else 0.0,
            quality=OutlinedCrop.of(crop).quality,
        )


@dataclass
class SampleMeasures:
    """The measures of many crops of one sample, gathered one by one; 56 bytes a crop.

    columns: per name of a CropMeasures figure its values, and `focus`. dtypes, pixel_sizes: how many crops have which.
    """

    columns: dict[str, array] = field(default_factory=lambda: {name: array("d") for name in (*RANGES, "top", "focus")})
    dtypes: Counter[str] = field(default_factory=Counter)
    pixel_sizes: Counter[float | None] = field(default_factory=Counter)

    def add(self, measures: CropMeasures, pixel_size_um: float | None) -> None:
        """Take in one crop."""
        for name, values in self.columns.items():
            values.append(measures.quality.focus if name == "focus" else getattr(measures, name))
        self.dtypes[measures.dtype] += 1
        self.pixel_sizes[pixel_size_um] += 1

    def column(self, name: str) -> np.ndarray:
        """The values of one figure: float64 (n,)."""
        return np.array(self.columns[name], dtype=np.float64)
