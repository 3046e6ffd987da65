"""Decoded images in one file, mapped into memory: what one process has read, others see without reading or copying.

A folder with `pixels.bin`, the images' pixels one after another, each from a multiple of 16 bytes; and `index.json`,
where each begins, its size and type; or why there is none.
"""

import os
from pathlib import Path

import numpy as np

from brightctc import files
from brightctc.cohort.faults import ImageFault
from brightctc.errors import UserError

PIXELS, INDEX = "pixels.bin", "index.json"
FORMAT = 1
ALIGNED = 16  # bytes, so that arithmetic may load several pixels at a time

Place = tuple[int, int, int, str]  # the first byte, height, width, numpy's name of the type with its byte order


class Decoded:
    """Images as `read_image` returned them when the store was written: what changed since on the disk is not seen."""

    def __init__(self, pixels: np.ndarray, places: dict[str, Place], faults: dict[str, tuple[str, str]]):
        """pixels: all bytes, uint8, read-only. By path: where an image is, or the kind and words of its fault."""
        self._pixels = pixels
        self._places = places
        self._faults = faults

    @classmethod
    def open(cls, folder: Path) -> "Decoded":
        """Map a store that `write_decoded` wrote. Raises UserError where it is missing or damaged."""
        folder = Path(folder)
        index = files.read_json(folder / INDEX, format_version=FORMAT)
        path = folder / PIXELS
        if not path.is_file() or path.stat().st_size != index["bytes"]:
            raise UserError("the decoded images are not those of their index", path, "remove the folder; it is rebuilt")
        # an empty file can't be mapped; asarray: a plain array of the same memory, not numpy's class of its own
        pixels = np.asarray(np.memmap(path, np.uint8, "r")) if index["bytes"] else np.empty(0, np.uint8)
        places = {path: (start, height, width, dtype) for path, start, height, width, dtype in index["images"]}
        return cls(pixels, places, {path: (kind, detail) for path, kind, detail in index["faults"]})

    def get(self, path: Path) -> np.ndarray | ImageFault | None:
        """The image of this path, a read-only view (height, width), not a copy; or its fault; None: it isn't here."""
        key = key_of(path)
        place = self._places.get(key)
        if place is not None:
            start, height, width, name = place
            dtype = np.dtype(name)
            part = self._pixels[start : start + height * width * dtype.itemsize]
            return part.view(dtype).reshape(height, width)
        fault = self._faults.get(key)
        return None if fault is None else ImageFault(*fault)  # pyright: ignore[reportArgumentType] - as it was written


def key_of(path: Path) -> str:
    """What an image is found by: the file that the path leads to, whichever folder it is seen from."""
    return os.path.realpath(path)
