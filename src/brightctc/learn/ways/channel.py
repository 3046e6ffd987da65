"""DAPI as a second input channel. Such a bundle needs DAPI for every cell it scores."""

import numpy as np

from brightctc.errors import UserError
from brightctc.learn.augment import Sample
from brightctc.learn.ways import TrainingCells
from brightctc.preprocess import Channel
from brightctc.recipe import DapiChannel

CHANNELS: tuple[Channel, ...] = ("bright_field", "dapi")


def samples(cells: TrainingCells, _settings: DapiChannel) -> list[Sample]:
    """One two-channel image a cell."""
    missing = int(np.count_nonzero(~cells.has_dapi))
    if missing:
        raise UserError(
            f"{missing} of {len(cells.has_dapi)} training cells have no DAPI image",
            "dapi.way=channel",
            "give every cell a DAPI image, or train with --set dapi.way=none",
        )
    return [Sample(index, CHANNELS) for index in range(len(cells.positive))]
