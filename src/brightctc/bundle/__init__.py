"""A bundle: a trained model as a folder, complete and immutable, and its runtime on the CPU."""

from brightctc.bundle.about import About, PartCounts, Provenance
from brightctc.bundle.calibration import Calibration
from brightctc.bundle.card import RESEARCH_USE
from brightctc.bundle.contract import CONTRACT_FLAGS, Contract
from brightctc.bundle.crop_measures import CropMeasures
from brightctc.bundle.folder import WITHDRAWN, Bundle
from brightctc.bundle.sample_measures import SampleMeasures
from brightctc.bundle.seen import Seen
from brightctc.bundle.shown import Shown
from brightctc.bundle.tested import Arithmetic, Tested
from brightctc.bundle.validation import BundleThreshold, ValidationCells
from brightctc.bundle.writing import BundleParts, choose, with_precisions, with_threshold, write_bundle

__all__ = [
    "CONTRACT_FLAGS",
    "RESEARCH_USE",
    "WITHDRAWN",
    "About",
    "Arithmetic",
    "Bundle",
    "BundleParts",
    "BundleThreshold",
    "Calibration",
    "Contract",
    "CropMeasures",
    "PartCounts",
    "Provenance",
    "SampleMeasures",
    "Seen",
    "Shown",
    "Tested",
    "ValidationCells",
    "choose",
    "with_precisions",
    "with_threshold",
    "write_bundle",
]
