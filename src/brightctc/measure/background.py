"""What a crop looks like where no cell lies: level, tilt, noise; and the crop relative to it."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

import cv2
import numpy as np

from brightctc.measure.morphology import smoothed
from brightctc.measure.ranks import median_and_spread
from brightctc.preprocess import border_width

_STEEPEST = 1 - 1e-6  # of the level: a plane may fall no further towards a corner; float32 would make 0 of the rest
_ROUNDS = 2  # of the fit after the first, each without what lay more than 3 sd from the former


@dataclass(frozen=True)
class Background:
    """A bright-field crop and its background.

    departure: float32 (h, w), pixel / background − 1; 0 throughout where the background is not positive.
    smooth:    float32 (h, w), the departure behind a Gaussian of sd 1 px, which takes most of the camera's noise away.
    ring:      int64 (n,), where in the flattened crop the outermost pixels are, on which the background was fitted.
    level:     of the fitted plane in the crop's middle, in the crop's own units.
    tilt:      range of the plane over the crop / level.
    """

    departure: np.ndarray
    smooth: np.ndarray
    ring: np.ndarray
    level: float
    tilt: float

    @classmethod
    def of(cls, crop: np.ndarray) -> Self:
        """Fit a plane to the outermost pixels of a 2-D crop (uint8, uint16 or float32), whatever touches the border.

        Transmitted light is a factor, so the crop is divided by the plane: lamp, exposure and gain fall out.
        """
        design = _design(crop.shape)
        # by a power of two, which changes no digit: even the largest values of float32 are then from −2 to 2
        scale = math.ldexp(1.0, math.frexp(cv2.norm(crop, cv2.NORM_INF))[1] - 1)
        plane = _plane(design, crop.take(design.ring) / scale)
        tilt = abs(plane[1]) + abs(plane[2])
        if tilt / 2 >= _STEEPEST * plane[0]:  # not positive in a corner
            nothing = np.zeros(crop.shape, np.float32)
            return cls(nothing, nothing, design.ring, float(plane[0]) * scale, 0.0)
        departure = _departure(crop.astype(np.float32) / np.float32(scale), plane, design)
        return cls(departure, smoothed(departure), design.ring, float(plane[0]) * scale, float(tilt / plane[0]))


def ring_of(shape: tuple[int, ...]) -> np.ndarray:
    """int64 (n,): where in a flattened crop its outermost pixels are."""
    width = border_width(shape)
    ring = np.ones(shape, bool)
    ring[width:-width, width:-width] = False
    return np.flatnonzero(ring)


@dataclass(frozen=True)
class _Design:
    """What the fit needs of crops of one shape.

    ring: as ring_of. terms: float64 (3, n), 1, y, x of its pixels. normal: float64 (3, 3), their normal matrix.
    y: float32 (h, 1), x: float32 (w,), of the whole crop, from −0.5 to 0.5.
    """

    ring: np.ndarray
    terms: np.ndarray
    normal: np.ndarray
    y: np.ndarray
    x: np.ndarray


@lru_cache(maxsize=8)
def _design(shape: tuple[int, int]) -> _Design:
    ring = ring_of(shape)
    y, x = ((np.arange(side) - (side - 1) / 2) / max(side - 1, 1) for side in shape)
    rows, columns = np.divmod(ring, shape[1])
    terms = np.stack([np.ones(len(ring)), y[rows], x[columns]])
    # a hundredth of lstsq's time for three well-scaled unknowns, and never singular with the ridge
    normal = terms @ terms.T + 1e-9 * np.eye(3)
    return _Design(ring, terms, normal, y[:, None].astype(np.float32), x.astype(np.float32))


def _departure(pixels: np.ndarray, plane: np.ndarray, design: _Design) -> np.ndarray:
    """Pixels / plane − 1, written over the pixels: float32 (h, w)."""
    # first the level goes, so that small departures keep their digits
    level = np.float32(plane[0])
    down, right = float(plane[1]), float(plane[2])
    rest = (float(plane[0] - level) + down * design.y) + right * design.x
    pixels -= level
    pixels -= rest
    rest += level
    pixels /= rest
    return pixels


def _plane(design: _Design, values: np.ndarray) -> np.ndarray:
    """Least squares, repeated without what lies more than 3 robust sd away: float64 (3,). values: float64 (n,)."""
    moments = design.terms @ values
    plane = _solved(design.normal, moments)
    for _ in range(_ROUNDS):
        rest = (values - plane @ design.terms).astype(np.float32)
        middle, sd = median_and_spread(rest)
        far = np.flatnonzero(np.abs(rest - middle) > 3 * sd)
        if len(values) - len(far) < len(values) // 4:
            break
        left_out = design.terms.take(far, axis=1)
        plane = _solved(design.normal - left_out @ left_out.T, moments - left_out @ values.take(far))
    return plane


def _solved(normal: np.ndarray, moments: np.ndarray) -> np.ndarray:
    return cv2.solve(normal, moments[:, None], flags=cv2.DECOMP_CHOLESKY)[1].ravel()
