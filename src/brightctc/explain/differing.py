"""What differs between two kinds of cells: per feature the medians, Cliff's δ, and a test that respects donors."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy

from brightctc.explain.units import Units
from brightctc.metrics import Interval, holm
from brightctc.metrics.units import TOO_FEW


@dataclass(frozen=True)
class Kinds:
    """Two kinds of cells that are held against each other. name: such as `CTC against leukocyte`.

    first: bool (n,), the first kind; the second is all others. kept: bool (m,), which of the cohort's cells these are.
    """

    name: str
    first_name: str
    second_name: str
    kept: np.ndarray
    first: np.ndarray


@dataclass(frozen=True)
class Difference:
    """One feature of two kinds. delta: Cliff's δ, above 0 where the first kind has more of it. p, p_holm: None where
    units are too few for a test."""

    kinds: str
    feature: str
    group: str
    first_median: float
    second_median: float
    delta: Interval
    p: float | None
    p_holm: float | None
    test: str


def kinds_of(rows: pl.DataFrame, positive: np.ndarray, names: tuple[str, str]) -> list[Kinds]:
    """The positive class against the negative one; and cell lines against patients within the positive class.

    rows: labelled cells. names: of the positive and the negative class.
    """
    everyone = np.ones(len(positive), bool)
    found = [Kinds(f"{names[0]} against {names[1]}", *names, everyone, positive)]
    if "origin" in rows.columns:
        line, patient = ((rows["origin"] == origin).fill_null(False).to_numpy() for origin in ("cell_line", "patient"))
        kept = positive & (line | patient)
        if (kept & line).any() and (kept & patient).any():
            lines, patients = f"{names[0]} of cell lines", f"{names[0]} of patients"
            found.append(Kinds(f"{lines} against {patients}", lines, patients, kept, line[kept]))
    return found


def differences(
    kinds: Kinds, features: dict[str, np.ndarray], groups: dict[str, str], units: Units
) -> list[Difference]:
    """Every feature of two kinds, the largest difference first.

    features: column → float (m,), NaN where it can't be told. groups: column → its group. units: of the m cells.
    Holm's correction is over the features of these kinds.
    """
    own, first = units.some(kinds.kept), kinds.first
    found = []
    for name, values in features.items():
        held = values[kinds.kept]
        known = np.isfinite(held)
        p, test = unit_test(first[known], held[known], own.some(known))
        medians = (_median(held[known & side]) for side in (first, ~first))
        found.append((name, *medians, own.delta(first, held), p, test))
    corrected = holm([p for *_, p, _ in found])
    rows = [
        Difference(kinds.name, name, groups[name], one, two, delta, p, p_holm, test)
        for (name, one, two, delta, p, test), p_holm in zip(found, corrected, strict=True)
    ]
    return sorted(rows, key=lambda row: -abs(row.delta.value or 0.0))


def unit_test(first: np.ndarray, values: np.ndarray, units: Units) -> tuple[float | None, str]:
    """A p value in which a donor counts once, whatever its number of cells; and which test it is.

    Donors that hold both kinds: signed ranks of the differences between their medians. Donors that hold one kind each:
    rank sum of their medians. None under 6 donors (6 of each kind).
    """
    if units.unit == "cell":
        if min(first.sum(), (~first).sum()) < TOO_FEW:
            return None, "too few cells"
        return float(scipy.stats.mannwhitneyu(values[first], values[~first]).pvalue), "rank sum of cells"
    medians = _medians(first, values, units.groups)
    both = [(pair[True], pair[False]) for pair in medians.values() if len(pair) == 2]
    if len(both) >= TOO_FEW:
        apart = np.array([one - two for one, two in both])
        p = 1.0 if not apart.any() else float(scipy.stats.wilcoxon(apart).pvalue)
        return p, f"signed ranks of {len(both)} {units.unit}s"
    sides = [[pair[side] for pair in medians.values() if side in pair] for side in (True, False)]
    if both or min(map(len, sides)) < TOO_FEW:
        return None, f"too few {units.unit}s"
    p = float(scipy.stats.mannwhitneyu(*sides).pvalue)
    return p, f"rank sum of {len(sides[0])} and {len(sides[1])} {units.unit}s"


def _medians(first: np.ndarray, values: np.ndarray, groups: Sequence[object]) -> dict[object, dict[bool, float]]:
    """Per unit the median of each kind that it holds."""
    table = pl.DataFrame({"unit": [str(group) for group in groups], "first": first, "value": values})
    found: dict[object, dict[bool, float]] = {}
    for unit, side, value in table.group_by("unit", "first", maintain_order=True).agg(pl.median("value")).iter_rows():
        found.setdefault(unit, {})[side] = value
    return found


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if values.size else math.nan
