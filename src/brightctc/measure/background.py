"""What a crop looks like where no cell lies: level, tilt, noise; and the crop relative to it."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Self

import numpy as np

from brightctc.measure.morphology import quantile, smoothed
from brightctc.preprocess import border_width

_ROUNDS = 2  # of the fit after the first, each without what lay more than 3 sd from the former
_MAD = 1.4826  # sd of normal values over their median absolute deviation


@dataclass(frozen=True)
class Background:
    """A bright-field crop and its background.

    departure: float32 (h, w), pixel / background − 1; 0 throughout where the background is not positive.
    ring:      bool (h, w), the outermost pixels, on which the background was fitted.
    level:     of the fitted plane in the crop's middle, in the crop's own units.
    tilt:      range of the plane over the crop / level.
    """

    departure: np.ndarray
    ring: np.ndarray
    level: float
    tilt: float

    @classmethod
    def of(cls, crop: np.ndarray) -> Self:
        """Fit a plane to the outermost pixels of a 2-D crop (uint8, uint16 or float32), whatever touches the border.

        Transmitted light is a factor, so the crop is divided by the plane: lamp, exposure and gain fall out.
        """
        pixels = crop.astype(np.float64)
        ring, design = _design(crop.shape)
        plane = _plane(design, pixels[ring])
        y, x = (np.linspace(-0.5, 0.5, side) for side in crop.shape)
        fitted = plane[0] + plane[1] * y[:, None] + plane[2] * x
        if fitted.min() <= 0:
            return cls(np.zeros(crop.shape, np.float32), ring, float(plane[0]), 0.0)
        tilt = float((abs(plane[1]) + abs(plane[2])) / plane[0])
        return cls((pixels / fitted - 1).astype(np.float32), ring, float(plane[0]), tilt)

    @cached_property
    def smooth(self) -> np.ndarray:
        """float32 (h, w): the departure behind a Gaussian of sd 1 px, which takes most of the camera's noise away."""
        return smoothed(self.departure)


def ring_of(shape: tuple[int, ...]) -> np.ndarray:
    """bool (h, w): the outermost pixels of a crop."""
    width = border_width(shape)
    ring = np.ones(shape, bool)
    ring[width:-width, width:-width] = False
    return ring


def spread(values: np.ndarray) -> float:
    """A robust standard deviation: 1.4826 times the median absolute deviation; 0 for no values."""
    return _MAD * quantile(np.abs(values - quantile(values, 0.5)), 0.5) if len(values) else 0.0


@lru_cache(maxsize=8)
def _design(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The ring of crops of this shape, and 1, y, x of its n pixels: float64 (n, 3)."""
    ring = ring_of(shape)
    y, x = (np.linspace(-0.5, 0.5, side) for side in shape)
    rows, columns = np.nonzero(ring)
    return ring, np.stack([np.ones(len(rows)), y[rows], x[columns]], axis=1)


def _plane(design: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Least squares, repeated without what lies more than 3 robust sd away: float64 (3,)."""
    plane = _solved(design, values)
    for _ in range(_ROUNDS):
        rest = values - design @ plane
        near = np.abs(rest - quantile(rest, 0.5)) <= 3 * spread(rest)
        if near.sum() < len(values) // 4:
            break
        plane = _solved(design[near], values[near])
    return plane


def _solved(design: np.ndarray, values: np.ndarray) -> np.ndarray:
    # the normal equations of three well-scaled unknowns; a hundredth of lstsq's time, and never singular with the ridge
    return np.linalg.solve(design.T @ design + 1e-9 * np.eye(3), design.T @ values)
