"""What `predict` was given: a cohort, a folder of images or one image, as rows and the files of each channel."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import polars as pl

from brightctc.bundle import Bundle
from brightctc.cohort import Cohort, find_images
from brightctc.cohort.images import image_suffix
from brightctc.errors import UserError
from brightctc.predict.file_names import Names, by_names, text_of
from brightctc.preprocess import Channel


@dataclass(frozen=True)
class Source:
    """The cells to score, a row each, in the order of the scores.

    root: what the column `bright_field` is relative to. paths: per channel that the bundle takes and the input has
    at all, a file per row (None where this cell has none). warnings: what was left out, or guessed.
    """

    kind: Literal["cohort", "folder", "file"]
    root: Path
    cells: pl.DataFrame
    paths: dict[Channel, list[Path | None]]
    pixel_sizes: list[float | None]
    warnings: tuple[str, ...] = ()


def read_source(source: Path, bundle: Bundle, names: Names) -> Source:
    """Find the cells of an input. Raises UserError where there are none, or the names don't fit.

    names: how a plain folder's file names are read, as far as the user said; the bundle's own otherwise.
    """
    if (source / "cohort.yaml").is_file():
        if names != Names():
            raise UserError(
                "a cohort knows its images; file names are read in plain folders only",
                source,
                "leave out --pattern, --bright-field and --dapi",
            )
        return _cohort(source, bundle)
    if source.is_dir():
        return _folder(source, bundle, names)
    if not image_suffix(source.name):
        what = "this is not an image file" if source.exists() else "there is nothing here"
        raise UserError(what, source, "give a cohort, a folder of images, or one .tif, .tiff or .png file")
    row = _plain_rows([source], source.parent)
    return Source("file", source.parent.resolve(), row, {"bright_field": [source]}, [None])


def _cohort(folder: Path, bundle: Bundle) -> Source:
    cohort = Cohort.read(folder)
    if cohort.cells.is_empty():
        raise UserError("this cohort has no cells", folder / "cells.csv", "import it again")
    paths: dict[Channel, list[Path | None]] = {}
    for channel in bundle.about.channels:
        files = cohort.paths(cohort.cells, channel)
        if any(file is not None for file in files):
            paths[channel] = files
    return Source("cohort", folder.resolve(), cohort.cells, paths, cohort.pixel_sizes(cohort.cells))


def _folder(folder: Path, bundle: Bundle, names: Names) -> Source:
    try:
        images = find_images(folder)
    except OSError as error:
        raise UserError(
            f"this folder can't be listed: {error.strerror}", error.filename or folder, "ask its owner"
        ) from None
    if not images:
        raise UserError("no .tif, .tiff or .png files here, at any depth", folder, "check the path of the input")
    found = by_names(folder, images, bundle, names)
    if found is None:
        _refuse_several_channels(images, folder)
        words = "every image file was taken as the bright-field image of one cell; say --pattern and --bright-field"
        warnings = (f"{words} if the folder holds other channels too",)
        return _made(folder, _plain_rows(images, folder), {"bright_field": list(images)}, warnings)
    rows, paths, warnings = found
    return _made(folder, rows, paths, warnings)


def _refuse_several_channels(images: list[Path], folder: Path) -> None:
    """A UserError where files differ in a last word alone, as channels do (`c1_BF.tif`, `c1_DAPI.tif`)."""
    seen: dict[tuple[Path, str], Path] = {}
    for image in images:
        parts = re.fullmatch(r"(.+)[-_. ]([^\W\d_]+)", image.name[: len(image.name) - len(image_suffix(image.name))])
        if parts is None:
            continue
        other = seen.setdefault((image.parent, parts[1]), image)
        if other != image:
            raise UserError(
                f"the names of these files don't fit the bundle's pattern, and look like several images of one cell: "
                f"{other.name} and {image.name}",
                folder,
                "say how they are named, such as --pattern '{sample_id}/{cell_id}_{channel}.tif' --bright-field BF",
            )


def _made(folder: Path, rows: Any, paths: dict[Channel, list[Path | None]], warnings: tuple[str, ...]) -> Source:
    return Source("folder", folder.resolve(), rows, paths, [None] * rows.height, warnings)


def _plain_rows(images: list[Path], root: Path) -> pl.DataFrame:
    """A row an image: cell_id is its path below `root` without the ending (with it, where ids would repeat)."""
    files = [text_of(image.relative_to(root)) for image in images]
    ids = [name[: len(name) - len(image_suffix(name))] for name in files]
    return pl.DataFrame(
        {"cell_id": ids if len(set(ids)) == len(ids) else files, "bright_field": files},
        schema_overrides={"cell_id": pl.String},
    )
