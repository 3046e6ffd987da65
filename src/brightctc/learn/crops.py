"""Crops of labelled cells, decoded once and kept in memory in their own dtype."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from brightctc.cohort import Cohort, ImageFault, read_images, set_aside
from brightctc.cohort.owners import NOBODY, owners_of
from brightctc.errors import UserError, plural, typed
from brightctc.preprocess import Channel, background_fault
from brightctc.recipe import Preprocess

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
    groups:   per cell what the split keeps whole, as `Cohort.groups`.
    """

    rows: pl.DataFrame
    positive: np.ndarray
    crops: dict[Channel, list[np.ndarray | None]]
    groups: list[str]

    @cached_property
    def pixel_sizes(self) -> list[float | None]:
        """µm per pixel of each cell, None where unknown."""
        return self._first_of("pixel_size_um")

    @property
    def sizes(self) -> dict[Channel, list[float | None]]:
        """Per channel µm per pixel of the images that are there, in their order."""
        return {
            channel: [um for crop, um in zip(crops, self.pixel_sizes, strict=True) if crop is not None]
            for channel, crops in self.crops.items()
        }

    @property
    def donors(self) -> list[str | None]:
        """Per cell its donor, None where unknown."""
        return self._first_of("donor_id")

    @property
    def owners(self) -> list[str | None]:
        """Per cell its donor, its sample where the donor is unknown, else None."""
        return self._first_of("donor_id", "sample_id")

    @property
    def samples(self) -> list[str | None]:
        """Per cell its sample, its donor where the sample is unknown, else None."""
        return self._first_of("sample_id", "donor_id")

    def _first_of(self, *columns: str) -> list[Any]:
        known = [name for name in columns if name in self.rows.columns]
        return self.rows.select(pl.coalesce(known)).to_series().to_list() if known else [None] * self.rows.height

    def some(self, chosen: np.ndarray) -> "LabelledCells":
        """Those of a bool (n,) mask."""
        crops: dict[Channel, list[np.ndarray | None]] = {
            channel: [crop for crop, kept in zip(images, chosen, strict=True) if kept]
            for channel, images in self.crops.items()
        }
        groups = [group for group, kept in zip(self.groups, chosen, strict=True) if kept]
        return LabelledCells(self.rows.filter(chosen), self.positive[chosen], crops, groups)

    def and_then(self, others: "LabelledCells") -> "LabelledCells":
        """These and, after them, others that were read in the same channels."""
        crops: dict[Channel, list[np.ndarray | None]] = {
            channel: images + others.crops[channel] for channel, images in self.crops.items()
        }
        rows = pl.concat([self.rows, others.rows], how="diagonal_relaxed")
        positive = np.concatenate([self.positive, others.positive])
        return LabelledCells(rows, positive, crops, self.groups + others.groups)

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
    known = pl.col("label").is_in([cohort.classes.positive, cohort.classes.negative]).fill_null(value=False)
    rows = _sized(cohort, cohort.part(part).filter(known))
    if rows.is_empty():
        raise UserError(f"the part {part!r} has no labelled cells", cohort.root, "label some, or split again")
    crops: dict[Channel, list[np.ndarray | None]] = {}
    for channel in channels:
        crops[channel] = _decoded(cohort, rows, channel, workers, part, progress)
    groups = cohort.groups.filter(cohort.cells.select((pl.col("part") == part) & known).to_series()).to_list()
    return LabelledCells(rows, cohort.positive(rows).to_numpy(), crops, groups)


def read_unlabelled(
    cohort: Cohort,
    channels: tuple[Channel, ...],
    at_most: int,
    seed: int,
    *,
    workers: int,
    progress: Progress | None = None,
) -> LabelledCells:
    """Decode the cells that may teach without a label: those of `teaching` that have these images.

    Labels that pool cells have are not used: `positive` is False throughout. Of more than `at_most` cells some are
    drawn. Raises UserError as `read_part`.
    """
    cells = cohort.cells
    imaged = [
        pl.col(channel).is_not_null() if channel in cells.columns else pl.lit(value=False) for channel in channels
    ]
    chosen = np.flatnonzero(teaching(cohort) & cells.select(pl.all_horizontal(imaged)).to_series().to_numpy())
    if len(chosen) > at_most:
        chosen = chosen[np.sort(np.random.default_rng([seed, _UNLABELLED]).permutation(len(chosen))[:at_most])]
    rows = _sized(cohort, cells[chosen])
    crops: dict[Channel, list[np.ndarray | None]] = {}
    for channel in channels:
        crops[channel] = _decoded(cohort, rows, channel, workers, "unlabelled", progress)
    return LabelledCells(rows, np.zeros(rows.height, bool), crops, cohort.groups[chosen].to_list())


def without_background(cells: LabelledCells, settings: Preprocess) -> np.ndarray:
    """Which cells' bright field can't be divided by its background, so that nothing would be seen: bool (n,)."""
    crops = cells.crops.get("bright_field", [None] * cells.rows.height)
    faults = [None if crop is None else background_fault(settings, {"bright_field": crop}) for crop in crops]
    return np.array([fault is not None for fault in faults], dtype=bool)


def refuse_without_background(cells: LabelledCells, settings: Preprocess, cohort: Cohort) -> None:
    """Raise UserError where there are such cells."""
    faulty = cells.rows["cell_id"].filter(pl.Series(without_background(cells, settings))).to_list()
    if faulty:
        raise UserError(
            f"{plural(len(faulty), 'bright-field crop')} can't be divided by the background, which is 0 or less there",
            ", ".join(faulty[:3]) + (", …" if len(faulty) > 3 else ""),
            f"leave single crops out (brightctc import … --where \"cell_id <> '{faulty[0]}'\" --overwrite, then split "
            "again); of many export raw grey values, or train with preprocess.intensity=per_crop; "
            f"{typed('check', cohort.root)} lists them all",
        )


def teaching(cohort: Cohort) -> np.ndarray:
    """Which cells of a divided cohort may teach without a label: bool (n,).

    Unlabelled ones of the train part, and the pool but for what was set aside; none of a donor, or what else the split
    keeps whole, who judges, be it with other cells; and none of an unknown owner, who may judge (`ownerless`).
    """
    return _teaching(cohort) & ~ownerless(cohort)


def ownerless(cohort: Cohort) -> np.ndarray:
    """Which cells may be of any donor or sample, where the split keeps these whole: bool (n,).

    Where neither is known of any cell, there is nothing that is kept whole, and this is none of them.
    """
    assert cohort.split is not None, "asked of a divided cohort"
    unknown = np.array([owner is NOBODY for owner in owners_of(cohort.cells, _kept_whole(cohort.split.by))], dtype=bool)
    return unknown if not unknown.all() else np.zeros_like(unknown)


def left_out(cohort: Cohort) -> int:
    """How many cells would teach without a label if it were known whose they are."""
    return int(np.count_nonzero(_teaching(cohort) & ownerless(cohort)))


def _kept_whole(by: str) -> str:
    return by if by in ("sample_id", "cell_id") else "donor_id"


def _teaching(cohort: Cohort) -> np.ndarray:
    cells, groups = cohort.cells, cohort.groups
    known = [cohort.classes.positive, cohort.classes.negative]
    unnamed = ~pl.col("label").is_in(known).fill_null(value=False) if "label" in cells.columns else pl.lit(value=True)
    of_train = cells.select((pl.col("part") == "train") & unnamed).to_series()
    of_pool = (cells["part"] == "pool") & ~set_aside(cohort)
    judging = groups.is_in(groups.filter(cells["part"].is_in(JUDGING)).unique().implode())
    return ((of_train | of_pool) & ~judging).to_numpy()


def _sized(cohort: Cohort, rows: pl.DataFrame) -> pl.DataFrame:
    """With the µm per pixel that scoring takes: a cell's own, else the cohort's."""
    return rows.with_columns(pixel_size_um=pl.Series(cohort.pixel_sizes(rows), dtype=pl.Float64))


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
