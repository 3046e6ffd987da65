"""Cells of a part of a cohort as baselines take them: crops, classes, donors; unreadable ones kept apart."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from brightctc.baselines.model import Cells
from brightctc.bundle import Seen
from brightctc.cohort import Cohort, read_images
from brightctc.errors import UserError, plural, typed
from brightctc.evaluate.cells import labelled

Progress = Callable[..., None]


@dataclass(frozen=True)
class Part:
    """Readable or not, the cells of a part: rows, crops (None: unreadable, with its error), µm per pixel."""

    cohort: Cohort
    rows: pl.DataFrame
    crops: list[np.ndarray | None]
    errors: list[str | None]
    pixel_sizes: list[float | None]

    @property
    def read(self) -> np.ndarray:
        """bool (n,): has a crop."""
        return np.array([crop is not None for crop in self.crops], dtype=bool)

    def cells(self) -> Cells:
        """The readable ones."""
        sizes = [size for size, crop in zip(self.pixel_sizes, self.crops, strict=True) if crop is not None]
        return Cells.of([crop for crop in self.crops if crop is not None], sizes)

    def positive(self) -> np.ndarray:
        """bool: the class of the readable ones, all of which are labelled."""
        return self.cohort.positive(self.rows).to_numpy()[self.read]

    def donors(self) -> list[object] | None:
        """The donors of the readable ones; None where one is unknown."""
        if "donor_id" not in self.rows.columns or self.rows["donor_id"].null_count():
            return None
        return self.rows["donor_id"].filter(pl.Series(self.read)).to_list()


def labelled_rows(cohort: Cohort, part: str) -> pl.DataFrame:
    """The labelled cells of a part; a UserError where it has none."""
    rows = cohort.part(part)
    rows = rows.filter(pl.Series(labelled(cohort, rows)))
    if rows.is_empty():
        raise UserError(f"the part {part!r} has no labelled cells", cohort.root, "label some, or split again")
    return rows


def read_whole(cohort: Cohort, rows: pl.DataFrame, part: str, progress: Progress | None) -> Part:
    """`read_rows`, or a UserError where an image can't be read: no network is trained on such a part."""
    read = read_rows(cohort, rows, part, progress)
    lost = rows["cell_id"].filter(pl.Series(~read.read))
    if lost.len():
        raise UserError(
            f"{plural(lost.len(), 'image')} of the {part} part can't be read: {next(filter(None, read.errors))}",
            ", ".join(lost.head(3)),
            f"{typed('check', cohort.root)} lists them all; mend these files, or leave them out: brightctc import … "
            f"--where \"cell_id <> '{lost[0]}'\" --overwrite, then split again",
        )
    return read


def read_rows(cohort: Cohort, rows: pl.DataFrame, part: str, progress: Progress | None) -> Part:
    """Read the bright field of some rows. part: its name, for the progress."""
    crops: list[np.ndarray | None] = []
    errors: list[str | None] = []
    for done, image in enumerate(read_images(cohort.paths(rows, "bright_field")), start=1):
        crops.append(image if isinstance(image, np.ndarray) else None)
        errors.append(None if isinstance(image, np.ndarray) else f"{image.kind}: {image.detail}")
        if progress is not None and (done % 256 == 0 or done == rows.height):
            progress(f"reading the {part} part", done, rows.height)
    return Part(cohort, rows, crops, errors, cohort.pixel_sizes(rows))


def seen_by(parts: dict[str, pl.DataFrame], seed: int) -> Seen:
    """The cells and donors of the train and validation parts, as a bundle would know them."""

    def column(part: str, name: str) -> list[Any]:
        rows = parts[part]
        return rows[name].to_list() if name in rows.columns else []

    return Seen.of(
        train_cells=column("train", "cell_id"),
        validation_cells=column("validation", "cell_id"),
        train_donors=column("train", "donor_id"),
        validation_donors=column("validation", "donor_id"),
        seed=seed,
    )
