"""Outlines against shapes and imaged cells whose truth is known; doublets, neighbours, debris, cuts, empty crops."""

import numpy as np
import pytest

from brightctc.measure import OutlinedCrop
from brightctc.measure.nucleus import nucleus
from drawn_faults import bead, even, neighbours, pair, round_cell, tilted, with_speck
from drawn_optics import dapi_cell, dice, phase_cell

SEEDS = range(3)


def median_dice(objective: str, defocus: float) -> float:
    """Over three cells of each radius."""
    found = []
    for radius in (3.3, 4.5, 6.0, 7.5):
        for seed in SEEDS:
            crop, true = phase_cell(objective, radius, defocus, seed)
            found.append(dice(OutlinedCrop.of(crop).outline.cell, true))
    return float(np.median(found))


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["10x", "20x"])
@pytest.mark.parametrize(
    ("defocus", "at_least"),
    [(0, 0.9), (-2, 0.9), (2, 0.9), (-5, 0.9), (5, 0.9), (-10, 0.8), (10, 0.8)],
    ids=lambda value: str(value),
)
def test_cells_imaged_by_bright_field_are_outlined(objective: str, defocus: float, at_least: float) -> None:
    assert median_dice(objective, defocus) >= at_least


@pytest.mark.slow
@pytest.mark.parametrize(("objective", "defocus"), [("10x", 0), ("20x", 0), ("20x", 4)])
def test_nuclei_imaged_in_dapi_are_outlined(objective: str, defocus: float) -> None:
    found = []
    for radius in (3.0, 4.5, 6.0):
        for seed in SEEDS:
            crop, true, cell = dapi_cell(objective, radius, defocus, seed)
            found.append(dice(nucleus(crop, cell).mask, true))
    assert np.median(found) >= 0.93


@pytest.mark.parametrize("radius", [5.0, 8.0, 12.0])
@pytest.mark.parametrize("bits", ["uint8", "uint16", "float32"])
def test_a_drawn_disc_has_its_area_in_every_type_of_pixel(radius: float, bits: str) -> None:
    y, x = np.mgrid[:40, :40] - 19.5
    inside = np.hypot(x, y) < radius
    unit = 1 - 0.3 * inside + np.random.default_rng(0).normal(0, 0.01, inside.shape)
    crop = (unit * {"uint8": 120, "uint16": 30_000, "float32": 0.4}[bits]).astype(bits)
    assert OutlinedCrop.of(crop).outline.cell.sum() == pytest.approx(inside.sum(), rel=0.12)


@pytest.mark.parametrize("change", [lambda c: c, tilted, lambda c: c // 4], ids=["even light", "tilted light", "dim"])
def test_light_does_not_move_the_outline(change) -> None:
    plain = OutlinedCrop.of(round_cell()).outline.cell
    assert dice(OutlinedCrop.of(change(round_cell())).outline.cell, plain) > 0.97


@pytest.mark.parametrize(
    ("crop", "bodies", "others", "specks", "cut"),
    [
        pytest.param(round_cell(), 1, 0, 0, False, id="one cell"),
        pytest.param(round_cell(size=148, radius=12), 1, 0, 0, False, id="one cell in a large crop"),
        pytest.param(round_cell(size=16, radius=5), 1, 0, 0, False, id="16 px"),
        pytest.param(pair(), 2, 0, 0, False, id="two cells"),
        pytest.param(pair(148), 2, 0, 0, False, id="two large cells"),
        pytest.param(neighbours(), 1, 1, 0, False, id="a cell beside"),
        pytest.param(with_speck(round_cell()), 1, 0, 1, False, id="a speck"),
        pytest.param(round_cell(at=(0, 15)), 1, 0, 0, True, id="cut by the border"),
        pytest.param(bead(), 1, 0, 0, False, id="a bead"),
        pytest.param(even(), 0, 0, 0, False, id="nothing"),
        pytest.param(np.full((20, 20), 7, np.uint8), 0, 0, 0, False, id="one grey value"),
        pytest.param(np.zeros((20, 30), np.uint16), 0, 0, 0, False, id="black"),
        pytest.param(np.full((16, 1024), 0.5, np.float32), 0, 0, 0, False, id="oblong"),
    ],
)
def test_what_lies_in_a_crop(crop: np.ndarray, bodies: int, others: int, specks: int, cut: bool) -> None:
    found = OutlinedCrop.of(crop).outline
    assert (found.bodies, found.neighbours, found.specks, found.cut_off) == (bodies, others, specks, cut)
    assert found.found == found.cell.any() == (bodies > 0)
    assert not (found.cell & found.others).any()


def test_of_two_touching_cells_the_one_in_the_middle_is_taken() -> None:
    y, x = np.mgrid[:64, :64] - 31.5
    crop = round_cell(64, 9) * 1.0 + round_cell(64, 9, at=(0, 18), seed=1) - 2000
    found = OutlinedCrop.of(crop.astype(np.uint16)).outline
    assert found.bodies == 2
    assert dice(found.cell, np.hypot(y, x) < 9) > 0.85
    assert found.others[31, 49]


def test_a_pair_is_taken_whole_where_the_crop_is_centred_between() -> None:
    cell = OutlinedCrop.of(pair()).outline.cell
    assert cell[:, :20].sum() == pytest.approx(cell[:, 20:].sum(), rel=0.1)


@pytest.mark.parametrize("size", [40, 148])
def test_noise_alone_is_hardly_ever_a_cell(size: int) -> None:
    assert sum(OutlinedCrop.of(even(size, seed)).outline.found for seed in range(50)) <= 1


def test_a_nucleus_without_a_cell_is_found_in_the_whole_crop() -> None:
    crop, true, _ = dapi_cell("20x", 4.5, 0, seed=0)
    assert dice(nucleus(crop, np.zeros_like(true)).mask, true) > 0.9


def test_of_several_nuclei_without_a_cell_the_one_in_the_middle_is_taken() -> None:
    y, x = np.mgrid[:64, :64]
    middle, corner, side = (np.hypot(y - row, x - column) < 6 for row, column in ((33, 31), (10, 10), (30, 56)))
    dapi = np.random.default_rng(0).integers(0, 9, (64, 64)) + 900 * (middle | corner | side)
    found = nucleus(dapi.astype(np.uint16), np.zeros((64, 64), bool))
    assert dice(found.mask, middle) > 0.9
    assert found.bodies == 1
    with_specks = dapi + 900 * ((np.abs(y - 32) < 2) & (np.abs(x - 45) < 2))
    assert dice(nucleus(with_specks.astype(np.uint16), np.zeros((64, 64), bool)).mask, middle) > 0.9


@pytest.mark.parametrize(
    "crop", [np.full((32, 32), 90, np.uint16), np.random.default_rng(0).normal(100, 4, (32, 32)).astype(np.uint16)]
)
def test_a_dark_stain_has_no_nucleus(crop: np.ndarray) -> None:
    found = nucleus(crop, np.hypot(*(np.mgrid[:32, :32] - 15.5)) < 9)
    assert not found.found
    assert not found.mask.any()


def test_lobes_are_counted() -> None:
    y, x = np.mgrid[:40, :40] - 19.5
    lobed = sum(np.hypot(x - at, y) < 5 for at in (-9.0, 0.0, 9.0)) > 0
    crop = (100 + 900 * lobed + np.random.default_rng(0).normal(0, 5, lobed.shape)).astype(np.uint16)
    assert nucleus(crop, np.hypot(x, y) < 17).bodies == 3
