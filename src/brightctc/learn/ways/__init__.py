"""Ways to use DAPI in training: one file each, named by its tag in the recipe (`dapi.way`)."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar, cast

import numpy as np
from torch import nn

from brightctc.learn.augment import Sample
from brightctc.learn.lessons import Lesson
from brightctc.preprocess import Channel


@dataclass(frozen=True)
class TrainingCells:
    """What a way may know of the training cells: which have DAPI, which are positive (bool arrays of length n).

    seed: of the run, for a way that draws.
    """

    has_dapi: np.ndarray
    positive: np.ndarray
    seed: int


class Way(ABC):
    """What a way decides; made from the recipe's section `dapi`, of this way's class.

    CHANNELS: input channels of the network, in training, validation and scoring. READS: channels of the training cells.
    STAIN: are batches to have each cell's DAPI beside them?
    """

    CHANNELS: ClassVar[tuple[Channel, ...]] = ("bright_field",)
    READS: ClassVar[tuple[Channel, ...]] = ("bright_field", "dapi")
    STAIN: ClassVar[bool] = False

    def __init__(self, settings: Any):
        self.settings = settings

    @abstractmethod
    def samples(self, cells: TrainingCells) -> Sequence[Sample]:
        """The training images (originals, copy 0); raises UserError where the cells don't allow this way."""
        ...

    @property
    def unlabelled(self) -> bool:
        """Do cells without a label join?"""
        return False

    def lesson(self, network: nn.Module) -> Lesson:
        """What a batch teaches this network."""
        del network
        return Lesson()


def way(settings: Any) -> Way:
    """The way of a recipe's section `dapi`: `WAY` of the module `brightctc.learn.ways.<tag>`."""
    module = import_module(f"brightctc.learn.ways.{settings.way}")
    return cast(type[Way], module.WAY)(settings)
