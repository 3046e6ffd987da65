"""Medians, Cliff's δ, and tests in which a donor counts once."""

import numpy as np
import polars as pl
import pytest
import scipy

from brightctc.explain.differing import Kinds, differences, kinds_of, unit_test
from brightctc.explain.units import Units


def units(groups: list[str], unit: str = "donor") -> Units:
    return Units(unit, groups, 200, 0)  # type: ignore[arg-type]


def test_a_donor_counts_once_however_many_cells_it_has() -> None:
    rng = np.random.default_rng(0)
    groups = [f"D{donor}" for donor in range(12) for _ in range(50)]
    first = np.array([cell % 2 == 0 for cell in range(600)])
    by_donor = np.repeat(rng.normal(size=12), 50)  # differs between donors, not between kinds
    p, test = unit_test(first, by_donor + rng.normal(0, 0.1, 600), units(groups))
    assert p is not None
    assert p > 0.05
    assert test == "signed ranks of 12 donors"
    p, _ = unit_test(first, by_donor + first, units(groups))
    assert p == pytest.approx(2 / 2**12), "the smallest that 12 donors allow, though 600 cells would allow less"


def test_donors_of_one_kind_each_are_held_against_each_other_by_their_medians() -> None:
    rng = np.random.default_rng(1)
    groups = [f"D{donor}" for donor in range(16) for _ in range(20)]
    first = np.repeat(np.arange(16) < 8, 20)
    values = np.repeat(rng.normal(size=16), 20)
    p, test = unit_test(first, values, units(groups))
    medians = values[::20]
    assert p == pytest.approx(scipy.stats.mannwhitneyu(medians[:8], medians[8:]).pvalue)
    assert test == "rank sum of 8 and 8 donors"


@pytest.mark.parametrize("donors", [2, 10])
def test_few_donors_give_no_p_value(donors: int) -> None:
    groups = [f"D{donor}" for donor in range(donors) for _ in range(40)]
    first = np.repeat(np.arange(donors) < donors // 2, 40)
    p, test = unit_test(first, np.arange(40.0 * donors), units(groups))
    assert p is None
    assert test == "too few donors"


def test_the_largest_difference_comes_first_and_holm_is_over_all_features() -> None:
    rng = np.random.default_rng(2)
    first = np.arange(200) % 2 == 0
    groups = [f"D{cell // 10}" for cell in range(200)]
    features = {
        "noise": rng.normal(size=200),
        "size": rng.normal(size=200) + 2 * first,
        "unknown": np.full(200, np.nan),
    }
    kinds = Kinds("a against b", "a", "b", np.ones(200, bool), first)
    rows = differences(kinds, features, dict.fromkeys(features, "shape"), units(groups))
    assert [row.feature for row in rows] == ["size", "noise", "unknown"]
    size, noise, unknown = rows
    assert size.first_median - size.second_median == pytest.approx(2, abs=0.6)
    assert size.delta.value is not None
    assert size.delta.low is not None
    assert 0.5 < size.delta.low < size.delta.value
    assert size.p is not None
    assert size.p_holm == pytest.approx(3 * size.p)
    assert noise.p_holm is not None
    assert noise.p_holm >= (noise.p or 0)
    assert unknown.delta.value is None
    assert unknown.p is None


def test_lines_are_held_against_patients_where_there_are_both() -> None:
    positive = np.array([True, True, True, False])
    rows = pl.DataFrame({"origin": ["cell_line", "patient", None, "patient"]})
    names = ("CTC", "leukocyte")
    both = kinds_of(rows, positive, names)
    assert [kinds.name for kinds in both] == ["CTC against leukocyte", "CTC of cell lines against CTC of patients"]
    assert both[1].kept.tolist() == [True, True, False, False]
    assert both[1].first.tolist() == [True, False]
    assert len(kinds_of(rows[1:], positive[1:], names)) == 1
    assert len(kinds_of(rows.drop("origin"), positive, names)) == 1
