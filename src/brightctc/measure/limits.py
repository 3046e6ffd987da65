"""Limits of image quality of a cohort, learned from its training part where it has one."""

from collections.abc import Sequence

from brightctc.cohort import Cohort
from brightctc.measure.quality import Quality, QualityLimits


def limits_of(cohort: Cohort, qualities: Sequence[Quality | None]) -> tuple[QualityLimits, str]:
    """The limits, and what they were learned from: `train`, or `all` where no cell is in a training part.

    qualities: one a cell of the cohort, in its order; None where the bright field could not be read.
    """
    parts = cohort.cells["part"].to_list() if "part" in cohort.cells.columns else [None] * len(qualities)
    source = "train" if "train" in parts else "all"
    kept = (quality for quality, part in zip(qualities, parts, strict=True) if source == "all" or part == source)
    return QualityLimits.learn(quality for quality in kept if quality is not None), source
