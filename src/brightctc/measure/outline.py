"""The outline of the cell in the middle of a bright-field crop.

Classical steps: background division; an activity map of departure and gradient; a threshold above the border's
noise; the object nearest the middle; then its boundary is moved to where the cell's edge is by the mean profile
across it; watershed where several bodies touch.
"""

from dataclasses import dataclass

import numpy as np
from skimage.segmentation import watershed

from brightctc.measure.background import Background, spread
from brightctc.measure.morphology import (
    box_of,
    closed,
    depth_inside,
    filled,
    labelled,
    largest,
    middles,
    quantile,
    signed_depth,
    smoothed,
)
from brightctc.measure.profile import edge_depth

_NOISE = 6.0  # activity above the ring's median, in the ring's own sd
_LEAST = 1e-4  # activity that rounding alone may make in an even crop
_RELATIVE = 0.12  # of the crop's strongest activity: fainter diffraction rings are not the cell
_GAP = 2  # px on either side; breaks of the rim that are closed
_SMALLEST = 9  # px²; smaller objects are noise
_MARGIN = 6  # px around the rough object
_NECKS = (0.2, 0.35, 0.5, 0.6, 0.7, 0.8)  # depths, as shares of the largest, at which an object may fall apart
_SEPARATE = 0.12  # of the largest depth: how much wider than their neck two bodies are
_RIM = 3.0  # px inside the outline
_RIM_LEVEL = 0.3  # of the way from the rim's level to that of the inside: darker is rim
_BODY = 0.4  # of an object's area: what is left at least without its rim
_NEIGHBOUR = 0.25  # of the cell's area: a larger other object is a cell, a smaller one debris
_CUT = 0.35  # of the cell's diameter along the crop's border


@dataclass(frozen=True)
class Outline:
    """What lies in a crop.

    cell:    bool (h, w), the object in the middle; nowhere true where there is none.
    others:  bool (h, w), every other object.
    bodies:  how many rounded bodies the object in the middle is made of, those that touch it included; 0: no object.
    neighbours, specks: other objects of a quarter of the cell's area or more, and smaller ones.
    cut_off: the crop's border cuts the cell.
    """

    cell: np.ndarray
    others: np.ndarray
    bodies: int
    neighbours: int
    specks: int
    cut_off: bool

    @property
    def found(self) -> bool:
        """Is there a cell?"""
        return self.bodies > 0


def outline(background: Background) -> Outline:
    """Outline the cell of a crop, 16 px a side or more."""
    coarse, areas = objects(background)
    middle = central(coarse, areas)
    if not middle:
        return Outline(np.zeros(coarse.shape, bool), coarse > 0, 0, 0, len(areas), False)
    rough = coarse == middle
    box = box_of(rough, _MARGIN)
    whole, contact = fitted(background.departure[box], rough[box])
    parts = bodies(background.smooth[box], whole)
    cell, others = np.zeros(rough.shape, bool), (coarse > 0) & ~rough
    cell[box] = _middle_body(whole, parts, (box[0].start, box[1].start), rough.shape)
    others[box] |= whole & ~cell[box]
    area = int(cell.sum())
    sizes = np.delete(areas, middle - 1)
    neighbours = int((sizes >= _NEIGHBOUR * area).sum())
    return Outline(
        cell=cell,
        others=others,
        bodies=int(parts.max()),
        neighbours=neighbours,
        specks=len(sizes) - neighbours,
        cut_off=contact > _CUT * 2 * np.sqrt(area / np.pi),
    )


def objects(background: Background) -> tuple[np.ndarray, np.ndarray]:
    """int32 (h, w): everything that stands out, numbered from 1, with its diffraction rim; int64 (n,): areas."""
    smooth = background.smooth
    down, right = np.gradient(smooth)
    activity = smoothed(np.sqrt(down**2 + right**2 + 0.25 * smooth**2))
    active = activity > max(_noise_level(activity[background.ring]), _RELATIVE * quantile(activity, 0.98))
    if not active.any():
        return np.zeros(active.shape, np.int32), np.zeros(0, np.int64)
    labels, areas = labelled(filled(closed(active, _GAP) | active))
    kept = np.concatenate([[False], areas >= _SMALLEST])
    return np.where(kept, np.cumsum(kept), 0)[labels].astype(np.int32), areas[kept[1:]]


def central(labels: np.ndarray, areas: np.ndarray) -> int:
    """The number of the object in the middle: the largest, weighed by its distance from the crop's centre; 0: none."""
    if not len(areas):
        return 0
    distance = np.hypot(*(middles(labels, areas) - (np.array(labels.shape) - 1) / 2).T)
    return 1 + int(np.argmax(areas * np.exp(-((4 * distance / min(labels.shape)) ** 2))))


def fitted(departure: np.ndarray, rough: np.ndarray) -> tuple[np.ndarray, int]:
    """The rough object with its boundary moved to the cell's edge, all around by the same depth: bool (h, w).

    And for how many px, on one side, the image's border cuts through what lies inside that edge.
    """
    depth = signed_depth(rough)
    edge = edge_depth(departure, depth)
    moved = largest(smoothed(depth - edge) > 0)
    if not moved.any():
        return rough, 0
    return filled(moved), _contact(rough, edge)


def _contact(rough: np.ndarray, edge: float) -> int:
    """For how many px, on one side, the image's border cuts what lies deeper than `edge` in the rough object."""
    if not max(side.any() for side in _sides(rough)):
        return 0
    inside = depth_inside(rough, border_is_outside=False) - 0.5 > edge
    return max(int(side.sum()) for side in _sides(inside))


def _sides(mask: np.ndarray) -> tuple[np.ndarray, ...]:
    return mask[0], mask[-1], mask[:, 0], mask[:, -1]


def bodies(smooth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """int32 (h, w): the rounded bodies of an object, numbered from 1. smooth: the departure behind a Gaussian.

    Divided where they neck, or where a dark rim runs between them: watershed of the depth inside the rim.
    """
    depth = depth_inside(_without_rim(smooth, mask))
    deepest = float(depth.max(initial=0))
    markers = mask.astype(np.int32)
    for share in _NECKS:
        labels, areas = labelled(depth > share * deepest)
        if len(areas) <= markers.max():
            continue
        peaks = np.zeros(len(areas) + 1)
        np.maximum.at(peaks, labels.ravel(), depth.ravel())
        kept = peaks >= (share + _SEPARATE) * deepest
        kept[0] = False
        if kept.sum() > markers.max():
            markers = np.where(kept, np.cumsum(kept), 0)[labels]
    if markers.max() <= 1:
        return mask.astype(np.int32)
    return watershed(-depth, markers, mask=mask).astype(np.int32)


def _noise_level(border: np.ndarray) -> float:
    """What the background's activity hardly ever reaches, also where the cell's own rings fill much of the border."""
    level = min(quantile(border, 0.5) + _NOISE * spread(border), _NOISE * quantile(border, 0.1))
    return max(level, _LEAST)


def _without_rim(smooth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The mask less what is nearly as dark as its rim, where the inside is brighter than the rim."""
    depth = depth_inside(mask, border_is_outside=False)
    dark = quantile(smooth[mask & (depth <= _RIM)], 0.1)
    inside = quantile(smooth[depth >= 0.35 * depth.max()], 0.5)
    if dark >= 0 or inside < 0.1 * dark:  # before the focus a cell is dark inside and has no dark rim of its own
        return mask
    body = filled(mask & (smooth >= dark + _RIM_LEVEL * (inside - dark)))
    return body if body.sum() > _BODY * mask.sum() else mask


def _middle_body(whole: np.ndarray, parts: np.ndarray, corner: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    """The body that the crop is centred on; the whole where it is centred on none of them.

    corner: where the box of `whole` lies in the crop; shape: of the crop.
    """
    if parts.max() <= 1:
        return whole
    areas = np.bincount(parts.ravel())[1:]
    offsets = middles(parts, areas) + np.array(corner) - (np.array(shape) - 1) / 2
    near = np.flatnonzero(np.hypot(*offsets.T) < 0.5 * np.sqrt(areas / np.pi))
    return parts == near[0] + 1 if len(near) == 1 else whole
