"""Where, across the boundary of a rough object, the cell's edge lies: read off the mean profile.

A cell in suspension is a lens more than an absorber. Simulated by partially coherent imaging, its edge shows as:
in focus and before it, the steepest rise from a dark rim to the brighter surroundings; past the focus, where light
gathers inside and a broad dark ring follows without any bright halo, the darkest place of that ring. A bright object
without a dark rim ends at its steepest fall.
"""

import cv2
import numpy as np

from brightctc.measure.morphology import smoothed

STEP = 0.5  # px between points of the profile
_OUTSIDE = 4.0  # px beyond the rough boundary, and
_INSIDE = 0.7  # of the way to the object's middle, are searched
_SMOOTH = 1.6  # steps
_DARK = 0.25  # a rim counts as dark from this share of the brightest departure


def edge_depth(departure: np.ndarray, depth: np.ndarray) -> float:
    """Depth of the cell's edge in px, on the scale of `depth` (distance from the rough boundary, positive inside)."""
    _, mean = mean_profile(departure, depth)
    slope = slope_of(mean)
    darkest = int(np.argmin(mean))
    if -mean[darkest] < _DARK * mean.max():
        return -_OUTSIDE + STEP * _vertex(slope, int(np.argmax(slope)))
    rise = int(np.argmin(slope[: darkest + 1]))
    at_rise, at_darkest = _vertex(slope, rise), _vertex(mean, darkest)
    return -_OUTSIDE + STEP * (at_rise + _ring_share(mean, rise, darkest) * (at_darkest - at_rise))


def mean_profile(departure: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depths from outside to inside, and the mean departure at each: two float64 (k,)."""
    stop = max(3.0, _INSIDE * float(depth.max()))
    where = np.arange(-_OUTSIDE, stop + STEP, STEP)
    # numbered from 1; 0 takes what lies further out, and what lies beyond `stop` is dropped
    steps = cv2.addWeighted(depth, 1 / STEP, depth, 0, _OUTSIDE / STEP + 1, dtype=cv2.CV_16U)
    steps = steps.ravel().astype(np.intp)
    size = len(where) + 1
    count = np.bincount(steps, minlength=size)[1:size]
    total = np.bincount(steps, departure.ravel(), minlength=size)[1:size]
    known = count > 0
    mean = np.interp(where, where[known], total[known] / count[known])
    return where, smoothed(mean[None], _SMOOTH, cv2.BORDER_REPLICATE)[0]


def slope_of(mean: np.ndarray) -> np.ndarray:
    """The profile's change a px, inwards: float64 (k,)."""
    slope = np.empty_like(mean)
    slope[0], slope[-1] = (mean[1] - mean[0]) / STEP, (mean[-1] - mean[-2]) / STEP
    slope[1:-1] = (mean[2:] - mean[:-2]) / (2 * STEP)
    return slope


def _ring_share(mean: np.ndarray, rise: int, darkest: int) -> float:
    """0: the edge is at the rise; 1: at the darkest place, since it is a dark ring with no bright halo around."""
    depth = max(-float(mean[darkest]), 1e-6)
    halo = max(float(mean[: darkest + 1].max()), 0.0)
    beyond = float(mean[darkest : 2 * darkest - rise + 3].max()) - float(mean[darkest])
    ring = min(max(2 * (beyond / depth - 0.25), 0.0), 1.0)
    return ring * (1 - min(3 * halo / depth, 1.0))


def _vertex(values: np.ndarray, index: int) -> float:
    """Where, in steps, a parabola through an extreme value and its two neighbours has its own extreme."""
    if not 0 < index < len(values) - 1:
        return float(index)
    before, here, after = values[index - 1 : index + 2].tolist()
    bend = before - 2 * here + after
    return index + min(max(0.5 * (before - after) / bend, -0.5), 0.5) if bend else float(index)
