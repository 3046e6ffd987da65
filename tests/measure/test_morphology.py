"""What outlines are made of, against slower code that is known to be right."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import ndimage

from brightctc.bundle.crop_measures import CropMeasures
from brightctc.measure import OutlinedCrop
from brightctc.measure.morphology import (
    NEAR,
    ROUGHLY,
    box_of,
    depth_inside,
    filled,
    grown,
    in_one_piece,
    labelled,
    largest,
    middles,
    signed_depth,
    smoothed,
)
from brightctc.measure.outline import bodies
from brightctc.measure.ranks import median_and_spread, quantile
from brightctc.preprocess import border_median, border_pixels
from drawn_faults import even, pair, round_cell

RNG = np.random.default_rng(0)


def blobs(shape: tuple[int, int], seed: int, share: float = 0.5) -> np.ndarray:
    """A mask of ragged blobs with holes, some of which the border cuts."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.0)
    return noise > np.quantile(noise, 1 - share)


MASKS = {
    "blobs": blobs((40, 40), 0),
    "few blobs": blobs((90, 70), 1, 0.1),
    "nearly full": blobs((64, 64), 2, 0.97),
    "specks": RNG.random((30, 50)) > 0.6,
    "one pixel": np.pad(np.ones((1, 1), bool), 4),
    "strip": np.array([[False, True, True, False, True]]),
    "in the corner": np.pad(np.ones((5, 5), bool), ((0, 9), (0, 9))),
}
masks = pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())


@masks
@pytest.mark.parametrize("border", [True, False], ids=["border outside", "border open"])
def test_depth_is_the_euclidean_distance(mask: np.ndarray, border: bool) -> None:
    true = ndimage.distance_transform_edt(np.pad(mask, 1) if border else mask)
    true = true[1:-1, 1:-1] if border else true
    assert (depth_inside(mask, border_is_outside=border) == true.astype(np.float32)).all()
    rough = depth_inside(mask, border_is_outside=border, rough=True)
    assert (rough <= true * ROUGHLY + 1e-5).all()
    assert (true <= rough * ROUGHLY + 1e-5).all()


def test_a_mask_without_outside_ends_at_the_border() -> None:
    full = np.ones((5, 7), bool)
    assert depth_inside(full, border_is_outside=False).max() == 3
    assert signed_depth(full)[2].tolist() == [0.5, 1.5, 2.5, 2.5, 2.5, 1.5, 0.5]


@masks
def test_signed_depth_is_half_a_pixel_on_either_side(mask: np.ndarray) -> None:
    inside = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    true = np.where(mask, inside - 0.5, 0.5 - ndimage.distance_transform_edt(~mask))
    found, near = signed_depth(mask), true > -NEAR
    assert found[near] == pytest.approx(true[near], rel=1e-6)
    assert (np.abs(found - true) <= (ROUGHLY - 1) * (np.abs(true) + 0.5)).all()


@masks
def test_pieces_touch_by_sides(mask: np.ndarray) -> None:
    true, count = ndimage.label(mask)
    labels, areas = labelled(mask)
    assert (labels == true).all()
    assert areas.tolist() == np.bincount(true.ravel())[1:].tolist()
    centres = ndimage.center_of_mass(mask, true, range(1, count + 1))
    assert middles(labels, areas) == pytest.approx(np.array(centres).reshape(-1, 2))
    assert largest(mask).sum() == areas.max()
    assert in_one_piece(mask) == (count == 1)
    assert in_one_piece(largest(mask))
    assert not in_one_piece(np.zeros_like(mask))
    assert labelled(np.zeros_like(mask))[1].size == 0


@masks
@pytest.mark.parametrize("gap", [0, 2])
def test_holes_are_filled_and_gaps_are_closed(mask: np.ndarray, gap: int) -> None:
    wide = np.pad(mask, 2 * gap)
    closed = ndimage.binary_closing(wide, np.ones((2 * gap + 1, 2 * gap + 1))) if gap else wide
    true = ndimage.binary_fill_holes(closed)[2 * gap : closed.shape[0] - 2 * gap, 2 * gap : closed.shape[1] - 2 * gap]
    assert (filled(mask, gap) == true).all()


@masks
def test_masks_grow_by_sides_and_have_a_box(mask: np.ndarray) -> None:
    assert (grown(mask, 3) == ndimage.binary_dilation(mask, iterations=3)).all()
    rows, columns = np.nonzero(mask)
    down, right = box_of(mask, 2)
    assert down == slice(max(0, rows.min() - 2), min(mask.shape[0], rows.max() + 3))
    assert right == slice(max(0, columns.min() - 2), min(mask.shape[1], columns.max() + 3))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 3), (40, 57)], ids=str)
@pytest.mark.parametrize("sd", [0.7, 1.0, 1.6])
def test_a_gaussian_is_mirrored_at_the_border(shape: tuple[int, int], sd: float) -> None:
    image = RNG.normal(size=shape)
    assert smoothed(image, sd) == pytest.approx(ndimage.gaussian_filter(image, sd), abs=1e-12)
    assert smoothed(image.astype(np.float32), sd) == pytest.approx(ndimage.gaussian_filter(image, sd), abs=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.5, 0.98, 1.0])
@pytest.mark.parametrize(
    "values",
    [
        pytest.param(RNG.normal(size=1), id="one"),
        pytest.param(RNG.normal(size=700), id="few"),
        pytest.param(RNG.normal(size=(148, 148)).astype(np.float32), id="many"),
        pytest.param(RNG.integers(0, 4, 5000).astype(np.float32), id="ties"),
        pytest.param(np.zeros(5000), id="all alike"),
        pytest.param(np.arange(5000.0) % 9 + 1e3 * (np.arange(5000) % 9 == 0), id="a sample misleads"),
        pytest.param(np.where(np.arange(5000) % 9 == 0, 1e30, RNG.normal(size=5000)), id="a sample is far off"),
    ],
)
def test_quantiles_are_values_of_the_nearest_rank(values: np.ndarray, share: float) -> None:
    before = values.copy()
    assert quantile(values, share) == np.sort(values, axis=None)[round(share * (values.size - 1))]
    assert (values == before).all()


@pytest.mark.parametrize("size", [1, 2, 700, 4000])
def test_the_spread_is_that_of_normal_values_whatever_lies_far_out(size: int) -> None:
    values = RNG.normal(3, 2, size)
    median, sd = median_and_spread(values)
    middle = np.sort(values)[round(0.5 * (size - 1))]
    assert median == middle
    assert sd == 1.4826 * np.sort(np.abs(values - middle))[round(0.5 * (size - 1))]
    if size > 1000:
        values[: size // 10] = 1e6
        assert median_and_spread(values)[1] == pytest.approx(2, rel=0.2)


@pytest.mark.parametrize("radius", [4, 9, 30])
def test_rough_distances_overlook_no_neck(radius: int, monkeypatch: pytest.MonkeyPatch) -> None:
    y, x = np.mgrid[: 3 * radius, : 5 * radius] - np.array([1.5, 2.5]).reshape(2, 1, 1) * radius
    smooth, masks = np.zeros(y.shape, np.float32), []
    for apart in np.linspace(0, 1.1, 23) * radius:
        masks.append((np.hypot(y, x - apart) < radius) | (np.hypot(y, x + apart) < 0.8 * radius))
        masks[-1][blobs(y.shape, len(masks), 0.02)] = False
    screened = [bodies(smooth, mask)[1] for mask in masks]
    monkeypatch.setattr(sys.modules[bodies.__module__], "_may_fall_apart", lambda depth: True)
    assert screened == [bodies(smooth, mask)[1] for mask in masks]
    assert {1, 2} <= set(screened)


@pytest.mark.parametrize(
    "crop",
    [
        pytest.param(np.full((1, 1), 7, np.uint8), id="one pixel"),
        pytest.param(np.arange(5, dtype=np.uint16)[None], id="one row"),
        pytest.param(np.zeros((16, 16), np.float32), id="black"),
        pytest.param(round_cell() * np.float32(1e30), id="huge values"),
        pytest.param(round_cell() * np.float32(1.7e38 / round_cell().max()), id="the largest values"),
        pytest.param(round_cell() * np.float32(1e-35), id="tiny values"),
        pytest.param(-round_cell().astype(np.float32), id="negative values"),
        pytest.param(RNG.integers(0, 65536, (64, 64)).astype(np.uint16), id="noise"),
        pytest.param(np.minimum(round_cell() * 2.0, 4095).astype(np.uint16), id="saturated"),
    ],
)
def test_odd_crops_are_measured(crop: np.ndarray) -> None:
    crop.flags.writeable = False
    found = CropMeasures.of(crop)
    pixels = crop.astype(np.float64)
    assert (found.low, found.top) == (pixels.min(), pixels.max())
    assert found.mean == pytest.approx(pixels.mean(), rel=1e-9)
    assert found.contrast == pytest.approx(pixels.std() / abs(pixels.mean()) if pixels.any() else 0, rel=1e-6, abs=1e-7)
    assert np.isfinite([found.background, found.quality.background, found.quality.tilt]).all()


def test_gain_changes_no_outline_however_large() -> None:
    plain = OutlinedCrop.of(round_cell().astype(np.float32)).outline.cell
    assert plain.any()
    for power in (-120, 115):
        assert (OutlinedCrop.of(np.ldexp(round_cell().astype(np.float32), power)).outline.cell == plain).all()


def test_a_crop_has_the_same_figures_in_every_thread() -> None:
    crops = [round_cell(size=148, radius=20 + seed, seed=seed) for seed in range(8)] + [pair(), even(40, 0)]
    alone = [repr(CropMeasures.of(crop)) for crop in crops]
    with ThreadPoolExecutor(4) as threads:
        assert [repr(found) for found in threads.map(CropMeasures.of, crops * 3)] == alone * 3


@pytest.mark.parametrize("bits", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (16, 17), (61, 40), (148, 148)], ids=str)
def test_the_border_has_its_median_and_stays_as_it_is(shape: tuple[int, int], bits: str) -> None:
    crop = RNG.integers(0, 256, shape).astype(bits)
    before = crop.copy()
    assert border_median(crop) == np.median(border_pixels(crop))
    assert (crop == before).all()
