"""The parameters of one cell and of what lies beside it, drawn from the kinds' spreads: what `truth.csv` tells."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from brightctc.simulate.kinds import Kind, Kinds

OBJECTS = ("ghost", "red_cell", "platelet", "debris")
_OBJECT_SHARES = (0.35, 0.1, 0.25, 0.3)  # how often each is met beside a cell


@dataclass(frozen=True)
class CellDraw:
    """One cell; lengths in µm, index differences to what surrounds the part. state: whole or apoptotic."""

    kind: str
    state: Literal["whole", "apoptotic"]
    x_um: float
    y_um: float
    diameter_um: float
    elongation: float
    roughness: float
    index_difference: float
    nucleus_shape: str
    nucleus_um: float
    lobes: int
    nucleus_index_difference: float
    nucleoli: int
    nucleolus_um: float
    nucleolus_index_difference: float
    texture: float
    nucleus_texture: float
    texture_um: float
    granules: float
    granule_um: float
    granule_index_difference: float
    blebs: int
    bleb_um: float
    dna: float
    haze: float


@dataclass(frozen=True)
class Neighbour:
    """Something that is no nucleated cell; lengths in µm, absorption per µm."""

    kind: str
    x_um: float
    y_um: float
    diameter_um: float
    index_difference: float
    absorption: float


@dataclass(frozen=True)
class SceneDraw:
    """What a crop shows: the cell that it was cut for (or an object of neither class), a partner, and neighbours."""

    cell: CellDraw | None
    partner: CellDraw | None
    others: tuple[Neighbour, ...]


def draw_scene(kind: str, kinds: Kinds, medium: float, half_width: float, rng: np.random.Generator) -> SceneDraw:
    """Draw a crop of a cell of `kind`, or of an object of OBJECTS. half_width: µm from the middle to the edge.

    medium: its refractive index. What else lies in the crop does not depend on the kind.
    """
    x, y = rng.normal(0, kinds.centring_um, 2)
    number = int(rng.poisson(kinds.neighbours))
    if kind in OBJECTS:
        beside = _beside(number, half_width, getattr(kinds, f"{kind}_um") / 2, kinds, medium, rng)
        return SceneDraw(None, None, (_object(kind, (x, y), kinds, medium, rng), *beside))
    cell = draw_cell(kind, kinds, medium, (x, y), rng)
    partner = None
    if rng.random() < kinds.doublets:
        cell, partner = _pair(cell, kinds, medium, rng)
    taken = cell.diameter_um / 2 + (0 if partner is None else partner.diameter_um)
    return SceneDraw(cell, partner, _beside(number, half_width, taken, kinds, medium, rng))


def draw_cell(name: str, kinds: Kinds, medium: float, at: tuple[float, float], rng: np.random.Generator) -> CellDraw:
    """Draw one cell of the kind `name` around `at` (µm)."""
    kind = kinds.named(name)
    dying = bool(rng.random() < kinds.apoptotic)
    diameter = kind.diameter_um * math.exp(rng.normal(0, kind.diameter_sd)) * (0.8 if dying else 1.0)
    index = rng.normal(kind.index, kind.index_sd) + (0.012 if dying else 0.0)
    ratio = float(np.clip(rng.normal(kind.nucleus_ratio, kind.nucleus_ratio_sd), 0.2, 0.93))
    nucleus = diameter * ratio * (0.75 if dying else 1.0)  # chromatin condenses
    own = rng.lognormal(0, 0.35, 4)  # textures, granules, roughness: each cell its own
    return CellDraw(
        kind=name,
        state="apoptotic" if dying else "whole",
        x_um=float(at[0]),
        y_um=float(at[1]),
        diameter_um=diameter,
        elongation=math.exp(abs(rng.normal(0, kind.elongation_sd))),
        roughness=kind.roughness * own[0],
        index_difference=index - medium,
        nucleus_shape=kind.nucleus_shape,
        nucleus_um=nucleus,
        lobes=_lobes(kind, rng),
        nucleus_index_difference=kind.nucleus_index - kind.index + rng.normal(0, 0.002) + (0.02 if dying else 0.0),
        nucleoli=0 if dying else int(rng.poisson(kind.nucleoli)),
        nucleolus_um=min(kind.nucleolus_um * math.exp(rng.normal(0, 0.2)), 0.6 * nucleus),
        nucleolus_index_difference=kind.nucleolus_index - kind.nucleus_index,
        texture=kind.texture * own[1],
        nucleus_texture=kind.nucleus_texture * own[2],
        texture_um=kind.texture_um,
        granules=min(kind.granules * own[3], 0.5),
        granule_um=kind.granule_um,
        granule_index_difference=kind.granule_index - kind.index,
        blebs=int(rng.poisson(kind.blebs + (4.0 if dying else 0.0))),
        bleb_um=min(kind.bleb_um, 0.4 * diameter),
        dna=kind.dna * math.exp(rng.normal(0, kind.dna_sd)),
        haze=kinds.haze,
    )


def leukocyte(kinds: Kinds, rng: np.random.Generator) -> str:
    """The kind of a leukocyte, by the shares that enrichment leaves."""
    share = rng.random()
    if share < kinds.lymphocytes:
        return "lymphocyte"
    return "monocyte" if share < kinds.lymphocytes + kinds.monocytes else "granulocyte"


def _lobes(kind: Kind, rng: np.random.Generator) -> int:
    """Bodies that the nucleus is made of: 2 to 5 lobes; a kidney is a band of 5."""
    return {"round": 1, "kidney": 5, "lobed": int(rng.integers(2, 6))}[kind.nucleus_shape]


def _pair(cell: CellDraw, kinds: Kinds, medium: float, rng: np.random.Generator) -> tuple[CellDraw, CellDraw]:
    """A leukocyte clings to the cell; the crop is centred on both."""
    angle = rng.uniform(0, 2 * math.pi)
    partner = draw_cell(leukocyte(kinds, rng), kinds, medium, (0.0, 0.0), rng)
    apart = 0.48 * (cell.diameter_um + partner.diameter_um)
    x, y = apart / 2 * math.cos(angle), apart / 2 * math.sin(angle)
    return (
        replace(cell, x_um=cell.x_um - x, y_um=cell.y_um - y),
        replace(partner, x_um=cell.x_um + x, y_um=cell.y_um + y),
    )


def _beside(
    number: int, half_width: float, taken: float, kinds: Kinds, medium: float, rng: np.random.Generator
) -> tuple[Neighbour, ...]:
    """Objects between the cell and a little beyond the crop's edge."""
    found = []
    for _ in range(number):
        angle, away = rng.uniform(0, 2 * math.pi), rng.uniform(0.5, 1.2) * half_width
        kind = str(rng.choice(OBJECTS, p=_OBJECT_SHARES))
        placed = _object(kind, (0.0, 0.0), kinds, medium, rng)
        away = max(away, taken + placed.diameter_um)
        found.append(replace(placed, x_um=away * math.cos(angle), y_um=away * math.sin(angle)))
    return tuple(found)


def _object(kind: str, at: tuple[float, float], kinds: Kinds, medium: float, rng: np.random.Generator) -> Neighbour:
    size, index = getattr(kinds, f"{kind}_um"), getattr(kinds, f"{kind}_index") - medium
    return Neighbour(
        kind=kind,
        x_um=float(at[0]),
        y_um=float(at[1]),
        diameter_um=size * math.exp(rng.normal(0, 0.3 if kind == "debris" else 0.1)),
        index_difference=index * math.exp(rng.normal(0, 0.15)),
        absorption=kinds.red_cell_absorption if kind == "red_cell" else 0.0,
    )
