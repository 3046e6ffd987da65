"""Light through matter: partially coherent bright field by the sum over source points (Abbe), and widefield
fluorescence through the defocused point spread function.

Born & Wolf, Principles of Optics, ch. 10.6 (Abbe, Hopkins); Goodman, Introduction to Fourier Optics, ch. 3 and 6.
Lengths in µm, frequencies per µm. A positive z of the focal plane lies behind the object, as the light goes.
"""

import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

GOLDEN = math.pi * (3 - math.sqrt(5))


def bright_field(
    delay: np.ndarray,
    absorbance: np.ndarray,
    step: float,
    *,
    wavelength: float,
    medium: float,
    aperture: float,
    condenser: float,
    points: int,
    focus: float = 0.0,
    thickness: float = 0.0,
) -> np.ndarray:
    """Intensity relative to that without an object: float32 (m, m) over the width of the object's n points.

    Formula: Σ_s |F⁻¹{P H_z F[t e^(2πi s x)]}|² / Σ_s |P(s)|² over the points s of the condenser's disc (Abbe).
    delay, absorbance: (slabs, n, n), optical path (µm) and absorbance; one slab: a thin object; more: multislice, slabs
    `thickness` µm apart in the order of the light. focus: µm from the object's middle to the plane in focus. The
    object is taken as periodic, so its edges should be empty. m is as small as the image's highest frequency, twice
    aperture / wavelength, allows; the first points of both grids are at the same place.
    """
    slabs, side, _ = delay.shape
    width = side * step
    through = np.exp(2j * math.pi / wavelength * delay - absorbance / 2).astype(np.complex64)
    passed = min(math.ceil(min(aperture, medium) / wavelength * width), (side - 1) // 2)  # highest wave that passes
    block = np.arange(-passed, passed + 1)
    small = quick_side(4 * passed + 2)
    last = focus - thickness * (slabs - 1) / 2  # from the last slab to the plane in focus
    phase = last * _propagator(side, step, wavelength, medium)
    pupil = (_pupil(side, step, wavelength, medium, aperture) * np.exp(1j * phase))[np.ix_(block, block)]
    between = np.exp(1j * thickness * _propagator(side, step, wavelength, medium)).astype(np.complex64)
    spectrum = _waves(through[0]) if slabs == 1 else None
    image = np.zeros((small, small), np.float32)
    field = np.zeros((small, small), np.complex64)
    seen = 0.0  # source points that the objective sees
    for row, column in source_points(points, condenser / wavelength, width):
        seen += np.abs(pupil[passed + row, passed + column]) ** 2 if max(abs(row), abs(column)) <= passed else 0
        if spectrum is not None:  # a tilted wave through a thin object is the object's spectrum, shifted
            tilted = spectrum[np.ix_((block - row) % side, (block - column) % side)]
        else:
            tilted = _through_slabs(through, between, (row, column))[np.ix_(block, block)]
        field[np.ix_(block, block)] = tilted * pupil
        wave = _sum_of_waves(field)
        image += wave.real**2 + wave.imag**2
    return image * np.float32((small / side) ** 4 / seen)  # the inverse transform divides by its number of points


def source_points(points: int, radius: float, width: float) -> list[tuple[int, int]]:
    """Plane waves that fill the condenser's disc evenly (a sunflower): whole waves (rows, columns) across `width`.

    radius: of the disc, per µm. Whole numbers, so that the wave fits the periodic object.
    """
    number = np.arange(points)
    away, angle = radius * np.sqrt((number + 0.5) / points), number * GOLDEN
    rows, columns = away * np.sin(angle) * width, away * np.cos(angle) * width
    return [(round(row), round(column)) for row, column in zip(rows, columns, strict=True)]


def blurred_stack(
    stack: np.ndarray, heights: Iterable[float], step: float, *, wavelength: float, medium: float, aperture: float
) -> np.ndarray:
    """Widefield fluorescence: each slice of `stack` (slices, n, n) blurred as seen `heights` µm out of focus, summed.

    Linear, and no light is lost with height: float32 (n, n).
    """
    side = stack.shape[-1]
    total = np.zeros((side, side // 2 + 1), np.complex64)
    for density, height in zip(stack, heights, strict=True):
        if density.any():
            transfer = _fluorescence_transfer(side, step, wavelength, medium, aperture, round(abs(height), 1))
            total += _real_waves(density) * transfer
    return np.asarray(fft.irfft2(total, s=(side, side)))


def point_spread(
    side: int, step: float, wavelength: float, medium: float, aperture: float, height: float
) -> np.ndarray:
    """The image of a luminous point `height` µm out of focus: float64 (side, side), around [0, 0], of sum 1."""
    pupil = _pupil(side, step, wavelength, medium, aperture)
    pupil = pupil * np.exp(1j * height * _propagator(side, step, wavelength, medium))
    spread = np.abs(np.fft.ifft2(pupil)) ** 2
    return spread / spread.sum()


def pixels(image: np.ndarray, size: int, oversampling: int) -> np.ndarray:
    """What square pixels that touch each other collect: (size, size), the mean over each pixel's area.

    image: (m, m) over the width of `size` pixels, its first point where the first of size × oversampling drawn points
    is. The mean over an area is a product with a sinc in frequency; what the pixels are too coarse for is folded,
    as a camera does.
    """
    side = len(image)
    wide = size * math.ceil(side / size)
    waves = np.fft.fftfreq(side, 1 / side)
    shift = (oversampling - 1) / (2 * oversampling * size)  # of the width, from the first point to the first pixel
    factor = np.sinc(waves / size) * np.exp(2j * np.pi * waves * shift)
    spectrum = np.zeros((wide, wide), np.complex64)
    at = waves.astype(int) % wide
    spectrum[np.ix_(at, at)] = _waves(image) * factor[:, None] * factor[None, :]
    every = wide // size
    return _sum_of_waves(spectrum).real[::every, ::every] * np.float32((wide / side) ** 2)


def _waves(image: np.ndarray) -> NDArray[np.complex64]:
    return np.asarray(fft.fft2(image))


def _sum_of_waves(spectrum: np.ndarray) -> NDArray[np.complex64]:
    return np.asarray(fft.ifft2(spectrum))


def _real_waves(image: np.ndarray) -> NDArray[np.complex64]:
    return np.asarray(fft.rfft2(image))


def quick_side(side: int) -> int:
    """The least number of points, `side` or more, that transforms quickly."""
    found: Any = fft.next_fast_len(side)
    return int(found)


def _through_slabs(through: np.ndarray, between: np.ndarray, tilt: tuple[int, int]) -> np.ndarray:
    """Spectrum behind the last slab of a tilted plane wave: through a slab, then on to the next."""
    side = through.shape[-1]
    ramp = [np.exp(2j * np.pi * waves * np.arange(side) / side).astype(np.complex64) for waves in tilt]
    field = ramp[0][:, None] * ramp[1][None, :]
    for slab in through[:-1]:
        field = _sum_of_waves(_waves(field * slab) * between)
    return _waves(field * through[-1])


@lru_cache(maxsize=8)
def _squared_frequency(side: int, step: float) -> np.ndarray:
    frequency = np.fft.fftfreq(side, step)
    return frequency[:, None] ** 2 + frequency[None, :] ** 2


@lru_cache(maxsize=8)
def _pupil(side: int, step: float, wavelength: float, medium: float, aperture: float) -> np.ndarray:
    """1 where the objective passes a wave, else 0."""
    passes = min(aperture, medium) / wavelength
    return (_squared_frequency(side, step) <= passes**2).astype(np.float32)


@lru_cache(maxsize=8)
def _propagator(side: int, step: float, wavelength: float, medium: float) -> np.ndarray:
    """Phase per µm of way that each wave gains over the straight one: float64, 0 or less; evanescent waves: 0."""
    whole = medium / wavelength
    axial = np.sqrt(np.clip(whole**2 - _squared_frequency(side, step), 0, None))
    return 2 * math.pi * np.where(axial > 0, axial - whole, 0)


@lru_cache(maxsize=512)
def _fluorescence_transfer(
    side: int, step: float, wavelength: float, medium: float, aperture: float, height: float
) -> np.ndarray:
    spread = point_spread(side, step, wavelength, medium, aperture, height)
    return _real_waves(spread).real.astype(np.float32)
