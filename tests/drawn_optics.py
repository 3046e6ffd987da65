"""Cells whose outline is known, imaged by the physics of bright field: partially coherent light through a phase object.

The intensity is the sum over points of the condenser of what a coherent wave from each gives (Abbe); a cell is a
rounded body of higher refractive index with an inner texture, so it shows as rims, rings and a lens, never as a disc.
"""

import numpy as np
from scipy import ndimage

WAVELENGTH, MEDIUM = 0.55, 1.335  # µm; refractive index
OBJECTIVES = {"10x": (0.28, 0.14, 0.645, 3), "20x": (0.45, 0.25, 0.3225, 2)}  # NA, condenser NA, µm/px, oversampling


def phase_cell(
    objective: str, radius: float, defocus: float, seed: int, *, size: int = 96, noise: float = 0.01
) -> tuple[np.ndarray, np.ndarray]:
    """A bright-field crop, uint16 (size, size), and the truth, bool (size, size).

    radius, defocus: µm; a positive defocus is past the cell. noise: sd relative to the background, which is tilted.
    """
    rng = np.random.default_rng(seed)
    aperture, condenser, pixel, fine = OBJECTIVES[objective]
    step, side = pixel / fine, size * fine
    phase, inside = _cell(side, step, radius, rng)
    image = _binned(_bright_field(phase, step, defocus, aperture, condenser), fine)
    y, x = np.mgrid[:size, :size] / size - 0.5
    level = 2000 * image * (1 + 0.05 * (x * rng.normal() + y * rng.normal()))
    level += rng.normal(0, 2000 * noise, level.shape)
    return np.clip(level, 0, 65535).astype(np.uint16), _binned(inside.astype(float), fine) > 0.5


def dapi_cell(
    objective: str, radius: float, defocus: float, seed: int, size: int = 96
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A DAPI crop, uint16, the true nucleus and the true cell around it, bool, all (size, size); radius of the nucleus.

    Slices through nucleus and hazy cytoplasm, each blurred by the defocused widefield point spread function.
    """
    rng = np.random.default_rng(seed)
    aperture, _, pixel, fine = OBJECTIVES[objective]
    step, side = pixel / fine, size * fine
    y, x = (np.mgrid[:side, :side] - (side - 1) / 2) * step
    stretch, whole = np.exp(rng.normal(0, 0.1)), radius / 0.65
    shape = (x / stretch) ** 2 + (y * stretch) ** 2
    texture = 1 + 0.2 * _field(side, 0.5 / step, rng)
    image = np.zeros((side, side))
    for z in np.linspace(-whole, whole, 9):
        stained = 20 * texture * (shape + z**2 < radius**2) + 0.8 * (x**2 + y**2 + z**2 < whole**2)
        image += _blurred(stained, step, z + defocus, aperture) * whole * 2 / 9
    counts = rng.poisson(5 * np.clip(_binned(image, fine), 0, None) + 5) + rng.normal(100, 3, (size, size))
    cell = x**2 + y**2 < whole**2
    return np.clip(counts, 0, 65535).astype(np.uint16), _half(shape < radius**2, fine), _half(cell, fine)


def dice(found: np.ndarray, true: np.ndarray) -> float:
    """Twice the shared area over the sum of both."""
    return 2 * float((found & true).sum()) / max(1, int(found.sum() + true.sum()))


def _cell(side: int, step: float, radius: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Phase in radian and inside: a wobbly ellipsoid of textured index with a slightly lighter nucleus."""
    y, x = (np.mgrid[:side, :side] - (side - 1) / 2) * step - rng.normal(0, 1, 2)[:, None, None]
    turn, stretch = rng.uniform(0, np.pi), np.exp(rng.normal(0, 0.06))
    along = (x * np.cos(turn) + y * np.sin(turn)) / (radius * stretch)
    across = (y * np.cos(turn) - x * np.sin(turn)) / (radius / stretch)
    angle = np.arctan2(across, along)
    wobble = 1 + sum(rng.normal(0, 0.02) * np.cos(n * angle + rng.uniform(0, 6)) for n in (2, 3, 4, 5))
    relative = np.hypot(along, across) / wobble
    height = 2 * radius * np.sqrt(np.clip(1 - relative**2, 0, None))
    index = rng.uniform(0.02, 0.04) * (1 + 0.12 * _field(side, 0.6 / step, rng))
    nucleus = 2 * radius * 0.65 * np.sqrt(np.clip(1 - (np.hypot(along - 0.1, across) / 0.65) ** 2, 0, None))
    return 2 * np.pi / WAVELENGTH * (index * height - 0.005 * nucleus), relative < 1


def _bright_field(phase: np.ndarray, step: float, defocus: float, aperture: float, condenser: float) -> np.ndarray:
    """Intensity over that without an object: float64 of the same shape. 16 source points in a sunflower pattern."""
    side = len(phase)
    frequency = np.fft.fftfreq(side, step)
    square = frequency[:, None] ** 2 + frequency**2
    pupil = _propagated(square, defocus) * (square <= (aperture / WAVELENGTH) ** 2)
    spectrum = np.fft.fft2(np.exp(1j * phase))
    number = np.arange(16)
    distance, angle = condenser / WAVELENGTH * np.sqrt((number + 0.5) / 16), number * np.pi * (3 - np.sqrt(5))
    image = np.zeros(phase.shape)
    for down, right in zip(distance * np.sin(angle), distance * np.cos(angle), strict=True):
        shifted = np.roll(spectrum, (round(down * side * step), round(right * side * step)), (0, 1))
        image += np.abs(np.fft.ifft2(shifted * pupil)) ** 2
    return image / 16


def _blurred(image: np.ndarray, step: float, defocus: float, aperture: float) -> np.ndarray:
    frequency = np.fft.fftfreq(len(image), step)
    square = frequency[:, None] ** 2 + frequency**2
    pupil = _propagated(square, defocus) * (square <= (aperture / 0.461) ** 2)
    spread = np.abs(np.fft.ifft2(pupil)) ** 2
    return np.fft.ifft2(np.fft.fft2(image) * np.fft.fft2(spread / spread.sum())).real


def _propagated(square: np.ndarray, distance: float) -> np.ndarray:
    axial = np.sqrt(np.clip((MEDIUM / WAVELENGTH) ** 2 - square, 0, None))
    return np.exp(2j * np.pi * distance * (axial - MEDIUM / WAVELENGTH))


def _field(side: int, width: float, rng: np.random.Generator) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.normal(size=(side, side)), width)
    return field / field.std()


def _binned(image: np.ndarray, fine: int) -> np.ndarray:
    size = len(image) // fine
    return image.reshape(size, fine, size, fine).mean(axis=(1, 3))


def _half(mask: np.ndarray, fine: int) -> np.ndarray:
    return _binned(mask.astype(float), fine) > 0.5
