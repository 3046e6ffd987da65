"""What each way to use DAPI gives to a training, and the controls that DAPI is held against."""

import numpy as np
import pytest

from brightctc.errors import UserError
from brightctc.learn import augment
from brightctc.learn.ways import TrainingCells, way
from brightctc.recipe import Augment, DapiMix, DapiNone

OWNERS = [f"D{index}" for index in range(8)]
CELLS = TrainingCells(np.array([True] * 8), np.array([True] * 4 + [False] * 4), OWNERS, seed=0)


def mixed(control: str, seed: int = 0) -> list[augment.Sample]:
    cells = TrainingCells(CELLS.has_dapi, CELLS.positive, OWNERS, seed)
    return list(way(DapiMix(control=control)).samples(cells))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("control", "channel"), [("none", ("dapi",)), ("repeat", ("bright_field",)), ("permuted", ("dapi",))]
)
def test_mix_and_its_controls_give_as_many_images(control, channel):
    samples = mixed(control)
    assert [sample.channels for sample in samples] == [("bright_field",)] * 8 + [channel] * 8
    assert [sample.cell for sample in samples] == [*range(8), *range(8)]


def test_permuted_labels_are_those_of_other_cells_and_of_the_seed():
    samples = mixed("permuted")
    assert all(sample.labelled_by == sample.cell for sample in samples[:8]), "bright field keeps its labels"
    given = [sample.labelled_by for sample in samples[8:]]
    assert sorted(given) == list(range(8)), "as many of each class as before"
    assert given != list(range(8))
    assert given != [sample.labelled_by for sample in mixed("permuted", seed=1)[8:]]
    assert given == [sample.labelled_by for sample in mixed("permuted")[8:]]


def test_without_a_control_every_image_has_its_own_label():
    assert all(sample.labelled_by == sample.cell for sample in mixed("none"))


def test_a_repeated_image_is_augmented_by_draws_of_its_own():
    first, twin = mixed("repeat")[0], mixed("repeat")[8]
    draws = augment.draw(Augment(), [first, twin], [5, 5], seed=0, epoch=0)
    assert draws.angle[0] != draws.angle[1]


def test_without_dapi_there_is_nothing_to_control():
    cells = TrainingCells(np.zeros(8, bool), CELLS.positive, OWNERS, 0)
    with pytest.raises(UserError, match="nothing to mix in"):
        way(DapiMix(control="repeat")).samples(cells)
    assert len(way(DapiNone()).samples(cells)) == 8
