"""Distillation: networks that also see DAPI teach one that sees bright field alone, which then scores without them.

Each teacher learns from the donors of all folds but one. A cell is taught by the teachers that have not met its donor,
so that what it is told is a finding and no echo of its label. After Hinton et al. (2015, arXiv 1503.02531) and, for
teachers that see more than the student, Lopez-Paz et al. (2016, arXiv 1511.03643).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from brightctc.errors import UserError
from brightctc.learn import backbones, loop
from brightctc.learn.augment import Sample
from brightctc.learn.batches import Batch, network_inputs
from brightctc.learn.crops import LabelledCells
from brightctc.learn.export import Exported, torch_logits
from brightctc.learn.folds import folds_of
from brightctc.learn.lessons import Learner, Lesson
from brightctc.learn.material import Material
from brightctc.learn.ways import Course, TrainingCells, Way
from brightctc.metrics import fitted_temperature
from brightctc.preprocess import Preparation
from brightctc.recipe import DapiChannel

_FEWEST = 5
"""Cells of each class to learn the teachers' temperature from: it serves a loss, not a claim."""
_AT_ONCE = 512
_STREAM = 101  # teachers start from weights of their own


class Taught(Lesson):
    """The class, and what teachers say of each cell: `wanted`, log-odds float32 (cells,), NaN where they say nothing.

    The further loss is the cross-entropy between the teachers' probabilities and the network's.
    """

    def __init__(self, weight: float):
        super().__init__()
        self.weight = weight
        self.wanted: Tensor | None = None

    def forward(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """As `Lesson`."""
        outputs = network(batch.inputs)
        if self.wanted is None:
            return outputs, None
        wanted = self.wanted[batch.cells]
        told = ~wanted.isnan()
        if not told.any():
            return outputs, None
        logit = (outputs[told, 1] - outputs[told, 0]).float()
        return outputs, self.weight * functional.binary_cross_entropy_with_logits(logit, wanted[told].sigmoid())


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
        return np.concatenate(found) if found else np.zeros(0, np.float32)


class Distil(Way):
    """One bright-field image a cell; teachers of bright field and DAPI."""

    TEACHERS: ClassVar[Any] = DapiChannel()

    def samples(self, cells: TrainingCells) -> Sequence[Sample]:
        """One image a cell; raises UserError where no teacher could learn."""
        able = self._able(cells.has_dapi)
        if not able.any():
            raise UserError(
                "no training cell has a DAPI image, so there is nothing for teachers to see",
                f"dapi.way={self.settings.way}",
                "import the cohort with --dapi, or train with --set dapi.way=none",
            )
        groups = [group for group, one in zip(cells.groups, able, strict=True) if one]
        folds_of(groups, cells.positive[able], self.settings.teachers, cells.seed, "dapi.teachers")
        return [Sample(index, self.CHANNELS) for index in range(len(cells.positive))]

    @property
    def unlabelled(self) -> bool:
        """As the recipe says."""
        return self.settings.unlabelled

    def lesson(self, network: nn.Module) -> Lesson:
        """Of nothing, until the teachers have learned."""
        del network
        return Taught(self.settings.weight)

    def before(self, learner: Learner, course: Course) -> None:
        """Train the teachers, and keep what they say of each cell."""
        lesson, cells, more = learner.lesson, course.material.cells, course.material.unlabelled
        assert isinstance(lesson, Taught), "this way's own"
        able = self._able(cells.has("dapi"))
        learned = cells.some(able)
        own, others = np.full(learned.rows.height, np.nan), []
        folds = folds_of(learned.groups, learned.positive, self.settings.teachers, course.seed, "dapi.teachers")
        for number, fold in enumerate(folds):
            met = learned.some(~fold)
            teacher = self._teacher(course, met, learned.some(fold), number)
            own[fold] = teacher.logits(learned.some(fold))
            if more is not None:
                others.append(np.where(np.isin(more.groups, met.groups), np.nan, teacher.logits(more)))
        wanted = np.full(len(able), np.nan)
        wanted[able] = own
        if others:
            wanted = np.concatenate([wanted, np.nanmean(others, axis=0)])
        temperature = fitted_temperature(own, learned.positive, _FEWEST) or 1.0
        lesson.wanted = torch.from_numpy((wanted / temperature).astype(np.float32)).to(course.device)

    def _able(self, has_dapi: np.ndarray) -> np.ndarray:
        return has_dapi if "dapi" in self.READS else np.ones(len(has_dapi), bool)

    def _teacher(self, course: Course, cells: LabelledCells, judges: LabelledCells, number: int) -> Teacher:
        train = course.recipe.train.model_copy(update={"folds": 1, "keep": "last", "early_stop": None})
        recipe = course.recipe.model_copy(update={"dapi": self.TEACHERS, "train": train})
        material = Material.of(cells, judges, None, recipe, course.seed)
        torch.manual_seed(course.seed + 1_000_003 * (_STREAM + number))
        network = backbones.build(recipe.backbone, len(material.preparation.channels))

        def tell(task: str, done: int, of: int, note: str = "") -> None:
            course.progress(f"{task} teacher {number + 1} of {self.settings.teachers}", done, of, note)

        batches = material.batches(recipe, course.seed, course.device)
        folder = course.folder / f"teacher-{number + 1}"
        loop.fit(Learner(network, Lesson()), batches, material.validation, train, folder, tell)
        return Teacher(Exported(network.float().cpu(), recipe.backbone.views), material.preparation)


WAY = Distil
