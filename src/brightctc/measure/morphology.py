"""Operations on small images and masks that every measurement shares: thin over OpenCV, quick on small crops.

Cells are divided among processes, not threads: calls take microseconds, and handing on Python's lock takes as long.
"""

from functools import lru_cache

import cv2
import numpy as np

cv2.setNumThreads(1)  # work is parallel over cells, not within one

CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
ROUGHLY = 1.02  # the most by which a rough distance (Borgefors 1986, 5 × 5) is too large, or too small
NEAR = 6  # px outside a mask, as far as a rough distance tells the exact one
_PLACES = 400  # to a px in a table of rough distances: it keeps all near ones apart
_CUT_OFF = 4.0  # sd at which a Gaussian ends


def smoothed(image: np.ndarray, sd: float = 1.0, border: int = cv2.BORDER_REFLECT) -> np.ndarray:
    """A float image behind a Gaussian of `sd` px, in its own dtype.

    border: what OpenCV takes to lie beyond the image; mirrored, or BORDER_REPLICATE.
    """
    side = 2 * int(_CUT_OFF * sd + 0.5) + 1
    return cv2.GaussianBlur(image, (side, side), sd, borderType=border)


def labelled(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int32 (h, w): the connected pieces of a mask (by sides), numbered from 1; int64 (pieces,): their areas."""
    pixels = mask.view(np.uint8)
    if in_one_piece(mask):
        return mask.astype(np.int32), np.array([cv2.countNonZero(pixels)])
    count, labels = cv2.connectedComponents(pixels, connectivity=4)
    return labels, np.bincount(labels.ravel(), minlength=count)[1:]


def in_one_piece(mask: np.ndarray) -> bool:
    """Is a mask somewhere true, and connected (by sides)? Told in half the time of labelling it."""
    row, column = divmod(int(mask.argmax()), mask.shape[1])
    filled_over = cv2.floodFill(mask.view(np.uint8).copy(), None, (column, row), 2)[0]
    return bool(mask[row, column]) and filled_over == cv2.countNonZero(mask.view(np.uint8))


def middles(labels: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """float64 (pieces, 2): row and column of the middle of each piece; areas: as `labelled` gives them."""
    rows, columns = np.nonzero(labels)
    piece = labels[rows, columns] - 1
    return np.stack([np.bincount(piece, at, len(areas)) / areas for at in (rows, columns)], axis=1)


def depth_inside(mask: np.ndarray, *, border_is_outside: bool = True, rough: bool = False) -> np.ndarray:
    """float32 (h, w): distance to the nearest pixel outside the mask, in px, correctly rounded; 0 outside.

    border_is_outside: all beyond the image's border is outside; it is anyway where the mask is true throughout.
    rough: by steps to neighbours, in a third of the time (see ROUGHLY).
    """
    pixels = mask.view(np.uint8)
    if not border_is_outside and cv2.countNonZero(pixels) < pixels.size:
        return _distance(pixels, rough)
    return _distance(cv2.copyMakeBorder(pixels, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0), rough)[1:-1, 1:-1]


def _distance(pixels: np.ndarray, rough: bool) -> np.ndarray:
    # OpenCV's own code: Intel's is slower here, and its last bits depend on the machine. The switch is the thread's own
    used = cv2.ipp.useIPP()
    cv2.ipp.setUseIPP(False)
    try:
        return cv2.distanceTransform(pixels, cv2.DIST_L2, cv2.DIST_MASK_5 if rough else cv2.DIST_MASK_PRECISE)
    finally:
        cv2.ipp.setUseIPP(used)


def signed_depth(mask: np.ndarray) -> np.ndarray:
    """float32 (h, w): distance from the mask's boundary in px, positive inside; the image's border is outside.

    Correctly rounded down to −NEAR px; further outside up to ROUGHLY too large or too small.
    """
    outside = _distance((~mask).view(np.uint8), rough=True)
    places = cv2.addWeighted(outside, _PLACES, outside, 0, 0, dtype=cv2.CV_16U).astype(np.intp)
    depth, box = _depth_outside().take(places), box_of(mask, 1)
    depth[box] += depth_inside(mask[box])
    return depth


@lru_cache(maxsize=1)
def _depth_outside() -> np.ndarray:
    """Signed depth by rough distance: float32 (65536,).

    Near by, a rough distance belongs to one exact distance alone, and greater ones to greater ones: what is nearest by
    one is so by the other.
    """
    exact = np.arange(2**16, dtype=np.float32) / _PLACES
    away = np.hypot(*np.mgrid[-NEAR : NEAR + 1, -NEAR : NEAR + 1])
    places = np.rint(_PLACES * _distance((away > 0).astype(np.uint8), rough=True)).astype(int)
    exact[places] = away
    depth = np.float32(0.5) - exact  # the boundary runs between pixels
    depth[0] = -0.5  # inside, where `depth_inside` counts from the middle of the next pixel outside
    return depth


def filled(mask: np.ndarray, gap: int = 0) -> np.ndarray:
    """The mask without holes (a hole: background that does not reach the image's border).

    gap: gaps of up to 2 · gap px are closed before (by a square).
    """
    pad = gap + 1
    wide = cv2.copyMakeBorder(mask.view(np.uint8), pad, pad, pad, pad, cv2.BORDER_CONSTANT, value=0)
    if gap:
        wide = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, np.ones((2 * gap + 1, 2 * gap + 1), np.uint8))
    cv2.floodFill(wide, None, (0, 0), 2)
    return wide[pad:-pad, pad:-pad] != 2


def grown(mask: np.ndarray, px: int) -> np.ndarray:
    """The mask and what lies within `px` steps of it."""
    return cv2.dilate(mask.view(np.uint8), CROSS, iterations=px).view(bool)


def largest(mask: np.ndarray) -> np.ndarray:
    """The largest connected piece of a mask; the mask itself where it is nowhere true."""
    labels, areas = labelled(mask)
    return mask if len(areas) < 2 else labels == 1 + np.argmax(areas)


def box_of(mask: np.ndarray, margin: int) -> tuple[slice, slice]:
    """The bounding box of a mask that is somewhere true, with a margin in px as far as the image goes."""
    left, top, width, height = cv2.boundingRect(mask.view(np.uint8))
    down = slice(max(0, top - margin), min(top + height + margin, mask.shape[0]))
    return down, slice(max(0, left - margin), min(left + width + margin, mask.shape[1]))
