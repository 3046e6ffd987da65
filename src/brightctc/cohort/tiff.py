"""TIFF bytes → pixels: plain files by their header alone, all others through tifffile.

Instruments write crops as plain, uncompressed, single-page TIFF; reading those here takes a fraction of a
general reader's time, which goes into finding out what the file could be. Tifffile judges what is not plain.
"""

import io
import logging
import struct
from typing import BinaryIO

import numpy as np
import tifffile

from brightctc.cohort.faults import MAX_SIDE, MIN_SIDE, ImageFault, require_side

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PLAIN_ORDER = {b"II*\0": "<", b"MM\0*": ">"}
_PLAIN_TYPES = {(16, 1): "u2", (8, 1): "u1", (32, 3): "f4"}  # (bits, sample format) → NumPy's name
_NUMBER_CODES = {3: "H", 4: "I"}  # TIFF's SHORT and LONG
_TAG = {
    "width": 256, "height": 257, "bits": 258, "compression": 259, "photometric": 262, "description": 270,
    "offsets": 273, "samples": 277, "byte_counts": 279, "predictor": 317, "tile_width": 322, "sub_ifds": 330,
    "sample_format": 339, "depth": 32997, "metamorph": 33629,
}  # fmt: skip
_STACK_WORDS = (b"ImageJ=", b"truncated")  # descriptions of files that hold more planes than pages

# tifffile reports oddities through logging, which would reach the terminal where nobody set logging up
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def pixels(data: bytes) -> np.ndarray:
    """Pixels of a TIFF, 2-D, of the file's own type and byte order. Raises as general_pixels does."""
    plain = plain_pixels(data)
    return general_pixels(io.BytesIO(data)) if plain is None else plain


def plain_pixels(data: bytes) -> np.ndarray | None:
    """Pixels of a plain TIFF (one uncompressed grey page, 8- or 16-bit unsigned or float32), else None.

    Only accepts: None says nothing against the file. The array is 2-D, read-only, in the file's byte order.
    """
    order = _PLAIN_ORDER.get(data[:4])
    if order is None:
        return None
    try:
        return _plain(data, order)
    except (struct.error, KeyError):  # a header that points outside the file, or lacks a tag
        return None


def general_pixels(source: BinaryIO) -> np.ndarray:
    """Pixels of any TIFF that tifffile reads, as a 2-D array of the file's own type.

    Raises ImageFault, before decoding, for what is not one grey plane of sensible size; or tifffile's errors.
    """
    with tifffile.TiffFile(source, _multifile=False) as file:
        page = file.pages.first
        if page.imagelength * page.imagewidth == 0:
            raise ImageFault("unreadable", "damaged: a TIFF without width and height; export or copy it again")
        _refuse_stack(file, page)
        require_side(page.imagelength, page.imagewidth)
        _refuse_type(page)
        _refuse_colour(page)
        _refuse_truncated(page, file.filehandle.size)
        return page.asarray()


def _plain(data: bytes, order: str) -> np.ndarray | None:
    (start,) = struct.unpack_from(order + "I", data, 4)
    (entries,) = struct.unpack_from(order + "H", data, start)
    end = start + 2 + 12 * entries
    (next_page,) = struct.unpack_from(order + "I", data, end)
    tags = {tag[0]: tag[1:] for tag in struct.iter_unpack(order + "HHI4s", data[start + 2 : end])}
    if next_page or any(_TAG[name] in tags for name in ("tile_width", "sub_ifds", "metamorph")):
        return None

    def number(name: str, default: int) -> int:
        found = tags.get(_TAG[name])
        return default if found is None else _numbers(data, order, *found)[0]

    plain = {"compression": 1, "photometric": 1, "samples": 1, "predictor": 1, "depth": 1}
    if any(number(name, 1) != value for name, value in plain.items()) or _holds_planes(data, order, tags):
        return None
    dtype = _PLAIN_TYPES.get((number("bits", 1), number("sample_format", 1)))
    height, width = number("height", 0), number("width", 0)
    if dtype is None or not (MIN_SIDE <= height <= MAX_SIDE and MIN_SIDE <= width <= MAX_SIDE):
        return None
    offsets = _numbers(data, order, *tags[_TAG["offsets"]])
    counts = _numbers(data, order, *tags[_TAG["byte_counts"]])
    stored = np.dtype(order + dtype)
    size = height * width * stored.itemsize
    in_a_row = all(offsets[i] + counts[i] == offsets[i + 1] for i in range(len(offsets) - 1))
    if len(offsets) != len(counts) or not in_a_row or sum(counts) != size or offsets[0] + size > len(data):
        return None
    return np.frombuffer(data, stored, height * width, offsets[0]).reshape(height, width)


def _numbers(data: bytes, order: str, kind: int, length: int, value: bytes) -> tuple[int, ...]:
    """A tag's numbers, from its own four bytes or from where they point; struct.error where it has none."""
    code = _NUMBER_CODES.get(kind)
    if code is None or not 0 < length <= MAX_SIDE:
        raise struct.error("not a number")
    layout = f"{order}{length}{code}"
    if struct.calcsize(layout) <= 4:
        return struct.unpack_from(layout, value)
    return struct.unpack_from(layout, data, struct.unpack(order + "I", value)[0])


def _holds_planes(data: bytes, order: str, tags: dict[int, tuple[int, int, bytes]]) -> bool:
    """Does the description say that one page stands for a stack?"""
    if _TAG["description"] not in tags:
        return False
    _, length, value = tags[_TAG["description"]]
    start = struct.unpack(order + "I", value)[0]
    text = value if length <= 4 else data[start : start + length]
    return any(word in text for word in _STACK_WORDS)


def _refuse_stack(file: tifffile.TiffFile, page: tifffile.TiffPage) -> None:
    pages = len(file.pages)
    # an OME file's series may span other files, so there the pages alone count
    planes = pages if file.is_ome or pages > 1 else round(file.series[0].size / max(page.size, 1))
    if planes != 1 or page.imagedepth != 1:
        raise ImageFault(
            "stack", f"{max(planes, page.imagedepth)} images in one file: export one image a cell and channel"
        )


def _refuse_colour(page: tifffile.TiffPage) -> None:
    photometric = int(page.photometric)
    if page.samplesperpixel != 1 or photometric not in (0, 1):
        what = "a colour palette" if photometric == 3 else f"{page.samplesperpixel} values a pixel"
        raise ImageFault("not_grey", f"{what}, where one grey value is expected: export each channel as a grey image")
    if photometric == 0:
        raise ImageFault(
            "unsupported_type",
            "0 is white in this file (WhiteIsZero): save it so that 0 is black (BlackIsZero)",
        )


def _refuse_type(page: tifffile.TiffPage) -> None:
    if page.dtype is None or page.bitspersample < 8:
        raise ImageFault("unsupported_type", f"{page.bitspersample}-bit pixels: export 8- or 16-bit grey images")


def _refuse_truncated(page: tifffile.TiffPage, size: int) -> None:
    """tifffile fills what is missing with zeros, which would pass for pixels."""
    segments = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    held = sum(count for _, count in segments)
    row = -(-page.imagewidth * page.samplesperpixel * page.bitspersample // 8)  # each begins with a byte of its own
    short = page.compression == 1 and held < row * page.imagelength
    if not segments or short or any(start <= 0 or n <= 0 or start + n > size for start, n in segments):
        raise ImageFault("unreadable", "truncated: the file ends before its pixels do; export or copy it again")
