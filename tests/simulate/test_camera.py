"""Camera and instrument: noise as the standard's model has it, and light that differs as a site says."""

import numpy as np
import pytest

from brightctc.simulate.camera import exposed
from brightctc.simulate.instrument import draw_setting, illumination
from brightctc.simulate.settings import Camera
from brightctc.simulate.sites import Site

PLACES = (np.arange(64) - 31.5) * 0.4


def test_variance_grows_with_the_mean_by_the_gain():
    """Var = K (μ − offset) + K² σ_r² + 1/12 (EMVA 1288)."""
    camera, rng = Camera(), np.random.default_rng(0)
    electrons = np.linspace(200, 12_000, 12)
    shots = [exposed(np.full((600, 600), level), camera, rng).astype(float) for level in electrons]
    means, variances = np.array([shot.mean() for shot in shots]), np.array([shot.var() for shot in shots])
    slope, start = np.polyfit(means - camera.offset, variances, 1)
    assert slope == pytest.approx(camera.gain, rel=0.02)
    assert variances[0] == pytest.approx(
        camera.gain * (means[0] - camera.offset) + (camera.gain * camera.read_noise) ** 2 + 1 / 12, rel=0.02
    )
    assert abs(start) < 30
    np.testing.assert_allclose(means, camera.gain * electrons + camera.offset, rtol=1e-3)


def test_dark_frames_have_read_noise_alone():
    camera = Camera()
    dark = exposed(np.zeros((800, 800)), camera, np.random.default_rng(1)).astype(float)
    assert dark.mean() == pytest.approx(camera.offset, abs=0.02)
    assert dark.var() == pytest.approx((camera.gain * camera.read_noise) ** 2 + 1 / 12, rel=0.02)


@pytest.mark.parametrize("bits", [8, 12, 16])
def test_too_much_light_ends_at_the_highest_level(bits):
    image = exposed(np.full((8, 8), 1e7), Camera(bits=bits, read_noise=0), np.random.default_rng(0))
    assert image.dtype == np.uint16
    assert (image == 2**bits - 1).all()


def test_light_is_even_where_a_site_says_so():
    site = Site(lamp_sd=0, gradient=0, vignetting=0, dust=0, electrodes=0)
    setting = draw_setting(site, 0.0, 0.3, 12.0, np.random.default_rng(0))
    np.testing.assert_allclose(illumination(setting, site, PLACES), 1)


@pytest.mark.parametrize(
    ("changes", "least", "most"),
    [
        pytest.param({"gradient": 0.2}, 0.12, 0.35, id="gradient"),
        pytest.param({"electrodes": 0.1}, 0.09, 0.11, id="electrodes"),
        pytest.param({"vignetting": 0.4}, 0.0, 0.1, id="vignetting is slow across a crop"),
    ],
)
def test_a_site_is_uneven_as_it_says(changes, least, most):
    site = Site(**({"lamp_sd": 0, "gradient": 0, "vignetting": 0, "dust": 0, "electrodes": 0} | changes))
    setting = draw_setting(site, 0.0, 0.0, 12.8, np.random.default_rng(2))
    light = illumination(setting, site, PLACES)
    assert least <= np.ptp(light) / light.mean() <= most


def test_the_focus_drifts_along_the_cartridge():
    site = Site(focus_um=2.0, focus_sd_um=0.5, focus_drift_um=6.0)

    def mean_focus(along: float) -> float:
        rng = np.random.default_rng(5)
        return float(np.mean([draw_setting(site, along, 0, 12, rng).focus_um for _ in range(400)]))

    assert mean_focus(-1) == pytest.approx(-4, abs=0.15)
    assert mean_focus(1) == pytest.approx(8, abs=0.15)


def test_dust_is_dark_and_as_frequent_as_a_site_says():
    site = Site(dust=2.0, lamp_sd=0, gradient=0, vignetting=0, electrodes=0)
    rng = np.random.default_rng(1)
    settings = [draw_setting(site, 0, 0, 12.0, rng) for _ in range(300)]
    assert np.mean([len(each.specks) for each in settings]) == pytest.approx(2.0, rel=0.15)
    dusty = next(each for each in settings if each.specks)
    assert illumination(dusty, site, PLACES).min() < 0.99
