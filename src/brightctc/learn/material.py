"""What the cells of a cohort give to a training, before its first step."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.learn import batches, loop, ways
from brightctc.learn.augment import Sample
from brightctc.learn.crops import LabelledCells, Progress, read_part
from brightctc.preprocess import Channel, Preparation
from brightctc.recipe import Recipe


@dataclass(frozen=True)
class Material:
    """Training cells, the cells that judge, the original training images, and the preprocessing fitted on them."""

    cells: LabelledCells
    judges: LabelledCells
    originals: Sequence[Sample]
    preparation: Preparation
    validation: loop.Validation

    def batches(self, recipe: Recipe, seed: int, device: torch.device) -> batches.Batches:
        """The originals with their copies, ready to be walked through."""
        samples = batches.with_copies(self.originals, recipe.augment)
        return batches.Batches(
            self.cells, samples, self.preparation, recipe.augment, recipe.train.batch_size, seed, device
        )


def gather(cohort: Cohort, recipe: Recipe, workers: int, progress: Progress | None) -> Material:
    """Read both parts, choose the training images, fit the preprocessing on the train part alone.

    Raises UserError where the cells don't allow this training.
    """
    way = ways.way(recipe.dapi.way)
    wanted: tuple[Channel, ...] = ("bright_field",) if recipe.dapi.way == "none" else ("bright_field", "dapi")
    cells = read_part(cohort, "train", wanted, workers=workers, progress=progress)
    judges = read_part(cohort, "validation", way.CHANNELS, workers=workers, progress=progress)
    _refuse_one_class(cells, cohort)
    _refuse_missing(judges, way.CHANNELS, cohort)
    originals = way.samples(ways.TrainingCells(cells.has("dapi"), cells.positive))
    images: dict[Channel, list[np.ndarray]] = {
        channel: [crop for crop in crops if crop is not None] for channel, crops in cells.crops.items()
    }
    preparation = Preparation.fit(recipe.preprocess, images, way.CHANNELS)
    validation = loop.Validation(batches.network_inputs(judges, preparation), judges.positive)
    return Material(cells, judges, originals, preparation, validation)


def _refuse_one_class(cells: LabelledCells, cohort: Cohort) -> None:
    for positive, name in ((True, cohort.classes.positive), (False, cohort.classes.negative)):
        if not (cells.positive == positive).any():
            raise UserError(f"the train part has no {name!r} cells", cohort.root / "splits.csv", "split again")


def _refuse_missing(cells: LabelledCells, channels: tuple[Channel, ...], cohort: Cohort) -> None:
    for channel in channels:
        missing = int(np.count_nonzero(~cells.has(channel)))
        if missing:
            raise UserError(
                f"{missing} validation cells have no {channel} image",
                cohort.root,
                "give them one, or split again",
            )
