"""Crops as pictures inside the page: one contrast for all, as small as can be."""

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup
from PIL import Image

from brightctc.cohort import ImageFault, read_images
from brightctc.preprocess import border_median, resampled

DARK, BRIGHT = 0.6, 1.4  # of the background's level, shown as black and white
LARGEST = 160  # px a side; larger crops are shrunk
QUALITY = 88  # of WEBP


@dataclass(frozen=True)
class Thumbnail:
    """A picture as a data URI (nobody's name) with its size in px; None where the image can't be read, and why."""

    uri: Markup | None
    width: int = 0
    height: int = 0
    fault: str | None = None


def thumbnails(paths: Iterable[Path | None]) -> list[Thumbnail]:
    """One for each path, in order. An image that can't be read gets its fault in words, never an error."""
    return [thumbnail(image) for image in read_images(paths)]


def thumbnail(image: np.ndarray | ImageFault) -> Thumbnail:
    """A crop (2-D uint8, uint16 or float32) between 0.6 and 1.4 of its border's median, as 8-bit grey."""
    if isinstance(image, ImageFault):
        return Thumbnail(None, fault=f"{image.kind}: {image.detail}")
    background = border_median(image)
    unit = image.astype(np.float32) / background if background > 0 else np.ones(image.shape, np.float32)
    small = resampled(unit, min(1.0, LARGEST / max(unit.shape)))
    grey = np.clip(np.rint(255 * (small - DARK) / (BRIGHT - DARK)), 0, 255).astype(np.uint8)
    memory = io.BytesIO()
    Image.fromarray(grey).save(memory, format="WEBP", quality=QUALITY, method=4)
    uri = Markup("data:image/webp;base64," + base64.b64encode(memory.getvalue()).decode())  # noqa: S704 - base64
    return Thumbnail(uri, grey.shape[1], grey.shape[0])
