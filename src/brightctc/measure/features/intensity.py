"""How bright the cell is against the background, without where."""

import numpy as np

from brightctc.measure.features.feature import Cell, Feature

FEATURES = (
    Feature("intensity_mean", "", "mean departure from the background (level / background − 1)"),
    Feature("intensity_sd", "", "sd of the departure"),
    Feature("intensity_median", "", "median of the departure"),
    Feature("intensity_iqr", "", "distance between the quartiles of the departure"),
    Feature("intensity_low", "", "2nd percentile of the departure"),
    Feature("intensity_high", "", "98th percentile of the departure"),
    Feature("intensity_skewness", "", "skewness of the departure (third standardised moment)"),
    Feature("intensity_total", "area", "mean departure × area"),
)


def measure(cell: Cell) -> dict[str, float]:
    """See FEATURES."""
    values = cell.inside
    low, lower, median, upper, high = np.percentile(values, (2, 25, 50, 75, 98))
    mean, sd = float(values.mean()), float(values.std())
    standard = (values - mean) / (sd or 1.0)
    return {
        "intensity_mean": mean,
        "intensity_sd": sd,
        "intensity_median": float(median),
        "intensity_iqr": float(upper - lower),
        "intensity_low": float(low),
        "intensity_high": float(high),
        "intensity_skewness": float((standard**3).mean()),
        "intensity_total": float(values.sum()) * cell.pixel**2,
    }
