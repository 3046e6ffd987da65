"""What a crop looks like where no cell lies: level, tilt, noise; and the crop relative to it."""

from dataclasses import dataclass
from typing import Self

import numpy as np

_RING = 20  # the ring is a twentieth of the shorter side wide, at least 1 px
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
        ring = ring_of(crop.shape)
        y, x = (np.linspace(-0.5, 0.5, side) for side in crop.shape)
        rows, columns = np.nonzero(ring)
        design = np.stack([np.ones(len(rows)), y[rows], x[columns]], axis=1)
        plane = _plane(design, pixels[ring])
        fitted = plane[0] + plane[1] * y[:, None] + plane[2] * x
        if fitted.min() <= 0:
            return cls(np.zeros(crop.shape, np.float32), ring, float(plane[0]), 0.0)
        tilt = float((abs(plane[1]) + abs(plane[2])) / plane[0])
        return cls((pixels / fitted - 1).astype(np.float32), ring, float(plane[0]), tilt)


def ring_of(shape: tuple[int, ...]) -> np.ndarray:
    """bool (h, w): the outermost pixels of a crop."""
    width = max(1, min(shape) // _RING)
    ring = np.ones(shape, bool)
    ring[width:-width, width:-width] = False
    return ring


def spread(values: np.ndarray) -> float:
    """A robust standard deviation: 1.4826 times the median absolute deviation; 0 for no values."""
    return _MAD * float(np.median(np.abs(values - np.median(values)))) if len(values) else 0.0


def _plane(design: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Least squares, repeated without what lies more than 3 robust sd away: float64 (3,)."""
    kept = np.ones(len(values), bool)
    plane = np.linalg.lstsq(design, values, rcond=None)[0]
    for _ in range(_ROUNDS):
        rest = values - design @ plane
        near = np.abs(rest - np.median(rest)) <= 3 * spread(rest)
        if near.sum() < len(values) // 4 or np.array_equal(near, kept):
            break
        kept = near
        plane = np.linalg.lstsq(design[kept], values[kept], rcond=None)[0]
    return plane
