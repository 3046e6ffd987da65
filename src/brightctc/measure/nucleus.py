"""The outline of the nucleus in a DAPI crop (or another nuclear stain): light on a dark background."""

from dataclasses import dataclass

import numpy as np
import skimage

from brightctc.measure.background import ring_of
from brightctc.measure.morphology import box_of, filled, grown, labelled, smoothed
from brightctc.measure.outline import bodies, central
from brightctc.measure.ranks import median_and_spread

_NOISE = 6.0  # the brightest place above the ring's median, in the ring's own sd
_REACH = 2  # px around the cell in which its nucleus is looked for
_EDGE = 0.4  # of the way from the haze around to the middle level of the nucleus: its edge, since it is domed
_SMALLEST = 0.05  # of the largest piece: smaller ones are noise


@dataclass(frozen=True)
class Nucleus:
    """What is stained in a DAPI crop.

    mask:   bool (h, w), the nucleus, all its pieces; nowhere true where there is none.
    bodies: its pieces and rounded lobes; 0 where there is none.
    signal: float64 (h, w), grey levels above the crop's background.
    """

    mask: np.ndarray
    bodies: int
    signal: np.ndarray

    @property
    def found(self) -> bool:
        """Is anything stained?"""
        return self.bodies > 0


def nucleus(dapi: np.ndarray, cell: np.ndarray) -> Nucleus:
    """Outline the nucleus of a DAPI crop (2-D, uint8, uint16 or float32).

    cell: bool, of the same shape: where the cell lies; where it is nowhere true the whole crop is searched, and the one
    piece in the middle is taken.
    """
    ring = ring_of(dapi.shape)
    pixels = dapi.astype(np.float64)
    signal = pixels - np.median(pixels.take(ring))
    smooth = smoothed(signal)
    nothing = Nucleus(np.zeros(dapi.shape, bool), 0, signal)
    place = grown(cell, _REACH) if cell.any() else np.ones(dapi.shape, bool)
    highest = float(smooth[place].max())
    if highest <= _NOISE * median_and_spread(smooth.take(ring))[1] or np.ptp(smooth[place]) == 0:
        return nothing
    core = place & (smooth > skimage.filters.threshold_otsu(smooth[place]))
    around = place & ~grown(core, 3)
    haze = float(np.median(smooth[around])) if around.any() else 0.0
    labels, areas = labelled(place & (smooth > haze + _EDGE * (float(np.median(smooth[core])) - haze)))
    kept = areas >= max(_SMALLEST * areas.max(initial=0), 4)
    if not kept.any():
        return nothing
    if not cell.any():
        numbers = np.where(kept, np.cumsum(kept), 0)
        kept = numbers == central(np.concatenate([[0], numbers]).astype(np.int32)[labels], areas[kept])
    mask = filled(np.concatenate([[False], kept])[labels])
    box = box_of(mask, margin=2)
    _, lobes = bodies(np.zeros(mask[box].shape, np.float32), mask[box])
    return Nucleus(mask, max(int(kept.sum()), lobes), signal)
