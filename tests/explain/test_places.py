"""Attributions and outlines meet on the network's input."""

import numpy as np
import pytest

from brightctc.explain.places import GRID, enlarged, in_blocks, outline_in_input, share_inside, spread
from brightctc.preprocess import Preparation
from brightctc.recipe import Preprocess


def test_a_block_is_the_mean_of_its_pixels() -> None:
    image = np.zeros((4 * GRID, 4 * GRID))
    image[4:8, 8:12] = 2
    blocks = in_blocks(image)
    assert blocks[1, 2] == 2
    assert blocks.sum() == 2
    np.testing.assert_array_equal(spread(blocks, 4 * GRID), image)


@pytest.mark.parametrize("size", [GRID, 30, 96, 148])
def test_every_size_has_its_blocks(size: int) -> None:
    blocks = np.arange(GRID * GRID).reshape(GRID, GRID)
    wide = spread(blocks, size)
    assert wide.shape == (size, size)
    assert set(np.unique(wide)) == set(range(GRID * GRID))
    assert enlarged(np.ones((3, 3)), size).shape == (size, size)


@pytest.mark.parametrize(
    ("settings", "um"), [({}, None), ({"fit": "pad"}, None), ({"fit": "pad", "um_per_pixel": 1.0}, 0.5)]
)
def test_the_outline_lies_where_the_pixels_do(settings: dict, um: float | None) -> None:
    crop = np.full((40, 60), 100.0, np.float32)
    crop[10:25, 30:50] = 160
    chosen = Preprocess(size=48, **settings)
    preparation = Preparation.fit(chosen, {"bright_field": [crop]}, ("bright_field",))
    unit = preparation.unit_image(crop, "bright_field", um)
    inside = outline_in_input(crop > 130, preparation, um)
    assert inside.any()
    assert ((unit > 1.3) ^ inside).mean() < 0.01


def test_the_share_inside_is_of_what_speaks_for_the_call() -> None:
    attribution = np.array([[3.0, 1.0], [-5.0, 0.0]])
    assert share_inside(attribution, np.array([[True, False], [True, False]])) == pytest.approx(0.75)
    assert np.isnan(share_inside(-np.abs(attribution), np.ones((2, 2), bool)))
