"""Where in the network's input a thing lies: a grid of blocks, in which every kind of attribution is compared."""

import cv2
import numpy as np

from brightctc.preprocess import Preparation

GRID = 12
"""Blocks a side: finer than any network's last feature maps, and wide enough that an erased one is seen."""


def in_blocks(image: np.ndarray) -> np.ndarray:
    """Mean of each block of an image of any size: float32 (GRID, GRID)."""
    return cv2.resize(image.astype(np.float32), (GRID, GRID), interpolation=cv2.INTER_AREA)


def enlarged(blocks: np.ndarray, size: int) -> np.ndarray:
    """A coarse map, smooth, on the network's input: float32 (size, size)."""
    return cv2.resize(blocks.astype(np.float32), (size, size), interpolation=cv2.INTER_LINEAR)


def spread(blocks: np.ndarray, size: int) -> np.ndarray:
    """Each pixel of the network's input with the value of its block: (size, size)."""
    at = np.arange(size) * GRID // size
    return blocks[np.ix_(at, at)]


def outline_in_input(cell: np.ndarray, preparation: Preparation, pixel_size_um: float | None) -> np.ndarray:
    """bool (size, size): where the cell of a crop, bool (h, w), comes to lie in the network's input."""
    return preparation.placed(cell.astype(np.float32), pixel_size_um) > 0.5


def share_inside(attribution: np.ndarray, cell: np.ndarray) -> float:
    """Of what speaks for the call, the share inside the outline: from 0 to 1; NaN where nothing does.

    attribution: float (size, size), positive where a place speaks for the call. cell: bool (size, size).
    """
    towards = np.maximum(attribution, 0.0)
    whole = float(towards.sum())
    return float(towards[cell].sum()) / whole if whole > 0 else float("nan")
