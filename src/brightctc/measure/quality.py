"""What is wrong with a crop: focus, saturation, centring, debris, touching cells, background; and what is usual.

Some faults can be seen in the crop alone (two cells, nothing at all); others are a matter of degree, and their limits
are learned from a cohort. A flag informs: it never hides or reorders a cell.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from brightctc.measure.background import Background
from brightctc.measure.morphology import box_of, grown, smoothed
from brightctc.measure.outline import Outline
from brightctc.measure.ranks import median_and_spread

CEILINGS = (255, 1023, 4095, 16383, 65535)  # the greatest value that 8, 10, 12, 14, 16 bits hold
SATURATED_SHARE = 0.01  # of a crop's pixels at the ceiling
_OFFSET = 32768  # signed numbers written as unsigned ones
_REACH = 3  # px around the cell that belong to its image, defocused rings among them
FEWEST = 20  # cells to learn limits from; fewer show no limit
_LEAST = 0.05  # a limit's distance from the quartile, where all cells are alike
_LEAST_FOCUS = 1e-6
_INNER, _OUTER = 1.5, 3.0  # interquartile ranges beyond the quartile: Tukey's (1977) inner and outer fences

SEEN = {
    "constant": "one grey value throughout",
    "saturated": "over 1 % of the pixels at white: at the greatest value that the bit depth holds",
    "no_cell": "nothing stands out from the background: empty, or a cell that fills the crop and leaves none",
    "touching_cells": "two or more rounded bodies in the middle",
    "neighbour": "another object: a quarter of the cell's area or more",
    "debris": "another, smaller object",
    "cut_off": "the crop's border cuts the cell",
}
LEARNED = {
    "out_of_focus": "fine structure below the limit",
    "off_centre": "too far from the crop's middle",
    "background_outside": "background level outside the limits",
    "uneven_background": "the background is tilted more than the limit",
    "small_object": "smaller than the limit: debris, perhaps",
}
OF_STAIN = {
    "no_nucleus": "there is a DAPI image, and nothing is stained in it where the cell lies",
    "nucleus_without_cell": "a nucleus in DAPI, and no cell in bright field",
    "dapi_unfit": "the DAPI image could not be read, or is of another size; nothing was measured in it",
}
FLAGS = SEEN | LEARNED | OF_STAIN


@dataclass(frozen=True)
class Quality:
    """The quality figures of one bright-field crop.

    focus:      share of the variation in and around the cell that is finer than about 1 px (energy between Gaussians
                of sd 0.7 and 1 px over that below, the background's own taken off); falls on either side of the focus.
                NaN without a cell, as centre_distance and area.
    centre_distance: of the cell's middle from the crop's, over half the shorter side.
    background: level of the background, in the crop's own units. tilt: its range over the crop / level.
    saturated_share: of the pixels at the ceiling of the bit depth.
    area:       of the cell, px².
    seen:       the flags that need no limit, in the order of SEEN.
    """

    focus: float
    centre_distance: float
    background: float
    tilt: float
    saturated_share: float
    area: float
    seen: tuple[str, ...]

    @classmethod
    def of(cls, crop: np.ndarray, background: Background, outline: Outline) -> Self:
        """Judge a crop (2-D uint8, uint16 or float32) whose cell was outlined."""
        share = saturated_share(crop)
        low, top, _, _ = cv2.minMaxLoc(crop)
        found = {
            "constant": low == top,
            "saturated": share > SATURATED_SHARE,
            "no_cell": not outline.found,
            "touching_cells": outline.bodies > 1,
            "neighbour": outline.neighbours > 0,
            "debris": outline.specks > 0,
            "cut_off": outline.cut_off,
        }
        return cls(
            focus=_focus(background, outline.cell) if outline.found else float("nan"),
            centre_distance=_centre_distance(outline.cell) if outline.found else float("nan"),
            background=background.level,
            tilt=background.tilt,
            saturated_share=share,
            area=float(np.count_nonzero(outline.cell)) if outline.found else float("nan"),
            seen=tuple(name for name, present in found.items() if present),
        )


class Limits(BaseModel):
    """Smallest and largest usual value; None: not limited on that side."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    low: float | None = None
    high: float | None = None

    def outside(self, value: float) -> bool:
        """Is the value below or above? Not where it is NaN."""
        return (self.low is not None and value < self.low) or (self.high is not None and value > self.high)

    def __str__(self) -> str:
        ends = [f"{word} {end:.3g}" for word, end in (("below", self.low), ("above", self.high)) if end is not None]
        return " or ".join(ends) or "no limit"


class QualityLimits(BaseModel):
    """What is usual in a cohort: flagged is what lies beyond Tukey's fences.

    Inner fences, of the logarithm, for focus and area; outer ones for what is skewed or many things can shift.

    cells: how many with an outlined cell they were learned from; under 20 there are no limits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    cells: int = Field(ge=0)
    focus: Limits = Limits()
    centre_distance: Limits = Limits()
    background: Limits = Limits()
    tilt: Limits = Limits()
    area: Limits = Limits()

    @classmethod
    def learn(cls, cells: Iterable[Quality]) -> Self:
        """Learn from the training cells of a cohort; those without an outlined cell are left out."""
        held = [cell for cell in cells if "no_cell" not in cell.seen]
        if len(held) < FEWEST:
            return cls(cells=len(held))
        of = {name: np.array([getattr(cell, name) for cell in held]) for name in _FIGURES.values()}
        faintest, _ = _fences(np.log(np.maximum(of["focus"], _LEAST_FOCUS)), _INNER, _LEAST)
        smallest, _ = _fences(np.log(of["area"]), _INNER, _LEAST)
        darkest, brightest = _fences(of["background"], _OUTER, _LEAST * float(np.median(of["background"])))
        return cls(
            cells=len(held),
            focus=Limits(low=float(np.exp(faintest))),
            centre_distance=Limits(high=_fences(of["centre_distance"], _OUTER, _LEAST)[1]),
            background=Limits(low=darkest, high=brightest),
            tilt=Limits(high=_fences(of["tilt"], _OUTER, _LEAST)[1]),
            area=Limits(low=float(np.exp(smallest))),
        )

    def flags(self, quality: Quality) -> list[str]:
        """Names of what is wrong with a crop: what was seen, then what lies outside the limits."""
        outside = [flag for flag, name in _FIGURES.items() if getattr(self, name).outside(getattr(quality, name))]
        return [*quality.seen, *outside]

    def shown(self) -> dict[str, str]:
        """Flag → its limit in words, such as `focus below 0.00114`, for those that have one."""
        named = {flag: getattr(self, name) for flag, name in _FIGURES.items()}
        words = {flag: f"{_FIGURES[flag]} {limits}" for flag, limits in named.items() if limits != Limits()}
        return {flag: f"{text} px²" if flag == "small_object" else text for flag, text in words.items()}


_FIGURES = {
    "out_of_focus": "focus",
    "off_centre": "centre_distance",
    "background_outside": "background",
    "uneven_background": "tilt",
    "small_object": "area",
}


def saturated_share(crop: np.ndarray) -> float:
    """Share of the pixels at the greatest value that the bit depth holds (255, 1,023 … 65,535; 1 for floating point).

    0 where the crop's own maximum is another value. An offset of 32,768 (signed numbers written as unsigned ones) is
    seen through.
    """
    top = float(crop.max())
    ceilings = (1.0,) if crop.dtype.kind == "f" else CEILINGS
    shifted = crop.dtype == np.uint16 and top - _OFFSET in ceilings and crop.min() >= _OFFSET
    return np.count_nonzero(crop == top) / crop.size if shifted or top in ceilings else 0.0


def _focus(background: Background, cell: np.ndarray) -> float:
    """Energy of the finest structure over that of all structure, in and around the cell, less the background's."""
    whole, fine = background.smooth, smoothed(background.departure, 0.7) - background.smooth
    box = box_of(cell, _REACH)
    near = grown(cell[box], _REACH).view(np.uint8)
    energy = [
        cv2.norm(image[box], cv2.NORM_L2SQR, near) / cv2.countNonZero(near)
        - median_and_spread(image.take(background.ring))[1] ** 2
        for image in (fine, whole)
    ]
    return max(energy[0], 0.0) / energy[1] if energy[1] > 0 else 0.0


def _centre_distance(cell: np.ndarray) -> float:
    """Of a cell's middle from the crop's, over half the shorter side."""
    area, away = np.count_nonzero(cell), []
    for axis, side in zip((1, 0), cell.shape, strict=True):
        across = cv2.reduce(cell.view(np.uint8), axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel().astype(np.float64)
        away.append(across @ np.arange(side, dtype=np.float64) / area - (side - 1) / 2)
    return math.hypot(*away) / (min(cell.shape) / 2)


def _fences(values: np.ndarray, ranges: float, least: float) -> tuple[float, float]:
    """So many interquartile ranges, and `least` at least, below the lower and above the upper quartile."""
    lower, upper = np.percentile(values, (25, 75))
    reach = max(ranges * float(upper - lower), least)
    return float(lower) - reach, float(upper) + reach
