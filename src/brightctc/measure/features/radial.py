"""From the middle to the edge: four rings of equal relative depth, and departures from symmetry."""

import numpy as np
import scipy

from brightctc.measure.features.feature import Cell, Feature

RINGS = 4
HARMONICS = (1, 2, 3)  # with 4 the grid of pixels would speak

FEATURES = (
    *(Feature(f"ring_{n}_mean", "", f"mean departure in ring {n} of 4 (1: middle, 4: edge)") for n in (1, 2, 3, 4)),
    *(Feature(f"ring_{n}_sd", "", f"sd of the departure in ring {n} of 4") for n in (1, 2, 3, 4)),
    Feature("asymmetry_half_turn", "", "difference to the cell turned by 180° about its middle; 0: none, 1: all"),
    Feature("asymmetry_quarter_turn", "", "difference to the cell turned by 90° about its middle"),
    *(
        Feature(f"harmonic_{order}", "", f"strength of the pattern with {order} repeats around the middle; 0: none")
        for order in HARMONICS
    ),
    Feature("structure_offset", "", "distance of the structure's centre from the outline's, over the cell's radius"),
)  # fmt: skip


def measure(cell: Cell) -> dict[str, float]:
    """See FEATURES. Rings are quarters of the depth; a ring without a pixel gives NaN."""
    return _rings(cell) | _symmetry(cell)


def _rings(cell: Cell) -> dict[str, float]:
    depth = cell.depth[cell.mask]
    outward = 1 - depth / depth.max()
    ring = np.minimum((outward * RINGS).astype(int), RINGS - 1)
    count = np.bincount(ring, minlength=RINGS)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(ring, cell.inside, RINGS) / count
        sd = np.sqrt(np.bincount(ring, (cell.inside - mean[ring]) ** 2, RINGS) / count)
    found = {f"ring_{index + 1}_mean": float(value) for index, value in enumerate(mean)}
    return found | {f"ring_{index + 1}_sd": float(value) for index, value in enumerate(sd)}


def _symmetry(cell: Cell) -> dict[str, float]:
    """On the smoothed departure less its mean in the cell, 0 outside, resampled about the outline's middle."""
    values = np.where(cell.mask, cell.smooth - cell.smooth[cell.mask].mean(dtype=np.float64), 0)
    middle = np.argwhere(cell.mask).mean(axis=0)
    reach = int(np.ceil(np.sqrt(((np.argwhere(cell.mask) - middle) ** 2).sum(axis=1).max())))
    grid = np.arange(-reach, reach + 1, dtype=np.float64)
    y, x = np.meshgrid(grid, grid, indexing="ij")
    square = scipy.ndimage.map_coordinates(values, (y + middle[0], x + middle[1]), order=1)
    strength = np.abs(square)
    total = float(strength.sum())
    names = ["asymmetry_half_turn", "asymmetry_quarter_turn", *(f"harmonic_{order}" for order in HARMONICS)]
    if not total:
        return dict.fromkeys([*names, "structure_offset"], 0.0)
    turned = [float(np.abs(square - np.rot90(square, turns)).sum()) / (2 * total) for turns in (2, 1)]
    angle, radius = np.arctan2(y, x), np.hypot(y, x)
    away = radius > 0
    waves = [abs((square * np.exp(1j * order * angle))[away].sum()) / total for order in HARMONICS]
    offset = np.hypot((strength * y).sum(), (strength * x).sum()) / total
    found = dict(zip(names, map(float, (*turned, *waves)), strict=True))
    return found | {"structure_offset": float(offset / np.sqrt(cell.mask.sum() / np.pi))}
