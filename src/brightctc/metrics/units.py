"""Whose cells a figure rests on: units (donors, samples) that hold cells of a class, how many they weigh, in words."""

from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np

from brightctc.metrics.figures import FIGURES

Unit = Literal["donor", "sample", "cell"]
TOO_FEW, FEW = 6, 20  # donors: below the first no interval, below the second the words "few donors"
LIGHTEST = 2.0  # effective number of units below which a spread over units has no meaning
_ON_POSITIVES, _ON_NEGATIVES = {"recall"}, {"specificity", "false_calls_per_1000"}


def unit_numbers(groups: Sequence[Hashable]) -> np.ndarray:
    """int[n]: groups numbered from 0 in order of first appearance."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(group, len(numbers)) for group in groups], dtype=np.intp)


def members_of(cells: int, unit: Unit, groups: Sequence[Hashable] | None) -> np.ndarray:
    """int[cells], the unit of each cell from 0: its group, or itself where cells are the unit or groups unknown."""
    return unit_numbers(groups) if unit != "cell" and groups is not None else np.arange(cells)


def are_known(cells: int, unit: Unit, groups: Sequence[Hashable] | None) -> np.ndarray:
    """bool[cells]: is the unit of a cell known? Those of the group None are drawn together, and no unit is counted."""
    if unit == "cell" or groups is None:
        return np.ones(cells, dtype=bool)
    return np.array([group is not None for group in groups], dtype=bool)


def effective_number(cells: np.ndarray) -> float:
    """How many units of equal size weigh like these: (Σm)² / Σm² (Kish 1965, Survey Sampling, ch. 11); 0 of none.

    cells: float[u], cells of a class in each unit. From 1 (one unit has nearly all) to the number of units that have
    any. Ten donors, one of whom has as many CTCs as the other nine together, weigh like 3.6.
    """
    squares = float((cells.astype(np.float64) ** 2).sum())
    return float(cells.sum()) ** 2 / squares if squares else 0.0


def holders(positive: np.ndarray, members: np.ndarray) -> dict[str, int]:
    """How many units have cells of each class. positive: bool[n]; members: int[n]."""
    return {side: int(np.count_nonzero(cells)) for side, cells in _held(positive, members).items()}


def weight_of(name: str, positive: np.ndarray, members: np.ndarray, unit: Unit) -> float | None:
    """Effective number of units that figure `name` rests on, of the class with fewer; None where cells are the unit."""
    if unit == "cell":
        return None
    held = _held(positive, members)
    return min(effective_number(held[side]) for side in _needs(name))


def too_few(positive: np.ndarray, members: np.ndarray, unit: Unit) -> dict[str, str]:
    """Per figure the reason for having no interval: units of a class that it rests on are too few, or one has most."""
    if unit == "cell":
        return {}
    held, reasons = _held(positive, members), {}
    for name in FIGURES:
        found = [_lack(side, held[side], unit) for side in _needs(name)]
        if any(found):
            reasons[name] = next(filter(None, found))
    return reasons


def warnings_of(positive: np.ndarray, members: np.ndarray, unit: Unit) -> tuple[str, ...]:
    """What makes intervals by whole units shaky, in words; none where cells are the unit."""
    if unit == "cell":
        return ()
    held = holders(positive, members)
    for side, number in held.items():
        if number < TOO_FEW:
            return (
                f"few {unit}s: {number} with {side} cells, fewer than {TOO_FEW}; see the values per {unit}, "
                f"not an interval for new {_new(unit)}",
            )
    if held["positive"] < FEW:
        return (f"few {unit}s: {held['positive']} with positive cells; intervals of so few are wide and rough",)
    return ()


def meaning_of_units(unit: Unit, seeds: int, resamples: int) -> str:
    """What the intervals are, and after ": " whom they speak of."""
    apart = "those with and without positive cells apart"
    how, drawn, of_whom = {
        "donor": ("t intervals from", f"whole donors, {apart}", "for new patients like these"),
        "sample": ("t intervals from", f"whole samples, {apart}", "for new samples like these; not for new patients"),
        "cell": ("percentile intervals of", "cells, each class apart", "cells and seeds only; not for new patients"),
    }[unit]
    mean = "" if seeds == 1 else f"; each figure is the mean of {seeds} seeds, each at its own frozen threshold"
    return f"95 % {how} {resamples:,} resamples of {drawn}{mean}: {of_whom}"


def _held(positive: np.ndarray, members: np.ndarray) -> dict[str, np.ndarray]:
    """Cells of each class in each unit."""
    return {"positive": np.bincount(members[positive]), "negative": np.bincount(members[~positive])}


def _needs(name: str) -> list[str]:
    """The classes that a figure is of."""
    return ["positive"] * (name not in _ON_NEGATIVES) + ["negative"] * (name not in _ON_POSITIVES)


def _lack(side: str, cells: np.ndarray, unit: Unit) -> str | None:
    number = np.count_nonzero(cells)
    if number < TOO_FEW:
        return f"only {number} {unit}(s) with {side} cells: no interval for new {_new(unit)}"
    if effective_number(cells) < LIGHTEST:
        return f"one {unit} has most of the {side} cells: no interval for new {_new(unit)}"
    return None


def _new(unit: Unit) -> str:
    return {"donor": "patients", "sample": "samples", "cell": "cells"}[unit]
