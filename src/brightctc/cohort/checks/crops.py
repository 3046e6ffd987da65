"""One pass over a cohort's images that keeps numbers alone: what the checks of pixels, copies and batches need."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from brightctc.cohort.checks import fingerprints
from brightctc.cohort.checks.background import BACKGROUND_FEATURES, background
from brightctc.cohort.folder import Cohort
from brightctc.cohort.images import ImageFault, read_images

CHANNELS = ("bright_field", "dapi")
_WORKERS = 2
_SCHEMA = {
    "row": pl.UInt32, "channel": pl.String, "fault": pl.String, "detail": pl.String, "height": pl.UInt16,
    "width": pl.UInt16, "dtype": pl.String, "low": pl.Float64, "high": pl.Float64, "mean": pl.Float64,
    "at_high": pl.Float64, "level": pl.Float64, "hash": pl.Binary,
}  # fmt: skip
_UNREAD = dict.fromkeys(list(_SCHEMA)[4:])


@dataclass(frozen=True)
class Crops:
    """Numbers of every image of n cells.

    images: a row an image that the cohort names: `row` (of the cell), `channel`, `fault` and `detail` where it
            could not be read, else `height`, `width` (px), `dtype`, `low`, `high`, `mean` (grey levels),
            `at_high` (share of pixels at the crop's own maximum), `level` (median of the outermost pixels),
            `hash` (of size, type and pixels).
    same_picture: bool (n,), bright field and DAPI show the same picture.
    background: float32 (n, features), see `background`; NaN where unread.
    thumbnails, details: float16 (n, 256) and (n, 196), see `fingerprints`; NaN where unread. Bright field.
    """

    images: pl.DataFrame
    same_picture: np.ndarray
    background: np.ndarray
    thumbnails: np.ndarray
    details: np.ndarray


@dataclass
class _Pass:
    """What the pass has gathered so far; arrays have one row a cell."""

    cells: int
    rows: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.same_picture = np.zeros(self.cells, bool)
        self.background = np.full((self.cells, BACKGROUND_FEATURES), np.nan, np.float32)
        self.thumbnails = np.full((self.cells, fingerprints.THUMB**2), np.nan, np.float16)
        self.details = np.full((self.cells, fingerprints.DETAIL**2), np.nan, np.float16)

    def add(self, row: int, channel: str, image: np.ndarray | ImageFault) -> None:
        if isinstance(image, ImageFault):
            fault = {"fault": image.kind, "detail": image.detail}
            self.rows.append({"row": row, "channel": channel, **fault, **_UNREAD})
            return
        self.rows.append({"row": row, "channel": channel, "fault": None, "detail": None, **crop_numbers(image)})
        if channel == CHANNELS[0]:
            pixels = image.astype(np.float64)
            self.background[row] = background(pixels)
            self.thumbnails[row] = fingerprints.thumbnail(pixels)
            self.details[row] = fingerprints.detail(pixels)


def crop_numbers(image: np.ndarray) -> dict[str, Any]:
    """The numbers of one crop (2-D uint8, uint16 or float32) that `Crops.images` lists."""
    high = image.max()
    edge = np.concatenate([image[0], image[-1], image[1:-1, 0], image[1:-1, -1]])
    digest = hashlib.blake2b(f"{image.dtype}{image.shape}".encode(), digest_size=16)
    digest.update(image.data)
    return {
        "height": image.shape[0],
        "width": image.shape[1],
        "dtype": image.dtype.name,
        "low": float(image.min()),
        "high": float(high),
        "mean": float(image.mean(dtype=np.float64)),
        "at_high": np.count_nonzero(image == high) / image.size,
        "level": float(np.median(edge)),
        "hash": digest.digest(),
    }


def read_crops(cohort: Cohort, progress: Any = None) -> Crops:
    """Read every image once, in threads, and keep its numbers."""
    wanted = list(_wanted(cohort))
    gathered = _Pass(cohort.cells.height)
    bright: tuple[int, np.ndarray] | None = None
    read = read_images((path for _, _, path in wanted), workers=_WORKERS)
    for done, ((row, channel, _), image) in enumerate(zip(wanted, read, strict=True), start=1):
        gathered.add(row, channel, image)
        if isinstance(image, np.ndarray):
            if channel == CHANNELS[0]:
                bright = (row, image)
            elif bright is not None and bright[0] == row:
                gathered.same_picture[row] = same_picture(bright[1], image)
        if progress is not None and (done % 256 == 0 or done == len(wanted)):
            progress("reading images", done, len(wanted))
    images = pl.DataFrame(gathered.rows, schema=_SCHEMA)
    return Crops(images, gathered.same_picture, gathered.background, gathered.thumbnails, gathered.details)


def same_picture(first: np.ndarray, second: np.ndarray) -> bool:
    """Do two crops show one picture, whatever their brightness and contrast? (Correlation over 0.98.)"""
    if first.shape != second.shape:
        return False
    a, b = first.astype(np.float64), second.astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return norm > 0 and float((a * b).sum()) / norm > 0.98


def ids(cohort: Cohort, rows: Iterable[int]) -> list[str]:
    """Cell ids of rows, in order."""
    return cohort.cells["cell_id"].gather(list(rows)).cast(pl.String).fill_null("(no id)").to_list()


def _wanted(cohort: Cohort) -> Iterator[tuple[int, str, Path | None]]:
    """Row, channel and path of every image to read; a cell without bright field is asked for all the same."""
    bright, dapi = (cohort.paths(cohort.cells, channel) for channel in CHANNELS)
    for row, (of_bright, of_dapi) in enumerate(zip(bright, dapi, strict=True)):
        yield row, CHANNELS[0], of_bright
        if of_dapi is not None:
            yield row, CHANNELS[1], of_dapi
