"""Granularity: how much of the cell's structure is lost when ever larger grains are taken away.

The granular spectrum of CellProfiler (Carpenter 2006) on the cell alone, for bright and for dark grains.
"""

from functools import cache

import cv2
import numpy as np
import skimage

from brightctc.measure.features.feature import Cell, Feature
from brightctc.measure.morphology import box_of

RADII = (1, 2, 3, 5)  # px

FEATURES = tuple(
    Feature(
        f"granularity_{kind}_{radius}px",
        "",
        f"share of the cell's intensity range that grains {kind}er than their surroundings and up to {radius} px in "
        f"radius hold, beyond smaller ones ({'opening' if kind == 'bright' else 'closing'} by a disc)",
    )
    for kind in ("bright", "dark")
    for radius in RADII
)


def measure(cell: Cell) -> dict[str, float]:
    """See FEATURES. The range is that between the 2nd and 98th percentile of the smoothed departure."""
    box = box_of(cell.mask, margin=0)
    mask, smooth = cell.mask[box], cell.smooth[box]
    inside = smooth[mask].astype(np.float64)
    low, middle, high = np.percentile(inside, (2, 50, 98))
    if high <= low:
        return {feature.name: 0.0 for feature in FEATURES}
    # outside the cell its median, so that neither halo nor rim of the surroundings counts as a grain
    image = np.where(mask, smooth, np.float32(middle))
    found, beyond = {}, (float(middle),)
    for kind, change in (("bright", cv2.MORPH_OPEN), ("dark", cv2.MORPH_CLOSE)):
        former = inside.mean()
        for radius in RADII:
            disc = _disc(radius)
            changed = cv2.morphologyEx(image, change, disc, borderType=cv2.BORDER_CONSTANT, borderValue=beyond)
            level = changed[mask].mean(dtype=np.float64)
            found[f"granularity_{kind}_{radius}px"] = float(abs(level - former) / (high - low))
            former = level
    return found


@cache
def _disc(radius: int) -> np.ndarray:
    return np.asarray(skimage.morphology.disk(radius))
