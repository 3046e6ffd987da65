"""Bounds where resampling has no width: a figure that is the same in every resample, since no error was seen.

Repeating cells that hold no error shows none. The exact interval of recall and that of the false-positive rate still
know how much was looked at; the ends of the other figures are those of the worst and the best pair of them.
"""

from collections.abc import Sequence

import numpy as np

from brightctc.metrics.counts import Counts
from brightctc.metrics.exact import clopper_pearson
from brightctc.metrics.figures import at_threshold

EXACT = "the same in every resample; the ends are exact (Clopper-Pearson) and take cells as independent"


def exact_ends(name: str, seeds: Sequence[Counts]) -> tuple[float, float] | None:
    """(low, high) of a figure at the threshold, the widest over seeds; None where it has no such ends.

    Every figure at a threshold moves one way with recall and with the false-positive rate, so its extremes lie where
    both are at their ends.
    """
    ends = []
    for counts in seeds:
        worst, best = _corners(counts)
        ends += [float(worst[name]), float(best[name])]
    return (min(ends), max(ends)) if np.isfinite(ends).all() else None


def _corners(counts: Counts) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    recall_low, recall_high = clopper_pearson(counts.tp, counts.positives)
    rate_low, rate_high = clopper_pearson(counts.fp, counts.negatives)
    return _figures(counts, recall_low, rate_high), _figures(counts, recall_high, rate_low)


def _figures(counts: Counts, recall: float, false_rate: float) -> dict[str, np.ndarray]:
    tp, fp = np.array(recall * counts.positives), np.array(false_rate * counts.negatives)
    return at_threshold(tp, fp, counts.negatives - fp, counts.positives - tp)
