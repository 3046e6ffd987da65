"""One pass over a cohort's images that keeps numbers alone: what the checks of pixels, copies and batches need."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from brightctc.check import fingerprints
from brightctc.check.background import BACKGROUND_FEATURES, background
from brightctc.cohort.folder import Cohort
from brightctc.cohort.images import ImageFault, read_or_fault
from brightctc.engine import mapped
from brightctc.measure import OutlinedCrop, Quality, saturated_share
from brightctc.preprocess import border_median

CHANNELS = ("bright_field", "dapi")
_TASK = 32  # cells that a process looks at at a time
_SCHEMA = {
    "row": pl.UInt32, "channel": pl.String, "fault": pl.String, "detail": pl.String, "height": pl.UInt16,
    "width": pl.UInt16, "dtype": pl.String, "low": pl.Float64, "high": pl.Float64, "mean": pl.Float64,
    "saturated": pl.Float64, "level": pl.Float64, "hash": pl.Binary,
}  # fmt: skip
_UNREAD = dict.fromkeys(list(_SCHEMA)[4:])


@dataclass(frozen=True)
class Crops:
    """Numbers of every image of n cells.

    images: a row an image that the cohort names: `row` (of the cell), `channel`, `fault` and `detail` where it
            could not be read, else `height`, `width` (px), `dtype`, `low`, `high`, `mean` (grey levels),
            `saturated` (share of the pixels at the ceiling of the bit depth), `level` (the border's median, as
            preprocessing takes it), `hash` (of size, type and pixels).
    same_picture: bool (n,), bright field and DAPI show the same picture.
    background: float32 (n, features), see `background`; NaN where unread.
    thumbnails, details: float16 (n, 256) and (n, 196), see `fingerprints`; NaN where unread. Bright field.
    quality: per cell the quality of its bright field; None where unread.
    """

    images: pl.DataFrame
    same_picture: np.ndarray
    background: np.ndarray
    thumbnails: np.ndarray
    details: np.ndarray
    quality: list[Quality | None]


@dataclass(frozen=True)
class _Look:
    """What one cell's images told. images: per image its channel and numbers, or its fault."""

    images: list[dict[str, Any]]
    same_picture: bool = False
    bright_field: tuple[np.ndarray, np.ndarray, np.ndarray, Quality] | None = None


def read_crops(cohort: Cohort, progress: Any = None) -> Crops:
    """Read every image once, in all of this machine's processors, and keep its numbers."""
    bright, dapi = (cohort.paths(cohort.cells, channel) for channel in CHANNELS)
    cells = list(zip(bright, dapi, strict=True))
    files = len(bright) + sum(path is not None for path in dapi)
    gathered = _empty(len(cells))
    rows: list[dict[str, Any]] = []
    tasks = [cells[start : start + _TASK] for start in range(0, len(cells), _TASK)]
    row = 0
    for looks in mapped(_look_at, tasks):
        for look in looks:
            rows += [{"row": row, **image} for image in look.images]
            gathered.same_picture[row] = look.same_picture
            if look.bright_field is not None:
                gathered.background[row], gathered.thumbnails[row], gathered.details[row], found = look.bright_field
                gathered.quality[row] = found
            row += 1
        if progress is not None:
            progress("reading images", len(rows), files)
    return replace(gathered, images=pl.DataFrame(rows, schema=_SCHEMA))


def _empty(cells: int) -> Crops:
    return Crops(
        images=pl.DataFrame(schema=_SCHEMA),
        same_picture=np.zeros(cells, bool),
        background=np.full((cells, BACKGROUND_FEATURES), np.nan, np.float32),
        thumbnails=np.full((cells, fingerprints.THUMB**2), np.nan, np.float16),
        details=np.full((cells, fingerprints.DETAIL**2), np.nan, np.float16),
        quality=[None] * cells,
    )


def _look_at(cells: list[tuple[Path | None, Path | None]]) -> list[_Look]:
    """Read and judge some cells' images, in a process of its own."""
    return [_look(*cell) for cell in cells]


def _look(bright_path: Path | None, dapi_path: Path | None) -> _Look:
    """A cell without bright field is asked for it all the same."""
    bright = read_or_fault(bright_path)
    images = [_image(CHANNELS[0], bright)]
    dapi = None
    if dapi_path is not None:
        dapi = read_or_fault(dapi_path)
        images.append(_image(CHANNELS[1], dapi))
    if isinstance(bright, ImageFault):
        return _Look(images)
    pixels = bright.astype(np.float64)
    told = (
        background(pixels),
        fingerprints.thumbnail(pixels),
        fingerprints.detail(pixels),
        OutlinedCrop.of(bright).quality,
    )
    return _Look(images, isinstance(dapi, np.ndarray) and same_picture(bright, dapi), told)


def _image(channel: str, image: np.ndarray | ImageFault) -> dict[str, Any]:
    if isinstance(image, ImageFault):
        return {"channel": channel, "fault": image.kind, "detail": image.detail, **_UNREAD}
    return {"channel": channel, "fault": None, "detail": None, **crop_numbers(image)}


def crop_numbers(image: np.ndarray) -> dict[str, Any]:
    """The numbers of one crop (2-D uint8, uint16 or float32) that `Crops.images` lists."""
    digest = hashlib.blake2b(f"{image.dtype}{image.shape}".encode(), digest_size=16)
    digest.update(image.data)
    return {
        "height": image.shape[0],
        "width": image.shape[1],
        "dtype": image.dtype.name,
        "low": float(image.min()),
        "high": float(image.max()),
        "mean": float(image.mean(dtype=np.float64)),
        "saturated": saturated_share(image),
        "level": border_median(image),
        "hash": digest.digest(),
    }


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
