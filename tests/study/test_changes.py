"""Changes of raw crops: what each keeps, that it grows with its strength, and that draws belong to the cell."""

import numpy as np
import pytest

from brightctc.preprocess import border_median
from brightctc.study.changes import CHANGES, Change, Levels, generator, levels_of
from drawn import cell_image

NAMES = {change.name: change for change in CHANGES}
TWELVE = Levels(0, 4095, 4095)


def crop(size: int = 24) -> np.ndarray:
    return cell_image(np.random.default_rng(3), positive=True, size=size)


def changed(name: str, pixels: np.ndarray, strength: float, cell: str = "S/c1", seed: int = 0) -> np.ndarray:
    levels = levels_of([pixels])[pixels.dtype.name]
    return NAMES[name].of(pixels, strength, levels, generator(seed, cell, name))


each = pytest.mark.parametrize("change", [pytest.param(change, id=change.name) for change in CHANGES])


@each
@pytest.mark.parametrize(
    ("dtype", "scale"),
    [pytest.param(np.uint8, 1 / 16, id="8 bits"), pytest.param(np.uint16, 1, id="12 bits"),
     pytest.param(np.float32, 1 / 4095, id="floating point")],
)  # fmt: skip
@pytest.mark.parametrize("shape", [(24, 24), (16, 31), (40, 17)], ids=str)
def test_type_shape_and_range_stay(change: Change, dtype, scale, shape):
    pixels = (crop(40)[: shape[0], : shape[1]] * scale).astype(dtype)
    levels = levels_of([pixels])[pixels.dtype.name]
    for strength in change.strengths:
        made = changed(change.name, pixels, strength)
        assert made.dtype == dtype
        assert made.shape == shape
        assert np.isfinite(made).all()
        assert levels.low <= made.min()
        assert made.max() <= levels.high
        assert not np.array_equal(made, pixels)


@each
def test_strength_0_is_the_crop_itself(change: Change):
    pixels = crop()
    before = pixels.copy()
    assert np.array_equal(changed(change.name, pixels, 0.0), before)
    changed(change.name, pixels, change.strengths[-1])
    assert np.array_equal(pixels, before)


@each
def test_strengths_ascend_and_so_does_what_they_do(change: Change):
    pixels = cell_image(np.random.default_rng(3), positive=True, size=64)
    assert len(change.strengths) == 5
    assert list(change.strengths) == sorted({strength for strength in change.strengths if strength > 0})
    moved = [np.abs(changed(change.name, pixels, s).astype(float) - pixels).mean() for s in change.strengths]
    # cells differ from themselves by noise as soon as they move at all; what counts is the last beside the first
    assert moved[-1] > 1.2 * moved[0]


@pytest.mark.parametrize("name", ["gradient", "noise", "turned", "shifted"])
def test_draws_belong_to_the_cell_and_the_seed(name):
    pixels, most = crop(), NAMES[name].strengths[-1]
    made = changed(name, pixels, most)
    assert np.array_equal(made, changed(name, pixels, most))
    others = [changed(name, pixels, most, cell=f"S/c{i}") for i in range(2, 12)]
    assert any(not np.array_equal(made, other) for other in others)
    assert any(not np.array_equal(made, changed(name, pixels, most, seed=seed)) for seed in range(1, 12))


def test_a_stronger_change_has_the_same_draw():
    flat = np.full((24, 24), 2000, np.uint16)
    weak, strong = (NAMES["noise"].of(flat, s, TWELVE, generator(0, "c", "noise")).astype(float) for s in (0.02, 0.04))
    assert np.abs((strong - 2000) - 2 * (weak - 2000)).max() <= 1.5  # rounded twice


SEEN = [
    ([np.full((4, 4), 200, np.uint8)], "uint8", Levels(0, 255, 255)),
    ([np.full((4, 4), 900, np.uint16), np.full((4, 4), 3000, np.uint16)], "uint16", TWELVE),
    ([np.full((4, 4), 200, np.uint16)], "uint16", Levels(0, 255, 255)),
    ([np.full((4, 4), 40000, np.uint16)], "uint16", Levels(0, 65535, 65535)),
    ([np.full((4, 4), 1.5, np.float32)], "float32", Levels(-np.inf, np.inf, 1.5)),
]


@pytest.mark.parametrize(("crops", "dtype", "levels"), SEEN)
def test_white_is_the_bit_depth_in_use(crops, dtype, levels):
    assert levels_of(crops) == {dtype: levels}


def test_each_type_has_its_own_white():
    assert set(levels_of([np.zeros((4, 4), np.uint8), np.zeros((4, 4), np.uint16)])) == {"uint8", "uint16"}


def test_brighter_light_fills_pixels_at_the_white_of_the_bit_depth():
    made = NAMES["brighter"].of(crop(), 1.0, TWELVE, generator(0, "c", "brighter"))
    assert made.max() == 4095
    assert (made == 4095).mean() > 0.2


FLAT = 1000.0


@pytest.mark.parametrize(
    ("name", "strength", "background"),
    [
        ("dimmer", 0.3, 700),
        ("brighter", 0.4, 1400),
        ("contrast", 0.7, 1000),
        ("blur", 4.0, 1000),
        ("larger", 0.5, 1000),
        ("smaller", 0.5, 1000),
        ("turned", 45.0, 1000),
        ("shifted", 0.35, 1000),
    ],
)
def test_what_becomes_of_the_background(name, strength, background):
    pixels = np.full((48, 48), FLAT, np.float32)
    pixels[20:28, 20:28] = 400
    assert border_median(changed(name, pixels, strength)) == pytest.approx(background, rel=1e-3)


def test_contrast_is_lost_about_the_background():
    pixels = np.full((24, 24), FLAT, np.float32)
    pixels[12, 12] = 500
    assert changed("contrast", pixels, 0.2)[12, 12] == pytest.approx(600)


def test_a_gradient_rises_by_its_strength_from_edge_to_edge():
    made = changed("gradient", np.full((24, 40), FLAT, np.float32), 0.4)
    assert made.max() - made.min() == pytest.approx(400, rel=1e-4)
    assert made.mean() == pytest.approx(FLAT, rel=1e-4)


@pytest.mark.parametrize(("name", "strength", "side"), [("larger", 0.5, 30), ("smaller", 0.5, 10)])
def test_a_cell_is_shown_larger_or_smaller_about_the_centre(name, strength, side):
    pixels = np.full((60, 60), FLAT, np.float32)
    pixels[20:40, 20:40] = 200
    dark = np.argwhere(changed(name, pixels, strength) < 600)
    assert np.ptp(dark, axis=0).tolist() == [side - 1, side - 1]
    assert dark.mean(axis=0).tolist() == [29.5, 29.5]


def test_a_shift_is_a_share_of_the_width():
    pixels = np.zeros((61, 61), np.float32)
    pixels[30, 30] = FLAT
    at = np.argwhere(changed("shifted", pixels, 0.2) > 200)
    assert np.hypot(*(at.mean(axis=0) - 30)) == pytest.approx(0.2 * 61, abs=1)


@pytest.mark.parametrize(("fewer", "values"), [(1.0, 128), (4.0, 16), (5.0, 8)])
def test_bits_are_counted_down_from_8(fewer, values):
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    made = NAMES["coarser"].of(ramp, fewer, TWELVE, generator(0, "c", "coarser"))
    assert np.unique(made).size == values
    assert (made.min(), made.max()) == (0, 4095)


def test_noise_is_a_share_of_the_background():
    made = changed("noise", np.full((64, 64), FLAT, np.float32), 0.04)
    assert (made - FLAT).std() == pytest.approx(40, rel=0.05)


def test_strengths_in_words():
    assert NAMES["blur"].at(1.26) == "a blur of 1.3 px"
    assert NAMES["dimmer"].at(0.3) == "light dimmer by 30 %"
    for change in CHANGES:
        assert len({change.at(strength) for strength in change.strengths}) == 5
