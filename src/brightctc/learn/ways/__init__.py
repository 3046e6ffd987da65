"""Ways to use DAPI in training: one file each, named by its tag in the recipe (`dapi.way`)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import torch
from torch import nn

from brightctc.learn.augment import Sample
from brightctc.learn.crops import Progress
from brightctc.learn.lessons import Learner, Lesson
from brightctc.preprocess import Channel
from brightctc.recipe import Recipe

if TYPE_CHECKING:
    from brightctc.learn.material import Material


@dataclass(frozen=True)
class TrainingCells:
    """What a way may know of the training cells: which have DAPI, which are positive (bool arrays of length n).

    groups: whose cells they are (`LabelledCells.groups`). seed: of the run, for a way that draws.
    """

    has_dapi: np.ndarray
    positive: np.ndarray
    groups: Sequence[str]
    seed: int


@dataclass(frozen=True)
class Course:
    """A training that is about to begin. folder: of its checkpoints; progress: told of every step."""

    material: "Material"
    recipe: Recipe
    seed: int
    device: torch.device
    folder: Path
    progress: Progress


class Way(ABC):
    """What a way decides; made from the recipe's section `dapi`, of this way's class.

    CHANNELS: input channels of the network, in training, validation and scoring. READS: channels of the training cells.
    STAIN: are batches to have each cell's DAPI beside them? JOINING: do cells without a label come in every batch?
    CROSSED: is a training cell told something by what must not have met its donor?
    """

    CHANNELS: ClassVar[tuple[Channel, ...]] = ("bright_field",)
    READS: ClassVar[tuple[Channel, ...]] = ("bright_field", "dapi")
    STAIN: ClassVar[bool] = False
    JOINING: ClassVar[bool] = True
    CROSSED: ClassVar[bool] = False

    def __init__(self, settings: Any):
        self.settings = settings

    @abstractmethod
    def samples(self, cells: TrainingCells) -> Sequence[Sample]:
        """The training images (originals, copy 0); raises UserError where the cells don't allow this way."""
        ...

    @property
    def unlabelled(self) -> bool:
        """Are cells without a label asked for?"""
        return False

    def lesson(self, network: nn.Module) -> Lesson:
        """What a batch teaches this network."""
        del network
        return Lesson()

    def before(self, learner: Learner, course: Course) -> np.ndarray | None:
        """What comes before the first step; done again on resuming, so it keeps checkpoints of its own.

        Returns how often each cell without a label is to come, in shares, float64 (m,) > 0; None: all come in turn.
        """
        del learner, course
        return None


def way(settings: Any) -> Way:
    """The way of a recipe's section `dapi`: `WAY` of the module `brightctc.learn.ways.<tag>`."""
    module = import_module(f"brightctc.learn.ways.{settings.way}")
    return cast(type[Way], module.WAY)(settings)
