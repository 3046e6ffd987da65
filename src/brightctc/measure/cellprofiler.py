"""CellProfiler's own measurements, computed by cp-measure (extra `measure`)."""

from typing import Any

import numpy as np

from brightctc.errors import UserError

PREFIX = "cellprofiler_"
_FAMILIES = ("sizeshape", "feret", "zernike", "intensity", "texture", "granularity", "radial_distribution")


def require() -> None:
    """Raise UserError where cp-measure is not installed."""
    _measurements()


def features(departure: np.ndarray, cell: np.ndarray) -> dict[str, float]:
    """CellProfiler's features of one outlined cell, named as there behind `cellprofiler_`; lengths in px.

    departure: float (h, w), level / background − 1. CellProfiler's images run from 0 to 1: the background becomes 0.5,
    twice the background 1.
    """
    image = np.clip((departure.astype(np.float64) + 1) / 2, 0, 1)
    mask = cell.astype(np.int32)
    measurements = _measurements()
    found: dict[str, float] = {}
    for family in _FAMILIES:
        with np.errstate(all="ignore"):
            values = measurements[family](mask, image)
        found |= {f"{PREFIX}{name}": float(np.asarray(value).ravel()[0]) for name, value in values.items()}
    return found


def _measurements() -> dict[str, Any]:
    try:
        from cp_measure.bulk import get_core_measurements  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError:
        raise UserError(
            "CellProfiler's features need the package cp-measure", "--cellprofiler", "pip install 'brightctc[measure]'"
        ) from None
    return get_core_measurements()
