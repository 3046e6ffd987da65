"""Agreement of readers, against statsmodels and scikit-learn, and where nothing can be said."""

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from brightctc.metrics import fleiss_kappa, positive_agreement, weighted_kappa, with_interval


def table_of(first: np.ndarray, second: np.ndarray, grades: int) -> np.ndarray:
    table = np.zeros((grades, grades), int)
    np.add.at(table, (first, second), 1)
    return table


@pytest.mark.parametrize("seed", range(4))
def test_kappas_are_those_of_other_libraries(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.integers(4, size=80)
    second = np.clip(first + rng.integers(-1, 2, size=80), 0, 3)
    expected = cohen_kappa_score(first, second, weights="quadratic")
    assert weighted_kappa(table_of(first, second, 4)) == pytest.approx(expected)
    positive = rng.binomial(5, 0.3, size=60)
    expected = inter_rater.fleiss_kappa(np.stack([positive, 5 - positive], axis=1))
    assert fleiss_kappa(np.bincount(positive, minlength=6)) == pytest.approx(expected)


def test_known_cases() -> None:
    assert weighted_kappa(np.eye(4)) == 1
    assert weighted_kappa(np.eye(4)[::-1]) == -1
    assert fleiss_kappa(np.array([3, 0, 4])) == 1
    assert positive_agreement(np.array([[1, 1], [1, 1]])) == 0.5


def test_many_tables_at_once() -> None:
    tables = np.random.default_rng(0).integers(9, size=(5, 4, 4))
    assert weighted_kappa(tables) == pytest.approx([float(weighted_kappa(table)) for table in tables])


def test_where_nothing_can_be_said() -> None:
    alike = np.zeros((4, 4), int)
    alike[2, 2] = 9
    for value in (
        weighted_kappa(np.zeros((4, 4))), weighted_kappa(alike), fleiss_kappa(np.zeros(3)),
        fleiss_kappa(np.array([0, 0, 7])), positive_agreement(np.array([[9, 0], [0, 0]])),
    ):  # fmt: skip
        assert math.isnan(value)
    with pytest.raises(ValueError, match="two readers"):
        fleiss_kappa(np.array([1, 2]))


def test_intervals_hold_the_value_and_narrow() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for cells in (40, 400):
        first = rng.integers(4, size=cells)
        second = np.where(rng.random(cells) < 0.7, first, rng.integers(4, size=cells))
        found = with_interval(weighted_kappa, table_of(first, second, 4))
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.value < found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2
    none = with_interval(positive_agreement, np.zeros((2, 2), int))
    assert (none.value, none.reason) == (None, "no cell")
    alone = with_interval(positive_agreement, np.array([[30, 0], [0, 1]]))
    assert (alone.value, alone.low, alone.reason) == (1, None, "too few cells for an interval")


def test_readers_who_agree_on_every_cell_are_given_no_interval_of_no_width() -> None:
    found = with_interval(weighted_kappa, np.diag([20, 20, 20, 20]))
    assert (found.value, found.low, found.high) == (1.0, None, None)
    assert (found.reason or "").startswith("the same in every resample")


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    truth = np.array([[0.3, 0.1, 0.0, 0.0], [0.1, 0.2, 0.05, 0.0], [0.0, 0.05, 0.1, 0.02], [0.0, 0.0, 0.02, 0.06]])
    rng, value = np.random.default_rng(1), float(weighted_kappa(truth))
    held = 0
    for seed in range(200):
        found = with_interval(weighted_kappa, rng.multinomial(150, truth.ravel()).reshape(4, 4), seed=seed)
        assert found.low is not None
        assert found.high is not None
        held += found.low <= value <= found.high
    assert 0.88 <= held / 200 <= 1
