"""The outline of the cell in the middle of a bright-field crop.

Classical steps: background division; an activity map of departure and gradient; a threshold above the border's
noise; the object nearest the middle; then its boundary is moved to where the cell's edge is by the mean profile
across it; watershed where several bodies touch.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import skimage

from brightctc.measure.background import Background
from brightctc.measure.morphology import (
    CROSS,
    ROUGHLY,
    box_of,
    depth_inside,
    filled,
    in_one_piece,
    labelled,
    largest,
    middles,
    signed_depth,
    smoothed,
)
from brightctc.measure.profile import edge_depth
from brightctc.measure.ranks import median_and_spread, quantile

_NOISE = 6.0  # activity above the ring's median, in the ring's own sd
_LEAST = 2e-4  # activity that rounding alone may make in an even crop
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
    others = coarse > 0
    whole = np.zeros(coarse.shape, bool)
    if not middle:
        return Outline(whole, others, 0, 0, len(areas), False)
    rough = coarse == middle
    box = box_of(rough, _MARGIN)
    whole[box], contact = fitted(background.departure[box], rough[box])
    cell, count = _middle_body(background.smooth, whole)
    area = cv2.countNonZero(cell.view(np.uint8))
    neighbours = sum(size >= _NEIGHBOUR * area for number, size in enumerate(areas.tolist(), 1) if number != middle)
    return Outline(
        cell=cell,
        others=(others ^ rough) | (whole ^ cell),
        bodies=count,
        neighbours=neighbours,
        specks=len(areas) - 1 - neighbours,
        cut_off=contact > _CUT * 2 * math.sqrt(area / math.pi),
    )


def objects(background: Background) -> tuple[np.ndarray, np.ndarray]:
    """int32 (h, w): everything that stands out, numbered from 1, with its diffraction rim; int64 (n,): areas."""
    activity = _activity(background.smooth)
    active = activity > _threshold(activity, background.ring)
    labels = np.zeros(active.shape, np.int32)
    if not cv2.countNonZero(active.view(np.uint8)):
        return labels, np.zeros(0, np.int64)
    box = box_of(active, 0)
    labels[box], areas = labelled(filled(active[box], gap=_GAP))
    kept = areas >= _SMALLEST
    if kept.all():
        return labels, areas
    return np.concatenate([[0], np.where(kept, np.cumsum(kept), 0)]).astype(np.int32)[labels], areas[kept]


def _activity(smooth: np.ndarray) -> np.ndarray:
    """float32 (h, w): the root of the squared departure and four times its squared gradient, smoothed."""
    wide = cv2.copyMakeBorder(smooth, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    down, right = cv2.subtract(wide[2:, 1:-1], wide[:-2, 1:-1]), cv2.subtract(wide[1:-1, 2:], wide[1:-1, :-2])
    # differences over two steps are twice the gradient; along the border they are over one
    down[:: max(len(down) - 1, 1)] *= 2
    right[:, :: max(len(right.T) - 1, 1)] *= 2
    return smoothed(cv2.magnitude(cv2.magnitude(down, right), smooth))


def _threshold(activity: np.ndarray, ring: np.ndarray) -> float:
    """What the background's activity hardly ever reaches, and diffraction rings hardly."""
    border, level = activity.take(ring), max(_LEAST, _RELATIVE * quantile(activity, 0.98))
    # also where the cell's own rings fill much of the border
    quiet = 1 + round(0.1 * (len(border) - 1))
    if np.count_nonzero(border <= level / _NOISE) >= quiet:
        return level  # a count tells that the border's tenth is too quiet to matter
    median, sd = median_and_spread(border)
    return max(level, min(median + _NOISE * sd, _NOISE * quantile(border, 0.1)))


def central(labels: np.ndarray, areas: np.ndarray) -> int:
    """The number of the object in the middle: the largest, weighed by its distance from the crop's centre; 0: none."""
    if len(areas) < 2:
        return len(areas)
    distance = np.hypot(*(middles(labels, areas) - (np.array(labels.shape) - 1) / 2).T)
    return 1 + int(np.argmax(areas * np.exp(-((4 * distance / min(labels.shape)) ** 2))))


def fitted(departure: np.ndarray, rough: np.ndarray) -> tuple[np.ndarray, int]:
    """The rough object with its boundary moved to the cell's edge, all around by the same depth: bool (h, w).

    And for how many px, on one side, the image's border cuts through what lies inside that edge.
    """
    depth = signed_depth(rough)
    edge = edge_depth(departure, depth)
    moved = largest(smoothed(depth) > edge)
    if not moved.any():
        return rough, 0
    return filled(moved), _contact(rough, edge)


def _contact(rough: np.ndarray, edge: float) -> int:
    """For how many px, on one side, the image's border cuts what lies deeper than `edge` in the rough object."""
    if not any(side.any() for side in _sides(rough)):
        return 0
    inside = depth_inside(rough, border_is_outside=False) - 0.5 > edge
    return max(int(side.sum()) for side in _sides(inside))


def _sides(mask: np.ndarray) -> tuple[np.ndarray, ...]:
    return mask[0], mask[-1], mask[:, 0], mask[:, -1]


def bodies(smooth: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, int]:
    """int32 (h, w): the rounded bodies of an object, numbered from 1; and how many they are.

    Divided where they neck, or where a dark rim runs between them: watershed of the depth inside the rim.
    smooth: float32 (h, w), the departure behind a Gaussian.
    """
    markers, count = mask.astype(np.int32), 1
    if not _may_fall_apart(depth_inside(_without_rim(smooth, mask, rough=True), rough=True)):
        return markers, count
    depth = depth_inside(_without_rim(smooth, mask))
    deepest = float(depth.max(initial=0))
    for share in _NECKS:
        labels, areas = labelled(depth > share * deepest)
        if len(areas) <= count:
            continue
        peaks = np.zeros(len(areas) + 1)
        np.maximum.at(peaks, labels.ravel(), depth.ravel())
        kept = peaks >= (share + _SEPARATE) * deepest
        kept[0] = False
        if kept.sum() > count:
            markers, count = np.where(kept, np.cumsum(kept), 0)[labels], int(kept.sum())
    if count == 1:
        return markers, count
    return skimage.segmentation.watershed(-depth, markers, mask=mask).astype(np.int32), count


def _may_fall_apart(depth: np.ndarray) -> bool:
    """Is there any place, by rough depths, that could be a second body at one of the necks?

    It would have a summit of its own, and there is none where all high enough lie in one core, deep at any neck.
    """
    deepest = float(depth.max(initial=0))
    core = depth > _NECKS[-1] * ROUGHLY**2 * deepest
    if not in_one_piece(core):
        return True
    summits = (cv2.dilate(depth, CROSS) == depth) & (depth >= (_NECKS[0] + _SEPARATE) / ROUGHLY**2 * deepest)
    return bool(np.count_nonzero(summits) > np.count_nonzero(summits & core))


def _without_rim(smooth: np.ndarray, mask: np.ndarray, *, rough: bool = False) -> np.ndarray:
    """The mask less what is nearly as dark as its rim, where the inside is brighter than the rim."""
    depth = depth_inside(mask, border_is_outside=False, rough=rough)
    dark = quantile(smooth[mask & (depth <= _RIM)], 0.1)
    if dark >= 0:
        return mask
    inside = quantile(smooth[depth >= 0.35 * depth.max()], 0.5)
    if inside < 0.1 * dark:  # before the focus a cell is dark inside and has no dark rim of its own
        return mask
    body = filled(mask & (smooth >= dark + _RIM_LEVEL * (inside - dark)))
    return body if np.count_nonzero(body) > _BODY * np.count_nonzero(mask) else mask


def _middle_body(smooth: np.ndarray, whole: np.ndarray) -> tuple[np.ndarray, int]:
    """Of an object, the body that the crop is centred on: bool (h, w); and how many bodies the object has.

    The whole object where the crop is centred on none of them. smooth: float32 (h, w), of the whole crop.
    """
    box = box_of(whole, 1)
    parts, count = bodies(smooth[box], whole[box])
    if count == 1:
        return whole, count
    areas = np.bincount(parts.ravel())[1:]
    corner, shape = np.array([side.start for side in box]), np.array(whole.shape)
    offsets = middles(parts, areas) + corner - (shape - 1) / 2
    near = np.flatnonzero(np.hypot(*offsets.T) < 0.5 * np.sqrt(areas / np.pi))
    if len(near) != 1:
        return whole, count
    cell = np.zeros_like(whole)
    cell[box] = parts == near[0] + 1
    return cell, count
