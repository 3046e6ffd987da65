"""Exact intervals against statsmodels and published tables."""

import pytest
from statsmodels.stats.proportion import proportion_confint

from brightctc.metrics import (
    cells_needed,
    clopper_pearson,
    poisson_interval,
    poisson_upper_bound,
    rule_of_three,
    upper_bound_of_share,
)


@pytest.mark.parametrize(("count", "total"), [(0, 10), (1, 10), (5, 10), (10, 10), (52, 59), (3, 5000)])
def test_clopper_pearson_is_statsmodels(count: int, total: int) -> None:
    assert clopper_pearson(count, total) == pytest.approx(proportion_confint(count, total, method="beta"), abs=1e-9)


def test_clopper_pearson_of_nothing_knows_nothing() -> None:
    assert clopper_pearson(0, 0) == (0, 1)
    with pytest.raises(ValueError, match="within"):
        clopper_pearson(3, 2)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # Garwood's intervals as tabulated in Pearson & Hartley, Biometrika Tables for Statisticians, table 40
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390), (50, 37.11, 65.92)],
)
def test_poisson_interval_of_the_tables(count: int, low: float, high: float) -> None:
    assert poisson_interval(count) == pytest.approx((low, high), abs=0.005)


def test_none_seen_is_compatible_with_three() -> None:
    assert poisson_upper_bound(0) == pytest.approx(2.996, abs=1e-3)
    assert rule_of_three(1000) == 0.003
    assert upper_bound_of_share(0, 1000) == pytest.approx(1 - 0.05 ** (1 / 1000))
    assert upper_bound_of_share(0, 1000) == pytest.approx(rule_of_three(1000), rel=0.01)
    assert (rule_of_three(0), rule_of_three(2), upper_bound_of_share(4, 4)) == (1, 1, 1)


def test_cells_needed_for_a_claim() -> None:
    assert cells_needed(0.05) == 59  # 95 % recall with 95 % confidence: 59 positives, none missed
    assert upper_bound_of_share(0, 59) <= 0.05 < upper_bound_of_share(0, 58)
    with pytest.raises(ValueError, match="between 0 and 1"):
        cells_needed(0.0)
