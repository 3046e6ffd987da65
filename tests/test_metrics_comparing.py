"""Comparisons: a p-value that says what the interval says, Holm against statsmodels, tests over seeds against scipy."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from brightctc.metrics import Comparison, Interval, Scored, compare, differences, holm, seed_tests
from brightctc.metrics.comparing import _p_of
from brightctc.metrics.intervals import Difference


def cohort(advantage: float, seed: int = 0, donors: int = 12) -> tuple[np.ndarray, Scored, Scored, list[int]]:
    rng = np.random.default_rng(seed)
    donor = np.arange(240) % donors
    positive = np.arange(240) // donors % 3 == 0
    shared = rng.normal(size=240) + rng.normal(0, 0.5, donors)[donor]
    first, second = (shared + rng.normal(size=240) + positive * (1 + each) for each in (advantage, 0))
    return positive, scored(first), scored(second), donor.tolist()


def scored(logit: np.ndarray) -> Scored:
    return Scored(logit, logit >= 0.8, 1 / (1 + np.exp(-logit)))


@pytest.mark.parametrize("unit", ["donor", "cell"])
def test_the_difference_is_that_of_differences(unit: str) -> None:
    positive, first, second, donor = cohort(0.5)
    found = compare(positive, [first, second], [second], ["f1"], unit=unit, groups=donor, resamples=300, seed=4)["f1"]
    wanted = differences(positive, [first, second], [second], ["f1"], unit=unit, groups=donor, resamples=300, seed=4)
    assert found.difference == wanted["f1"]
    assert found.reason is None
    assert found.p is not None


def leaves_out_0(found: Interval) -> bool:
    assert found.low is not None
    assert found.high is not None
    return found.low > 0 or found.high < 0


@pytest.mark.parametrize("unit", ["donor", "cell"])
def test_p_is_below_a_twentieth_exactly_where_the_interval_leaves_0_out(unit: str) -> None:
    seen = []
    for seed in range(40):
        positive, first, second, donor = cohort(0.55, seed)
        found = compare(positive, [first], [second], ["recall"], unit=unit, groups=donor, resamples=200)["recall"]
        assert found.p is not None
        seen.append(found.p < 0.05)
        assert seen[-1] == leaves_out_0(found.difference), found
    assert 5 < sum(seen) < 35, "cases of both kinds"


@pytest.mark.parametrize("resamples", [40, 41, 61, 200, 821, 2000, 2001])
def test_every_number_of_resamples_beyond_0(resamples: int) -> None:
    for beyond in range(resamples // 10):
        for sign in (-1, 1):
            drawn = sign * np.where(np.arange(resamples) < beyond, -1.0, 1 + np.arange(resamples) / resamples)
            found = Difference("f1", 0.1 * sign, drawn, None)
            assert (_p_of(found) < 0.05) == leaves_out_0(found.interval), (resamples, beyond)


def test_p_of_units_is_students_t_of_the_resamples_spread() -> None:
    drawn = np.random.default_rng(0).normal(0.1, 0.05, 500)
    p = _p_of(Difference("f1", 0.1, drawn, 9.5))
    assert p == pytest.approx(2 * stats.t.sf(0.1 / (drawn.std() * math.sqrt(9.5 / 8.5)), 8.5))


def test_p_of_cells_counts_resamples_beyond_0() -> None:
    drawn = np.concatenate([np.full(15, -0.1), np.full(986, 0.2)])
    assert _p_of(Difference("f1", 0.2, drawn, None)) == pytest.approx(2 * 14.5 / 1000)


@pytest.mark.parametrize("unit", ["donor", "cell"])
def test_p_is_never_0(unit: str) -> None:
    positive, first, second, donor = cohort(6)
    found = compare(positive, [first], [second], ["roc_auc"], unit=unit, groups=donor, resamples=99)["roc_auc"]
    assert found.p == pytest.approx(2 / 100)


@pytest.mark.parametrize("unit", ["donor", "cell"])
def test_a_model_beside_itself_does_not_differ(unit: str) -> None:
    positive, first, _, donor = cohort(1)
    same = compare(positive, [first], [first], ["roc_auc"], unit=unit, groups=donor, resamples=99)["roc_auc"]
    assert same == Comparison(Interval(0.0, 0.0, 0.0), 1.0, None)


@pytest.mark.slow
def test_without_a_difference_p_is_below_a_twentieth_in_a_twentieth_of_cohorts() -> None:
    found = [cohort(0, seed) for seed in range(400)]
    below = [
        (compare(positive, [one], [two], ["f1"], unit="donor", groups=donor, resamples=200, seed=9)["f1"].p or 1) < 0.05
        for positive, one, two, donor in found
    ]
    assert 0.02 <= np.mean(below) <= 0.09


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        pytest.param(
            "few donors", "only 2 donor(s) with positive cells: no interval for new patients", id="few donors"
        ),
        pytest.param("one class", "undefined: a class is missing", id="one class"),
        pytest.param("few resamples", "39 resamples are too few for a p-value: it takes 40", id="few resamples"),
        pytest.param("constant", "the same in every resample: resampling can't tell how sure it is", id="constant"),
        pytest.param(
            "one big donor", "one donor has most of the positive cells: no interval for new patients", id="big"
        ),
    ],
)
def test_no_p_without_a_reason(case: str, reason: str) -> None:
    positive, first, second, donor = cohort(1)
    if case == "few donors":
        positive = positive & (np.array(donor) < 2)
    elif case == "one class":
        positive = np.ones_like(positive)
    elif case == "constant":
        first, second = scored(np.where(positive, 2.0, -2)), scored(np.zeros(240))
    elif case == "one big donor":
        donor = [0 if yes and index > 40 else index % 12 for index, yes in enumerate(positive)]
    resamples = 39 if case == "few resamples" else 50
    unit = "donor" if "donor" in case else "cell"
    found = compare(positive, [first], [second], ["roc_auc"], unit=unit, groups=donor, resamples=resamples)["roc_auc"]
    assert (found.p, found.reason) == (None, reason)


@pytest.mark.parametrize(
    "p", [[0.01, 0.04, 0.03, 0.005], [0.5, 0.6, 0.9], [0.02], [0.01, 0.01, 0.01], [0.04, 0.001, 1.0]]
)
def test_holm_is_statsmodels(p: list[float]) -> None:
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1].tolist())


def test_a_declared_pair_without_p_still_counts() -> None:
    assert holm([0.02, None, 0.01]) == pytest.approx([0.04, None, 0.03])
    assert holm([0.02, 1.0, 0.01]) == pytest.approx([0.04, 1.0, 0.03]), "as if its p were 1"
    assert holm([None, None]) == [None, None]
    assert holm([]) == []


def test_a_worked_example_of_five_paired_seeds() -> None:
    # differences 1, 2, 3, 4, −1: of 32 sign patterns 3 have a sum of 9 or more (all plus; either 1 minus)
    found = seed_tests([1, 2, 3, 4, 0], [0, 0, 0, 0, 1])
    assert found.paired == pytest.approx(2 * by_hand_paired([1, 2, 3, 4, -1]))
    assert found.paired == pytest.approx(6 / 32)
    assert found.paired_least == 0.0625


def by_hand_paired(differences: list[float]) -> float:
    """Share of sign patterns whose sum is at least the one seen."""
    sizes = np.abs(differences)
    sums = [float(np.dot(signs, sizes)) for signs in itertools.product((-1, 1), repeat=len(sizes))]
    return float(np.mean(np.array(sums) >= sum(differences) - 1e-9))


def by_hand_unpaired(first: list[float], second: list[float]) -> float:
    """Twice the share of relabellings on the smaller side."""
    pooled, seen = np.array(first + second), np.mean(first) - np.mean(second)
    found = []
    for chosen in itertools.combinations(range(pooled.size), len(first)):
        ours = np.isin(np.arange(pooled.size), chosen)
        found.append(pooled[ours].mean() - pooled[~ours].mean())
    return min(1.0, 2 * min(np.mean(np.array(found) >= seen - 1e-9), np.mean(np.array(found) <= seen + 1e-9)))


@pytest.mark.parametrize(
    ("first", "second", "least"),
    [
        pytest.param([0.91, 0.93, 0.92, 0.95, 0.94], [0.81, 0.83, 0.80, 0.85, 0.82], 2 / 252, id="apart"),
        pytest.param([0.91, 0.83, 0.92, 0.85, 0.94], [0.86, 0.83, 0.90, 0.95, 0.82], 2 / 252, id="mixed"),
        pytest.param([0.8, 0.9, 0.85], [0.7, 0.75, 0.72, 0.81, 0.69], 2 / 56, id="unequal numbers"),
    ],
)
def test_seeds_against_enumeration_and_scipy(first: list[float], second: list[float], least: float) -> None:
    pairs = len(first) == len(second)
    found = seed_tests(first, second, paired=pairs)
    assert found.unpaired == pytest.approx(by_hand_unpaired(first, second))
    assert found.unpaired_least == pytest.approx(least)
    assert found.welch == pytest.approx(stats.ttest_ind(first, second, equal_var=False).pvalue)
    assert (found.paired is not None) is pairs
    if pairs:
        differences_ = np.array(first) - np.array(second)
        wanted = stats.permutation_test((differences_,), np.mean, permutation_type="samples", n_resamples=np.inf)
        assert found.paired == pytest.approx(wanted.pvalue)


def test_what_five_seeds_can_and_cannot_show() -> None:
    found = seed_tests([5, 6, 7, 8, 9], [0, 1, 2, 3, 4])
    assert (found.paired, found.paired_least) == (0.0625, 0.0625)
    assert found.unpaired == found.unpaired_least == pytest.approx(0.0079, abs=1e-4)
    assert found.words.startswith("over 5 seeds: paired permutation p = 0.0625 (cannot reach 0.05: 0.0625 at least), ")
    assert "permutation p = 0.00794, Welch's t p = 0.001" in found.words
    assert found.words.endswith("this speaks of the noise of training, not of new patients")
    assert "cannot reach" not in seed_tests([5, 6, 7, 8, 9, 10], [0, 1, 2, 3, 4, 5]).words


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        pytest.param([0.9], [0.8], "one seed: the noise of training is unknown", id="one seed"),
        pytest.param(
            [0.9, math.nan], [0.8, 0.7], "the figure of a seed is undefined: seeds can't be compared", id="NaN"
        ),
    ],
)
def test_seeds_that_tell_nothing(first: list[float], second: list[float], words: str) -> None:
    found = seed_tests(first, second)
    assert found.words == words
    assert {found.paired, found.paired_least, found.unpaired, found.unpaired_least, found.welch} == {None}


def test_seeds_that_never_vary() -> None:
    found = seed_tests([0.5, 0.5], [0.5, 0.5])
    assert (found.paired, found.unpaired, found.welch) == (1, 1, None)


def test_seeds_of_different_number_are_no_pairs() -> None:
    with pytest.raises(ValueError, match="not pairs"):
        seed_tests([0.9, 0.8], [0.7])


def test_many_seeds_are_drawn_and_always_the_same() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(0.5, 1, 20).tolist(), rng.normal(0, 1, 20).tolist()
    found = seed_tests(first, second)
    assert found == seed_tests(first, second)
    assert found.paired == pytest.approx(stats.ttest_rel(first, second).pvalue, abs=0.02)
    assert found.unpaired == pytest.approx(stats.ttest_ind(first, second).pvalue, abs=0.02)
