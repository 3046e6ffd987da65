"""Pseudo-labels: networks of bright field teach one more, by what they make of cells that nobody has labelled.

What is told is a probability, not a call. Even so: among a thousand leukocytes for each tumour cell, a false-positive
rate of one per cent gives ten false for each true. No recipe that comes with brightctc uses it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from brightctc.learn import backbones, loop
from brightctc.learn.batches import network_inputs
from brightctc.learn.crops import LabelledCells
from brightctc.learn.export import Exported, torch_logits
from brightctc.learn.lessons import Learner, Lesson
from brightctc.learn.material import Material
from brightctc.learn.taught import Taught
from brightctc.learn.ways import Course
from brightctc.preprocess import Channel, Preparation
from brightctc.recipe import DapiNone

_AT_ONCE = 512
_STREAM = 101  # teachers start from weights of their own


@dataclass(frozen=True)
class Teacher:
    """A trained network, and how it wants its inputs."""

    network: Exported
    preparation: Preparation

    def logits(self, cells: LabelledCells) -> np.ndarray:
        """Of each cell, float32 (n,)."""
        found = []
        for start in range(0, cells.rows.height, _AT_ONCE):
            chosen = np.zeros(cells.rows.height, bool)
            chosen[start : start + _AT_ONCE] = True
            found.append(torch_logits(self.network, network_inputs(cells.some(chosen), self.preparation)))
        return np.concatenate(found)


class PseudoLabels(Taught):
    """Teachers are networks of bright field."""

    READS: ClassVar[tuple[Channel, ...]] = ("bright_field",)

    def said(self, course: Course, cells: LabelledCells, labelled: int, folds: Sequence[np.ndarray]) -> np.ndarray:
        """As `Taught`; teachers keep checkpoints of their own."""
        beyond = np.zeros(cells.rows.height - labelled, bool)
        return np.stack(
            [
                self._teacher(
                    course,
                    cells.some(np.concatenate([~fold, beyond])),
                    cells.some(np.concatenate([fold, beyond])),
                    number,
                    len(folds),
                ).logits(cells)
                for number, fold in enumerate(folds, start=1)
            ]
        ).astype(np.float64)

    def _teacher(self, course: Course, cells: LabelledCells, judges: LabelledCells, number: int, of: int) -> Teacher:
        train = course.recipe.train.model_copy(update={"folds": 1, "keep": "last", "early_stop": None})
        recipe = course.recipe.model_copy(update={"dapi": DapiNone(), "train": train})
        material = Material.of(cells, judges, None, recipe, course.seed, course.material.preparation.window)
        torch.manual_seed(course.seed + 1_000_003 * (_STREAM + number))
        network = backbones.build(recipe.backbone, len(material.preparation.channels))

        def tell(task: str, done: int, steps: int, note: str = "") -> None:
            course.progress(f"{task} teacher {number} of {of}", done, steps, note)

        batches = material.batches(recipe, course.seed, course.device)
        folder = course.folder / f"teacher-{number}"
        loop.fit(Learner(network, Lesson()), batches, material.validation, train, folder, tell)
        return Teacher(Exported(network.float().cpu(), recipe.backbone.views), material.preparation)


WAY = PseudoLabels
