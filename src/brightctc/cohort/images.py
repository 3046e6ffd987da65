"""The one reader of image files: TIFF and PNG, grey, 8- or 16-bit or floating point, a cell a file.

A file's bytes decide what it is, not its ending. Whatever a decoder raises becomes a named ImageFault here,
and nowhere else.
"""

import os
import stat
import struct
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from brightctc.cohort import png, tiff
from brightctc.cohort.faults import MAX_SIDE, MIN_SIDE, FaultKind, ImageFault
from brightctc.cohort.store import Decoded

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_SIDE",
    "MIN_SIDE",
    "FaultKind",
    "ImageFault",
    "find_images",
    "image_suffix",
    "read_image",
    "read_images",
    "read_or_fault",
    "share",
    "write_image",
]

IMAGE_SUFFIXES = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".png")  # longest first; any case in file names
_MOST_BYTES = 16 * 2**20  # far above 1024 x 1024 float64: larger files are judged by their header alone
# what tifffile and imagecodecs raise on damaged bytes; only here is it caught (tests/test_images.py spoils files)
_DECODER_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,  # imagecodecs' own errors among them
    TypeError,
    ValueError,  # tifffile's own among them
    struct.error,
    zlib.error,
)
_BATCH = 8  # images a thread reads at a time: handing over single crops would cost more than reading them
_shared: Decoded | None = None


def share(folder: Path | None) -> None:
    """From now on, in this process, images come from this store (`write_decoded`) where it holds them; None ends it.

    What is read is the same, bit by bit, but read-only, and of the moment when the store was written. Of the whole
    process, not an argument: there is one reader and there are many callers (training, scoring, baselines, reports),
    and where a process gets its pixels from is a matter of where it runs, which none of them should know. An image is
    the same from either place, so no result depends on it. Raises UserError where the store is missing or damaged.
    """
    global _shared
    _shared = None if folder is None else Decoded.open(folder)


def read_image(path: Path) -> np.ndarray:
    """Read one crop: uint8, uint16 or float32 (height, width), C-contiguous, in native byte order; not to be changed.

    From the store that is shared (see `share`) where it has it, read-only; else from the file. Values are the file's
    own: nothing is scaled, 16 bits stay 16; floating point of any width turns float32.
    Raises ImageFault (and nothing else) for what can't be used. By the header, before decoding: over MAX_SIDE
    or under MIN_SIDE px a side, colour, palette, stacks, other types of pixel. Then: missing, damaged or
    unreadable files, and pixels that are not finite.
    """
    held = None if _shared is None else _shared.get(Path(path))
    if isinstance(held, ImageFault):
        raise held
    if held is not None:
        return held
    try:
        pixels = _pixels(Path(path))
    except OSError as error:
        raise _file_fault(error, Path(path)) from error
    except _DECODER_ERRORS as error:
        raise ImageFault("unreadable", f"damaged, or not an image: {_first_line(error)}") from error
    return _checked(pixels)


def read_or_fault(path: Path | None) -> np.ndarray | ImageFault:
    """`read_image`, with the fault returned instead of raised; None, a cell without such an image, is `missing`."""
    if path is None:
        return ImageFault("missing", "the cell has no image of this channel")
    try:
        return read_image(path)
    except ImageFault as fault:
        return fault


def read_images(paths: Iterable[Path | None], workers: int = 4) -> Iterator[np.ndarray | ImageFault]:
    """Read crops in threads, in the order of `paths`: for each its pixels (see read_image), or its fault.

    paths is consumed lazily: at most 16 images a worker are held at once. None gives the fault `missing`.
    """
    source = iter(paths)
    with ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="read") as pool:
        ahead: deque[Future[list[np.ndarray | ImageFault]]] = deque()
        try:
            while True:
                while len(ahead) < 2 * workers and (batch := list(islice(source, _BATCH))):
                    ahead.append(pool.submit(_read_batch, batch))
                if not ahead:
                    return
                yield from ahead.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def find_images(folder: Path, without: Path | None = None) -> list[Path]:
    """All image files below `folder`, at any depth, sorted; by their endings, nothing is opened.

    Hidden files and folders are left out (macOS leaves `._name.tif` beside the files it copies).
    Links are followed, each folder once; a broken link is listed, so that the cell it stands for is not lost.
    without: a folder to leave out, such as the cohort that is being written.
    Raises OSError where a folder can't be listed.
    """
    found: list[str] = []
    seen = set() if without is None else {os.path.realpath(without)}
    waiting = [os.fspath(folder)]
    while waiting:
        here = waiting.pop()
        real = os.path.realpath(here)
        if real in seen:
            continue
        seen.add(real)
        with os.scandir(here) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir():
                    waiting.append(entry.path)
                elif entry.name.lower().endswith(IMAGE_SUFFIXES):
                    found.append(entry.path)
    return [Path(path) for path in sorted(found)]


def image_suffix(name: str) -> str:
    """The image ending of a file name as it stands there (`.ome.tif` counts as one), or ''."""
    lower = name.lower()
    return next((name[len(name) - len(suffix) :] for suffix in IMAGE_SUFFIXES if lower.endswith(suffix)), "")


def write_image(path: Path, pixels: np.ndarray) -> None:
    """Write a crop (types as of read_image) as TIFF or PNG, by the ending; no metadata, so no names or times.

    Raises ValueError for floating point as PNG, for another ending and for other types of pixel.
    """
    suffix = image_suffix(path.name).lower()
    if pixels.ndim != 2 or pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise ValueError(f"not a crop: {pixels.dtype} {pixels.shape}")
    if suffix == ".png" and pixels.dtype != np.float32:
        Image.fromarray(pixels).save(path, format="PNG")
    elif suffix and suffix != ".png":
        tifffile.imwrite(path, pixels, photometric="minisblack", metadata=None, software=False, ome=False)
    else:
        raise ValueError(f"{pixels.dtype} can't be written as {suffix or path.name}")


def _pixels(path: Path) -> np.ndarray:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ImageFault("unreadable", "a folder, not a file" if stat.S_ISDIR(status.st_mode) else "not a file")
    whole = status.st_size <= _MOST_BYTES
    with path.open("rb") as file:
        data = file.read(-1 if whole else 4096)
        if data.startswith(tiff.SIGNATURES):
            return tiff.pixels(data) if whole else tiff.general_pixels(file)
    if data.startswith(png.SIGNATURE):
        return png.png_pixels(data, whole)
    if not data:
        raise ImageFault("unreadable", "the file is empty (0 bytes); export or copy it again")
    raise ImageFault("unreadable", "not a TIFF or PNG image, whatever its name says")


def _checked(pixels: np.ndarray) -> np.ndarray:
    """One plane of a known type, as an array of its own."""
    if pixels.ndim != 2:
        raise ImageFault("stack", f"several planes in one file: {' x '.join(map(str, pixels.shape))}")
    kind = pixels.dtype.kind
    if kind == "f":
        finite = np.isfinite(pixels)
        if not finite.all():
            bad = finite.size - np.count_nonzero(finite)
            raise ImageFault("not_a_number", f"{bad:,} of {finite.size:,} pixels are NaN or infinite")
        with np.errstate(over="ignore"):
            single = np.array(pixels, np.float32, order="C")
        if not np.isfinite(single).all():
            raise ImageFault("not_a_number", "pixel values too large for 32-bit floating point")
        return single
    if kind != "u" or pixels.dtype.itemsize > 2:
        raise ImageFault("unsupported_type", f"{pixels.dtype.name} pixels: {_type_fix(pixels.dtype)}")
    return np.array(pixels, pixels.dtype.newbyteorder("="), order="C")


def _type_fix(dtype: np.dtype) -> str:
    if dtype.name == "int16":
        return "signed; export unsigned 16-bit images, or convert them (values must not be below 0)"
    return "export 8- or 16-bit unsigned grey images"


def _file_fault(error: OSError, path: Path) -> ImageFault:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        broken = path.is_symlink()
        return ImageFault("missing", "a link to a file that is not there" if broken else "there is no such file")
    if isinstance(error, PermissionError):
        return ImageFault("unreadable", "no permission to read this file")
    return ImageFault("unreadable", f"the file can't be read: {error.strerror or _first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _read_batch(paths: list[Path | None]) -> list[np.ndarray | ImageFault]:
    return [read_or_fault(path) for path in paths]
