"""From the drawn parameters of a cell to its body: outline, nucleus, nucleoli, granules, blebs."""

import math
from dataclasses import replace

import numpy as np

from brightctc.simulate.draws import CellDraw, Neighbour
from brightctc.simulate.shapes import Body, Compartment, Ellipsoid

RESTING = 100.0  # stain of a resting diploid cell: as much as 100 µm³ of density 1 hold


def cell_body(draw: CellDraw, rng: np.random.Generator) -> Body:
    """The body of a drawn cell around (draw.x_um, draw.y_um). rng: places and phases that have no name."""
    outline = _outline(draw, rng)
    turn = rng.uniform(0, 2 * math.pi)
    away = rng.uniform(0, 0.6) * max(0.0, (draw.diameter_um - draw.nucleus_um) / 2) * (draw.state == "whole")
    centre = (draw.x_um + away * math.cos(turn), draw.y_um + away * math.sin(turn))
    nucleus = _nucleus(draw, centre, rng)
    cytoplasm = Compartment(
        outline, draw.index_difference, texture=draw.texture, texture_um=draw.texture_um, dna=draw.haze,
        granules=(draw.granules, draw.granule_um, draw.granule_index_difference),
    )  # fmt: skip
    inner = Compartment(
        nucleus, draw.nucleus_index_difference, parent=0, texture=draw.nucleus_texture, texture_um=draw.texture_um,
        dna=1.0, z=rng.normal(0, 0.05 * draw.diameter_um),
    )  # fmt: skip
    nucleoli = tuple(_nucleolus(draw, nucleus, rng) for _ in range(draw.nucleoli))
    return _stained(Body((cytoplasm, inner, *nucleoli)), draw.dna)


def _stained(body: Body, dna: float) -> Body:
    """The body with as much stain as there is DNA, however the nucleus is packed, overlaps or is cut off.

    dna: 1 is a resting diploid cell's, which stains as RESTING says. The densities of what lies in the cell are
    relative on the way in.
    """
    cytoplasm, *inner = body.compartments
    _, own, *volumes = body.volumes()
    amount = own + sum(each.dna * volume for each, volume in zip(inner[1:], volumes, strict=True))
    density = dna * RESTING / max(amount, 0.2 * own)
    return Body((cytoplasm, *(replace(each, dna=each.dna * density) for each in inner)))


def neighbour_body(draw: Neighbour, rng: np.random.Generator) -> Body:
    """A red cell, its ghost, a platelet, a piece of debris."""
    return {"red_cell": _red_cell, "ghost": _ghost, "platelet": _platelet, "debris": _debris}[draw.kind](draw, rng)


def bumps(roughness: float, rng: np.random.Generator, highest: int = 8) -> tuple[tuple[int, float, float], ...]:
    """Waves of an outline from two a turn upwards; tension keeps fine ones small: amplitudes fall as n^-1.5."""
    return tuple((n, rng.normal(0, roughness) * (2 / n) ** 1.5, rng.uniform(0, 2 * math.pi)) for n in range(2, highest))


def _outline(draw: CellDraw, rng: np.random.Generator) -> tuple[Ellipsoid, ...]:
    radius, stretch = draw.diameter_um / 2, math.sqrt(draw.elongation)
    main = Ellipsoid(
        draw.x_um, draw.y_um, radius * stretch, radius / stretch, radius, rng.uniform(0, math.pi),
        bumps(draw.roughness, rng),
    )  # fmt: skip
    blebs = []
    for _ in range(draw.blebs):
        size, angle = draw.bleb_um / 2 * math.exp(rng.normal(0, 0.3)), rng.uniform(0, 2 * math.pi)
        at = radius * rng.uniform(0.85, 1.05)
        blebs.append(
            Ellipsoid(draw.x_um + at * math.cos(angle), draw.y_um + at * math.sin(angle), size, size, size)
        )  # fmt: skip
    return (main, *blebs)


def _nucleus(draw: CellDraw, centre: tuple[float, float], rng: np.random.Generator) -> tuple[Ellipsoid, ...]:
    """One ellipsoid; lobes or a band along an arc; or the pieces of a dying cell's: of the volume of nucleus_um."""
    radius, cell = draw.nucleus_um / 2, draw.diameter_um / 2
    if draw.state == "apoptotic":
        pieces = int(rng.integers(3, 7))
        each = radius / pieces ** (1 / 3)
        return tuple(
            _ball(draw.x_um, draw.y_um, rng.uniform(0, 0.7) * cell, rng.uniform(0, 2 * math.pi), each, rng)
            for _ in range(pieces)
        )
    if draw.lobes == 1:
        stretch = math.exp(rng.normal(0, 0.07))
        waves = bumps(draw.roughness, rng, highest=5)
        turn = rng.uniform(0, math.pi)
        return (Ellipsoid(*centre, radius * stretch, radius / stretch, radius * 0.95, turn, waves),)
    start, span = rng.uniform(0, 2 * math.pi), (1.0 if draw.nucleus_shape == "kidney" else 1.5) * math.pi
    places = start + np.linspace(0, span, draw.lobes)
    each = min(radius / draw.lobes ** (1 / 3) * (1.25 if draw.nucleus_shape == "kidney" else 1.0), 0.6 * cell)
    away = min(0.42 * cell, 0.92 * cell - each)
    return tuple(_ball(draw.x_um, draw.y_um, away, angle, each, rng) for angle in places)


def _ball(
    x: float, y: float, away: float, angle: float, radius: float, rng: np.random.Generator, spread: float = 0.12
) -> Ellipsoid:
    size = radius * math.exp(rng.normal(0, spread))
    stretch = math.exp(rng.normal(0, spread))
    return Ellipsoid(
        x + away * math.cos(angle), y + away * math.sin(angle), size * stretch, size / stretch, size,
        rng.uniform(0, math.pi),
    )  # fmt: skip


def _nucleolus(draw: CellDraw, nucleus: tuple[Ellipsoid, ...], rng: np.random.Generator) -> Compartment:
    home = nucleus[int(rng.integers(len(nucleus)))]
    shape = _ball(
        home.x, home.y, rng.uniform(0, 0.6) * home.a, rng.uniform(0, 2 * math.pi), draw.nucleolus_um / 2, rng, 0.25
    )
    z = rng.uniform(-0.4, 0.4) * home.c
    return Compartment((shape,), draw.nucleolus_index_difference, z=z, parent=1, dna=-0.6)


def _red_cell(draw: Neighbour, rng: np.random.Generator) -> Body:
    """A disc, thinner in the middle; haemoglobin absorbs."""
    radius, turn = draw.diameter_um / 2, rng.uniform(0, math.pi)
    disc = Ellipsoid(draw.x_um, draw.y_um, radius, radius * rng.uniform(0.85, 1), 1.2, turn, bumps(0.01, rng))
    dimple = Ellipsoid(draw.x_um, draw.y_um, 0.5 * radius, 0.5 * radius, 0.7)
    outer = Compartment((disc,), draw.index_difference, absorption=draw.absorption)
    return Body((outer, Compartment((dimple,), -draw.index_difference, parent=0, absorption=-draw.absorption)))


def _ghost(draw: Neighbour, rng: np.random.Generator) -> Body:
    """A membrane around next to nothing: a faint ring."""
    radius, turn = draw.diameter_um / 2, rng.uniform(0, math.pi)
    waves, flat = bumps(0.02, rng), rng.uniform(1.5, 3)
    outer = Ellipsoid(draw.x_um, draw.y_um, radius, radius * rng.uniform(0.8, 1), flat, turn, waves)
    inner = Ellipsoid(draw.x_um, draw.y_um, outer.a * 0.9, outer.b * 0.9, flat * 0.9, turn, waves)
    membrane = 3 * draw.index_difference
    return Body((Compartment((outer,), membrane), Compartment((inner,), draw.index_difference - membrane, parent=0)))


def _platelet(draw: Neighbour, rng: np.random.Generator) -> Body:
    radius = draw.diameter_um / 2
    shape = Ellipsoid(draw.x_um, draw.y_um, radius, radius * 0.8, 0.6, rng.uniform(0, math.pi), bumps(0.05, rng))
    return Body((Compartment((shape,), draw.index_difference),))


def _debris(draw: Neighbour, rng: np.random.Generator) -> Body:
    """Small pieces in a heap."""
    heap = tuple(
        _ball(draw.x_um, draw.y_um, rng.uniform(0, 0.5) * draw.diameter_um, rng.uniform(0, 2 * math.pi),
              rng.uniform(0.15, 0.4) * draw.diameter_um, rng, 0.3)
        for _ in range(int(rng.integers(3, 8)))
    )  # fmt: skip
    return Body((Compartment(heap, draw.index_difference, texture=0.004, texture_um=0.5),))
