"""The cell's edge: the mean profile across its outline."""

import numpy as np

from brightctc.measure.features.feature import Cell, Feature
from brightctc.measure.profile import STEP, mean_profile, slope_of

_REACH = 3.0  # px on either side of the outline

FEATURES = (
    Feature("edge_sharpness", "per_length", "steepest change of the mean departure within 3 px of the outline"),
    Feature("edge_rim", "", "darkest mean departure from 2 px outside to 3 px inside the outline"),
    Feature("edge_halo", "", "brightest mean departure within 4 px outside the outline"),
    Feature("edge_rim_width", "length", "width of the rim at half of its darkest mean departure; 0: no dark rim"),
    Feature("edge_unevenness", "", "sd of the smoothed departure along the outline, 1 px to either side"),
)


def measure(cell: Cell) -> dict[str, float]:
    """See FEATURES."""
    where, mean = mean_profile(cell.departure, cell.depth)
    slope = np.abs(slope_of(mean))
    near = np.abs(where) <= _REACH
    rim_zone = np.flatnonzero((where >= -2) & (where <= _REACH))
    darkest = int(rim_zone[np.argmin(mean[rim_zone])])
    return {
        "edge_sharpness": float(slope[near].max()) / cell.pixel,
        "edge_rim": float(mean[darkest]),
        "edge_halo": float(mean[where <= 0].max()),
        "edge_rim_width": _width(mean, darkest) * STEP * cell.pixel,
        "edge_unevenness": float(cell.smooth[np.abs(cell.depth) <= 1].std(dtype=np.float64)),
    }


def _width(mean: np.ndarray, darkest: int) -> float:
    """Steps between the places on either side of the darkest where the mean crosses half of it; 0: no dark rim."""
    half = mean[darkest] / 2
    if half >= 0:
        return 0.0
    above = np.flatnonzero(mean >= half)
    before, after = above[above < darkest], above[above > darkest]
    start = before[-1] + _crossing(mean, half, before[-1], 1) if len(before) else 0
    stop = after[0] - _crossing(mean, half, after[0], -1) if len(after) else len(mean) - 1
    return float(stop - start)


def _crossing(mean: np.ndarray, level: float, outer: int, step: int) -> float:
    """How far from the outer place towards the next (by `step`) a straight line meets the level, 0 to 1."""
    return float((mean[outer] - level) / (mean[outer] - mean[outer + step]))
