"""Bodies on a grid: how far light is delayed and absorbed in each slab, how much stain there is, and the true masks."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from brightctc.simulate.shapes import Body, Compartment, Surfaces, surfaces

FADE_UM = 2.0
EVERYTHING = (-1e3, 1e3)  # µm: the edges of one slab that holds every body


@dataclass(frozen=True)
class Grid:
    """A square of `side` points, `step` µm apart, around (0, 0); x runs along columns, y along rows."""

    side: int
    step: float

    @property
    def places(self) -> np.ndarray:
        """float64 (side,): µm of each point along x, and along y."""
        return (np.arange(self.side) - (self.side - 1) / 2) * self.step


@dataclass(frozen=True)
class Matter:
    """A scene on a grid.

    delay: float32 (slabs, side, side), optical path beyond the medium's, µm. absorbance: the same shape.
    stain: float32 (stain slabs, side, side), DNA per area. masks: uint8 (side, side): 1 cell, 2 nucleus, 3 other.
    """

    delay: np.ndarray
    absorbance: np.ndarray
    stain: np.ndarray
    masks: np.ndarray


def matter_of(
    grid: Grid,
    cells: Sequence[Body],
    others: Sequence[Body],
    edges: Sequence[float],
    stain_edges: Sequence[float],
    rng: np.random.Generator,
) -> Matter:
    """Put bodies on the grid. cells: the first is the one that the crop is of. edges: µm, rising, of the slabs."""
    side = grid.side
    empty = np.zeros((len(edges) - 1, side, side), np.float32)
    found = Matter(
        empty, empty.copy(), np.zeros((len(stain_edges) - 1, side, side), np.float32), np.zeros((side, side), np.uint8)
    )
    for number, body in enumerate((*cells, *others)):
        _add(found, grid, body, (edges, stain_edges), rng, role=number if number < len(cells) else None)
    fade = _fade(grid)
    for layers in (found.delay, found.absorbance, found.stain):
        layers *= fade
    return found


def _fade(grid: Grid) -> np.ndarray:
    """1, and smoothly 0 at the grid's edges, where a body that is cut would scatter light that it does not."""
    edge = np.clip((grid.side * grid.step / 2 - np.abs(grid.places)) / FADE_UM, 0, 1)
    along = (0.5 - 0.5 * np.cos(math.pi * edge)).astype(np.float32)
    return along[:, None] * along[None, :]


def _add(
    into: Matter,
    grid: Grid,
    body: Body,
    edges: tuple[Sequence[float], Sequence[float]],
    rng: np.random.Generator,
    role: int | None,
) -> None:
    """Add one body within the window that it takes. role: 0 the crop's cell, 1 its partner, None neither."""
    rows, columns = _window(grid, body)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    x, y = grid.places[None, columns], grid.places[rows, None]
    filled = surfaces(body, x, y)
    for compartment, within in zip(body.compartments, filled, strict=True):
        chords = within.chords(edges[0])
        into.delay[:, rows, columns] += _delay(compartment, chords, within, grid, edges[0], rng)
        if compartment.absorption:
            into.absorbance[:, rows, columns] += compartment.absorption * chords
        if compartment.dna:
            into.stain[:, rows, columns] += compartment.dna * within.chords(edges[1])
    inside = [within.high > within.low for within in filled]
    masks = into.masks[rows, columns]
    masks[inside[0] & (masks == 0)] = 3 if role is None else 1
    if role is not None and len(inside) > 1:
        masks[inside[1]] = 2


def _delay(
    compartment: Compartment,
    chords: np.ndarray,
    within: Surfaces,
    grid: Grid,
    edges: Sequence[float],
    rng: np.random.Generator,
) -> np.ndarray:
    """Optical path (µm) that the compartment adds in each slab: its index, its texture, its granules."""
    delay = compartment.index * chords
    if compartment.texture:
        delay += _texture(compartment, chords, grid.step, rng)
    if compartment.granules[0]:
        delay += _granules(compartment, within, grid.step, edges, rng)
    return delay


def _texture(compartment: Compartment, chords: np.ndarray, step: float, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian random index of covariance σ² exp(−r²/2ℓ²), summed along z.

    Over a path L much longer than ℓ the sum has the standard deviation σ √(√(2π) ℓ L), and the same covariance
    across it.
    """
    length = compartment.texture_um
    width = length / math.sqrt(2) / step  # white noise blurred by a Gaussian of ℓ/√2 has that covariance
    noise = rng.standard_normal(chords.shape, np.float32)
    smooth = ndimage.gaussian_filter(noise, (0, width, width), mode="wrap") * np.float32(2 * width * math.sqrt(math.pi))
    return compartment.texture * np.sqrt(math.sqrt(2 * math.pi) * length * chords) * smooth


def _granules(
    compartment: Compartment, within: Surfaces, step: float, edges: Sequence[float], rng: np.random.Generator
) -> np.ndarray:
    """Balls at random places of the compartment, each as wide as light can tell: volume times index, blurred."""
    share, diameter, index = compartment.granules
    thickness = np.clip(within.high - within.low, 0, None).astype(np.float64)
    ball = math.pi / 6 * diameter**3
    volume = thickness.sum() * step**2
    number = int(rng.poisson(min(share * volume / ball, 20_000))) if volume else 0
    shape = (len(edges) - 1, *thickness.shape)
    if number == 0:
        return np.zeros(shape, np.float32)
    at = np.searchsorted(np.cumsum(thickness.ravel()), rng.random(number) * thickness.sum())
    at = np.minimum(at, thickness.size - 1)
    z = within.low.ravel()[at] + rng.random(number) * thickness.ravel()[at]
    slab = np.clip(np.searchsorted(edges, z) - 1, 0, shape[0] - 1)
    heap = np.bincount(slab * thickness.size + at, minlength=math.prod(shape)).reshape(shape).astype(np.float32)
    width = diameter / math.sqrt(20) / step  # a ball's rms width along one axis is its radius over √5
    heap = ndimage.gaussian_filter(heap, (0, width, width), mode="constant")
    return heap * np.float32(index * ball / step**2)


def _window(grid: Grid, body: Body) -> tuple[slice, slice]:
    """Rows and columns of the grid that the body can touch."""
    left, top, right, bottom = body.extent
    middle = (grid.side - 1) / 2

    def span(low: float, high: float) -> slice:
        return slice(
            max(0, math.floor(low / grid.step + middle)), min(grid.side, math.ceil(high / grid.step + middle) + 1)
        )

    return span(top, bottom), span(left, right)
