"""Agreement of readers, against statsmodels and scikit-learn, and where nothing can be said."""

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats import inter_rater

from brightctc.metrics import fleiss_kappa, positive_agreement, weighted_kappa, with_interval


@pytest.mark.parametrize("seed", range(4))
def test_kappas_are_those_of_other_libraries(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = rng.integers(4, size=80)
    second = np.clip(first + rng.integers(-1, 2, size=80), 0, 3)
    assert weighted_kappa(first, second, 4) == pytest.approx(cohen_kappa_score(first, second, weights="quadratic"))
    counts = rng.multinomial(3, [0.5, 0.3, 0.2], size=60)
    assert fleiss_kappa(counts) == pytest.approx(inter_rater.fleiss_kappa(counts))


def test_known_cases() -> None:
    same = np.array([0, 1, 2, 3])
    assert weighted_kappa(same, same, 4) == 1
    assert weighted_kappa(same, same[::-1], 4) == -1
    assert fleiss_kappa(np.array([[2, 0], [0, 2]])) == 1
    assert positive_agreement(np.array([True, True, False, False]), np.array([True, False, True, False])) == 0.5


def test_where_nothing_can_be_said() -> None:
    none, one = np.array([], dtype=int), np.zeros(5, dtype=int)
    for value in (
        weighted_kappa(none, none, 4), weighted_kappa(one, one, 4), fleiss_kappa(np.zeros((0, 2), dtype=int)),
        fleiss_kappa(np.array([[2, 0], [2, 0]])), positive_agreement(one > 0, one > 0),
    ):  # fmt: skip
        assert math.isnan(value)
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa(np.array([[2, 0], [1, 0]]))
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa(np.array([[1, 0], [0, 1]]))


def test_intervals_hold_the_value_and_narrow() -> None:
    rng = np.random.default_rng(0)
    widths = []
    for cells in (40, 400):
        first = rng.integers(4, size=cells)
        second = np.where(rng.random(cells) < 0.7, first, rng.integers(4, size=cells))
        found = with_interval(lambda a, b: weighted_kappa(a, b, 4), first, second)
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.value < found.high
        widths.append(found.high - found.low)
    assert widths[1] < widths[0] / 2
    none = with_interval(positive_agreement, first[:0] > 0, first[:0] > 0)
    assert (none.value, none.reason) == (None, "no cell")
    rare = np.array([True] + [False] * 30)
    alone = with_interval(positive_agreement, rare, rare)
    assert (alone.value, alone.low, alone.reason) == (1, None, "too few cells for an interval")
