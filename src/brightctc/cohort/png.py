"""PNG bytes → pixels: the header decides what may be decoded, libpng (through imagecodecs) decodes.

libpng reports an image with missing rows, where Pillow leaves them black; and 16 bits stay 16. It sees the
chunks that hold pixels alone: colour profiles, texts and the like can neither expand in memory nor cause warnings.
"""

import logging
import struct
from collections.abc import Iterator

import imagecodecs
import numpy as np

from brightctc.cohort.faults import ImageFault, require_side

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOURS = {
    2: "RGB colour",
    3: "a colour palette",
    4: "grey with transparency",
    6: "RGB colour with transparency",
}
_PIXEL_CHUNKS = (b"IHDR", b"IDAT", b"IEND")

# libpng's warnings come through logging, which would reach the terminal where nobody set logging up
logging.getLogger("imagecodecs").addHandler(logging.NullHandler())


def png_pixels(data: bytes, whole: bool = True) -> np.ndarray:
    """Pixels of a PNG as uint8 or uint16 (height, width), never scaled from 16 to 8 bits.

    whole: False where `data` is only the beginning of a file too large to be a crop.
    Raises ImageFault by the header, before decoding; and whatever the decoder raises on a damaged file.
    """
    if data[12:16] != b"IHDR" or len(data) < 33:
        raise ImageFault("unreadable", "damaged: a PNG without a header; export or copy it again")
    width, height, bits, colour = struct.unpack_from(">IIBB", data, 16)
    if colour != 0:
        what = _COLOURS.get(colour, "an unknown colour type")
        raise ImageFault("not_grey", f"{what}, where one grey value is expected: export each channel as a grey image")
    require_side(height, width)
    if bits not in (8, 16):
        raise ImageFault("unsupported_type", f"{bits}-bit pixels: export 8- or 16-bit grey images")
    if not whole:
        raise ImageFault("too_large", "too many bytes for the crop of one cell")
    chunks = list(_chunks(data))
    if any(kind == b"acTL" for kind, _ in chunks):
        raise ImageFault("stack", "several images in one file: export one image a cell and channel")
    return imagecodecs.png_decode(SIGNATURE + b"".join(chunk for kind, chunk in chunks if kind in _PIXEL_CHUNKS))


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's kind and all its bytes."""
    place = len(SIGNATURE)
    while place + 8 <= len(data):
        end = place + 12 + struct.unpack_from(">I", data, place)[0]
        if end > len(data):
            raise ImageFault("unreadable", "truncated: the file ends before its pixels do; export or copy it again")
        yield data[place + 4 : place + 8], data[place:end]
        place = end
