"""What a feature is, and the view of a cell that features are computed from."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Self

import numpy as np

from brightctc.measure.background import Background
from brightctc.measure.morphology import box_of, signed_depth
from brightctc.measure.outline import Outline

MARGIN = 6  # px around the cell that features may look at
Unit = Literal["length", "area", "per_length", "grey", "count", ""]
_SUFFIX = {"length": "{unit}", "area": "{unit}2", "per_length": "per_{unit}"}


@dataclass(frozen=True)
class Feature:
    """One number of a cell.

    name:    the column, without the suffix of its unit.
    unit:    length, area and per_length are in µm where the pixel size is known, else in px; grey: the image's own
             grey levels; "": no unit.
    meaning: what it is, and the source of its definition.
    """

    name: str
    unit: Unit
    meaning: str

    def column(self, unit: str) -> str:
        """The column's name; unit: `um` or `px`."""
        suffix = _SUFFIX.get(self.unit)
        return self.name if suffix is None else f"{self.name}_{suffix.format(unit=unit)}"


@dataclass(frozen=True)
class Cell:
    """A cell cut out of its crop, with a margin of 6 px as far as the crop goes.

    departure: float32 (h, w), bright field / background − 1. smooth: the same behind a Gaussian of sd 1 px.
    mask: bool (h, w), the cell.
    pixel:     µm per pixel, or 1 where unknown (lengths are then in px).
    bodies:    rounded bodies of the object (2: a doublet).
    """

    departure: np.ndarray
    smooth: np.ndarray
    mask: np.ndarray
    pixel: float
    bodies: int

    @classmethod
    def of(cls, background: Background, outline: Outline, pixel: float = 1.0) -> Self:
        """Cut a cell that was found out of its crop."""
        box = box_of(outline.cell, MARGIN)
        return cls(background.departure[box], background.smooth[box], outline.cell[box], pixel, outline.bodies)

    @cached_property
    def depth(self) -> np.ndarray:
        """float32 (h, w): distance from the outline in px, positive inside."""
        return signed_depth(self.mask)

    @cached_property
    def inside(self) -> np.ndarray:
        """float64 (n,): the departure of the cell's pixels."""
        return self.departure[self.mask].astype(np.float64)


Measure = Callable[[Cell], dict[str, float]]
"""A group's features of one cell: column name without suffix → value; NaN where it can't be told."""
