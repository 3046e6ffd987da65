"""One cell's crops → its row: features, quality, outline."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from brightctc.measure import cellprofiler
from brightctc.measure.background import Background
from brightctc.measure.features import Cell, bright_field_features, stain
from brightctc.measure.nucleus import Nucleus, nucleus
from brightctc.measure.outline import Outline, outline
from brightctc.measure.quality import OF_STAIN, Quality

CELL, NUCLEUS, OTHERS = 1, 2, 3  # labels of a mask image; 0: background


@dataclass(frozen=True)
class Measured:
    """What was measured of one cell.

    features: name without suffix → value; a feature is missing, or NaN, where it can't be told (no cell, no DAPI).
    quality:  None where the bright field could not be read.
    stain:    flags of the DAPI image, in the order of OF_STAIN.
    labels:   uint8 (h, w), see CELL, NUCLEUS, OTHERS; None unless asked for.
    error:    why the bright field could not be read.
    """

    features: dict[str, float] = field(default_factory=dict)
    quality: Quality | None = None
    stain: tuple[str, ...] = ()
    labels: np.ndarray | None = None
    error: str | None = None


@dataclass(frozen=True)
class OutlinedCrop:
    """A bright-field crop with its background and outline, as every measurement starts from them."""

    crop: np.ndarray
    background: Background
    outline: Outline

    @classmethod
    def of(cls, crop: np.ndarray) -> Self:
        """Outline a 2-D crop (uint8, uint16 or float32)."""
        background = Background.of(crop)
        return cls(crop, background, outline(background))

    @property
    def quality(self) -> Quality:
        """Its quality figures."""
        return Quality.of(self.crop, self.background, self.outline)

    def cell(self, pixel: float = 1.0) -> Cell:
        """The cell that was found, cut out; pixel: µm per pixel, or 1."""
        return Cell.of(self.background, self.outline, pixel)


def measure_cell(
    bright_field: np.ndarray,
    dapi: np.ndarray | None = None,
    pixel_size_um: float | None = None,
    *,
    masks: bool = False,
    with_cellprofiler: bool = False,
) -> Measured:
    """Measure a cell's crops (2-D, uint8, uint16 or float32, of one size).

    pixel_size_um: lengths are in µm where it is given, else in px. masks: keep the label image.
    with_cellprofiler: CellProfiler's own features too, in px (needs the extra `measure`).
    """
    seen, pixel = OutlinedCrop.of(bright_field), pixel_size_um or 1.0
    features: dict[str, float] = {}
    if seen.outline.found:
        features |= bright_field_features(seen.cell(pixel))
        if with_cellprofiler:
            features |= cellprofiler.features(seen.background.departure, seen.outline.cell)
    found: Nucleus | None = None
    flags: dict[str, bool] = {}
    if dapi is not None and dapi.shape == bright_field.shape:
        found = nucleus(dapi, seen.outline.cell)
        flags = {
            "no_nucleus": seen.outline.found and not found.found,
            "nucleus_without_cell": found.found and not seen.outline.found,
        }
        if found.found:
            features |= stain.measure(found, seen.outline.cell, pixel)
    elif dapi is not None:
        flags = {"dapi_unfit": True}
    return Measured(
        features=features,
        quality=seen.quality,
        stain=tuple(name for name in OF_STAIN if flags.get(name)),
        labels=_labels(seen.outline, found) if masks else None,
    )


def _labels(outline: Outline, found: Nucleus | None) -> np.ndarray:
    labels = np.zeros(outline.cell.shape, np.uint8)
    labels[outline.others] = OTHERS
    labels[outline.cell] = CELL
    if found is not None:
        labels[found.mask] = NUCLEUS
    return labels
