"""Copies an export's images into a cohort, under safe names; where asked, with a constant taken off every pixel."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from brightctc.cohort.images import ImageFault, image_suffix, read_image, write_image
from brightctc.errors import UserError, plural

Progress = Callable[..., None]
_MOST_BELOW = 0.01  # share of an image's pixels below the constant that noise explains; more, and it is the wrong one
_LONGEST = 60  # letters of an id in a file name
_EVERY = 200  # images between progress reports


@dataclass
class Copies:
    """cells: `bright_field` and `dapi` relative to the cohort, or absolute where a file could not be copied."""

    cells: pl.DataFrame
    clipped: int = 0  # images with a few pixels below the constant, which became 0
    not_read: list[str] = field(default_factory=list)  # files that could not be opened at all
    not_decoded: list[str] = field(default_factory=list)  # files that are no usable image: copied as they are

    def warnings(self) -> tuple[str, ...]:
        """What the user should know of the copies."""
        told = []
        for names, what in (
            (self.not_read, "not copied, since it could not be opened"),
            (self.not_decoded, "copied as it is, since it could not be decoded"),
        ):
            if names:
                told.append(f"{what}: {plural(len(names), 'image')}, such as {names[0]!r}; see brightctc check")
        if self.clipped:
            told.append(f"in {plural(self.clipped, 'image')} a few pixels lay below the subtracted value and became 0")
        return tuple(told)


def copy_images(
    cells: pl.DataFrame,
    export: Path,
    cohort: Path,
    channels: dict[str, str],
    subtract: int = 0,
    progress: Progress | None = None,
) -> Copies:
    """Copy each image to `cohort/images/<cell_id>_<channel>.<ending>`, its bytes unchanged where subtract is 0.

    cells: with `cell_id`, and `bright_field` and `dapi` as paths below `export`.
    channels: column → the channel's text in the new file name.
    subtract: taken off every pixel; pixels keep their type, and what would be negative becomes 0.
    Raises UserError where more than 1 % of an image's pixels lie below `subtract`.
    """
    copies = Copies(cells)
    total = sum(cells[column].count() for column in channels)
    done = 0
    names = list(_safe_names(cells["cell_id"]))
    for column, token in channels.items():
        targets: list[str | None] = []
        for name, image in zip(names, cells[column], strict=True):
            if image is None:
                targets.append(None)
                continue
            targets.append(_copy(export / image, cohort, f"images/{name}_{_safe(token)}", subtract, copies))
            done += 1
            if progress is not None and (done % _EVERY == 0 or done == total):
                progress("copying images", done, total)
        copies.cells = copies.cells.with_columns(pl.Series(column, targets, pl.String))
    return copies


def _copy(source: Path, cohort: Path, stem: str, subtract: int, copies: Copies) -> str:
    suffix = image_suffix(source.name).lower()
    try:
        data = source.read_bytes()
    except OSError:
        copies.not_read.append(source.name)
        return str(source.absolute())
    target = cohort / (stem + suffix)
    target.parent.mkdir(parents=True, exist_ok=True)
    if subtract:
        try:
            pixels = read_image(source)
        except ImageFault:
            copies.not_decoded.append(source.name)
        else:
            target = cohort / (stem + (".png" if suffix == ".png" else ".tif"))
            write_image(target, _less(pixels, subtract, source, copies))
            return target.relative_to(cohort).as_posix()
    target.write_bytes(data)
    return target.relative_to(cohort).as_posix()


def _less(pixels: np.ndarray, subtract: int, source: Path, copies: Copies) -> np.ndarray:
    below = np.count_nonzero(pixels < subtract)
    if below > _MOST_BELOW * pixels.size:
        raise UserError(
            f"{below:,} of this image's {pixels.size:,} pixels are below {subtract} (smallest: {pixels.min()})",
            source,
            "give --subtract the constant that all images carry, or leave it out",
        )
    copies.clipped += bool(below)
    return (np.maximum(pixels, subtract) - subtract).astype(pixels.dtype)


def _safe_names(cell_ids: pl.Series) -> Iterator[str]:
    """For each id a path of plain names, `<folder>/<name>`, that differs from all others, also without its case."""
    used: set[str] = set()
    for cell_id in cell_ids:
        folder, _, last = cell_id.rpartition("/")
        name = f"{_safe(folder)}/{_safe(last)}" if folder else _safe(last)
        unique, count = name, 1
        while unique.casefold() in used:
            count += 1
            unique = f"{name}-{count}"
        used.add(unique.casefold())
        yield unique


def _safe(text: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", text).strip(".")[:_LONGEST] or "_"
