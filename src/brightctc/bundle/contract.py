"""The input contract: what the training crops looked like, and how a cell or a sample departs from it."""

from collections.abc import Iterable, Iterator
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from brightctc.bundle import likeness
from brightctc.bundle.crop_measures import RANGES, CropMeasures
from brightctc.bundle.sample_measures import SampleMeasures
from brightctc.measure import QualityLimits
from brightctc.preprocess import Channel

BIT_DEPTHS = (8, 10, 12, 14, 16)
SHARE_OUTSIDE = 0.2  # a sample departs where more of its cells than this are outside a range,
FEWEST_OUTSIDE = 3  # and no fewer: one cell of four is chance
_SAME_PIXEL_SIZE = 0.01  # relative; pixel sizes are typed in with two or three digits


CONTRACT_FLAGS = {
    "size_outside": "height or width of the crop outside the 1st to 99th percentile of the training crops",
    "pixel_size_outside": "another µm per pixel than the training crops",
    "bit_depth_outside": "another type of pixel, or values above the training crops' bit depth",
    "intensity_outside": "mean intensity outside the 1st to 99th percentile of the training crops",
    "contrast_outside": "contrast (sd / mean) outside the 1st to 99th percentile of the training crops",
    likeness.FLAG: likeness.MEANING,
}


class Range(BaseModel):
    """Smallest and largest usual value: the 1st and 99th percentile of the training crops."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        """1st to 99th percentile, each a value that occurred."""
        held = np.asarray(list(values), dtype=np.float64)
        return cls(
            low=float(np.percentile(held, 1, method="lower")),
            high=float(np.percentile(held, 99, method="higher")),
        )

    def outside(self, value: float | np.ndarray) -> bool | np.ndarray:
        """Is the value below or above?"""
        return (value < self.low) | (value > self.high)

    def __str__(self) -> str:
        return f"{self.low:.4g}" if self.low == self.high else f"{self.low:.4g} to {self.high:.4g}"


class Contract(BaseModel):
    """What the bundle was trained on: bright-field crops, their size, depth, background and contrast.

    cells: number of training crops measured. bit_depth: the smallest of 8, 10, 12, 14, 16 that holds every
    training crop; None for floating-point images. pixel_size: µm, None where the training cohort had none.
    background, mean: in the crops' own units. contrast: sd / mean of a crop. quality: limits of focus, centring ….
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    channels: tuple[Channel, ...]
    cells: int = Field(ge=1)
    dtypes: tuple[str, ...]
    bit_depth: int | None
    height: Range
    width: Range
    pixel_size: Range | None
    background: Range
    mean: Range
    contrast: Range
    quality: QualityLimits = QualityLimits(cells=0)

    @classmethod
    def learn(
        cls,
        crops: Iterable[np.ndarray],
        pixel_sizes: Iterable[float | None],
        channels: tuple[Channel, ...] = ("bright_field",),
    ) -> Self:
        """Learn from the training cells' bright-field crops (2-D; at least one) and their µm per pixel.

        channels: what the network takes; only the bright field is measured.
        """
        measured = [CropMeasures.of(crop) for crop in crops]
        known = [size for size in pixel_sizes if size is not None]
        top = max(crop.top for crop in measured)
        floating = any(crop.dtype.startswith("float") for crop in measured)
        return cls(
            channels=channels,
            cells=len(measured),
            dtypes=tuple(sorted({crop.dtype for crop in measured})),
            bit_depth=None if floating else next(bits for bits in BIT_DEPTHS if top < 2**bits),
            height=Range.of(crop.height for crop in measured),
            width=Range.of(crop.width for crop in measured),
            pixel_size=Range.of(known) if known else None,
            background=Range.of(crop.background for crop in measured),
            mean=Range.of(crop.mean for crop in measured),
            contrast=Range.of(crop.contrast for crop in measured),
            quality=QualityLimits.learn(crop.quality for crop in measured),
        )

    def flags(self, crop: np.ndarray | CropMeasures, pixel_size_um: float | None = None) -> list[str]:
        """Machine names of what is unusual about one crop, in a fixed order; empty where nothing is.

        A flag informs; it never hides a cell or changes its score. About 2 % of the training cells themselves
        lie outside each range. What the quality flags mean: `brightctc.measure.FLAGS`.
        """
        measures = crop if isinstance(crop, CropMeasures) else CropMeasures.of(crop)
        found = {
            "size_outside": self.height.outside(measures.height) or self.width.outside(measures.width),
            "pixel_size_outside": self._other_pixel_size(pixel_size_um),
            "bit_depth_outside": self._other_depth(measures),
            "intensity_outside": self.mean.outside(measures.mean),
            "contrast_outside": self.contrast.outside(measures.contrast),
        }
        return [*(name for name, present in found.items() if present), *self.quality.flags(measures.quality)]

    def departures(self, sample: SampleMeasures) -> dict[str, str]:
        """What a whole sample departs in: machine name → words with the figures; empty where in nothing.

        A range is left where the sample's median lies outside, or more than a fifth of its cells (and no fewer than
        three) do.
        """
        if not sample.dtypes:
            return {}
        found = dict(self._kinds(sample))
        for name, words in RANGES.items():
            allowed: Range = getattr(self, name)
            values = sample.column(name)
            median, outside = float(np.median(values)), np.count_nonzero(allowed.outside(values))
            share = outside / len(values)
            if allowed.outside(median) or (share > SHARE_OUTSIDE and outside >= FEWEST_OUTSIDE):
                found[name] = (
                    f"{words} is {median:.4g} (median), and {share:.0%} of the cells lie outside the {allowed} of "
                    f"{self.cells} training cells"
                )
        unsharp = np.array([self.quality.focus.outside(value) for value in sample.column("focus")])
        if unsharp.mean() > SHARE_OUTSIDE and unsharp.sum() >= FEWEST_OUTSIDE:
            found["focus"] = (
                f"{unsharp.mean():.0%} of the cells are out of focus (focus {self.quality.focus}, which is "
                f"rare among {self.quality.cells} training cells)"
            )
        return found

    def _kinds(self, sample: SampleMeasures) -> Iterator[tuple[str, str]]:
        """Departures that are no matter of degree: pixel type, depth, pixel size."""
        dtypes = sorted(set(sample.dtypes) - set(self.dtypes))
        if dtypes:
            yield "dtype", f"pixels are {', '.join(dtypes)}; training had {', '.join(self.dtypes)}"
        elif self.bit_depth is not None:
            deeper = float(np.mean(sample.column("top") >= 2**self.bit_depth))
            if deeper > 0:
                yield "bit_depth", f"{deeper:.0%} of the cells hold values above the {self.bit_depth} bits of training"
        if self.pixel_size is None:
            return
        trained = f"training had {self.pixel_size} µm"
        if None in sample.pixel_sizes:
            yield (
                "pixel_size_unknown",
                f"µm per pixel is not known for all cells; {trained}. Where it differs, scores don't hold "
                "(a cohort knows it: brightctc import … --constant pixel_size_um=…, then score the cohort)",
            )
        other = [size for size in sample.pixel_sizes if size is not None and self._other_pixel_size(size)]
        if other:
            yield "pixel_size", f"pixels are {min(other):.4g} µm wide; {trained}"

    def _other_depth(self, measures: CropMeasures) -> bool:
        too_high = self.bit_depth is not None and measures.top >= 2**self.bit_depth
        return too_high or measures.dtype not in self.dtypes

    def _other_pixel_size(self, size: float | None) -> bool:
        if size is None or self.pixel_size is None:
            return False
        tolerance = _SAME_PIXEL_SIZE * size
        return not self.pixel_size.low - tolerance <= size <= self.pixel_size.high + tolerance
