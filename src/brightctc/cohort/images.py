"""The one reader of image files: TIFF and PNG, grey, 8- or 16-bit or floating point, a cell a file.

A file's bytes decide what it is, not its ending. Whatever a decoder raises becomes a named ImageFault here,
and nowhere else.
"""

import stat
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from brightctc.cohort import png, tiff
from brightctc.cohort.faults import MAX_SIDE, MIN_SIDE, FaultKind, ImageFault
from brightctc.cohort.finding import IMAGE_SUFFIXES, find_images, image_suffix
from brightctc.cohort.store import Decoded
from brightctc.cohort.threads import in_threads

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_SIDE",
    "MIN_SIDE",
    "FaultKind",
    "ImageFault",
    "decode",
    "find_images",
    "image_bytes",
    "image_suffix",
    "read_image",
    "read_images",
    "read_or_fault",
    "share",
    "write_image",
]

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
_TOO_MANY = "too many bytes for the crop of one cell"  # as png.py says it
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

    From the store that is shared (see `share`) where it has it, read-only; else from the file; where there is none,
    from the packed cohort that the path leads into. Values are the file's own: nothing is scaled, 16 bits stay 16;
    floating point of any width turns float32.
    Raises ImageFault (and nothing else) for what can't be used. By the header, before decoding: over MAX_SIDE
    or under MIN_SIDE px a side, colour, palette, stacks, other types of pixel. Then: missing, damaged or
    unreadable files, and pixels that are not finite.
    """
    held = None if _shared is None else _shared.get(Path(path))
    if isinstance(held, ImageFault):
        raise held
    if held is not None:
        return held
    path = Path(path)
    try:
        pixels = _file_pixels(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        return decode(_packed_bytes(path, error))
    except (OSError, *_DECODER_ERRORS) as error:
        raise _fault(error, path) from error
    return _checked(pixels)


def decode(data: bytes) -> np.ndarray:
    """The pixels of an image file's bytes, as `read_image` returns them. Raises ImageFault, and nothing else.

    More than 16 MiB are not decoded: they are no crop's.
    """
    try:
        pixels = _pixels(data, whole=len(data) <= _MOST_BYTES)
    except (OSError, *_DECODER_ERRORS) as error:
        raise _fault(error) from error
    return _checked(pixels)


def image_bytes(path: Path) -> bytes:
    """An image file's bytes as they are, from the disk or a packed cohort; not decoded.

    Raises ImageFault (and nothing else) where there are none, or more than 16 MiB.
    """
    path = Path(path)
    try:
        return _file_bytes(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        return _packed_bytes(path, error)
    except (OSError, *_DECODER_ERRORS) as error:
        raise _fault(error, path) from error


def read_or_fault(image: Path | bytes | ImageFault | None) -> np.ndarray | ImageFault:
    """`read_image` of a path or `decode` of a file's bytes, with the fault returned instead of raised.

    A fault is returned as it is. None, a cell without such an image, is `missing`.
    """
    if image is None:
        return ImageFault("missing", "the cell has no image of this channel")
    if isinstance(image, ImageFault):
        return image
    try:
        return decode(image) if isinstance(image, bytes) else read_image(image)
    except ImageFault as fault:
        return fault


def read_images(paths: Iterable[Path | None], workers: int = 4) -> Iterator[np.ndarray | ImageFault]:
    """Read crops in threads, in the order of `paths`: for each its pixels (see read_image), or its fault.

    paths is consumed lazily: at most 16 images a worker are held at once. None gives the fault `missing`.
    """
    return in_threads(read_or_fault, paths, workers)


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


def _file_pixels(path: Path) -> np.ndarray:
    whole = _size(path) <= _MOST_BYTES
    with path.open("rb") as file:
        data = file.read(-1 if whole else 4096)
        if not whole and data.startswith(tiff.SIGNATURES):
            file.seek(0)  # tifffile takes for the beginning where it finds the file
            return tiff.general_pixels(file)
    return _pixels(data, whole)


def _file_bytes(path: Path) -> bytes:
    if _size(path) > _MOST_BYTES:
        _file_pixels(path)  # its header may have a reason of its own
        raise ImageFault("too_large", _TOO_MANY)
    return path.read_bytes()


def _size(path: Path) -> int:
    """Bytes of a regular file."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ImageFault("unreadable", "a folder, not a file" if stat.S_ISDIR(status.st_mode) else "not a file")
    return status.st_size


def _pixels(data: bytes, whole: bool) -> np.ndarray:
    """whole: False where the file is too large to be a crop's, and `data` is perhaps only its beginning."""
    if data.startswith(tiff.SIGNATURES):
        if not whole:
            raise ImageFault("too_large", _TOO_MANY)
        return tiff.pixels(data)
    if data.startswith(png.SIGNATURE):
        return png.png_pixels(data, whole)
    if not data:
        raise ImageFault("unreadable", "the file is empty (0 bytes); export or copy it again")
    raise ImageFault("unreadable", "not a TIFF or PNG image, whatever its name says")


def _packed_bytes(path: Path, error: OSError) -> bytes:
    """Where there is no file: the bytes that a packed cohort has under this path; else the fault."""
    from brightctc.cohort.lookup import packed_image  # its index is built for packed cohorts alone

    found = packed_image(path)
    if isinstance(found, bytes):
        return found
    raise found or _fault(error, path) from error


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


def _fault(error: Exception, path: Path | None = None) -> ImageFault:
    """What the file system or a decoder raised, as a named fault."""
    if not isinstance(error, OSError):
        return ImageFault("unreadable", f"damaged, or not an image: {_first_line(error)}")
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        broken = path is not None and path.is_symlink()
        return ImageFault("missing", "a link to a file that is not there" if broken else "there is no such file")
    if isinstance(error, PermissionError):
        return ImageFault("unreadable", "no permission to read this file")
    return ImageFault("unreadable", f"the file can't be read: {error.strerror or _first_line(error)}")


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
