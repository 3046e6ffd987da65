"""Teachers: what they know beyond the labels is told to the network as a probability of each cell.

Each teacher learns from the donors of all folds but one. A cell is taught by the teachers that have not met its donor,
so that what it is told is a finding and no echo of its label. After Hinton et al. (2015, arXiv 1503.02531).
"""

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from brightctc.errors import UserError
from brightctc.learn.augment import Sample
from brightctc.learn.batches import Batch
from brightctc.learn.crops import LabelledCells
from brightctc.learn.folds import at_most_folds_of
from brightctc.learn.lessons import Learner, Lesson
from brightctc.learn.ways import Course, TrainingCells, Way
from brightctc.metrics import fitted_temperature

_FEWEST = 5
"""Cells of each class to learn the teachers' temperature from: it serves a loss, not a claim."""


_SUREST = 30.0
"""Log-odds beyond which nothing is told to be surer: 1 in 10^13."""


class Told(Lesson):
    """The class, and what teachers say of each cell: `wanted`, log-odds float32 (cells,), NaN where they say nothing.

    The further loss is the cross-entropy between the teachers' probabilities and the network's.
    """

    def __init__(self, weight: float):
        super().__init__()
        self.weight = weight
        self.wanted: Tensor | None = None

    def tell(self, said: np.ndarray, positive: np.ndarray, draw: str, device: torch.device) -> np.ndarray | None:
        """Keep what teachers say, log-odds (n + m,): of n cells with a label, `positive`, and m without.

        Returns how often each of the m is to come: as `Way.before`.
        """
        self.wanted = torch.from_numpy(said.astype(np.float32)).to(device)
        others = said[len(positive) :]
        return None if draw == "in_turn" or not len(others) else _often(others, float(positive.mean()))

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


class Telling(Way):
    """One bright-field image a cell, and something told of it, with a label or without."""

    def samples(self, cells: TrainingCells) -> Sequence[Sample]:
        """One image a cell."""
        return [Sample(index, self.CHANNELS) for index in range(len(cells.positive))]

    @property
    def unlabelled(self) -> bool:
        """As the recipe says."""
        return self.settings.unlabelled

    def lesson(self, network: nn.Module) -> Lesson:
        """Of nothing, until something is told."""
        del network
        return Told(self.settings.weight)


class Taught(Telling):
    """Teachers that a training has of its own; a way of this kind says what these are."""

    CROSSED = True

    def samples(self, cells: TrainingCells) -> Sequence[Sample]:
        """One image a cell; raises UserError where no teacher could learn."""
        able = self._able(cells.has_dapi)
        if not able.any():
            raise UserError(
                "no training cell has a DAPI image, so there is nothing for teachers to see",
                f"dapi.way={self.settings.way}",
                "import the cohort with --dapi, or train with --recipe default",
            )
        groups = [group for group, one in zip(cells.groups, able, strict=True) if one]
        self._folds(groups, cells.positive[able], cells.seed)
        return super().samples(cells)

    def before(self, learner: Learner, course: Course) -> np.ndarray | None:
        """Let the teachers learn, and keep what they say of each cell; return how often those without a label come."""
        lesson, cells, more = learner.lesson, course.material.cells, course.material.unlabelled
        assert isinstance(lesson, Told), "this way's own"
        able = self._able(cells.has("dapi"))
        learned = cells.some(able)
        everyone = learned if more is None else learned.and_then(more)
        folds = self._folds(learned.groups, learned.positive, course.seed)
        said = self.said(course, everyone, learned.rows.height, folds)
        groups = np.array(everyone.groups)
        for teacher, fold in zip(said, folds, strict=True):
            teacher[np.isin(groups, groups[: len(fold)][~fold])] = np.nan
        heard = np.nanmean(said, axis=0)
        own, others = heard[: learned.rows.height], heard[learned.rows.height :]
        wanted = np.concatenate([np.full(len(able), np.nan), others])
        wanted[np.flatnonzero(able)] = own
        temperature = fitted_temperature(own, learned.positive, _FEWEST) or 1.0
        return lesson.tell(wanted / temperature, cells.positive, self.settings.draw, course.device)

    @abstractmethod
    def said(self, course: Course, cells: LabelledCells, labelled: int, folds: Sequence[np.ndarray]) -> np.ndarray:
        """Log-odds, float64 (folds, cells), of a teacher a fold, which learns from the labelled cells outside of it.

        cells: the first `labelled` have a label. folds: bool (labelled,), true for what the fold's teacher is not to
        learn from. What a teacher says of donors that it has met is not used.
        """
        ...

    def _able(self, has_dapi: np.ndarray) -> np.ndarray:
        """Which labelled cells teachers can learn from."""
        return has_dapi if "dapi" in self.READS else np.ones(len(has_dapi), bool)

    def _folds(self, groups: Sequence[str], positive: np.ndarray, seed: int) -> list[np.ndarray]:
        return at_most_folds_of(groups, positive, self.settings.teachers, seed, "dapi.teachers")


def _often(told: np.ndarray, positives: float) -> np.ndarray:
    """Shares, float64 (m,), that add up to 1: how often a cell that teachers say something of is to come in batches.

    told: log-odds (m,). positives: share of the labelled cells. What is told to be positive and what is told to be
    negative come as often as these, however rare one of them is: else a network that has learned the easy cells long
    since is shown little else (docs/decisions/0029).
    """
    positive = np.clip(1 / (1 + np.exp(-np.clip(told, -_SUREST, _SUREST))), 0, 1)
    return positives * positive / positive.sum() + (1 - positives) * (1 - positive) / (1 - positive).sum()
