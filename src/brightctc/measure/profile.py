"""Where, across the boundary of a rough object, the cell's edge lies: read off the mean profile.

A cell in suspension is a lens more than an absorber. Simulated by partially coherent imaging, its edge shows as:
in focus and before it, the steepest rise from a dark rim to the brighter surroundings; past the focus, where light
gathers inside and a broad dark ring follows without any bright halo, the darkest place of that ring. A bright object
without a dark rim ends at its steepest fall.
"""

import numpy as np
from scipy import ndimage

STEP = 0.5  # px between points of the profile
_OUTSIDE = 4.0  # px beyond the rough boundary, and
_INSIDE = 0.7  # of the way to the object's middle, are searched
_SMOOTH = 1.6  # steps
_DARK = 0.25  # a rim counts as dark from this share of the brightest departure


def edge_depth(departure: np.ndarray, depth: np.ndarray) -> float:
    """Depth of the cell's edge in px, on the scale of `depth` (distance from the rough boundary, positive inside)."""
    _, mean = mean_profile(departure, depth)
    slope = np.gradient(mean, STEP)  # inwards
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
    bins = np.round((depth + _OUTSIDE) / STEP).astype(int)
    kept = (bins >= 0) & (bins < len(where))
    count = np.bincount(bins[kept], minlength=len(where))
    total = np.bincount(bins[kept], departure[kept], minlength=len(where))
    mean = np.interp(where, where[count > 0], total[count > 0] / count[count > 0])
    return where, ndimage.gaussian_filter1d(mean, _SMOOTH, mode="nearest")


def _ring_share(mean: np.ndarray, rise: int, darkest: int) -> float:
    """0: the edge is at the rise; 1: at the darkest place, since it is a dark ring with no bright halo around."""
    depth = max(-float(mean[darkest]), 1e-6)
    halo = max(float(mean[: darkest + 1].max()), 0.0)
    beyond = float(mean[darkest : 2 * darkest - rise + 3].max()) - float(mean[darkest])
    ring = np.clip(2 * (beyond / depth - 0.25), 0, 1)
    return float(ring * (1 - np.clip(3 * halo / depth, 0, 1)))


def _vertex(values: np.ndarray, index: int) -> float:
    """Where, in steps, a parabola through an extreme value and its two neighbours has its own extreme."""
    if not 0 < index < len(values) - 1:
        return float(index)
    before, here, after = values[index - 1 : index + 2]
    bend = before - 2 * here + after
    return index + float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5)) if bend else float(index)
