"""Pure numbers: figures of a classifier, thresholds, intervals, comparisons, limits of blank. No files, no images."""

from brightctc.metrics.agreement import fleiss_kappa, positive_agreement, weighted_kappa, with_interval
from brightctc.metrics.blank import Blank, Detection, blank_of, detection
from brightctc.metrics.calibrating import fitted_calibration, fitted_temperature, log_odds
from brightctc.metrics.calibration import Reliability, brier, calibration_error, reliability
from brightctc.metrics.comparing import Comparison, SeedTests, compare, holm, seed_tests
from brightctc.metrics.conformal import ConformalSets, conformal_sets
from brightctc.metrics.counts import Counts, confusion, constant_classifier
from brightctc.metrics.curves import Curve, average_precision, precision_recall_curve, roc_auc, roc_curve
from brightctc.metrics.effect import cliffs_delta
from brightctc.metrics.ends import Interval
from brightctc.metrics.exact import (
    cells_needed,
    clopper_pearson,
    poisson_interval,
    poisson_upper_bound,
    rule_of_three,
    upper_bound_of_count,
    upper_bound_of_share,
)
from brightctc.metrics.figures import FIGURES, Scored, figures
from brightctc.metrics.intervals import Intervals, differences, intervals
from brightctc.metrics.linearity import Linearity, linearity
from brightctc.metrics.planning import LearningCurve, design_effect, learning_curve, positives_needed, units_needed
from brightctc.metrics.rare import RarePrecision, expected_precision, precision_at_prevalence
from brightctc.metrics.resampling import resampled_figures
from brightctc.metrics.thresholds import Threshold, choose_threshold, parse_policy, sigmoid
from brightctc.metrics.units import unit_numbers

__all__ = [
    "FIGURES",
    "Blank",
    "Comparison",
    "ConformalSets",
    "Counts",
    "Curve",
    "Detection",
    "Interval",
    "Intervals",
    "LearningCurve",
    "Linearity",
    "RarePrecision",
    "Reliability",
    "Scored",
    "SeedTests",
    "Threshold",
    "average_precision",
    "blank_of",
    "brier",
    "calibration_error",
    "cells_needed",
    "choose_threshold",
    "cliffs_delta",
    "clopper_pearson",
    "compare",
    "conformal_sets",
    "confusion",
    "constant_classifier",
    "design_effect",
    "detection",
    "differences",
    "expected_precision",
    "figures",
    "fitted_calibration",
    "fitted_temperature",
    "fleiss_kappa",
    "holm",
    "intervals",
    "learning_curve",
    "linearity",
    "log_odds",
    "parse_policy",
    "poisson_interval",
    "poisson_upper_bound",
    "positive_agreement",
    "positives_needed",
    "precision_at_prevalence",
    "precision_recall_curve",
    "reliability",
    "resampled_figures",
    "roc_auc",
    "roc_curve",
    "rule_of_three",
    "seed_tests",
    "sigmoid",
    "unit_numbers",
    "units_needed",
    "upper_bound_of_count",
    "upper_bound_of_share",
    "weighted_kappa",
    "with_interval",
]
