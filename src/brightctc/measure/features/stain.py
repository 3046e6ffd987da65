"""The nucleus in DAPI, and its share of the cell."""

import numpy as np

from brightctc.measure.features.feature import Feature
from brightctc.measure.features.shape import shape_of
from brightctc.measure.features.texture import cooccurrence
from brightctc.measure.nucleus import Nucleus

_TEXTURES = ("contrast", "correlation", "homogeneity", "entropy")

FEATURES = (
    Feature("nucleus_area", "area", "area of the nucleus in DAPI, all its pieces"),
    Feature("nucleus_diameter", "length", "diameter of the circle of that area"),
    Feature("nucleus_length", "length", "major axis of the ellipse with the same second moments"),
    Feature("nucleus_width", "length", "minor axis of that ellipse"),
    Feature("nucleus_perimeter", "length", "perimeter (Crofton, four directions)"),
    Feature("nucleus_form_factor", "", "4π · area / perimeter²; 1: a circle"),
    Feature("nucleus_aspect", "", "width / length"),
    Feature("nucleus_solidity", "", "area / area of the convex hull"),
    Feature("nucleus_bodies", "count", "pieces and rounded lobes"),
    Feature("nucleus_to_cell", "", "area of the nucleus / area of the cell"),
    Feature("nucleus_offset", "", "distance of the nucleus's middle from the cell's, over the cell's radius"),
    Feature("dapi_mean", "grey", "mean DAPI signal in the nucleus above the crop's background: of one exposure only"),
    Feature("dapi_total", "grey", "sum of the DAPI signal in the nucleus (its DNA content): of one exposure only"),
    Feature("dapi_variation", "", "sd / mean of the DAPI signal in the nucleus"),
    Feature("dapi_outside", "", "share of the cell's DAPI signal that lies outside the nucleus"),
    *(
        Feature(f"dapi_{name}_1px", "", f"{name} of the DAPI signal in the nucleus, 1 px apart (as texture_{name}_1px)")
        for name in _TEXTURES
    ),
)  # fmt: skip


def measure(nucleus: Nucleus, cell: np.ndarray, pixel: float) -> dict[str, float]:
    """The features of a nucleus that was found.

    cell: bool, of the crop's shape; nowhere true for a nucleus without a cell, whose shares are then NaN.
    pixel: µm per pixel, or 1.
    """
    shape = shape_of(nucleus.mask)
    inside = nucleus.signal[nucleus.mask]
    mean = float(inside.mean())
    pairs = cooccurrence(nucleus.signal, nucleus.mask)
    return {
        "nucleus_area": shape.area * pixel**2,
        "nucleus_diameter": shape.diameter * pixel,
        "nucleus_length": shape.length * pixel,
        "nucleus_width": shape.width * pixel,
        "nucleus_perimeter": shape.perimeter * pixel,
        "nucleus_form_factor": shape.form_factor,
        "nucleus_aspect": shape.width / shape.length,
        "nucleus_solidity": shape.solidity,
        "nucleus_bodies": float(nucleus.bodies),
        "dapi_mean": mean,
        "dapi_total": float(inside.sum()),
        "dapi_variation": float(inside.std()) / mean if mean > 0 else float("nan"),
        **_within(nucleus, cell, shape.middle),
        **{f"dapi_{name}_1px": pairs[f"texture_{name}_1px"] for name in _TEXTURES},
    }


def _within(nucleus: Nucleus, cell: np.ndarray, middle: tuple[float, float]) -> dict[str, float]:
    names = ("nucleus_to_cell", "nucleus_offset", "dapi_outside")
    if not cell.any():
        return dict.fromkeys(names, float("nan"))
    area = float(cell.sum())
    distance = float(np.hypot(*(np.argwhere(cell).mean(axis=0) - middle)))
    signal = np.clip(nucleus.signal, 0, None)
    outside = float(signal[cell & ~nucleus.mask].sum())
    total = outside + float(signal[nucleus.mask].sum())
    values = (nucleus.mask.sum() / area, distance / np.sqrt(area / np.pi), outside / total if total else float("nan"))
    return dict(zip(names, map(float, values), strict=True))
