"""Which files of a folder are images, by their names alone: nothing is opened."""

import os
from pathlib import Path

IMAGE_SUFFIXES = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".png")  # longest first; any case in file names


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
