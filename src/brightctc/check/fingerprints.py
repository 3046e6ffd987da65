"""Nearly the same pixels: a small thumbnail and a patch of fine detail per crop, compared without n² work.

Two crops of the same picture agree in their coarse shape and in their camera noise, also after ±1 grey level of
noise, re-encoding to 8 bits, a flip or a rotation by 90°. Two cells that merely look alike agree in the coarse
shape alone: each exposure has its own noise. So a pair must agree in both.

Candidates come from a k-d tree over a few numbers of the thumbnail that flips and rotations leave unchanged, at
most five neighbours a cell; the pairs are then compared in all eight orientations.
"""

import functools
from collections.abc import Iterator

import numpy as np

THUMB = 16  # px a side of the thumbnail
DETAIL = 14  # px a side of the central patch of fine detail
_NEIGHBOURS = 5
_RADIUS = 0.1  # between descriptors of unit norm: a crop and its 8-bit copy are below 0.06 apart
_COARSE, _FINE = 0.99, 0.85  # least correlation of thumbnails, of details
# least sum of -log10(1 - correlation) over both: on 4,918 real cells distinct pairs reach 2.2, on 40,000 drawn
# ones (discs with sharp edges, the hardest case) 3.9; noisy copies lie above 5, 8-bit ones above 4.2 but for 5 %
_TOGETHER = 4.2
_CHUNK = 8192  # pairs compared at once


@functools.cache
def _averaging(length: int) -> np.ndarray:
    """Matrix (THUMB, length) that averages `length` px into THUMB cells by area, the same from either end."""
    edges = np.linspace(0, length, THUMB + 1)
    low = np.maximum(edges[:-1, None], np.arange(length))
    high = np.minimum(edges[1:, None], np.arange(1, length + 1))
    return np.clip(high - low, 0, None) * THUMB / length


def thumbnail(pixels: np.ndarray) -> np.ndarray:
    """Averages over a 16 × 16 grid: float64 (256,), mean 0, norm 1; NaN where the crop is constant.

    pixels: float64 (height, width).
    """
    return _unit(_averaging(pixels.shape[0]) @ pixels @ _averaging(pixels.shape[1]).T)


def detail(pixels: np.ndarray) -> np.ndarray:
    """Each central pixel less its 3 × 3 mean, clipped where it is structure rather than noise: float64 (196,).

    pixels: float64 (height, width), at least 16 px a side. Mean 0, norm 1; NaN where there is no detail.
    A side of odd length drops its middle line, so that the patch stays centred under flips.
    """
    rows, columns = (_centre(length) for length in pixels.shape)
    patch = pixels[rows, columns]
    sums = patch[:-2] + patch[1:-1] + patch[2:]
    sums = sums[:, :-2] + sums[:, 1:-1] + sums[:, 2:]
    fine = patch[1:-1, 1:-1] - sums / 9
    if pixels.shape[0] % 2:
        fine = np.delete(fine, DETAIL // 2, axis=0)
    if pixels.shape[1] % 2:
        fine = np.delete(fine, DETAIL // 2, axis=1)
    size = np.median(np.abs(fine))
    # edges are alike in like cells, noise is not: an edge counts no more than a noisy pixel
    return _unit(np.clip(fine, -1.5 * size, 1.5 * size) if size > 0 else np.sign(fine))


def near_pairs(thumbnails: np.ndarray, details: np.ndarray) -> np.ndarray:
    """Pairs of rows that show nearly the same pixels: int (pairs, 2), smaller row first, sorted.

    thumbnails: float (n, 256); details: float (n, 196); rows with NaN are left out.
    """
    rows = np.flatnonzero(np.isfinite(thumbnails[:, 0]) & np.isfinite(details[:, 0]))
    if len(rows) < 2:
        return np.empty((0, 2), int)
    candidates = _candidates(_descriptors(thumbnails, rows))
    if not len(candidates):
        return np.empty((0, 2), int)
    kept = [
        chunk[_alike(thumbnails, details, rows[chunk])]
        for chunk in np.array_split(candidates, max(1, len(candidates) // _CHUNK))
    ]
    return rows[np.concatenate(kept)]


def _centre(length: int) -> slice:
    side = DETAIL + 2 + length % 2
    start = (length - side) // 2
    return slice(start, start + side)


def _unit(values: np.ndarray) -> np.ndarray:
    flat = values.ravel()
    flat = flat - flat.mean()
    norm = float(np.sqrt(flat @ flat))
    return flat / norm if norm > 1e-6 * max(1.0, float(np.abs(values).max())) else np.full_like(flat, np.nan)


def _orientations(images: np.ndarray) -> Iterator[np.ndarray]:
    """The eight flips and rotations of square images (n, side, side)."""
    for turns in range(4):
        turned = np.rot90(images, turns, (1, 2))
        yield turned
        yield turned[:, :, ::-1]


def _descriptors(thumbnails: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Twelve numbers a crop that no flip or rotation changes: mean and spread over the orbits of the grid."""
    grid = np.arange(THUMB * THUMB).reshape(1, THUMB, THUMB)
    orbits = np.stack([turned.ravel() for turned in _orientations(grid)])
    firsts = np.unique(orbits.min(axis=0))
    weight = np.sqrt([len(set(orbits[:, first])) for first in firsts]).astype(np.float32)
    parts = []
    for chunk in np.array_split(rows, max(1, len(rows) // _CHUNK)):
        values = thumbnails[chunk].astype(np.float32)[:, orbits[:, firsts]]
        parts.append(np.concatenate([values.mean(axis=1) * weight, values.std(axis=1) * weight], axis=1))
    numbers = np.concatenate(parts)
    numbers -= numbers.mean(axis=0)
    _, axes = np.linalg.eigh(numbers.T @ numbers)
    return numbers @ axes[:, -12:]


def _candidates(descriptors: np.ndarray) -> np.ndarray:
    """Pairs of near neighbours: int (pairs, 2), each once."""
    from scipy.spatial import KDTree  # not every reader of cohorts searches for copies

    count = len(descriptors)
    asked = min(_NEIGHBOURS + 1, count)
    _, near = KDTree(descriptors).query(descriptors, k=asked, distance_upper_bound=_RADIUS, workers=2)
    first, second = np.repeat(np.arange(count), asked), np.ravel(near)
    real = (second < count) & (second != first)
    pairs = np.sort(np.stack([first[real], second[real]], axis=1), axis=1)
    return np.unique(pairs, axis=0)


def _alike(thumbnails: np.ndarray, details: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Which pairs of rows agree in coarse shape and in detail, in the orientation that fits best."""
    coarse = _correlations(thumbnails, pairs, THUMB)
    best = coarse.argmax(axis=1)
    at = np.arange(len(pairs))
    shape, noise = coarse[at, best], _correlations(details, pairs, DETAIL)[at, best]
    together = -np.log10(np.maximum(1 - shape, 1e-9)) - np.log10(np.maximum(1 - noise, 1e-9))
    return (shape >= _COARSE) & (noise >= _FINE) & (together >= _TOGETHER)


def _correlations(vectors: np.ndarray, pairs: np.ndarray, side: int) -> np.ndarray:
    """Correlation of each pair in the eight orientations of its second: float (pairs, 8)."""
    first = vectors[pairs[:, 0]].astype(np.float32)
    second = vectors[pairs[:, 1]].astype(np.float32).reshape(-1, side, side)
    turned = [np.einsum("ij,ij->i", first, image.reshape(len(image), -1)) for image in _orientations(second)]
    return np.stack(turned, axis=1)
