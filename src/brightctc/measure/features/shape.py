"""Size and shape of a mask: of the cell, and of its nucleus."""

from dataclasses import dataclass

import numpy as np
import scipy
import skimage

from brightctc.measure.features.feature import Cell, Feature

FEATURES = (
    Feature("cell_area", "area", "area inside the outline"),
    Feature("cell_diameter", "length", "diameter of the circle of that area"),
    Feature("cell_length", "length", "major axis of the ellipse with the outline's second moments"),
    Feature("cell_width", "length", "minor axis of that ellipse"),
    Feature("cell_feret", "length", "largest distance between two points of the outline (Feret)"),
    Feature("cell_perimeter", "length", "perimeter (Crofton, four directions)"),
    Feature("cell_inner_diameter", "length", "diameter of the largest circle inside the outline"),
    Feature("cell_form_factor", "", "4π · area / perimeter²; 1: a circle"),
    Feature("cell_aspect", "", "width / length; 1: as wide as long"),
    Feature("cell_solidity", "", "area / area of the convex hull; 1: no dents"),
    Feature("cell_roundness", "", "area of the outline / of a circle with the Feret diameter"),
    Feature("cell_bodies", "count", "rounded bodies of the object in the middle; 2: a doublet"),
)


@dataclass(frozen=True)
class Shape:
    """A mask's measures in px and px²."""

    area: float
    length: float
    width: float
    feret: float
    perimeter: float
    hull_area: float
    middle: tuple[float, float]

    @property
    def diameter(self) -> float:
        """Of the circle of the same area."""
        return float(np.sqrt(4 * self.area / np.pi))

    @property
    def form_factor(self) -> float:
        """4π · area / perimeter²."""
        return 4 * np.pi * self.area / self.perimeter**2

    @property
    def solidity(self) -> float:
        """Area over that of the convex hull."""
        return self.area / self.hull_area


def shape_of(mask: np.ndarray) -> Shape:
    """Measure a mask that is somewhere true.

    Second moments count each pixel as a square (1/12), as scikit-image does; the hull goes through the middles of
    pixel edges, so that a large disc has solidity 1.
    """
    points = np.argwhere(mask).astype(np.float64)
    middle = points.mean(axis=0)
    moments = np.cov(points.T, bias=True).reshape(2, 2) + np.eye(2) / 12
    minor, major = 4 * np.sqrt(np.maximum(np.linalg.eigvalsh(moments), 0))
    inner = mask.copy()
    inner[1:-1, 1:-1] &= mask[:-2, 1:-1] & mask[2:, 1:-1] & mask[1:-1, :-2] & mask[1:-1, 2:]
    inner[[0, -1]], inner[:, [0, -1]] = False, False
    rim = np.argwhere(mask & ~inner)
    corners = np.concatenate([rim + step for step in ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))])
    hull = scipy.spatial.ConvexHull(corners)
    return Shape(
        area=float(len(points)),
        length=float(major),
        width=float(minor),
        feret=float(scipy.spatial.distance.pdist(corners[hull.vertices]).max()),
        perimeter=float(skimage.measure.perimeter_crofton(np.pad(mask, 1), directions=4)),
        hull_area=float(hull.volume),
        middle=(float(middle[0]), float(middle[1])),
    )


def measure(cell: Cell) -> dict[str, float]:
    """See FEATURES."""
    shape, pixel = shape_of(cell.mask), cell.pixel
    return {
        "cell_area": shape.area * pixel**2,
        "cell_diameter": shape.diameter * pixel,
        "cell_length": shape.length * pixel,
        "cell_width": shape.width * pixel,
        "cell_feret": shape.feret * pixel,
        "cell_perimeter": shape.perimeter * pixel,
        "cell_inner_diameter": 2 * float(cell.depth.max()) * pixel,
        "cell_form_factor": shape.form_factor,
        "cell_aspect": shape.width / shape.length,
        "cell_solidity": shape.solidity,
        "cell_roundness": shape.area / (np.pi * shape.feret**2 / 4),
        "cell_bodies": float(cell.bodies),
    }
