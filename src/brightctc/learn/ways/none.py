"""Bright field alone."""

from brightctc.learn.augment import Sample
from brightctc.learn.ways import TrainingCells
from brightctc.preprocess import Channel
from brightctc.recipe import DapiNone

CHANNELS: tuple[Channel, ...] = ("bright_field",)


def samples(cells: TrainingCells, _settings: DapiNone) -> list[Sample]:
    """One bright-field image a cell."""
    return [Sample(index, CHANNELS) for index in range(len(cells.positive))]
