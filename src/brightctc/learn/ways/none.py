"""Bright field alone."""

from typing import ClassVar

from brightctc.learn.augment import Sample
from brightctc.learn.ways import TrainingCells, Way
from brightctc.preprocess import Channel


class BrightFieldAlone(Way):
    """One bright-field image a cell."""

    READS: ClassVar[tuple[Channel, ...]] = ("bright_field",)

    def samples(self, cells: TrainingCells) -> list[Sample]:
        """One image a cell."""
        return [Sample(index, self.CHANNELS) for index in range(len(cells.positive))]


WAY = BrightFieldAlone
