"""Pure numbers: figures of a classifier, thresholds, exact and bootstrap intervals. No files, no images."""

from brightctc.metrics.calibration import Reliability, brier, calibration_error, reliability
from brightctc.metrics.counts import Counts, confusion, constant_classifier
from brightctc.metrics.curves import Curve, average_precision, precision_recall_curve, roc_auc, roc_curve
from brightctc.metrics.effect import cliffs_delta
from brightctc.metrics.exact import (
    cells_needed,
    clopper_pearson,
    poisson_interval,
    poisson_upper_bound,
    rule_of_three,
    upper_bound_of_share,
)
from brightctc.metrics.figures import FIGURES, Scored, figures
from brightctc.metrics.intervals import Interval, Intervals, differences, intervals, resampled_figures, unit_numbers
from brightctc.metrics.rare import RarePrecision, expected_precision, precision_at_prevalence
from brightctc.metrics.thresholds import Threshold, choose_threshold, parse_policy, sigmoid

__all__ = [
    "FIGURES",
    "Counts",
    "Curve",
    "Interval",
    "Intervals",
    "RarePrecision",
    "Reliability",
    "Scored",
    "Threshold",
    "average_precision",
    "brier",
    "calibration_error",
    "cells_needed",
    "choose_threshold",
    "cliffs_delta",
    "clopper_pearson",
    "confusion",
    "constant_classifier",
    "differences",
    "expected_precision",
    "figures",
    "intervals",
    "parse_policy",
    "poisson_interval",
    "poisson_upper_bound",
    "precision_at_prevalence",
    "precision_recall_curve",
    "reliability",
    "resampled_figures",
    "roc_auc",
    "roc_curve",
    "rule_of_three",
    "sigmoid",
    "unit_numbers",
    "upper_bound_of_share",
]
