"""Crops as pictures: read from the folders that a sample names and from no others, made once, kept in memory."""

import io
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Literal

import numpy as np
from PIL import Image
from sqlalchemy import Connection, Row, select

from brightctc.cohort import ImageFault, read_or_fault
from brightctc.preprocess import Channel, border_median, resampled
from brightctc.review.samples import Sample, is_inside, sample_of
from brightctc.review.schema import cells

Contrast = Literal["fixed", "auto"]
DARK, BRIGHT = 0.5, 1.5  # of the background's level in bright field, shown as black and white
_TAILS = (0.5, 99.5)  # percentiles that become black and white where contrast is a crop's own
_OF_SAMPLE = 99.8  # percentile of some of the sample's stained crops that becomes white
_SOME = 64  # crops that this is taken from
_SMALL = 160  # px a side
_MOST_BYTES = 128 * 2**20

Window = tuple[float, float]
"""Levels shown as black and as white, in the image's own units."""


@dataclass(frozen=True)
class Asked:
    """Which picture. small: for the gallery."""

    cell: int
    channel: Channel
    contrast: Contrast = "fixed"
    small: bool = False


@dataclass
class Pictures:
    """Pictures as PNG. roots: folders beside the samples' own that may be read. Threads may share it."""

    roots: Sequence[Path] = ()
    _kept: "OrderedDict[Asked, bytes]" = field(default_factory=OrderedDict)
    _stains: dict[int, Window] = field(default_factory=dict)
    _bytes: int = 0
    _lock: Lock = field(default_factory=Lock)

    def picture(self, connection: Connection, asked: Asked) -> bytes | str:
        """PNG bytes; or in words why there is none, which is not kept: a disk that was away may come back."""
        row = connection.execute(select(cells).where(cells.c.id == asked.cell)).first()
        if row is None or (row.bright_field if asked.channel == "bright_field" else row.dapi) is None:
            return "there is no such image"  # also of a donor who has withdrawn since it was kept
        with self._lock:
            if asked in self._kept:
                self._kept.move_to_end(asked)
                return self._kept[asked]
        found = self._made(connection, row, asked)
        if isinstance(found, bytes):
            self._keep(asked, found)
        return found

    def crop(self, sample: Sample, row: Row, channel: Channel) -> np.ndarray | str:
        """The image as it was taken; or in words why there is none. row: of the table of cells."""
        name = row.bright_field if channel == "bright_field" else row.dapi
        if name is None:
            return "there is no such image of this cell"
        path = sample.image_root / name
        if not is_inside(path, (sample.image_root, *self.roots)):
            return "this image lies outside of the folders that may be shown"
        image = read_or_fault(path)
        return image.detail if isinstance(image, ImageFault) else image

    def _made(self, connection: Connection, row: Row, asked: Asked) -> bytes | str:
        sample = sample_of(connection, row.sample)
        if sample is None:
            return "there is no such sample"
        image = self.crop(sample, row, asked.channel)
        if isinstance(image, str):
            return image
        if asked.channel == "bright_field" or asked.contrast == "auto":
            return png(image, window_of(image, asked.contrast), asked.small)
        return png(image, self._stain(connection, sample), asked.small)

    def _stain(self, connection: Connection, sample: Sample) -> Window:
        """One window for all stained crops of a sample, so that a faint nucleus looks faint."""
        if sample.id not in self._stains:
            own = select(cells.c.id).where(cells.c.sample == sample.id, cells.c.dapi.is_not(None)).order_by(cells.c.row)
            stained = connection.execute(own).scalars().all()
            some = select(cells).where(cells.c.id.in_(stained[:: -(-len(stained) // _SOME)]))
            crops = [self.crop(sample, row, "dapi") for row in connection.execute(some)]
            found = [crop for crop in crops if not isinstance(crop, str)]
            low = float(np.median([border_median(crop) for crop in found])) if found else 0.0
            high = max((float(np.percentile(crop, _OF_SAMPLE)) for crop in found), default=1.0)
            self._stains[sample.id] = low, high
        return self._stains[sample.id]

    def _keep(self, asked: Asked, found: bytes) -> None:
        with self._lock:
            self._bytes += len(found) - len(self._kept.get(asked, b""))
            self._kept[asked] = found
            while self._bytes > _MOST_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1])


def window_of(image: np.ndarray, contrast: Contrast) -> Window:
    """Of a bright-field crop by itself: about its background's level, or from its own darkest to brightest."""
    if contrast == "auto":
        low, high = np.percentile(image, _TAILS)
        return float(low), float(high)
    level = border_median(image) or 1.0
    return DARK * level, BRIGHT * level


def png(image: np.ndarray, window: Window, small: bool = False) -> bytes:
    """A crop (2-D uint8, uint16 or float32) as 8-bit grey."""
    low, high = window
    pixels = image.astype(np.float32)
    if small:
        pixels = resampled(pixels, min(1.0, _SMALL / max(pixels.shape)))
    grey = np.clip(np.rint(255 * (pixels - low) / max(high - low, 1e-6)), 0, 255).astype(np.uint8)
    memory = io.BytesIO()
    Image.fromarray(grey).save(memory, format="PNG", compress_level=1)
    return memory.getvalue()
