"""What is erased becomes background; what is kept stays as it was."""

import numpy as np
import pytest

from brightctc.explain.erasing import plane_of, reach_of, without_cell, without_surroundings
from brightctc.measure import OutlinedCrop
from brightctc.preprocess import border_pixels


def crop_of(dtype: type = np.uint16, size: int = 64) -> np.ndarray:
    """A body with a dark rim, on a background that falls to the left."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    away = np.hypot(x, y) - 0.28 * size
    unit = 1 - 0.3 * np.exp(-((away / 1.5) ** 2)) + 0.1 * (away < 0)
    unit += np.random.default_rng(1).normal(0, 0.01, unit.shape)
    tilted = 2000 * unit * np.linspace(0.9, 1.1, size)[None, :]
    return (tilted / 16 if dtype is np.uint8 else tilted).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_without_its_cell_a_crop_is_background(dtype: type) -> None:
    seen = OutlinedCrop.of(crop_of(dtype))
    assert seen.outline.found
    left = without_cell(seen, 0)
    assert left.dtype == np.float32
    assert OutlinedCrop.of(left).outline.cell.sum() < 0.05 * seen.outline.cell.sum(), "noise at most"
    np.testing.assert_allclose(border_pixels(left), border_pixels(seen.crop.astype(np.float32)), rtol=1e-3)
    assert left[32, 32] == pytest.approx(plane_of(seen)[32, 32], rel=0.1), "on the tilted plane"


def test_the_noise_is_the_borders_own() -> None:
    seen = OutlinedCrop.of(crop_of())
    left = without_cell(seen, 0) / plane_of(seen) - 1
    inside = left[reach_of(seen) > 0.999]
    around = (seen.crop / plane_of(seen) - 1).take(seen.background.ring)
    assert inside.std() == pytest.approx(around.std(), rel=0.35)


def test_the_cell_alone_stays_as_it_is() -> None:
    crop = crop_of()
    crop[2:7, 2:7] = crop.max()  # debris in a corner
    seen = OutlinedCrop.of(crop)
    assert seen.outline.specks + seen.outline.neighbours == 1
    alone = without_surroundings(seen, 0)
    cell = seen.outline.cell
    np.testing.assert_allclose(alone[cell], crop[cell], rtol=2e-3)
    found = OutlinedCrop.of(alone).outline
    assert found.found
    assert found.specks + found.neighbours == 0
    assert (found.cell ^ cell).mean() < 0.02


def test_a_seed_draws_its_noise() -> None:
    seen = OutlinedCrop.of(crop_of())
    np.testing.assert_array_equal(without_cell(seen, 1), without_cell(seen, 1))
    assert (without_cell(seen, 1) != without_cell(seen, 2)).any()


@pytest.mark.parametrize("level", [0, 700])
def test_a_blank_crop_has_no_cell_to_erase(level: int) -> None:
    seen = OutlinedCrop.of(np.full((16, 16), level, np.uint16))
    assert np.isfinite(without_cell(seen, 0)).all()
    np.testing.assert_allclose(without_cell(seen, 0), level, atol=1e-2)
    np.testing.assert_allclose(without_surroundings(seen, 0), level, atol=1e-2)
