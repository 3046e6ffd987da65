"""Rounded bodies and what fills them: ellipsoids with bumpy outlines, in µm, seen along the optical axis z."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np


@dataclass(frozen=True)
class Ellipsoid:
    """Centre (x, y), semi-axes (a, b in the plane, c along z) and turn of a (radian); all lengths in µm.

    bumps: (n, amplitude, phase) of the outline's waves, relative to the radius.
    """

    x: float
    y: float
    a: float
    b: float
    c: float
    turn: float = 0.0
    bumps: tuple[tuple[int, float, float], ...] = ()

    @property
    def reach(self) -> float:
        """µm from the centre beyond which there is nothing of it."""
        return max(self.a, self.b) * (1 + sum(abs(amplitude) for _, amplitude, _ in self.bumps))

    def half_height(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Half the thickness along z at each place, 0 outside: float32 of the places' shape.

        An ellipsoid's is c √(1 − ρ²), with ρ the distance from the centre relative to the outline's.
        """
        cosine, sine = np.cos(self.turn), np.sin(self.turn)
        along = ((x - self.x) * cosine + (y - self.y) * sine) / self.a
        across = ((y - self.y) * cosine - (x - self.x) * sine) / self.b
        square = along**2 + across**2
        if self.bumps:
            angle = np.arctan2(across, along)
            outline = 1 + sum(amplitude * np.cos(n * angle + phase) for n, amplitude, phase in self.bumps)
            square = square / np.maximum(outline, 0.2) ** 2
        return (self.c * np.sqrt(np.clip(1 - square, 0, None))).astype(np.float32)


@dataclass(frozen=True)
class Compartment:
    """A part of a body, of one material: the union of `shapes`, around height z (µm), within its parent.

    index: refractive index less that of what surrounds it (the parent's, the medium's for the outermost).
    parent: number of the compartment that it lies in; None for the outermost. texture: standard deviation of its index,
    with correlation length texture_um. absorption: per µm. dna: stain per µm³. granules: their share of its
    volume, with their diameter in µm and their index less the compartment's.
    """

    shapes: tuple[Ellipsoid, ...]
    index: float
    z: float = 0.0
    parent: int | None = None
    texture: float = 0.0
    texture_um: float = 1.0
    absorption: float = 0.0
    dna: float = 0.0
    granules: tuple[float, float, float] = (0.0, 1.0, 0.0)


@dataclass(frozen=True)
class Body:
    """A cell, a ghost, a piece of debris: compartments, each after its parent; the first is the outline."""

    compartments: tuple[Compartment, ...]

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """µm: left, top, right, bottom of a box around it."""
        shapes = self.compartments[0].shapes
        return (
            min(shape.x - shape.reach for shape in shapes),
            min(shape.y - shape.reach for shape in shapes),
            max(shape.x + shape.reach for shape in shapes),
            max(shape.y + shape.reach for shape in shapes),
        )

    def volumes(self, step: float = 0.15) -> list[float]:
        """µm³ of each compartment, what sticks out of its parent cut off; on a grid of `step` µm."""
        left, top, right, bottom = self.extent
        x, y = np.arange(left, right, step)[None, :], np.arange(top, bottom, step)[:, None]
        return [float(np.clip(found.high - found.low, 0, None).sum()) * step**2 for found in surfaces(self, x, y)]


@dataclass(frozen=True)
class Surfaces:
    """Where a compartment begins and ends along z: float32 (h, w), µm; the lower is above the upper outside."""

    low: np.ndarray
    high: np.ndarray

    def chords(self, edges: Sequence[float]) -> np.ndarray:
        """Thickness within each slab between two neighbouring `edges` (µm, rising): float32 (slabs, h, w)."""
        return np.stack(
            [
                np.clip(np.minimum(self.high, above) - np.maximum(self.low, below), 0, None)
                for below, above in pairwise(edges)
            ]
        )


def surfaces(body: Body, x: np.ndarray, y: np.ndarray) -> list[Surfaces]:
    """Of each compartment, in order; what sticks out of its parent is cut off."""
    found: list[Surfaces] = []
    for each in body.compartments:
        half = each.shapes[0].half_height(x, y)
        for shape in each.shapes[1:]:
            half = np.maximum(half, shape.half_height(x, y))
        nothing = np.where(half > 0, np.float32(0), np.float32(1e6))
        low, high = each.z - half + nothing, each.z + half - nothing
        if each.parent is not None:
            low, high = np.maximum(low, found[each.parent].low), np.minimum(high, found[each.parent].high)
        found.append(Surfaces(low, high))
    return found
