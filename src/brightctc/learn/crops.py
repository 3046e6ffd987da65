"""Crops of labelled cells, decoded once and kept in memory in their own dtype."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from brightctc.cohort import Cohort, ImageFault, read_images
from brightctc.errors import UserError, typed
from brightctc.preprocess import Channel

Progress = Callable[..., None]
JUDGING = ("validation", "test", "sealed")
"""Parts whose cells and donors nothing in a training may have met."""
_UNLABELLED = 11  # a stream of its own among the draws of a seed


@dataclass(frozen=True)
class LabelledCells:
    """n cells of one part.

    rows:     their rows of the cohort, in the cohort's order.
    positive: bool (n,).
    crops:    per channel a list of n 2-D arrays (uint8, uint16 or float32), None where a cell has no such image.
    """

    rows: pl.DataFrame
    positive: np.ndarray
    crops: dict[Channel, list[np.ndarray | None]]

    @cached_property
    def pixel_sizes(self) -> list[float | None]:
        """µm per pixel of each cell, None where unknown."""
        if "pixel_size_um" not in self.rows.columns:
            return [None] * self.rows.height
        return self.rows["pixel_size_um"].to_list()

    @property
    def donors(self) -> list[str | None]:
        """Per cell its donor, its sample where the donor is unknown, else None."""
        columns = [name for name in ("donor_id", "sample_id") if name in self.rows.columns]
        if not columns:
            return [None] * self.rows.height
        return self.rows.select(pl.coalesce(columns))[columns[0]].to_list()

    @property
    def groups(self) -> list[str]:
        """Per cell what may not be divided: its donor, else its sample, else the cell itself."""
        return [owner or cell for owner, cell in zip(self.donors, self.rows["cell_id"], strict=True)]

    def some(self, chosen: np.ndarray) -> "LabelledCells":
        """Those of a bool (n,) mask."""
        crops: dict[Channel, list[np.ndarray | None]] = {
            channel: [crop for crop, kept in zip(images, chosen, strict=True) if kept]
            for channel, images in self.crops.items()
        }
        return LabelledCells(self.rows.filter(chosen), self.positive[chosen], crops)

    def and_then(self, others: "LabelledCells") -> "LabelledCells":
        """These and, after them, others that were read in the same channels."""
        crops: dict[Channel, list[np.ndarray | None]] = {
            channel: images + others.crops[channel] for channel, images in self.crops.items()
        }
        rows = pl.concat([self.rows, others.rows], how="diagonal_relaxed")
        return LabelledCells(rows, np.concatenate([self.positive, others.positive]), crops)

    def has(self, channel: Channel) -> np.ndarray:
        """Bool (n,): which cells have an image of this channel."""
        if channel not in self.crops:
            return np.zeros(self.rows.height, dtype=bool)
        return np.array([crop is not None for crop in self.crops[channel]])

    def crop(self, index: int, channel: Channel) -> np.ndarray:
        """One cell's image; the cell must have it."""
        crop = self.crops[channel][index]
        if crop is None:
            raise ValueError(f"{self.rows['cell_id'][index]} has no {channel} image")
        return crop


def read_part(
    cohort: Cohort,
    part: str,
    channels: tuple[Channel, ...],
    *,
    workers: int,
    progress: Progress | None = None,
) -> LabelledCells:
    """Decode the labelled cells of a part.

    Raises UserError where the part has no labelled cell, or names every image that can't be read: training
    on what happens to be readable would be a different cohort than the one that was split.
    """
    rows = cohort.part(part)
    rows = rows.filter(pl.col("label").is_in([cohort.classes.positive, cohort.classes.negative]))
    if rows.is_empty():
        raise UserError(f"the part {part!r} has no labelled cells", cohort.root, "label some, or split again")
    crops: dict[Channel, list[np.ndarray | None]] = {}
    for channel in channels:
        crops[channel] = _decoded(cohort, rows, channel, workers, part, progress)
    return LabelledCells(rows, cohort.positive(rows).to_numpy(), crops)


def read_unlabelled(
    cohort: Cohort,
    channels: tuple[Channel, ...],
    at_most: int,
    seed: int,
    *,
    workers: int,
    progress: Progress | None = None,
) -> LabelledCells:
    """Decode the cells that may teach without a label: unlabelled ones of the train part, and the pool.

    Cells of donors that judge are left out: also of a donor who is in the pool and in validation, test or sealed.
    Labels that pool cells have are not used: `positive` is False throughout. Of more than `at_most` cells some are
    drawn. Raises UserError as `read_part`.
    """
    part = cohort.cells["part"]
    known = [cohort.classes.positive, cohort.classes.negative]
    named = "label" in cohort.cells.columns
    without = ~pl.col("label").is_in(known).fill_null(value=False) if named else pl.lit(value=True)
    rows = cohort.cells.filter((pl.col("part") == "pool") | ((pl.col("part") == "train") & without))
    if "donor_id" in rows.columns:
        judging = cohort.cells["donor_id"].filter(part.is_in(JUDGING)).drop_nulls().unique()
        rows = rows.filter(~pl.col("donor_id").is_in(judging.implode()).fill_null(value=False))
    imaged = [pl.col(channel).is_not_null() if channel in rows.columns else pl.lit(value=False) for channel in channels]
    rows = rows.filter(pl.all_horizontal(imaged))
    if rows.height > at_most:
        rows = rows[np.sort(np.random.default_rng([seed, _UNLABELLED]).permutation(rows.height)[:at_most])]
    crops: dict[Channel, list[np.ndarray | None]] = {}
    for channel in channels:
        crops[channel] = _decoded(cohort, rows, channel, workers, "unlabelled", progress)
    return LabelledCells(rows, np.zeros(rows.height, bool), crops)


def _decoded(
    cohort: Cohort, rows: pl.DataFrame, channel: Channel, workers: int, part: str, progress: Progress | None
) -> list[np.ndarray | None]:
    paths = cohort.paths(rows, channel)
    present = [path for path in paths if path is not None]
    read: list[np.ndarray] = []
    faults: list[str] = []
    owners = [cell for cell, path in zip(rows["cell_id"], paths, strict=True) if path is not None]
    ids: list[str] = []
    for done, (path, image) in enumerate(zip(present, read_images(present, workers), strict=True), start=1):
        if isinstance(image, ImageFault):
            faults.append(f"{path}: {image.detail}")
            ids.append(owners[done - 1])
        else:
            read.append(image)
        if progress is not None and (done % 100 == 0 or done == len(present)):
            progress(f"read {part} {channel.replace('_', ' ')}", done, len(present))
    if faults:
        raise UserError(
            f"{len(faults)} of {len(present)} {channel} images of the {part} part can't be read",
            "; ".join(faults[:3]),
            f"{typed('check', cohort.root)} lists them all; mend these files, or leave them out: brightctc import … "
            f"--where \"cell_id <> '{ids[0]}'\" --overwrite, then split again",
        )
    found = iter(read)
    return [None if path is None else next(found) for path in paths]
