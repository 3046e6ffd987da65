"""What the cells of a cohort give to a training, before its first step."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import torch

from brightctc.cohort import Cohort
from brightctc.errors import UserError, plural
from brightctc.learn import batches, loop, ways
from brightctc.learn.augment import Sample
from brightctc.learn.crops import (
    LabelledCells,
    Progress,
    left_out,
    read_part,
    read_unlabelled,
    refuse_without_background,
    without_background,
)
from brightctc.learn.folds import folds_of
from brightctc.learn.window import window_of
from brightctc.preprocess import Channel, Preparation, Window
from brightctc.recipe import Recipe


@dataclass(frozen=True)
class Material:
    """What a training learns from and is judged by.

    cells, judges: of the train and the validation part. unlabelled: cells that teach without a label, None where the
    way asks for none. originals: the training images. preparation: fitted on `cells`. notes: what a user should hear
    of these cells.
    """

    way: ways.Way
    cells: LabelledCells
    judges: LabelledCells
    unlabelled: LabelledCells | None
    originals: Sequence[Sample]
    preparation: Preparation
    validation: loop.Validation
    notes: tuple[str, ...] = ()

    def batches(
        self, recipe: Recipe, seed: int, device: torch.device, often: np.ndarray | None = None
    ) -> batches.Batches:
        """The originals with their copies, ready to be walked through. often: as `Way.before` returns it."""
        joining = self.unlabelled if self.way.JOINING else None
        cells = self.cells if joining is None else self.cells.and_then(joining)
        changed = min(1, recipe.augment.copies)  # copy 0 stays as it is where there are copies, and these have none
        further = [
            Sample(index, self.way.CHANNELS, copy=changed) for index in range(self.cells.rows.height, cells.rows.height)
        ]
        return batches.Batches(
            cells,
            batches.with_copies(self.originals, recipe.augment),
            self.preparation,
            recipe.augment,
            recipe.train.batch_size,
            seed,
            device,
            further=further,
            often=often,
            stain=self.way.STAIN,
        )

    @classmethod
    def of(
        cls,
        cells: LabelledCells,
        judges: LabelledCells,
        unlabelled: LabelledCells | None,
        recipe: Recipe,
        seed: int,
        window: Window | None = None,
    ) -> "Material":
        """Choose the training images, and fit the preprocessing on the training cells alone.

        window: how much of a crop is seen; None: all of it.
        """
        way = ways.way(recipe.dapi)
        images: dict[Channel, list[np.ndarray]] = {
            channel: [crop for crop in crops if crop is not None] for channel, crops in cells.crops.items()
        }
        originals = way.samples(ways.TrainingCells(cells.has("dapi"), cells.positive, cells.groups, seed))
        preparation = Preparation.fit(recipe.preprocess, images, way.CHANNELS, window, cells.sizes)
        validation = loop.Validation(batches.network_inputs(judges, preparation), judges.positive)
        return cls(way, cells, judges, unlabelled, originals, preparation, validation)

    def folds(self, recipe: Recipe, seed: int) -> "list[Material]":
        """What each fold's network learns from and is judged by; one of this alone where the recipe has one fold."""
        if recipe.train.folds == 1:
            return [self]
        both = self.cells.and_then(self.judges)
        masks = folds_of(both.groups, both.positive, recipe.train.folds, seed, "train.folds")
        return [
            Material.of(both.some(~mask), judges, self._unlabelled_but_of(judges), recipe, seed)
            for mask in masks
            for judges in [both.some(mask)]
        ]

    def _unlabelled_but_of(self, judges: LabelledCells) -> LabelledCells | None:
        """Cells without a label, of no group that judges."""
        if self.unlabelled is None:
            return None
        judging = set(judges.groups)
        return self.unlabelled.some(np.array([group not in judging for group in self.unlabelled.groups], dtype=bool))


def gather(cohort: Cohort, recipe: Recipe, seed: int, workers: int, progress: Progress | None) -> Material:
    """Read both parts, and what teaches without a label. Raises UserError where the cells don't allow this training."""
    way = ways.way(recipe.dapi)
    cells = read_part(cohort, "train", way.READS, workers=workers, progress=progress)
    needed = way.CHANNELS if recipe.train.folds == 1 else way.READS  # in another fold they are learned from
    judges = read_part(cohort, "validation", needed, workers=workers, progress=progress)
    _refuse_one_class(cells, cohort)
    _refuse_missing(judges, way.CHANNELS, cohort)
    unlabelled = None
    if way.unlabelled:
        most = way.settings.at_most
        unlabelled = read_unlabelled(cohort, way.READS, most, seed, workers=workers, progress=progress)
    for read in (cells, judges):
        refuse_without_background(read, recipe.preprocess, cohort)
    notes = list(_unscaled(cells, recipe))
    if unlabelled is not None:
        blank = without_background(unlabelled, recipe.preprocess)
        unlabelled = unlabelled.some(~blank)
        notes += _not_joining(left_out(cohort), int(np.count_nonzero(blank)))
    # folds share one input, so a width would be of all donors, and tell each network of those that judge it
    window = window_of(cells) if recipe.preprocess.fit == "cell" and recipe.train.folds == 1 else None
    return replace(Material.of(cells, judges, unlabelled, recipe, seed, window), notes=tuple(notes))


def _not_joining(ownerless: int, blank: int) -> list[str]:
    found = []
    if ownerless:
        found.append(
            f"{plural(ownerless, 'cell')} without a label did not join: neither donor nor sample is known, so they may "
            "be of somebody whose cells judge"
        )
    if blank:
        found.append(f"{plural(blank, 'cell')} without a label did not join: the background is 0 or less")
    return found


def _unscaled(cells: LabelledCells, recipe: Recipe) -> list[str]:
    """Crops whose pixel size is not known, where that of others sets their scale."""
    unknown, settings = sum(size is None for size in cells.pixel_sizes), recipe.preprocess
    if not 0 < unknown < cells.rows.height or not (settings.fit == "cell" or settings.um_per_pixel):
        return []
    return [
        f"{unknown} of {cells.rows.height} training cells have no pixel_size_um: others are seen at their size in µm, "
        "these in px"
    ]


def _refuse_one_class(cells: LabelledCells, cohort: Cohort) -> None:
    for positive, name in ((True, cohort.classes.positive), (False, cohort.classes.negative)):
        if not (cells.positive == positive).any():
            raise UserError(f"the train part has no {name!r} cells", cohort.root / "splits.csv", "split again")


def _refuse_missing(cells: LabelledCells, channels: tuple[Channel, ...], cohort: Cohort) -> None:
    for channel in channels:
        missing = int(np.count_nonzero(~cells.has(channel)))
        if missing:
            first = cells.rows["cell_id"].filter(pl.Series(~cells.has(channel)))[0]
            raise UserError(
                f"{missing} validation cells have no {channel} image",
                cohort.root,
                f"give them one, or leave them out: brightctc import … --where \"cell_id <> '{first}'\" --overwrite, "
                "then split again; every way but dapi.way=channel does without",
            )
