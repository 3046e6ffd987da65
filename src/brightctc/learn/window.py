"""How much of a crop the network is to see: as much as training cells take, and some background around them."""

import numpy as np

from brightctc.learn.crops import LabelledCells
from brightctc.measure import OutlinedCrop
from brightctc.preprocess import Window

_AROUND = 1.3  # of how far cells reach from the middle
_MOST_CELLS = 0.98  # reach no farther; the largest are cells all the same, cut at their edge
_LOOKED_AT = 2000
"""Cells that are outlined at most."""


def window_of(cells: LabelledCells) -> Window | None:
    """From the bright field of training cells; None where no cell was outlined, or all of each crop is seen anyway.

    Crops of several sizes (cut close around each cell, or of several pixel sizes) always have one: made equally large,
    small cells would look like large ones.
    """
    images = zip(cells.crops["bright_field"], cells.pixel_sizes, strict=True)
    known = [(image, size) for image, size in images if image is not None]
    reaches: list[float] = []
    um: list[float] = []
    kinds: set[tuple[int, int, float | None]] = set()
    for image, size in known[:: -(-len(known) // _LOOKED_AT) or 1]:
        reach = _reach(OutlinedCrop.of(image).outline.cell)
        if reach is not None:
            reaches.append(reach)
            kinds.add((*image.shape, size))
            um += [] if size is None else [reach * size]
    if not reaches:
        return None
    width = _width(reaches)
    if len(kinds) == 1 and width >= max(next(iter(kinds))[:2]):
        return None
    return Window(px=width, um=_width(um) if um else None)


def _width(reaches: list[float]) -> float:
    return round(2 * _AROUND * float(np.quantile(reaches, _MOST_CELLS)), 3)


def _reach(cell: np.ndarray) -> float | None:
    """How far, in px, a cell, bool (h, w), lies from the middle of its crop at its farthest; None of none."""
    places = np.argwhere(cell)
    if not len(places):
        return None
    middle = (np.array(cell.shape) - 1) / 2
    return float(np.hypot(*(places - middle).T).max()) + 0.5
