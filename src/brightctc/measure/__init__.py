"""Outline, features and quality of a cell; the verb that measures a cohort."""

from brightctc.measure.cell import Measured, Seen, measure_cell
from brightctc.measure.features import GROUPS, Feature
from brightctc.measure.measuring import MeasureResult, measure
from brightctc.measure.quality import FLAGS, Quality, QualityLimits, saturated_share

__all__ = [
    "FLAGS",
    "GROUPS",
    "Feature",
    "MeasureResult",
    "Measured",
    "Quality",
    "QualityLimits",
    "Seen",
    "measure",
    "measure_cell",
    "saturated_share",
]
