"""Quantiles of a few thousand values, exactly, in a fraction of the time that sorting them takes."""

import math

import numpy as np

_MANY = 1500  # values from which on a sample is worth its while
_SAMPLE = np.arange(499) / 499  # of the way through; steps of a whole number could keep to one column of an image
_REACH = 2  # sd of a sample's rank
_MAD = 1.4826  # sd of normal values over their median absolute deviation


def quantile(values: np.ndarray, share: float) -> float:
    """The value below which `share` of the n ≥ 1 float values (of any shape) lie: the nearest rank."""
    flat = values.ravel()
    return _picked(flat, _sample(flat), share)


def median_and_spread(values: np.ndarray) -> tuple[float, float]:
    """Of n ≥ 1 float values their median, and a robust sd: 1.4826 times the median absolute deviation from it."""
    sample = _sample(values)
    median = _picked(values, sample, 0.5)
    away = np.abs(sample - median)
    away.sort()
    return median, _MAD * _picked(np.abs(values - median), away, 0.5)


def _sample(flat: np.ndarray) -> np.ndarray:
    """Sorted: some of many values, all of few."""
    sample = flat.take((_SAMPLE * flat.size).astype(np.intp)) if flat.size > _MANY else flat.copy()
    sample.sort()
    return sample


def _picked(flat: np.ndarray, sample: np.ndarray, share: float) -> float:
    """The value of the nearest rank: it is among the few around its place in the sample (Floyd and Rivest 1975)."""
    rank = round(share * (flat.size - 1))
    if sample.size == flat.size:
        return float(sample[rank])
    place, reach = int(share * sample.size), 2 + int(_REACH * math.sqrt(share * (1 - share) * sample.size))
    low, high = sample[max(place - reach, 0)], sample[min(place + reach, sample.size - 1)]
    below = flat < low
    rest = rank - int(np.count_nonzero(below))
    few = flat.compress((flat <= high) ^ below)
    if not 0 <= rest < few.size:  # the sample misled
        return float(np.partition(flat, rank)[rank])
    few.sort()
    return float(few[rest])
