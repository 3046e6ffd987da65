"""Bright field and fluorescence against closed forms: cut-offs, transfer functions, energy, the eikonal of a sphere."""

import numpy as np
import pytest
from scipy.special import j1

from brightctc.simulate.optics import blurred_stack, bright_field, pixels, point_spread, source_points

WAVELENGTH, MEDIUM, APERTURE = 0.55, 1.335, 0.25
SIDE, STEP = 192, 0.25
WIDTH = SIDE * STEP


def imaged(phase: np.ndarray, focus: float = 0.0, coherence: float = 0.5, points: int = 64) -> np.ndarray:
    """Intensity of a thin phase object (radian)."""
    delay = (phase * WAVELENGTH / (2 * np.pi))[None]
    return bright_field(
        delay, np.zeros_like(delay), STEP, wavelength=WAVELENGTH, medium=MEDIUM, aperture=APERTURE,
        condenser=coherence * APERTURE, points=points, focus=focus,
    )  # fmt: skip


def places() -> tuple[np.ndarray, np.ndarray]:
    along = (np.arange(SIDE) - (SIDE - 1) / 2) * STEP
    return along[None, :], along[:, None]


def bump(height: float, width: float = 3.0) -> np.ndarray:
    x, y = places()
    return height * np.exp(-(x**2 + y**2) / (2 * width**2))


def wave(height: float, waves: int) -> np.ndarray:
    return height * np.cos(2 * np.pi * waves * np.arange(SIDE) / SIDE)[None, :] * np.ones((SIDE, 1))


def amplitude(image: np.ndarray, waves: int) -> float:
    """Of cos(2π waves x / width) in the image."""
    return float(2 * np.fft.fft2(image)[0, waves].real / image.size)


@pytest.mark.parametrize("coherence", [0.0, 0.3, 0.7, 0.98])
@pytest.mark.parametrize("focus", [0.0, 7.0])
def test_without_an_object_the_light_is_even(coherence, focus):
    image = imaged(np.zeros((SIDE, SIDE)), focus, coherence)
    np.testing.assert_allclose(image, 1, atol=1e-5)


@pytest.mark.parametrize("coherence", [0.0, 0.5, 0.98])
def test_a_weak_phase_in_focus_is_invisible(coherence):
    assert np.abs(imaged(bump(0.05), 0.0, coherence, points=600) - 1).max() < 2e-4


@pytest.mark.parametrize("finer", [1, 2])
def test_a_cell_in_focus_is_not_invisible(finer):
    """A strong sphere scatters light beyond the aperture: a dark rim (15 µm, Δn 0.035, NA 0.25)."""
    step = STEP / finer
    along = (np.arange(SIDE * finer) - (SIDE * finer - 1) / 2) * step
    delay = 0.07 * np.sqrt(np.clip(7.5**2 - along[None, :] ** 2 - along[:, None] ** 2, 0, None))[None]
    image = bright_field(
        delay, np.zeros_like(delay), step, wavelength=WAVELENGTH, medium=MEDIUM, aperture=APERTURE, condenser=0.125,
        points=64,
    )  # fmt: skip
    assert image.min() == pytest.approx(0.35, abs=0.015)


def test_a_weak_phase_turns_from_bright_to_dark_through_focus_up_to_its_square():
    def residual(height: float) -> float:
        return float(np.abs(imaged(bump(height), 3.0) + imaged(bump(height), -3.0) - 2).max())

    odd = np.abs(imaged(bump(0.1), 3.0) - 1).max()
    assert residual(0.1) < 0.1 * odd
    assert residual(0.2) / residual(0.1) == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("coherence", [0.0, 0.4])
def test_past_a_wide_bump_its_middle_is_bright_as_the_transport_of_intensity_says(coherence):
    """I − 1 ≈ −(z λ / 2π n) ∇²φ (Teague 1983)."""
    width, height, focus = 4.0, 0.3, 2.0
    x, y = places()
    square = x**2 + y**2
    laplacian = bump(height, width) * (square / width**4 - 2 / width**2)
    expected = -focus * WAVELENGTH / (2 * np.pi * MEDIUM) * laplacian
    found = pixels(imaged(bump(height, width), focus, coherence), SIDE, 1) - 1
    assert found[SIDE // 2, SIDE // 2] > 0
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.999
    assert found.max() == pytest.approx(expected.max(), rel=0.05)


@pytest.mark.parametrize("focus", [2.0, 8.0])
def test_light_from_all_of_the_aperture_hides_a_weak_phase_at_every_focus(focus):
    """S = 1: the phase transfer function is 0; what is odd in the phase is gone."""
    there, back = (imaged(bump(height, 1.5), focus, 1.0, 1200) for height in (0.1, -0.1))
    narrow = imaged(bump(0.1, 1.5), focus, 0.3) - imaged(bump(-0.1, 1.5), focus, 0.3)
    assert np.abs(there - back).max() < 0.03 * np.abs(narrow).max()


@pytest.mark.parametrize("waves", [3, 5, 7, 9])
@pytest.mark.parametrize("focus", [4.0, 12.0])
def test_weak_phase_transfer_is_the_closed_form(waves, focus):
    """|PTF| = 2 sin(π λ z ν² / n) · 2 J₁(X) / X, X = 2π z NAc ν / n, paraxial, where λν ≤ NAo − NAc."""
    coherence, height = 0.3, 0.02
    frequency = waves / WIDTH
    assert WAVELENGTH * frequency < APERTURE * (1 - coherence)
    x = 2 * np.pi * focus * coherence * APERTURE * frequency / MEDIUM
    expected = 2 * np.sin(np.pi * WAVELENGTH * focus * frequency**2 / MEDIUM) * 2 * j1(x) / x
    found = amplitude(imaged(wave(height, waves), focus, coherence, points=600), waves) / height
    assert found == pytest.approx(expected, abs=0.02)


def test_nothing_passes_beyond_the_cut_off():
    """A weak object's image ends at (1 + S) NA / λ."""
    coherence = 0.4
    rng = np.random.default_rng(0)
    image = imaged(0.003 * rng.standard_normal((SIDE, SIDE)), 3.0, coherence)
    frequency = np.fft.fftfreq(len(image), WIDTH / len(image))
    radius = np.hypot(frequency[:, None], frequency)
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2
    edge = (1 + coherence) * APERTURE / WAVELENGTH
    assert power[radius > edge * 1.03].max() < 1e-4 * power[radius < edge].max()
    assert power[(radius > 0.85 * edge) & (radius < 0.97 * edge)].max() > 1e-3 * power[radius < edge].max()


def test_energy_does_not_depend_on_the_focus_and_is_never_made():
    phase = bump(2.5)
    means = [float(imaged(phase, focus).mean()) for focus in (-10, 0, 4, 10)]
    assert np.ptp(means) < 1e-5
    assert 0.97 < means[0] <= 1 + 1e-6


def test_absorption_follows_beer_and_lambert_where_all_light_passes():
    flat = np.full((1, 64, 64), 0.3)
    image = bright_field(
        np.zeros_like(flat), flat, 0.25, wavelength=0.55, medium=1.335, aperture=0.28, condenser=0.1, points=8
    )
    np.testing.assert_allclose(image, np.exp(-0.3), rtol=1e-5)


def test_empty_slabs_around_a_thin_object_change_nothing():
    thin = (bump(2.0) * WAVELENGTH / (2 * np.pi))[None]
    stack = np.concatenate([np.zeros_like(thin), thin, np.zeros_like(thin)])
    optics = {"wavelength": 0.55, "medium": 1.335, "aperture": 0.25, "condenser": 0.1, "points": 12, "focus": 3.0}
    one = bright_field(thin, np.zeros_like(thin), STEP, **optics)
    three = bright_field(stack, np.zeros_like(stack), STEP, **optics, thickness=4.0)
    np.testing.assert_allclose(three, one, atol=2e-3)


def test_a_slab_before_the_middle_is_seen_as_a_thin_object_further_from_focus():
    thin = (bump(1.0) * WAVELENGTH / (2 * np.pi))[None]
    stack = np.concatenate([thin, np.zeros_like(thin)])
    optics = {"wavelength": 0.55, "medium": 1.335, "aperture": 0.25, "condenser": 0.1, "points": 12}
    first = bright_field(stack, np.zeros_like(stack), STEP, **optics, thickness=6.0, focus=0.0)
    far = bright_field(thin, np.zeros_like(thin), STEP, **optics, focus=3.0)
    np.testing.assert_allclose(first, far, atol=2e-3)


def test_many_source_points_leave_no_rings_far_from_a_cell():
    """Few points are coherent light: rings that reach a crop's border, where they would tell a large cell."""
    x, y = places()
    phase = 2 * np.pi / WAVELENGTH * 0.06 * np.sqrt(np.clip(7**2 - x**2 - y**2, 0, None))
    far = np.hypot(x, y) > 18

    def rings(points: int) -> float:
        return float(pixels(imaged(phase, 3.0, points=points), SIDE, 1)[far].std())

    assert rings(192) < 0.6 * rings(24)


def test_source_points_fill_the_disc_evenly():
    found = np.array(source_points(400, 0.3, 200.0)) / 200.0
    assert np.hypot(*found.T).max() <= 0.3 + 0.005
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=0.005)
    assert (found**2).sum(axis=1).mean() == pytest.approx(0.3**2 / 2, rel=0.03)


@pytest.mark.parametrize("height", [0.0, 3.0, 11.0])
def test_a_point_keeps_its_light_at_every_height(height):
    spread = point_spread(128, 0.2, 0.461, 1.335, 0.28, height)
    assert spread.sum() == pytest.approx(1)
    assert spread.min() >= 0


def test_the_fluorescence_transfer_in_focus_is_the_closed_form():
    """(2/π)(arccos q − q √(1 − q²)), q = ν λ / 2 NA."""
    side, step, light, aperture = 400, 0.2, 0.461, 0.28
    transfer = np.fft.fft2(point_spread(side, step, light, 1.335, aperture, 0.0)).real
    q = np.clip(np.fft.fftfreq(side, step)[: side // 2] * light / (2 * aperture), 0, 1)
    expected = 2 / np.pi * (np.arccos(q) - q * np.sqrt(1 - q**2))
    np.testing.assert_allclose(transfer[0, : side // 2], expected, atol=0.02)


def test_fluorescence_is_linear_and_counts_do_not_depend_on_the_focus():
    rng = np.random.default_rng(1)
    one, two = rng.random((2, 3, 96, 96)).astype(np.float32)
    optics = {"wavelength": 0.461, "medium": 1.335, "aperture": 0.28}
    heights = (-3.0, 0.0, 3.0)
    both = blurred_stack(one + 2 * two, heights, 0.2, **optics)
    apart = blurred_stack(one, heights, 0.2, **optics) + 2 * blurred_stack(two, heights, 0.2, **optics)
    np.testing.assert_allclose(both, apart, rtol=1e-3, atol=1e-3)
    far = blurred_stack(one, (9.0, 12.0, 15.0), 0.2, **optics)
    assert far.sum() == pytest.approx(one.sum(), rel=1e-4)
    assert far.std() < 0.5 * blurred_stack(one, heights, 0.2, **optics).std()


@pytest.mark.parametrize("oversampling", [1, 2, 3])
def test_a_pixel_collects_the_mean_over_its_area_and_lies_where_it_is_drawn(oversampling):
    """A smooth image, known between its points: the pixel's middle is the middle of the points drawn in it."""
    size, step = 40, 0.5 / oversampling
    fine = size * oversampling
    at = (np.arange(fine) - (fine - 1) / 2) * step
    image = 1 + np.cos(2 * np.pi * 3 * at / (fine * step))[None, :] * np.ones((fine, 1))
    middles = (np.arange(size) - (size - 1) / 2) * 0.5
    expected = 1 + np.sinc(3 / size) * np.cos(2 * np.pi * 3 * middles / (size * 0.5))
    np.testing.assert_allclose(pixels(image, size, oversampling)[7], expected, atol=1e-5)
