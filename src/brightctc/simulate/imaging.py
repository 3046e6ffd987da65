"""One crop: a drawn scene through optics and camera → bright field, DAPI and the true masks."""

from dataclasses import dataclass

import numpy as np

from brightctc.simulate.anatomy import cell_body, neighbour_body
from brightctc.simulate.camera import exposed
from brightctc.simulate.draws import SceneDraw
from brightctc.simulate.instrument import Setting, illumination
from brightctc.simulate.matter import EVERYTHING, Grid, Matter, matter_of
from brightctc.simulate.optics import blurred_stack, bright_field, pixels, quick_side
from brightctc.simulate.settings import Optics, Settings
from brightctc.simulate.sites import Site

DEPTH_UM = 9.0  # half the depth that slabs divide; what lies beyond counts to the outermost
TYPICAL_STAIN = 5.0  # DNA per area in the middle of a resting nucleus 6.2 µm wide: 100 / (4/3 π 3.1³) × 6.2
MARGIN = 6  # px on each side that are calculated and cut off: light that leaves one side must not come in at the other


@dataclass(frozen=True)
class Crop:
    """uint16 (size, size) each; dapi None where it was not asked for. masks: uint8, 1 cell, 2 nucleus, 3 other."""

    bright_field: np.ndarray
    dapi: np.ndarray | None
    masks: np.ndarray


def image_scene(
    scene: SceneDraw,
    setting: Setting,
    site: Site,
    settings: Settings,
    streams: tuple[np.random.Generator, np.random.Generator],
    *,
    with_dapi: bool = True,
) -> Crop:
    """Image a scene. streams: of what the bodies leave open, and of the camera's noise."""
    optics, camera = settings.optics.at(site.pixel_factor), settings.camera
    wide = _with_margin(optics.size)
    grid = Grid(wide * optics.oversampling, optics.pixel_size_um / optics.oversampling)
    matter = _matter(scene, grid, optics, streams[0])
    places = Grid(optics.size, optics.pixel_size_um).places
    image = _bright_field(matter, grid, optics, setting.focus_um)
    light = _cut(pixels(image, wide, optics.oversampling), optics.size) * illumination(setting, site, places)
    level = min(camera.exposure * site.light, 1.0) * camera.full_well
    image = exposed(level * light, camera, streams[1])
    dapi = None
    if with_dapi:
        glow = _glow(matter, grid, optics, setting.focus_um)
        glow = _cut(pixels(glow, wide, optics.oversampling), optics.size) / TYPICAL_STAIN
        electrons = site.stain * camera.dapi_peak * glow + camera.dapi_background
        dapi = exposed(electrons, camera, streams[1])
    every = optics.oversampling
    return Crop(image, dapi, _cut(matter.masks[every // 2 :: every, every // 2 :: every], optics.size))


def _with_margin(size: int) -> int:
    """The crop's side with a margin: even on both sides, and quick to transform."""
    wide = size + 2 * MARGIN
    while (wide - size) % 2 or quick_side(wide) != wide:
        wide += 1
    return wide


def _cut(image: np.ndarray, size: int) -> np.ndarray:
    """The middle (size, size) of an image."""
    edge = (len(image) - size) // 2
    return image[edge : edge + size, edge : edge + size]


def _matter(scene: SceneDraw, grid: Grid, optics: Optics, rng: np.random.Generator) -> Matter:
    cells = [cell_body(draw, rng) for draw in (scene.cell, scene.partner) if draw is not None]
    others = [neighbour_body(draw, rng) for draw in scene.others]
    return matter_of(grid, cells, others, _edges(optics.slices), _edges(optics.dapi_slices), rng)


def _edges(slabs: int) -> tuple[float, ...]:
    """Edges of slabs of equal depth; the outermost reach to the end."""
    inner = np.linspace(-DEPTH_UM, DEPTH_UM, slabs + 1)[1:-1]
    return (EVERYTHING[0], *map(float, inner), EVERYTHING[1])


def _bright_field(matter: Matter, grid: Grid, optics: Optics, focus: float) -> np.ndarray:
    """Relative intensity, on the grid that the image's finest detail asks for."""
    return bright_field(
        matter.delay,
        matter.absorbance,
        grid.step,
        wavelength=optics.wavelength_um,
        medium=optics.medium,
        aperture=optics.aperture,
        condenser=optics.condenser,
        points=optics.source_points,
        focus=focus,
        thickness=2 * DEPTH_UM / optics.slices,
    )


def _glow(matter: Matter, grid: Grid, optics: Optics, focus: float) -> np.ndarray:
    """DNA per area as the objective sees it, slice by slice."""
    slices = optics.dapi_slices
    middles = (np.arange(slices) + 0.5) / slices * 2 * DEPTH_UM - DEPTH_UM
    return blurred_stack(
        matter.stain,
        (focus - middles).tolist(),
        grid.step,
        wavelength=optics.dapi_wavelength_um,
        medium=optics.medium,
        aperture=optics.aperture,
    )
