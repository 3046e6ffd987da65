"""The verb of the store: read each image once, for all processes of a study."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from brightctc import files
from brightctc.cohort.images import ImageFault, read_images
from brightctc.cohort.store import ALIGNED, FORMAT, INDEX, PIXELS, Decoded, Place, key_of

__all__ = ["Decoded", "write_decoded"]

_EVERY = 256  # images between two reports


def write_decoded(paths: Iterable[Path], folder: Path, progress: Callable[..., None] | None = None) -> None:
    """Read every distinct image once, by `read_images`, and write a store for `share`: whole, or not at all.

    paths: images; one that can't be read is kept with its fault. folder: new; it holds the cells' pixels and paths, so
        it belongs beside the cohort's images or in a temporary folder, not into results.
    progress: called with ("decoding images", done, total).

    At most a few dozen images are in memory at a time. Raises UserError where the folder exists already, can't be
    written, or the disk is full.
    """
    wanted = {key_of(Path(path)): Path(path) for path in paths}
    with files.new_folder(Path(folder)) as new:
        images: list[tuple[str, *Place]] = []
        faults: list[tuple[str, str, str]] = []
        with (new / PIXELS).open("wb") as file:
            for done, (key, image) in enumerate(zip(wanted, read_images(wanted.values()), strict=True), start=1):
                if isinstance(image, ImageFault):
                    faults.append((key, image.kind, image.detail))
                else:
                    images.append((key, *_written(file, image)))
                if progress is not None and (done % _EVERY == 0 or done == len(wanted)):
                    progress("decoding images", done, len(wanted))
            size = file.tell()
        index = {"format_version": FORMAT, "bytes": size, "images": images, "faults": faults}
        # ASCII alone: a path may hold bytes that no text can
        (new / INDEX).write_text(json.dumps(index), encoding="ascii")


def _written(file: BinaryIO, image: np.ndarray) -> Place:
    file.write(bytes(-file.tell() % ALIGNED))
    start = file.tell()
    file.write(image.data)
    return start, image.shape[0], image.shape[1], image.dtype.str
