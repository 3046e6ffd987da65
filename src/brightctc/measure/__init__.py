"""Outline, features and quality of a cell; the verb that measures a cohort."""

from brightctc.measure.cell import Measured, OutlinedCrop, measure_cell
from brightctc.measure.features import GROUPS, Feature
from brightctc.measure.measuring import MeasureResult, measure, one_unit
from brightctc.measure.quality import FLAGS, Quality, QualityLimits, saturated_share

__all__ = [
    "FLAGS",
    "GROUPS",
    "Feature",
    "MeasureResult",
    "Measured",
    "OutlinedCrop",
    "Quality",
    "QualityLimits",
    "measure",
    "measure_cell",
    "one_unit",
    "saturated_share",
]
