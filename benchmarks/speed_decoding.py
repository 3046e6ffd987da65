"""Reading alone: cells a second of image readers, and what they say of files that are damaged or unusual.

Tasks of the scoring benchmark (see speed_tasks.py). No pixel leaves the thread or process that decoded it.
"""

import logging
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from brightctc.cohort import read_image
from speed_cells import write_tiff

FORMATS: dict[str, dict[str, Any]] = {
    "TIFF": {},
    "TIFF, deflate": {"compression": "zlib"},
    "TIFF, LZW": {"compression": "lzw"},
    "PNG": {},
}
WAYS = ("1 thread", "2 threads", "2 processes")
_AT_A_TIME = 16  # files that a thread or process takes at a time


def with_tifffile(path: Path) -> np.ndarray:
    """`tifffile.imread`."""
    return tifffile.imread(path)


def with_imagecodecs(path: Path) -> np.ndarray:
    """`imagecodecs.tiff_decode` or `png_decode`."""
    decode = imagecodecs.png_decode if path.suffix == ".png" else imagecodecs.tiff_decode
    return np.asarray(decode(path.read_bytes()))


def with_pillow(path: Path) -> np.ndarray:
    """`Image.open`."""
    with Image.open(path) as image:
        return np.asarray(image)


def with_opencv(path: Path) -> np.ndarray:
    """`cv2.imread`, unchanged; it returns None for what it can't read."""
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError("not read")
    return image


READERS: dict[str, Callable[[Path], np.ndarray]] = {
    "brightctc": read_image,
    "tifffile": with_tifffile,
    "imagecodecs": with_imagecodecs,
    "Pillow": with_pillow,
    "OpenCV": with_opencv,
}


def write_formats(folder: Path, crops: list[np.ndarray]) -> None:
    """The same crops in every format, a folder each."""
    for name, options in FORMATS.items():
        of_format = folder / name
        of_format.mkdir(parents=True)
        for index, crop in enumerate(crops):
            _write(of_format / f"{index:04d}{_ending(name)}", crop, **options)


def rates(folder: str, seconds: float) -> list[dict[str, Any]]:
    """Cells a second of every reader, format and way, of files in the page cache."""
    os.environ["OMP_NUM_THREADS"] = "1"
    found = []
    spawn = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(2) as threads, ProcessPoolExecutor(2, mp_context=spawn) as processes:
        pools: dict[str, Executor | None] = dict(zip(WAYS, (None, threads, processes), strict=True))
        for form in FORMATS:
            paths = sorted((Path(folder) / form).iterdir())
            for reader in _readers_of(form):
                for way, pool in pools.items():
                    rate = _rate(paths, reader, pool, seconds)
                    found.append({"format": form, "reader": reader, "way": way, "cells_per_second": rate})
    return found


def _readers_of(form: str) -> list[str]:
    return [name for name in READERS if not (name == "tifffile" and form == "PNG")]


def _rate(paths: list[Path], reader: str, pool: Executor | None, seconds: float) -> float:
    tasks = [paths[at : at + _AT_A_TIME] for at in range(0, len(paths), _AT_A_TIME)]
    read = partial(_read, reader)

    def once() -> int:
        return sum(map(read, tasks) if pool is None else pool.map(read, tasks))

    once()
    passes, start = 0, time.perf_counter()
    while passes < 2 or time.perf_counter() - start < seconds:
        assert once() == len(paths)
        passes += 1
    return passes * len(paths) / (time.perf_counter() - start)


def _read(reader: str, paths: list[Path]) -> int:
    return sum(READERS[reader](path).ndim == 2 for path in paths)


def answers(folder: str) -> list[dict[str, str]]:
    """What every reader says of damaged and unusual files: written here, one of each kind."""
    logging.disable(logging.CRITICAL)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff and libpng write there what they refuse
    crop = np.random.default_rng(0).integers(1000, 3000, (148, 148)).astype(np.uint16)
    found = []
    for kind, path, stored in (*_damaged(Path(folder), crop), *_unusual(Path(folder), crop)):
        for name, reader in READERS.items():
            if not (name == "tifffile" and path.suffix == ".png"):
                found.append({"file": kind, "reader": name, "answer": _answer(reader, path, stored)})
    return found


def _damaged(folder: Path, crop: np.ndarray) -> Iterator[tuple[str, Path, np.ndarray]]:
    for name, options in FORMATS.items():
        path = folder / f"{name}{_ending(name)}"
        _write(path, crop, **options)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 6 // 10])
        yield f"{name}, cut short at 60 %", path, crop
    path = folder / "changed.png"
    _write(path, crop)
    content = bytearray(path.read_bytes())
    path.with_stem("end").write_bytes(content[:-4])
    yield "PNG, without its last 4 bytes", path.with_stem("end"), crop
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    yield "PNG, one byte changed", path, crop


def _unusual(folder: Path, crop: np.ndarray) -> Iterator[tuple[str, Path, np.ndarray]]:
    single = crop.astype(np.float32)
    single[0, 0] = np.nan
    orientation = (274, 3, 1, 3, True)  # the tag, SHORT, one value: turned by 180 degrees
    files: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
        "big-endian": (crop, {"byteorder": ">"}),
        "WhiteIsZero": (crop, {"photometric": "miniswhite"}),
        "two pages": (np.stack([crop, crop + 1]), {}),
        "signed 16 bits": ((crop.astype(np.int32) - 2000).astype(np.int16), {}),
        "one pixel is not a number": (single, {}),
        "tagged as turned": (crop, {"extratags": [orientation]}),
    }
    for name, (stored, options) in files.items():
        path = folder / f"{name}.tif"
        _write(path, stored, **options)
        yield f"TIFF, {name}", path, stored


def _answer(reader: Callable[[Path], np.ndarray], path: Path, stored: np.ndarray) -> str:
    """In few words: refuses, the stored values, or what else came back without an error."""
    try:
        image = reader(path)
    except Exception:  # noqa: BLE001  whatever it raises is a refusal here
        return "refuses"
    floating = stored.dtype.kind == "f"
    if np.array_equal(image, stored, equal_nan=floating):
        return "both pages" if stored.ndim == 3 else "stored values"
    if stored.ndim == 3 and np.array_equal(image, stored[0]):
        return "first page"
    if image.shape == stored.shape and np.array_equal(image, np.rot90(stored, 2)):
        return "turned"
    return "other values"


def _ending(form: str) -> str:
    return ".png" if form == "PNG" else ".tif"


def _write(path: Path, crop: np.ndarray, **options: object) -> None:
    if path.suffix == ".png":
        Image.fromarray(crop).save(path)
    else:
        write_tiff(path, crop, **options)
