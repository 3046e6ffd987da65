"""DAPI as a second input channel. Such a bundle needs DAPI for every cell it scores."""

from typing import ClassVar

import numpy as np

from brightctc.errors import UserError
from brightctc.learn.augment import Sample
from brightctc.learn.ways import TrainingCells, Way
from brightctc.preprocess import Channel


class Channels(Way):
    """One two-channel image a cell."""

    CHANNELS: ClassVar[tuple[Channel, ...]] = ("bright_field", "dapi")

    def samples(self, cells: TrainingCells) -> list[Sample]:
        """One image a cell; every cell needs DAPI."""
        missing = int(np.count_nonzero(~cells.has_dapi))
        if missing:
            raise UserError(
                f"{missing} of {len(cells.has_dapi)} training cells have no DAPI image",
                "dapi.way=channel",
                "give every cell a DAPI image, or train with --set dapi.way=none",
            )
        return [Sample(index, self.CHANNELS) for index in range(len(cells.positive))]


WAY = Channels
