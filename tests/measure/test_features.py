"""Features: right on shapes whose figures are known, indifferent to turning, mirroring, light and pixel size."""

from collections.abc import Callable

import numpy as np
import pytest

from brightctc.measure import GROUPS, OutlinedCrop, measure_cell
from brightctc.measure.features import BRIGHT_FIELD, Cell, bright_field_features, features_of
from brightctc.measure.features.shape import shape_of
from brightctc.measure.features.texture import cooccurrence
from brightctc.measure.morphology import smoothed
from drawn import cell_image
from drawn_faults import bead, pair, round_cell
from drawn_optics import dapi_cell, phase_cell

TURNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "quarter turn": np.rot90,
    "half turn": lambda image: np.rot90(image, 2),
    "mirrored": np.fliplr,
    "transposed": np.transpose,
}


def disc(radius: float, size: int = 64) -> np.ndarray:
    return np.hypot(*(np.mgrid[:size, :size] - (size - 1) / 2)) < radius


def ellipse(angle: float, size: int = 96) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return np.hypot(along / 30, across / 18) < 1


def turned_cell(angle: float, size: int = 96) -> np.ndarray:
    """A cell with an off-centre body and a rim, drawn anew at an angle, without noise."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    edge = np.hypot(along / 26, across / 20)
    body = 0.12 / (1 + np.exp((edge - 0.95) * 40)) - 0.3 * np.exp(-(((edge - 1) / 0.06) ** 2))
    texture = 0.05 * np.sin(along / 2.3) * np.cos(across / 1.9 + along / 5) * (edge < 0.9)
    spots = (
        texture
        + 0.2 * np.exp(-((along - 8) ** 2 + across**2) / 30)
        - 0.15 * np.exp(-((along + 9) ** 2 + across**2) / 20)
    )
    return (20_000 * (1 + body + spots)).astype(np.uint16)


def all_features(crop: np.ndarray, dapi: np.ndarray | None = None, pixel: float | None = None) -> dict[str, float]:
    return measure_cell(crop, dapi, pixel).features


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS.keys())
@pytest.mark.parametrize("seed", range(4))
def test_turning_or_mirroring_a_crop_changes_no_feature(turn: Callable[[np.ndarray], np.ndarray], seed: int) -> None:
    crop, _ = phase_cell("20x", 5.0, 2.0 * seed - 3, seed, size=64)
    dapi, _, _ = dapi_cell("20x", 3.0, 0, seed, size=64)
    before, after = all_features(crop, dapi), all_features(turn(crop), turn(dapi))
    assert len(before) == len(features_of(dapi=True))
    assert after == pytest.approx(before, rel=3e-6, abs=1e-8)


@pytest.mark.parametrize("degrees", [10, 30, 45, 72])
def test_turning_by_any_angle_changes_no_feature_by_more_than_a_twentieth(degrees: float) -> None:
    before, after = all_features(turned_cell(0)), all_features(turned_cell(np.radians(degrees)))
    for name, value in before.items():
        # a share near nothing (a pattern that hardly occurs, an asymmetry of rounding) has no meaningful ratio
        least = 0.02 if name.startswith("texture_lbp") else 0.012
        assert after[name] == pytest.approx(value, rel=0.05, abs=least), name


@pytest.mark.parametrize("change", [lambda c: c // 2, lambda c: (c * 3.0).astype(np.float32)], ids=["dimmer", "float"])
def test_the_lamp_changes_no_feature(change: Callable[[np.ndarray], np.ndarray]) -> None:
    crop, _ = phase_cell("20x", 5.0, 2.0, 0, size=64)
    crop = crop * np.uint16(16)
    before, after = all_features(crop), all_features(change(crop))
    assert after == pytest.approx(before, rel=0.02, abs=0.005)


def test_lengths_are_in_micrometres_where_the_pixel_size_is_known() -> None:
    px, um = (all_features(round_cell(), pixel=size) for size in (None, 0.5))
    units = {feature.name: feature.unit for group in GROUPS.values() for feature in group}
    factor = {"length": 0.5, "area": 0.25, "per_length": 2.0}
    assert um == pytest.approx({name: value * factor.get(units[name], 1) for name, value in px.items()})
    columns = {feature.column("um") for feature in features_of(dapi=True)}
    assert {"cell_area_um2", "cell_diameter_um", "edge_sharpness_per_um", "cell_solidity"} <= columns


@pytest.mark.parametrize("radius", [6.0, 12.0, 25.0])
def test_a_disc_is_round(radius: float) -> None:
    shape = shape_of(disc(radius))
    assert shape.diameter == pytest.approx(2 * radius, rel=0.03)
    assert shape.length == pytest.approx(shape.width, rel=0.01)
    assert shape.feret == pytest.approx(2 * radius, rel=0.06)
    assert shape.perimeter == pytest.approx(2 * np.pi * radius, rel=0.05)
    assert shape.form_factor == pytest.approx(1, abs=0.08)
    assert shape.solidity == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("degrees", [0, 20, 45, 70, 90])
def test_an_ellipse_has_its_axes_at_any_angle(degrees: float) -> None:
    shape = shape_of(ellipse(np.radians(degrees)))
    assert (shape.length, shape.width, shape.feret) == pytest.approx((60, 36, 60), rel=0.02)


@pytest.mark.parametrize("mask", [disc(1, 16), np.eye(16, dtype=bool), np.pad(np.ones((1, 9), bool), 4)])
def test_shapes_of_a_pixel_or_a_line_are_finite(mask: np.ndarray) -> None:
    shape = shape_of(mask)
    assert np.isfinite([shape.length, shape.width, shape.feret, shape.perimeter, shape.hull_area]).all()


def test_cooccurrence_agrees_with_scikit_image() -> None:
    from skimage.feature import graycomatrix, graycoprops

    image = np.random.default_rng(0).normal(size=(40, 40))
    image[10:30, 10:30] += 2
    found = cooccurrence(image, np.ones(image.shape, bool))
    levels = np.clip(((image - image.mean()) / (5 * image.std()) + 0.5) * 16, 0, 15).astype(np.uint8)
    angles = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
    pairs = graycomatrix(levels, (1, 3), angles, 16, symmetric=True).sum(axis=3, keepdims=True)
    share = pairs / pairs.sum(axis=(0, 1))
    for name in ("contrast", "correlation", "homogeneity", "energy"):
        wanted = graycoprops(share, name)[:, 0]
        assert [found[f"texture_{name}_{d}px"] for d in (1, 3)] == pytest.approx(wanted.tolist(), rel=1e-9)


def test_grains_show_in_the_granularity_of_their_radius() -> None:
    def granular(radius: float) -> dict[str, float]:
        y, x = np.mgrid[:96, :96] - 47.5
        grains = sum(np.hypot(x - a, y - b) < radius for a in range(-30, 31, 15) for b in range(-30, 31, 15)) > 0
        cell = np.hypot(x, y) < 40
        departure = (0.3 * (cell & grains)).astype(np.float32)
        return bright_field_features(Cell(departure, smoothed(departure), cell, 1.0, 1))

    small, large = granular(1.5), granular(4.0)
    assert small["granularity_bright_1px"] + small["granularity_bright_2px"] > small["granularity_bright_5px"]
    assert large["granularity_bright_5px"] > large["granularity_bright_1px"] + large["granularity_bright_2px"]
    assert max(small["granularity_dark_1px"], large["granularity_dark_1px"]) < 0.05


def test_a_one_sided_cell_is_asymmetric() -> None:
    even = all_features(turned_cell(0))
    y, x = np.mgrid[:96, :96] - 47.5
    sided = all_features((turned_cell(0) * (1 + 0.2 * (x > 0) * (np.hypot(x / 26, y / 20) < 0.9))).astype(np.uint16))
    for name in ("asymmetry_half_turn", "harmonic_1", "structure_offset"):
        assert sided[name] > 1.2 * even[name], name


@pytest.mark.parametrize(
    "crop",
    [bead(), pair(), round_cell(16, 5), cell_image(np.random.default_rng(0), positive=True, size=16)],
    ids=["bead", "pair", "16 px", "16 px with a nucleus"],
)
def test_features_of_odd_cells_are_finite(crop: np.ndarray) -> None:
    found = all_features(crop)
    missing = [name for name, value in found.items() if not np.isfinite(value)]
    assert not [name for name in missing if not name.startswith("ring_")]  # a ring may hold no pixel
    assert list(found) == [feature.name for feature in features_of(dapi=False)]


def test_names_are_told_once_and_each_has_a_meaning() -> None:
    features = features_of(dapi=True)
    assert len({feature.name for feature in features}) == len(features)
    assert all(feature.meaning for feature in features)
    cell = OutlinedCrop.of(round_cell()).cell()
    for listed, measure in BRIGHT_FIELD.values():
        assert list(measure(cell)) == [feature.name for feature in listed]
