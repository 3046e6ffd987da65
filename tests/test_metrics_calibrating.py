"""Calibration makes scores mean what they say, and what is learned from few cells is little."""

import numpy as np
import pytest

from brightctc.metrics.calibrating import (
    FEWEST_FOR_KNOTS,
    cross_fitted,
    fitted_calibration,
    fitted_knots,
    fitted_temperature,
    log_odds,
)


def bent(cells: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Logits that are too sure of positives alone: true log-odds are a third of those above 0. And groups of ten."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(0, 4, cells)
    true = np.where(logit > 0, logit / 3, logit)
    positive = rng.uniform(size=cells) < 1 / (1 + np.exp(-true))
    return logit, positive, [f"D{cell // 10}" for cell in range(cells)]


def test_the_temperature_is_found_again() -> None:
    rng = np.random.default_rng(0)
    true_logit = rng.normal(0, 2, 20_000)
    positive = rng.uniform(size=true_logit.size) < 1 / (1 + np.exp(-true_logit))
    for temperature in (0.5, 1.0, 3.0):
        assert fitted_temperature(true_logit * temperature, positive) == pytest.approx(temperature, rel=0.05)


def test_few_cells_give_no_temperature_and_no_fault_no_infinite_one() -> None:
    logit, positive = np.linspace(-3, 3, 80), np.arange(80) >= 40
    assert fitted_temperature(logit[11:], positive[11:]) is None
    assert fitted_temperature(np.where(np.arange(80) < 11, np.nan, logit), positive) is None
    found = fitted_temperature(logit, positive)
    assert found is not None
    assert 0.05 < found < 1
    assert fitted_temperature(5 * logit, positive) == pytest.approx(5 * found, rel=0.01), "whatever the scale"


def test_no_cell_has_a_part_in_its_own_temperature() -> None:
    rng = np.random.default_rng(0)
    logit, positive = rng.normal(size=400), np.arange(400) % 2 == 0
    groups = [f"D{cell // 40}" for cell in range(400)]
    before = cross_fitted(logit + positive, positive, groups)
    changed = np.where(np.arange(400) < 40, ~positive, positive)
    after = cross_fitted(logit + positive, changed, groups)
    assert np.isfinite(before).all()
    np.testing.assert_array_equal(after[:40], before[:40])
    assert (after[40:] != before[40:]).any()
    assert np.isnan(cross_fitted(logit[:40], positive[:40], groups[:40])).all(), "one group has no others"


def test_pieces_follow_what_a_temperature_cannot() -> None:
    logit, positive, groups = bent(4000)
    found = fitted_calibration(logit, positive, groups)
    assert found is not None
    temperature, knots = found
    assert len(knots) > 4
    at = np.array([-6.0, -3.0, 3.0, 6.0])
    true = np.array([-6.0, -3.0, 1.0, 2.0])
    apart = np.abs(log_odds(at, temperature, knots) - true)
    assert (apart < 0.8).all()
    assert apart.sum() < np.abs(log_odds(at, temperature, ()) - true).sum() / 2


def test_a_temperature_that_says_it_all_stays_alone() -> None:
    rng = np.random.default_rng(1)
    true = rng.normal(0, 2, 1000)
    positive = rng.uniform(size=true.size) < 1 / (1 + np.exp(-true))
    found = fitted_calibration(2 * true, positive, [str(cell) for cell in range(1000)])
    assert found is not None
    assert found[1] == ()
    assert found[0] == pytest.approx(2, rel=0.15)


def test_few_positives_give_no_pieces() -> None:
    logit, positive, groups = bent(FEWEST_FOR_KNOTS * 2 - 20)
    assert positive.sum() < FEWEST_FOR_KNOTS or (~positive).sum() < FEWEST_FOR_KNOTS
    assert fitted_knots(logit, positive) == ()
    found = fitted_calibration(logit, positive, groups)
    assert found is not None
    assert found[1] == ()


def test_one_group_has_no_others_to_prefer_pieces_by() -> None:
    logit, positive, _ = bent(4000)
    found = fitted_calibration(logit, positive, ["D1"] * 4000)
    assert found is not None
    assert found[1] == ()


def test_pieces_rise_and_keep_different_logits_apart() -> None:
    logit, positive, _ = bent(2000)
    logit = np.round(logit, 1)  # ties
    knots = fitted_knots(logit, positive)
    assert (np.diff(np.array(knots), axis=0) > 0).all()
    odds = log_odds(np.array([-100.0, *np.unique(logit), 100.0, np.nan]), 2.0, knots)
    assert (np.diff(odds[:-1]) > 0).all()
    assert odds[0] == pytest.approx(knots[0][1] + (-100 - knots[0][0]) / 2), "beyond the knots the temperature's slope"
    assert np.isnan(odds[-1])


def test_cells_without_fault_do_not_make_it_sure() -> None:
    logit, positive = np.linspace(-3, 3, 1000), np.arange(1000) >= 500
    (_, low), (_, high) = fitted_knots(logit, positive)
    assert low == pytest.approx(-np.log(501))
    assert high == pytest.approx(np.log(501))
