"""Resamples of whole units: how often each is drawn, and the figures of each draw."""

from collections.abc import Collection, Sequence

import numpy as np

from brightctc.metrics.figures import FIGURES, Scored, weighted_figures


def resample_weights(positive: np.ndarray, members: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """float64[resamples, units]: how often each unit is drawn; units with and without positives apart.

    positive: bool[n]; members: int[n], the unit of each cell, numbered from 0.
    """
    with_positives = np.bincount(members, weights=positive) > 0
    rng = np.random.default_rng(seed)
    weights = np.zeros((resamples, with_positives.size))
    for stratum in (np.flatnonzero(with_positives), np.flatnonzero(~with_positives)):
        for start in range(0, resamples, 100 if stratum.size else resamples):  # blocks bound the memory
            rows = min(100, resamples - start)
            drawn = rng.integers(0, max(stratum.size, 1), (rows, stratum.size))
            drawn += np.arange(rows)[:, None] * stratum.size
            times = np.bincount(drawn.ravel(), minlength=rows * stratum.size).reshape(rows, stratum.size)
            weights[start : start + rows, stratum] = times
    return weights


def resampled_figures(
    positive: np.ndarray,
    seeds: Sequence[Scored],
    members: np.ndarray,
    resamples: int,
    seed: int,
    names: Collection[str] = FIGURES,
) -> dict[str, np.ndarray]:
    """Per figure of `names` float64[resamples]: the mean over seeds in each resample.

    members: int[n], the unit of each cell, numbered from 0. The same (positive, members, resamples, seed)
    draw the same resamples, so two results on the same cells can be compared in pairs.
    """
    weights = resample_weights(positive, members, resamples, seed)
    found = [weighted_figures(positive, scored, members, weights, names) for scored in seeds]
    return {name: np.mean([each[name] for each in found], axis=0) for name in names}
