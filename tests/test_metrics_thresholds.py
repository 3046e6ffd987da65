"""Thresholds: the best one, the middle of a gap, and always a defined one."""

import math

import numpy as np
import pytest

from brightctc.errors import UserError
from brightctc.metrics import Threshold, choose_threshold, confusion

PERFECT = (np.array([-3.0, -2.0, 4.0, 6.0]), np.array([False, False, True, True]))


def drawn(seed: int, decimals: int, n: int = 120) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.4
    return np.round(rng.normal(0, 1.2, n) + 1.5 * positive, decimals), positive


def believed(seed: int, n: int, shift: float = 0.0, stretch: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Cells whose logits are, but for a shift and a stretch, the log-odds that they are positive with."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(-1.5, 2.5, n)
    return stretch * odds + shift, rng.random(n) < 1 / (1 + np.exp(-odds))


def lost(threshold: float, logit: np.ndarray, positive: np.ndarray) -> float:
    """F1 of the best line for these cells less that of this one."""
    best = max(confusion(positive, logit >= line).f1 for line in np.quantile(logit, np.linspace(0, 1, 200)))
    return best - confusion(positive, logit >= threshold).f1


@pytest.mark.parametrize(("shift", "stretch"), [(0.0, 1.0), (2.0, 1.0), (-2.0, 1.0), (0.0, 3.0), (1.0, 0.5)])
def test_f1_of_new_cells_is_the_largest_there_is_where_many_were_seen(shift: float, stretch: float) -> None:
    found = choose_threshold(*believed(0, 5000, shift, stretch))
    assert lost(found.logit, *believed(1, 20_000, shift, stretch)) < 0.004


def test_f1_of_new_cells_is_better_than_by_the_line_that_few_cells_like_best() -> None:
    ours, theirs = [], []
    new = believed(1000, 5000)
    for seed in range(40):
        logit, positive = believed(seed, 30)
        likes = [confusion(positive, logit >= line).f1 for line in logit]
        ours.append(lost(choose_threshold(logit, positive).logit, *new))
        theirs.append(lost(logit[int(np.argmax(likes))], *new))
    assert np.mean(ours) < 0.5 * np.mean(theirs)
    assert max(ours) < max(theirs)


def test_f1_of_whole_numbers_asks_every_cell_of_a_value_alike() -> None:
    logit, positive = drawn(3, 0)
    found = choose_threshold(logit, positive)
    assert np.abs(logit - found.logit).min() >= 0.01, "no cell lies on the line"
    order = np.random.default_rng(0).permutation(logit.size)
    assert choose_threshold(logit[order], positive[order]) == found


def test_a_perfect_gap_holds_the_line() -> None:
    found = choose_threshold(*PERFECT)
    assert -2 < found.logit < 4
    assert found.score == pytest.approx(1 / (1 + math.exp(-found.logit)))


@pytest.mark.parametrize("scale", [1e-6, 0.05, 1e3, 1e9])
def test_logits_of_any_size_have_a_line_between_the_classes(scale: float) -> None:
    logit, positive = np.append(np.linspace(1, 2, 40), np.linspace(-2, -1, 60)) * scale, np.arange(100) < 40
    assert confusion(positive, logit >= choose_threshold(logit, positive).logit).f1 == 1


def test_where_the_logit_tells_nothing_every_cell_is_called() -> None:
    rng = np.random.default_rng(0)
    logit, positive = rng.normal(size=2000), rng.random(2000) < 0.3
    assert np.mean(logit >= choose_threshold(logit, positive).logit) > 0.95


def test_scores_that_tell_the_classes_the_wrong_way_round_have_a_line() -> None:
    found = choose_threshold(np.array([-3.0, -2.0, 4.0, 6.0]), np.array([True, True, False, False]))
    assert math.isfinite(found.logit)


def test_neighbouring_floats_are_told_apart() -> None:
    upper = 1.0
    logit = np.array([upper, np.nextafter(upper, 0)])
    for policy in ("recall=1", "budget=1"):
        found = choose_threshold(logit, np.array([True, False]), policy)
        assert (logit >= found.logit).tolist() == [True, False]
    assert np.isin(choose_threshold(logit, np.array([True, False])).logit, logit - [0, 0.01]).any()


@pytest.mark.parametrize("target", [0.5, 0.8, 0.95, 1.0])
def test_recall_is_reached_with_the_fewest_calls(target: float) -> None:
    logit, positive = drawn(1, 2)
    found = choose_threshold(logit, positive, f"recall={target}")
    assert confusion(positive, logit >= found.logit).recall >= target
    stricter = logit[positive & (logit >= found.logit)].min() + 1e-9
    assert confusion(positive, logit >= stricter).recall < target


def test_a_recall_that_the_positives_cannot_show_says_so() -> None:
    def warnings(positives: int) -> str:
        logit = np.append(np.linspace(1, 2, positives), np.linspace(-2, -1, 50))
        return " ".join(choose_threshold(logit, np.arange(logit.size) < positives, "recall=0.95").warnings)

    assert "not of 95.0 %" in warnings(52)
    assert "50 of 52 validation positives" in warnings(52)
    # 59 positives, all needed, none missed: exactly enough for the claim
    logit, positive = np.append(np.ones(59), -np.ones(9)), np.arange(68) < 59
    assert choose_threshold(logit, positive, "recall=0.95").warnings == ()
    logit, positive = np.append(np.ones(58), -np.ones(9)), np.arange(67) < 58
    assert "not of 95.0 %" in choose_threshold(logit, positive, "recall=0.95").warnings[0]


@pytest.mark.parametrize(
    ("budget", "samples", "called", "words"),
    [
        pytest.param(20, 1, 20, "looks differ", id="one sample"),
        pytest.param(20, 3, 60, "looks differ", id="three samples"),
        pytest.param(1000, 1, 120, "every validation cell", id="more than there is"),
    ],
)
def test_budget_is_kept_in_looks_per_sample(budget: int, samples: int, called: int, words: str) -> None:
    logit, positive = drawn(2, 9)
    found = choose_threshold(logit, positive, f"budget={budget}", samples=samples)
    assert np.count_nonzero(logit >= found.logit) == called
    assert words in " ".join(found.warnings)


def test_budget_smaller_than_a_tie_calls_nothing() -> None:
    found = choose_threshold(np.full(50, 2.0), np.arange(50) < 40, "budget=10")
    assert 2.0 < found.logit < 3.0
    assert "nothing is called" in " ".join(found.warnings)


@pytest.mark.parametrize("policy", ["f1", "recall=0.9", "budget=2"])
@pytest.mark.parametrize(
    ("logit", "positive", "words"),
    [
        pytest.param([], [], "no positive", id="no cells"),
        pytest.param([-1.0, 2.0, 3.0], [False] * 3, "no positive", id="no positives"),
        pytest.param([-1.0, 2.0, 3.0], [True] * 3, "no negative", id="no negatives"),
        pytest.param([0.5, 0.5, 0.5], [True, False, True], "3 positive|2 positive", id="one value"),
        pytest.param([np.nan, np.inf, -1.0, 2.0], [True, True, False, True], "2 validation cells have no", id="nan"),
    ],
)
def test_always_finite_and_said(policy: str, logit: list[float], positive: list[bool], words: str) -> None:
    found = choose_threshold(np.array(logit), np.array(positive, dtype=bool), policy)
    assert math.isfinite(found.logit)
    assert 0 < found.score < 1
    assert any(word in " ".join(found.warnings) for word in words.split("|"))


def test_without_positives_the_line_is_at_zero() -> None:
    assert choose_threshold(np.array([-5.0, 7.0]), np.zeros(2, bool)).logit == 0.0


def test_without_negatives_every_positive_is_called() -> None:
    found = choose_threshold(np.array([-5.0, 7.0]), np.ones(2, bool))
    assert -5.1 < found.logit < -5.0


@pytest.mark.parametrize(
    ("positives", "donors", "words"),
    [
        pytest.param(29, None, "29 positive validation cells", id="29 positives"),
        pytest.param(30, None, "", id="30 positives"),
        pytest.param(60, 2, "2 donor(s)", id="2 donors"),
        pytest.param(60, 3, "", id="3 donors"),
    ],
)
def test_thin_data_is_said(positives: int, donors: int | None, words: str) -> None:
    positive = np.arange(200) < positives
    ids = None if donors is None else [f"D{i % donors if i < positives else 99 + i}" for i in range(200)]
    found = choose_threshold(np.linspace(5, -5, 200), positive, donors=ids)
    assert (words in " ".join(found.warnings)) if words else found.warnings == ()


@pytest.mark.parametrize("policy", ["F1", "recall", "recall=0", "recall=1.2", "recall=x", "budget=0", "top=5", "f1=2"])
def test_an_unknown_policy_names_the_known(policy: str) -> None:
    with pytest.raises(UserError, match="not a way to choose") as caught:
        choose_threshold(*PERFECT, policy)
    assert "recall=0.95" in str(caught.value.fix)


def test_a_threshold_does_not_change() -> None:
    with pytest.raises(AttributeError):
        Threshold("f1", 0.0, 0.5).logit = 1.0  # type: ignore[misc]
