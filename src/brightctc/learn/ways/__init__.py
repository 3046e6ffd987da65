"""Ways to use DAPI in training: one file each, named by its tag in the recipe (`dapi.way`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np

from brightctc.learn.augment import Sample
from brightctc.preprocess import Channel


@dataclass(frozen=True)
class TrainingCells:
    """What a way may know of the training cells: which have DAPI, which are positive (bool arrays of length n).

    seed: of the run, for a way that draws.
    """

    has_dapi: np.ndarray
    positive: np.ndarray
    seed: int


class Way(Protocol):
    """The two things a way decides."""

    CHANNELS: tuple[Channel, ...]
    """Input channels of the network, in training, validation and scoring."""

    def samples(self, cells: TrainingCells, settings: Any) -> Sequence[Sample]:
        """The training images (originals, copy 0); raises UserError where the cells don't allow this way.

        settings: the recipe's section `dapi`, of this way's class.
        """
        ...


def way(tag: str) -> Way:
    """The way of this tag: the module `brightctc.learn.ways.<tag>`."""
    return cast(Way, import_module(f"brightctc.learn.ways.{tag}"))
