"""From pixels to network input: what must not matter to a score, and what must."""

import numpy as np
import pytest

from brightctc.preprocess import Channel, Preparation, Window, border_median, centred
from brightctc.recipe import Preprocess
from drawn import cell_image, dapi_image


def crops(n: int = 6, size: int = 24, bits: int = 12) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [cell_image(rng, positive=i % 2 == 0, size=size, bits=bits) for i in range(n)]


def fitted(images: list[np.ndarray] | None = None, **settings: object) -> Preparation:
    chosen = Preprocess.model_validate({"size": 24, **settings})
    return Preparation.fit(chosen, {"bright_field": images or crops()}, ("bright_field",))


@pytest.mark.parametrize("intensity", ["background", "per_crop", "bit_depth"])
@pytest.mark.parametrize("fit", ["resize", "pad", "cell"])
@pytest.mark.parametrize("shape", [(16, 16), (24, 24), (25, 17), (148, 148), (16, 1024)], ids=str)
def test_any_crop_becomes_a_square_of_finite_float32(intensity, fit, shape):
    pixels = np.random.default_rng(1).integers(1, 4000, shape).astype(np.uint16)
    unit = fitted(intensity=intensity, fit=fit).unit_image(pixels, "bright_field")
    assert unit.shape == (24, 24)
    assert unit.dtype == np.float32
    assert np.isfinite(unit).all()


@pytest.mark.parametrize("value", [0, 1, 4095, 65535])
@pytest.mark.parametrize("intensity", ["background", "per_crop", "bit_depth"])
def test_a_constant_crop_stays_finite(intensity, value):
    inputs = fitted(intensity=intensity).network_input({"bright_field": np.full((24, 24), value, np.uint16)})
    assert np.isfinite(inputs).all()


def test_background_division_forgets_the_lamp():
    pixels = crops(1)[0].astype(np.float32)
    preparation = fitted()
    dim, bright = (preparation.unit_image(pixels * gain, "bright_field") for gain in (0.5, 2.0))
    np.testing.assert_allclose(dim, bright, atol=1e-5)
    assert border_median(dim) == pytest.approx(1.0, abs=0.02)


def test_bit_depth_is_that_of_the_training_cells():
    preparation = fitted(crops(bits=12), intensity="bit_depth")
    assert preparation.scales["bright_field"].white == 4095
    assert fitted(crops(bits=8), intensity="bit_depth").scales["bright_field"].white == 255


@pytest.mark.parametrize("intensity", ["background", "per_crop", "bit_depth"])
def test_training_cells_reach_the_network_with_mean_0_and_sd_1(intensity):
    preparation = fitted(intensity=intensity)
    inputs = np.stack([preparation.network_input({"bright_field": crop}) for crop in crops()])
    assert inputs.mean() == pytest.approx(0, abs=1e-3)
    assert inputs.std() == pytest.approx(1, abs=1e-3)


def test_common_pixel_size():
    preparation = fitted(fit="pad", um_per_pixel=0.5)
    image = np.full((24, 24), 1000, np.uint16)
    image[6:18, 6:18] = 500
    coarse = preparation.unit_image(image, "bright_field", 1.0)  # each pixel becomes two
    fine = preparation.unit_image(image, "bright_field", 0.5)
    assert (coarse < 0.75).mean() == pytest.approx(1.0, abs=0.02)
    assert (fine < 0.75).mean() == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("shape", [(10, 10), (30, 10), (31, 33)], ids=str)
def test_centred_keeps_the_centre(shape):
    image = np.zeros(shape, np.float32)
    image[shape[0] // 2, shape[1] // 2] = 1
    row, column = np.argwhere(centred(image, 20) == 1)[0]
    assert abs(row - 10) <= 1
    assert abs(column - 10) <= 1


def windowed(window: Window | None, **settings: object) -> Preparation:
    chosen = Preprocess.model_validate({"size": 24, "fit": "cell", **settings})
    return Preparation.fit(chosen, {"bright_field": crops(size=48)}, ("bright_field",), window)


def test_a_window_is_the_middle_of_the_crop_and_nothing_else():
    preparation = windowed(Window(px=24))
    crop = crops(1, size=48)[0]
    unit = preparation.unit_image(crop, "bright_field")
    np.testing.assert_array_equal(unit, (crop / np.float32(border_median(crop)))[12:36, 12:36].astype(np.float32))
    outside = crop.copy()
    outside[4:8, 4:8] = 4000  # neither in the window nor in the border that tells the background
    np.testing.assert_array_equal(preparation.unit_image(outside, "bright_field"), unit)
    whole = windowed(None).unit_image(crop, "bright_field")
    np.testing.assert_array_equal(whole, fitted(crops(size=48)).unit_image(crop, "bright_field"))


@pytest.mark.parametrize("shape", [(32, 32), (32, 48), (20, 48)], ids=str)
def test_a_cell_keeps_its_size_in_a_crop_smaller_than_the_window(shape: tuple[int, int]) -> None:
    preparation = windowed(Window(px=40), size=60)
    crop = np.full((48, 48), 2000, np.uint16)
    crop[19:29, 19:29] = 1000
    top, left = (48 - shape[0]) // 2, (48 - shape[1]) // 2
    unit = preparation.unit_image(crop[top : top + shape[0], left : left + shape[1]], "bright_field")
    assert unit.shape == (60, 60)
    np.testing.assert_allclose(unit, preparation.unit_image(crop, "bright_field"), atol=1e-6)


def test_a_window_in_um_shows_the_same_on_every_instrument():
    preparation = windowed(Window(px=24, um=12))
    fine = np.kron(crops(1, size=48)[0], np.ones((2, 2), np.uint16))  # the same crop with pixels of half the size
    coarse = fine[::2, ::2]
    seen = [preparation.unit_image(image, "bright_field", um) for image, um in ((coarse, 0.5), (fine, 0.25))]
    assert np.abs(seen[0] - seen[1]).mean() < 0.02
    assert np.abs(preparation.unit_image(fine, "bright_field", 0.5) - seen[0]).mean() > 0.05
    np.testing.assert_array_equal(preparation.unit_image(coarse, "bright_field"), seen[0])


def test_constants_are_of_crops_as_the_network_sees_them():
    images = [np.kron(crop, np.ones((2, 2), np.uint16)) for crop in crops(4, size=48)]
    chosen = Preprocess.model_validate({"size": 24, "fit": "cell"})
    given = {"bright_field": images}
    um: dict[Channel, list[float | None]] = {"bright_field": [0.25] * 4}
    preparation = Preparation.fit(chosen, given, ("bright_field",), Window(px=24, um=12), um)
    inputs = np.stack([preparation.network_input({"bright_field": image}, 0.25) for image in images])
    assert inputs.mean() == pytest.approx(0, abs=1e-3)
    assert inputs.std() == pytest.approx(1, abs=1e-3)


def test_different_windows_have_no_common_input():
    one, other = windowed(Window(px=24)), windowed(Window(px=30))
    assert one.from_input_of(windowed(Window(px=24)), "bright_field") == (1, 0)
    with pytest.raises(ValueError, match="different windows"):
        one.from_input_of(other, "bright_field")


def test_dapi_has_a_scale_of_its_own():
    rng = np.random.default_rng(0)
    images = {"bright_field": crops(), "dapi": [dapi_image(rng, positive=True) for _ in range(4)]}
    preparation = Preparation.fit(Preprocess(size=24), images, ("bright_field", "dapi"))
    unit = preparation.unit_image(images["dapi"][0], "dapi")
    assert border_median(unit) == pytest.approx(0, abs=0.02)
    assert 0.8 < unit.max() < 1.3
    both = preparation.network_input({"dapi": images["dapi"][0], "bright_field": images["bright_field"][0]})
    assert both.shape == (2, 24, 24)
    np.testing.assert_array_equal(both[1], preparation.standardise(unit, "dapi"))


def test_it_survives_being_written_to_a_bundle():
    preparation = fitted(intensity="bit_depth")
    again = Preparation.model_validate_json(preparation.model_dump_json())
    np.testing.assert_array_equal(
        again.network_input({"bright_field": crops(1)[0]}), preparation.network_input({"bright_field": crops(1)[0]})
    )
