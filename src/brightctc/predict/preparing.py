"""Cells → network input, with what is unusual about their crops: the part of scoring that is not the network's."""

from dataclasses import dataclass

import numpy as np

from brightctc.bundle import Bundle, Contract, CropMeasures
from brightctc.cohort import ImageFault, read_or_fault
from brightctc.predict.blocks import Image, Loaded
from brightctc.preprocess import Channel, Preparation, background_fault


@dataclass(frozen=True)
class Prepared:
    """n cells, ready for the network.

    values: float32 (k, channels, size, size) of the k cells that could be read. ready: their places among the n.
    error: per cell `kind: words`, None where it was read. flags, measures: as in `Chunk`.
    """

    values: np.ndarray
    ready: list[int]
    error: list[str | None]
    flags: list[tuple[str, ...]]
    measures: list[CropMeasures | None]


@dataclass(frozen=True)
class Preparer:
    """How a bundle's cells are read and prepared; can be pickled. shape: of one cell's input."""

    preparation: Preparation
    contract: Contract
    shape: tuple[int, int, int]

    @classmethod
    def of(cls, bundle: Bundle) -> "Preparer":
        """For the cells of this bundle."""
        return cls(bundle.preparation, bundle.about.contract, bundle.shape)

    def __call__(self, cells: Loaded) -> Prepared:
        """Read and prepare some cells."""
        values = np.empty((len(cells), *self.shape), np.float32)
        ready: list[int] = []
        error: list[str | None] = []
        flags: list[tuple[str, ...]] = []
        measures: list[CropMeasures | None] = []
        for row in range(len(cells)):
            size = cells.pixel_sizes[row]
            crops = self._crops({channel: images[row] for channel, images in cells.images.items()})
            measured = None
            if not isinstance(crops, str):
                values[len(ready)] = self.preparation.network_input(crops, size)
                ready.append(row)
                if "bright_field" in crops:
                    measured = CropMeasures.of(crops["bright_field"])
            error.append(crops if isinstance(crops, str) else None)
            flags.append(() if measured is None else tuple(self.contract.flags(measured, size)))
            measures.append(measured)
        return Prepared(values[: len(ready)], ready, error, flags, measures)

    def _crops(self, images: dict[Channel, Image]) -> dict[Channel, np.ndarray] | str:
        """Pixels by channel; or the error, of the first channel that has none or can't be prepared."""
        crops: dict[Channel, np.ndarray] = {}
        for channel, image in images.items():
            pixels = read_or_fault(image)
            if isinstance(pixels, ImageFault):
                words = pixels.detail if channel == "bright_field" else f"{channel}: {pixels.detail}"
                return f"{pixels.kind}: {words}"
            crops[channel] = pixels
        return background_fault(self.preparation.settings, crops) or crops
