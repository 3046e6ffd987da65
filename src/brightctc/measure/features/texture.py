"""Texture: grey-level co-occurrence (Haralick 1973) and local binary patterns (Ojala 2002)."""

import numpy as np
import skimage

from brightctc.measure.features.feature import Cell, Feature

LEVELS = 16
DISTANCES = (1, 3)  # px
_REACH = 2.5  # sd of the cell's own values that the levels span on either side
_ANGLES = (0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
_POINTS, _RADIUS = 8, 2
_HARALICK = {
    "contrast": "mean squared difference of the levels of two pixels",
    "correlation": "correlation of the levels of two pixels",
    "homogeneity": "mean of 1 / (1 + squared difference)",
    "energy": "root of the sum of squared probabilities; 1: one pair of levels alone",
    "entropy": "Shannon entropy of the pairs in bits",
}

FEATURES = (
    *(
        Feature(
            f"texture_{name}_{distance}px",
            "",
            f"{words}, {distance} px apart; mean of four directions, 16 levels over ± 2.5 sd of the cell's own values "
            "(Haralick 1973)",
        )
        for distance in DISTANCES
        for name, words in _HARALICK.items()
    ),
    *(
        Feature(
            f"texture_lbp_{index}",
            "",
            f"share of the pixels with {index} brighter neighbours in one run of 8 on a circle of 2 px (uniform local "
            "binary pattern, Ojala 2002)",
        )
        for index in range(_POINTS + 1)
    ),
    Feature("texture_lbp_mixed", "", "share of the pixels whose pattern has more than one run (not uniform)"),
)


def measure(cell: Cell) -> dict[str, float]:
    """See FEATURES."""
    return cooccurrence(cell.departure, cell.mask) | _patterns(cell)


def cooccurrence(image: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Haralick's figures of the pixels inside a mask, pairs with a pixel outside left out.

    image: float (h, w); its values are standardised by their mean and sd in the mask, so that contrast of the whole
    does not show, only its arrangement. All pairs of one level (an even cell): correlation 1.
    """
    values = image[mask].astype(np.float64)
    spread = values.std() or 1.0
    scaled = (image - values.mean()) / (2 * _REACH * spread) + 0.5
    levels = np.where(mask, 1 + np.clip((scaled * LEVELS).astype(int), 0, LEVELS - 1), 0).astype(np.uint8)
    counts = skimage.feature.graycomatrix(levels, DISTANCES, _ANGLES, LEVELS + 1, symmetric=True)
    pairs = counts[1:, 1:].sum(axis=3, dtype=np.float64)
    found = {}
    for index, distance in enumerate(DISTANCES):
        for name, value in _haralick(pairs[:, :, index]).items():
            found[f"texture_{name}_{distance}px"] = value
    return found


def _haralick(pairs: np.ndarray) -> dict[str, float]:
    total = pairs.sum()
    if not total:
        return dict.fromkeys(_HARALICK, float("nan"))
    share = pairs / total
    level = np.arange(LEVELS)
    difference = (level[:, None] - level) ** 2
    margin = share.sum(axis=0)
    mean = (margin * level).sum()
    variance = (margin * (level - mean) ** 2).sum()
    covariance = (share * np.outer(level - mean, level - mean)).sum()
    present = share[share > 0]
    return {
        "contrast": float((share * difference).sum()),
        "correlation": float(covariance / variance) if variance > 0 else 1.0,
        "homogeneity": float((share / (1 + difference)).sum()),
        "energy": float(np.sqrt((share**2).sum())),
        "entropy": float(-(present * np.log2(present)).sum()),
    }


def _patterns(cell: Cell) -> dict[str, float]:
    """Shares of the uniform patterns among the cell's pixels, on the smoothed departure."""
    # in 32-bit float steps of one tenth of a per mille: neighbours that differ by rounding alone are equal
    steps = np.round(cell.smooth * 10_000).astype(np.int32)
    codes = skimage.feature.local_binary_pattern(steps, _POINTS, _RADIUS, method="uniform")[cell.mask].astype(int)
    shares = np.bincount(codes, minlength=_POINTS + 2) / len(codes)
    names = [f"texture_lbp_{index}" for index in range(_POINTS + 1)] + ["texture_lbp_mixed"]
    return dict(zip(names, map(float, shares), strict=True))
