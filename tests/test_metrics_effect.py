"""Cliff's δ: a worked example, its relation to the ROC area, its interval's coverage, and whole donors."""

import numpy as np
import pytest
from scipy import stats

from brightctc.metrics import Scored, cliffs_delta, intervals, roc_auc
from brightctc.metrics.units import Unit


def test_a_worked_example() -> None:
    # every pair of {1, 2, 3} and {2, 3, 4}: above 1, below 6, equal 2 of 9
    positive = np.array([True] * 3 + [False] * 3)
    found = cliffs_delta(positive, np.array([1.0, 2, 3, 2, 3, 4]))
    assert found.value == pytest.approx((1 - 6) / 9)


def test_it_is_mann_whitneys_u_and_the_roc_area_on_another_scale() -> None:
    rng = np.random.default_rng(0)
    positive, values = rng.random(200) < 0.3, rng.normal(size=200).round(1)
    found = cliffs_delta(positive, values).value
    u = stats.mannwhitneyu(values[positive], values[~positive]).statistic
    assert found == pytest.approx(2 * u / (positive.sum() * (~positive).sum()) - 1)
    assert found == pytest.approx(2 * roc_auc(positive, values) - 1)


def test_missing_values_are_left_out() -> None:
    positive = np.array([True, True, False, False, True])
    whole = cliffs_delta(positive[:4], np.array([1.0, 4, 2, 3]))
    assert cliffs_delta(positive, np.array([1.0, 4, 2, 3, np.nan])) == whole


@pytest.mark.parametrize("positive", [[True, True], [False, False], []])
def test_without_a_class_it_is_undefined(positive: list[bool]) -> None:
    found = cliffs_delta(np.array(positive, dtype=bool), np.arange(float(len(positive))))
    assert found.value is None
    assert found.reason


@pytest.mark.parametrize("unit", ["cell", "donor"])
def test_classes_that_do_not_overlap_give_no_interval_of_no_width(unit: Unit) -> None:
    donor = np.arange(48) % 8
    positive = np.arange(48) < 24
    found = cliffs_delta(positive, positive + donor / 100, unit=unit, groups=donor.tolist(), resamples=100)
    assert (found.value, found.low, found.high) == (1.0, None, None)
    assert (found.reason or "").startswith("the same in every resample")


@pytest.mark.slow
def test_the_interval_covers_the_truth() -> None:
    shift, hits = 0.8, 0
    truth = 2 * float(stats.norm.cdf(shift / np.sqrt(2))) - 1
    for seed in range(200):
        rng = np.random.default_rng(seed)
        positive = np.arange(120) < 40
        found = cliffs_delta(positive, rng.normal(size=120) + shift * positive, resamples=300)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= truth <= found.high
    assert 0.90 <= hits / 200 <= 0.99


def test_whole_donors_are_resampled() -> None:
    rng = np.random.default_rng(0)
    donor = np.repeat(np.arange(12), 30)
    positive = np.tile([True, False], 180)
    values = rng.normal(size=360) + 3 * rng.normal(size=12)[donor] * positive
    by_cell = cliffs_delta(positive, values)
    by_donor = cliffs_delta(positive, values, unit="donor", groups=donor.tolist())
    assert by_cell.value == by_donor.value
    assert by_donor.high - by_donor.low > 2 * (by_cell.high - by_cell.low)  # pyright: ignore[reportOptionalOperand]
    few = cliffs_delta(positive[:150], values[:150], unit="donor", groups=donor[:150].tolist())
    assert (few.low, few.high) == (None, None)
    assert few.reason == "only 5 donor(s) with cells of a class"


def test_of_donors_its_interval_is_that_of_the_roc_area() -> None:
    rng = np.random.default_rng(1)
    donor = np.arange(300) % 15
    positive = rng.random(300) < 0.4
    values = rng.normal(size=300) + positive + rng.normal(size=15)[donor]
    delta = cliffs_delta(positive, values, unit="donor", groups=donor.tolist(), resamples=400)
    scored = Scored(values, values > 0, np.full(300, 0.5))
    area = intervals(positive, [scored], unit="donor", groups=donor.tolist(), resamples=400).figures["roc_auc"]
    assert area.low is not None
    assert area.high is not None
    assert (delta.low, delta.high) == pytest.approx((2 * area.low - 1, 2 * area.high - 1))


def test_cells_of_nobody_are_no_further_donor() -> None:
    groups = [None if one == 5 else one for one in (np.arange(240) // 2 % 6).tolist()]
    found = cliffs_delta(np.arange(240) % 2 == 0, np.arange(240.0) % 37, unit="donor", groups=groups)
    assert (found.low, found.reason) == (None, "only 5 donor(s) with cells of a class")


def test_one_donor_with_nearly_all_cells_allows_no_interval() -> None:
    donor = np.where(np.arange(200) < 160, 0, np.arange(200) // 2 % 10)
    found = cliffs_delta(np.arange(200) % 2 == 0, np.arange(200.0), unit="donor", groups=donor.tolist())
    assert (found.low, found.reason) == (None, "one donor has most cells of a class")
