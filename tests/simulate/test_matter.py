"""Drawn bodies: lengths, volumes and indices on the grid are those that were drawn."""

import numpy as np
import pytest

from brightctc.simulate.anatomy import cell_body, neighbour_body
from brightctc.simulate.draws import OBJECTS, draw_cell, draw_scene
from brightctc.simulate.kinds import LEUKOCYTES, LINES, Kinds
from brightctc.simulate.matter import EVERYTHING, Grid, matter_of
from brightctc.simulate.shapes import Body, Compartment, Ellipsoid, surfaces

GRID = Grid(320, 0.15)
EDGES = (-1e3, -4.0, -1.0, 0.5, 3.0, 1e3)
KINDS = (*LEUKOCYTES, *LINES, "patient_ctc")


def ball(radius: float, x: float = 0.0, y: float = 0.0) -> Ellipsoid:
    return Ellipsoid(x, y, radius, radius, radius)


def delay_of(compartment: Compartment, edges: tuple[float, ...] = EVERYTHING, seed: int = 0) -> np.ndarray:
    matter = matter_of(GRID, [Body((compartment,))], [], edges, EVERYTHING, np.random.default_rng(seed))
    return matter.delay


def test_a_spheres_delay_is_its_chord_times_the_index_difference():
    found = delay_of(Compartment((ball(6.0),), 0.03))[0]
    x, y = GRID.places[None, :], GRID.places[:, None]
    np.testing.assert_allclose(found, 0.06 * np.sqrt(np.clip(36 - x**2 - y**2, 0, None)), atol=1e-5)


def test_slabs_divide_a_body_and_lose_nothing():
    compartment = Compartment((ball(6.0), ball(2.0, 5.5, 1.0)), 0.03, z=0.7)
    np.testing.assert_allclose(delay_of(compartment, EDGES).sum(axis=0), delay_of(compartment)[0], atol=1e-5)
    assert (delay_of(compartment, EDGES).max(axis=(1, 2)) > 0).all()


@pytest.mark.parametrize("edges", [EVERYTHING, EDGES], ids=["thin", "slabs"])
def test_granules_add_their_share_of_the_volume_times_their_index(edges):
    plain = delay_of(Compartment((ball(5.0),), 0.03)).sum()
    with_granules = delay_of(Compartment((ball(5.0),), 0.03, granules=(0.15, 0.4, 0.08)), edges).sum()
    assert (with_granules - plain) / plain == pytest.approx(0.15 * 0.08 / 0.03, rel=0.03)


def test_texture_has_the_spread_of_a_random_index_summed_along_the_way():
    """σ √(√(2π) ℓ L), and no mean."""
    compartment = Compartment((Ellipsoid(0, 0, 60, 60, 5.0),), 0.0, texture=0.004, texture_um=0.8)
    middle = np.stack([delay_of(compartment, seed=seed)[0][120:200, 120:200] for seed in range(12)])
    expected = 0.004 * np.sqrt(np.sqrt(2 * np.pi) * 0.8 * 10.0)
    assert middle.std() == pytest.approx(expected, rel=0.06)
    assert abs(middle.mean()) < 0.1 * expected


def test_texture_summed_over_slabs_spreads_as_in_one():
    compartment = Compartment((Ellipsoid(0, 0, 60, 60, 5.0),), 0.0, texture=0.004, texture_um=0.8)
    one = np.stack([delay_of(compartment, seed=seed)[0][120:200, 120:200] for seed in range(8)])
    many = np.stack([delay_of(compartment, EDGES, seed=seed).sum(axis=0)[120:200, 120:200] for seed in range(8)])
    assert many.std() == pytest.approx(one.std(), rel=0.1)


def test_a_nucleus_that_sticks_out_is_cut_at_the_cells_surface():
    cell, nucleus = Compartment((ball(4.0),), 0.03), Compartment((ball(3.0, 3.0),), 0.01, parent=0)
    x, y = GRID.places[None, :], GRID.places[:, None]
    outer, inner = surfaces(Body((cell, nucleus)), x, y)
    there = inner.high > inner.low
    assert there.any()
    assert (inner.low >= outer.low - 1e-6)[there].all()
    assert (inner.high <= outer.high + 1e-6)[there].all()


@pytest.mark.parametrize("apoptotic", [0.0, 1.0])
@pytest.mark.parametrize("kind", KINDS)
def test_a_drawn_cell_has_the_size_nucleus_and_stain_that_its_parameters_say(kind, apoptotic):
    kinds = Kinds(apoptotic=apoptotic, doublets=0, haze=0)
    for number in range(5):
        rng = np.random.default_rng([7, number])
        draw = draw_cell(kind, kinds, 1.335, (0.0, 0.0), rng)
        matter = matter_of(GRID, [cell_body(draw, rng)], [], EVERYTHING, EVERYTHING, rng)
        area = np.isin(matter.masks, (1, 2)).sum() * GRID.step**2
        if not apoptotic:  # blebs add to a dying one
            assert np.sqrt(4 * area / np.pi) == pytest.approx(draw.diameter_um, rel=0.2)
        assert 0 < (matter.masks == 2).sum() < np.isin(matter.masks, (1, 2)).sum()
        assert matter.stain.sum() * GRID.step**2 == pytest.approx(100 * draw.dna, rel=0.02)


def test_a_dying_cell_is_smaller_denser_and_its_nucleus_in_pieces():
    def drawn(share: float) -> list:
        kinds = Kinds(apoptotic=share)
        return [draw_cell("a549", kinds, 1.335, (0, 0), np.random.default_rng(seed)) for seed in range(60)]

    whole, dying = drawn(0.0), drawn(1.0)
    assert {each.state for each in whole} == {"whole"}
    assert {each.state for each in dying} == {"apoptotic"}
    assert np.mean([each.diameter_um for each in dying]) < 0.9 * np.mean([each.diameter_um for each in whole])
    assert np.mean([each.index_difference for each in dying]) > np.mean([each.index_difference for each in whole])
    assert np.mean([each.blebs for each in dying]) > 3


def test_a_doublets_partner_is_a_leukocyte_that_touches_it():
    kinds = Kinds(doublets=1.0)
    for seed in range(20):
        scene = draw_scene("patient_ctc", kinds, 1.335, 25.0, np.random.default_rng(seed))
        assert scene.cell is not None
        assert scene.partner is not None
        assert scene.partner.kind in LEUKOCYTES
        apart = np.hypot(scene.cell.x_um - scene.partner.x_um, scene.cell.y_um - scene.partner.y_um)
        assert apart == pytest.approx(0.48 * (scene.cell.diameter_um + scene.partner.diameter_um))


@pytest.mark.parametrize("kind", OBJECTS)
def test_objects_of_neither_class_have_no_nucleus_and_no_stain(kind):
    rng = np.random.default_rng(3)
    scene = draw_scene(kind, Kinds(neighbours=0), 1.335, 25.0, rng)
    assert scene.cell is None
    bodies = [neighbour_body(each, rng) for each in scene.others]
    matter = matter_of(GRID, [], bodies, EVERYTHING, EVERYTHING, rng)
    assert set(np.unique(matter.masks)) == {0, 3}
    assert not matter.stain.any()
    assert np.abs(matter.delay).max() > 0.005
    assert matter.absorbance.any() == (kind == "red_cell")


def test_what_lies_beside_a_cell_does_not_depend_on_its_kind():
    """Else a network could tell the class from the neighbours."""
    kinds = Kinds(neighbours=2.0)

    def beside(kind: str) -> np.ndarray:
        scenes = [draw_scene(kind, kinds, 1.335, 25.0, np.random.default_rng(seed)) for seed in range(200)]
        return np.array([np.hypot(other.x_um, other.y_um) for scene in scenes for other in scene.others])

    large, small = beside("a549"), beside("lymphocyte")
    assert abs(len(large) - len(small)) < 80
    assert large.mean() == pytest.approx(small.mean(), rel=0.05)


def test_bodies_fade_at_the_grids_edge():
    edge = GRID.side * GRID.step / 2
    delay = matter_of(
        GRID, [], [Body((Compartment((ball(5.0, edge),), 0.03),))], EVERYTHING, EVERYTHING, np.random.default_rng(0)
    ).delay[0]
    assert delay[:, -1].max() < 2e-3
    assert delay[:, -20].max() > 0.05
