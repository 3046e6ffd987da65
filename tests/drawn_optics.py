"""Cells whose outline is known, imaged by the physics of `brightctc simulate`, one parameter at a time."""

import numpy as np

from brightctc.simulate.anatomy import bumps
from brightctc.simulate.matter import EVERYTHING, Grid, Matter, matter_of
from brightctc.simulate.optics import blurred_stack, bright_field, pixels
from brightctc.simulate.shapes import Body, Compartment, Ellipsoid

WAVELENGTH, STAIN_WAVELENGTH, MEDIUM = 0.55, 0.461, 1.335  # µm; refractive index
OBJECTIVES = {"10x": (0.28, 0.14, 0.645, 3), "20x": (0.45, 0.25, 0.3225, 2)}  # NA, condenser NA, µm/px, oversampling
SLICES = 9


def phase_cell(
    objective: str, radius: float, defocus: float, seed: int, *, size: int = 96, noise: float = 0.01
) -> tuple[np.ndarray, np.ndarray]:
    """A bright-field crop, uint16 (size, size), and the truth, bool (size, size).

    radius, defocus: µm; a positive defocus is past the cell. noise: sd relative to the background, which is tilted.
    """
    rng = np.random.default_rng(seed)
    aperture, condenser, pixel, fine = OBJECTIVES[objective]
    x, y = rng.normal(0, 1, 2)
    turn, stretch = rng.uniform(0, np.pi), np.exp(rng.normal(0, 0.06))
    outline = Ellipsoid(x, y, radius * stretch, radius / stretch, radius, turn, bumps(0.02, rng))
    inner = Ellipsoid(x + 0.1 * radius, y, 0.65 * radius, 0.65 * radius, 0.65 * radius)
    cell = Compartment((outline,), rng.uniform(0.02, 0.04), texture=0.004, texture_um=0.8)
    matter = _matter(Body((cell, Compartment((inner,), -0.005, parent=0))), size, pixel, fine, rng)
    image = bright_field(
        matter.delay, matter.absorbance, pixel / fine, wavelength=WAVELENGTH, medium=MEDIUM, aperture=aperture,
        condenser=condenser, points=48, focus=defocus,
    )  # fmt: skip
    y, x = np.mgrid[:size, :size] / size - 0.5
    level = 2000 * pixels(image, size, fine) * (1 + 0.05 * (x * rng.normal() + y * rng.normal()))
    level += rng.normal(0, 2000 * noise, level.shape)
    return np.clip(level, 0, 65535).astype(np.uint16), _at_pixels(matter.masks, fine) > 0


def dapi_cell(
    objective: str, radius: float, defocus: float, seed: int, size: int = 96
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A DAPI crop, uint16, the true nucleus and the true cell around it, bool, all (size, size); radius of the nucleus.

    Slices through nucleus and hazy cytoplasm, each blurred by the defocused widefield point spread function.
    """
    rng = np.random.default_rng(seed)
    aperture, _, pixel, fine = OBJECTIVES[objective]
    stretch, whole = np.exp(rng.normal(0, 0.1)), radius / 0.65
    cell = Compartment((Ellipsoid(0, 0, whole, whole, whole),), 0.03, dna=0.8)
    inside = Compartment((Ellipsoid(0, 0, radius * stretch, radius / stretch, radius),), 0, parent=0, dna=20.0)
    edges = np.linspace(-whole, whole, SLICES + 1)
    matter = _matter(Body((cell, inside)), size, pixel, fine, rng, tuple(edges))
    heights = defocus - (edges[1:] + edges[:-1]) / 2
    glow = blurred_stack(
        matter.stain, heights.tolist(), pixel / fine, wavelength=STAIN_WAVELENGTH, medium=MEDIUM, aperture=aperture
    )
    light = np.clip(pixels(glow, size, fine), 0, None)
    counts = rng.poisson(5 * light + 5) + rng.normal(100, 3, (size, size))
    masks = _at_pixels(matter.masks, fine)
    return np.clip(counts, 0, 65535).astype(np.uint16), masks == 2, masks > 0


def dice(found: np.ndarray, true: np.ndarray) -> float:
    """Twice the shared area over the sum of both."""
    return 2 * float((found & true).sum()) / max(1, int(found.sum() + true.sum()))


def _matter(
    body: Body,
    size: int,
    pixel: float,
    fine: int,
    rng: np.random.Generator,
    stain_edges: tuple[float, ...] = EVERYTHING,
) -> Matter:
    return matter_of(Grid(size * fine, pixel / fine), [body], [], EVERYTHING, stain_edges, rng)


def _at_pixels(masks: np.ndarray, fine: int) -> np.ndarray:
    """The mask at the middle of each pixel."""
    return masks[fine // 2 :: fine, fine // 2 :: fine]
