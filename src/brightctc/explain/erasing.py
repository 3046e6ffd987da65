"""A crop without its cell, and a cell without its surroundings: what is left tells what the network looks at.

What is erased becomes background: the plane that was fitted to the crop's border, with noise as the border has it. The
edge between what is kept and what is erased is soft, so that it is no edge of a new object.
"""

import math

import numpy as np

from brightctc.measure import OutlinedCrop
from brightctc.measure.morphology import depth_inside
from brightctc.measure.ranks import median_and_spread

_REACH = 0.1  # of the cell's diameter, around the outline: defocused rings belong to the cell's image
_SOFT = 3.0  # px, over which what is kept fades
_DARKEST = 0.01  # of the background: a pixel that is nearly black tells nothing of it


def without_cell(seen: OutlinedCrop, seed: int) -> np.ndarray:
    """The crop with background where its cell was: float32 (h, w), in the crop's own units.

    seed: of the noise. The crop itself where no cell was found.
    """
    return _erased(seen, reach_of(seen), seed)


def without_surroundings(seen: OutlinedCrop, seed: int) -> np.ndarray:
    """The cell alone, on background: float32 (h, w), in the crop's own units; background alone without a cell."""
    return _erased(seen, 1 - reach_of(seen), seed)


def reach_of(seen: OutlinedCrop) -> np.ndarray:
    """How much of each pixel is the cell's image, float32 (h, w) from 0 to 1: its outline and a tenth of its width."""
    cell = seen.outline.cell
    if not seen.outline.found:
        return np.zeros(cell.shape, np.float32)
    reach = max(2.0, _REACH * 2 * math.sqrt(cell.sum() / math.pi))
    away = depth_inside(~cell, border_is_outside=False)
    return np.clip(1 - (away - reach) / _SOFT, 0, 1).astype(np.float32)


def _erased(seen: OutlinedCrop, share: np.ndarray, seed: int) -> np.ndarray:
    background = seen.background
    level, noise = median_and_spread(background.departure.take(background.ring))
    drawn = np.random.default_rng(seed).standard_normal(seen.crop.shape, dtype=np.float32)
    departure = (1 - share) * background.departure + share * (np.float32(level) + np.float32(noise) * drawn)
    return plane_of(seen) * (1 + departure)


def plane_of(seen: OutlinedCrop) -> np.ndarray:
    """The background under the whole crop, float32 (h, w), in the crop's own units."""
    relative = 1 + seen.background.departure
    level = np.float32(seen.background.level)
    return np.where(relative > _DARKEST, seen.crop / np.maximum(relative, _DARKEST), level).astype(np.float32)
