"""The words inside image files: TIFF text tags and PNG text chunks, read without decoding a pixel.

Only reads what a file says of itself, for the search for personal data. A damaged file gives fewer words or none;
that it is damaged, the image reader says.
"""

import contextlib
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from brightctc.cohort.lookup import packed_image

# TIFF tags that hold words, by their names in the standard (XMP, ImageJ's and IPTC's as they are)
TEXT_TAGS = {
    269: "DocumentName", 270: "ImageDescription", 271: "Make", 272: "Model", 285: "PageName", 305: "Software",
    306: "DateTime", 315: "Artist", 316: "HostComputer", 700: "XMP", 33432: "Copyright", 33723: "IPTC",
    50839: "ImageJMetaData", 65000: "Private",
}  # fmt: skip
_TEXT_TYPES = {1, 2, 7, 129}  # BYTE, ASCII, UNDEFINED, UTF-8
_MOST_TEXT = 65536  # bytes of a tag or chunk that are looked at
_MOST_PAGES, _MOST_ENTRIES, _MOST_CHUNKS = 4, 512, 256
_TIFF = {b"II*\0": ("<", False), b"MM\0*": (">", False), b"II+\0": ("<", True), b"MM\0+": (">", True)}
_PNG = b"\x89PNG\r\n\x1a\n"


def read_tags(path: Path) -> dict[str, str]:
    """Name → text of every tag or chunk that holds words; empty for other files and files that can't be read.

    path: a file, or an image of a packed cohort.
    """
    words: dict[str, str] = {}
    # a damaged file ends the search where it is damaged: what was found so far stands
    with contextlib.suppress(OSError, struct.error, zlib.error, OverflowError), _opened(path) as file:
        for name, text in _texts(file):
            words[name] = f"{words[name]}\n{text}" if name in words else text
    return words


def _opened(path: Path) -> BinaryIO:
    if path.is_file():  # and not a pipe, whose opening would wait for a writer
        return path.open("rb")
    packed = None if path.exists() else packed_image(path)
    return io.BytesIO(packed if isinstance(packed, bytes) else b"")


def _texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    start = file.read(8)
    if start[:4] in _TIFF:
        yield from _tiff_texts(file, start)
    elif start == _PNG:
        yield from _png_texts(file)


def _tiff_texts(file: BinaryIO, start: bytes) -> Iterator[tuple[str, str]]:
    order, big = _TIFF[start[:4]]
    (place,) = struct.unpack(order + "Q", file.read(8)) if big else struct.unpack(order + "I", start[4:8])
    count_format, entry_format = ("Q", "HHQ8s") if big else ("H", "HHI4s")
    for _ in range(_MOST_PAGES):
        if not place:
            return
        file.seek(place)
        (entries,) = struct.unpack(order + count_format, file.read(struct.calcsize(count_format)))
        table = file.read(min(entries, _MOST_ENTRIES) * struct.calcsize(order + entry_format))
        following = file.read(8 if big else 4)
        for tag, kind, length, value in struct.iter_unpack(order + entry_format, table):
            if tag in TEXT_TAGS and kind in _TEXT_TYPES:
                yield TEXT_TAGS[tag], _tag_text(file, order, length, value)
        (place,) = struct.unpack(order + ("Q" if big else "I"), following)


def _tag_text(file: BinaryIO, order: str, length: int, value: bytes) -> str:
    """A tag's text, from its own bytes or from where they point."""
    if length <= len(value):
        return _decoded(value[:length])
    (place,) = struct.unpack(order + ("Q" if len(value) == 8 else "I"), value)
    file.seek(place)
    return _decoded(file.read(min(length, _MOST_TEXT)))


def _png_texts(file: BinaryIO) -> Iterator[tuple[str, str]]:
    for _ in range(_MOST_CHUNKS):
        length, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"IEND":
            return
        after = file.tell() + length + 4
        if kind in (b"tEXt", b"zTXt", b"iTXt", b"tIME", b"eXIf"):
            yield _png_text(kind, file.read(min(length, _MOST_TEXT)))
        file.seek(after)


def _png_text(kind: bytes, content: bytes) -> tuple[str, str]:
    """Keyword and text of a PNG chunk (PNG specification, 11.3.3)."""
    if kind == b"tIME":
        year, month, day = struct.unpack(">HBB", content[:4])
        return "DateTime", f"{year:04}:{month:02}:{day:02}"
    if kind == b"eXIf":
        return "eXIf", _decoded(content)
    keyword, _, text = content.partition(b"\0")
    if kind == b"zTXt":
        text = _inflated(text[1:])
    elif kind == b"iTXt":
        packed, text = text[:1] == b"\1", text[2:].split(b"\0", 2)[-1]
        text = _inflated(text) if packed else text
    return _decoded(keyword), _decoded(text)


def _inflated(packed: bytes) -> bytes:
    return zlib.decompressobj().decompress(packed, _MOST_TEXT)


def _decoded(content: bytes) -> str:
    """Text of bytes of unknown encoding; zero bytes (UTF-16, padding) are dropped."""
    content = content.replace(b"\0", b"")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
