"""Morphology: every feature of a cell, by group, each with its meaning. A new group is a file and a line in GROUPS."""

from brightctc.measure.features import edge, granularity, intensity, radial, shape, stain, texture
from brightctc.measure.features.feature import Cell, Feature, Measure

BRIGHT_FIELD: dict[str, tuple[tuple[Feature, ...], Measure]] = {
    "size and shape": (shape.FEATURES, shape.measure),
    "edge": (edge.FEATURES, edge.measure),
    "intensity": (intensity.FEATURES, intensity.measure),
    "texture": (texture.FEATURES, texture.measure),
    "granularity": (granularity.FEATURES, granularity.measure),
    "rings and symmetry": (radial.FEATURES, radial.measure),
}
GROUPS: dict[str, tuple[Feature, ...]] = {
    **{name: features for name, (features, _) in BRIGHT_FIELD.items()},
    "nucleus (DAPI)": stain.FEATURES,
}

__all__ = ["BRIGHT_FIELD", "GROUPS", "Cell", "Feature", "bright_field_features", "features_of", "stain"]


def bright_field_features(cell: Cell) -> dict[str, float]:
    """All features of a cell's bright field, in the order of GROUPS; NaN where one can't be told."""
    found: dict[str, float] = {}
    for _, measure in BRIGHT_FIELD.values():
        found |= measure(cell)
    return found


def features_of(*, dapi: bool) -> tuple[Feature, ...]:
    """Every feature of bright field, and of DAPI where there is any, in the order of their columns."""
    return tuple(f for name, group in GROUPS.items() if dapi or name in BRIGHT_FIELD for f in group)
