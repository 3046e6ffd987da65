"""Blank samples, detection and linearity: exact distributions by scipy, lines by statsmodels, honest words."""

import numpy as np
import pytest
import statsmodels.api as sm
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.rates import confint_poisson

from brightctc.metrics import Blank, Linearity, blank_of, detection, linearity

TWELVE = [0, 1, 0, 2, 0, 1, 3, 0, 1, 1, 0, 2]


def blank(counts: list[int], cells: int = 5000) -> Blank:
    return blank_of(counts, [cells] * len(counts))


def test_the_mean_and_the_rate_have_exact_intervals() -> None:
    found = blank(TWELVE)
    low, high = confint_poisson(11, 12, method="exact-c")
    assert (found.mean, found.mean_low, found.mean_high) == pytest.approx((11 / 12, low, high))
    assert found.per_1000 == pytest.approx(1000 * 11 / 60_000)
    assert found.per_1000_low == pytest.approx(1000 * low / 5000)
    assert found.per_1000_high == pytest.approx(1000 * high / 5000)
    assert (found.samples, found.calls, found.cells, found.largest) == (12, 11, 60_000, 3)


@pytest.mark.parametrize(
    ("counts", "limit", "limit_high"),
    [
        # P(X ≤ 2 | 11/12) = 0.934, P(X ≤ 3) = 0.985; upper bound of 11 is 18.2: 1.52 a sample, P(X ≤ 4) = 0.979
        pytest.param(TWELVE, 3, 4, id="some"),
        pytest.param([0] * 10, 0, 1, id="none"),  # up to 0.3 a sample: P(X ≤ 1) = 0.963
        pytest.param([0], 0, 6, id="one sample without"),  # up to 3.0
        pytest.param([100, 90, 110, 95, 105], 117, 125, id="many"),
    ],
)
def test_the_limit_of_blank(counts: list[int], limit: int, limit_high: int) -> None:
    found = blank(counts)
    assert (found.limit, found.limit_high) == (limit, limit_high)
    assert stats.poisson.cdf(limit, np.mean(counts)) >= 0.95
    assert not limit or stats.poisson.cdf(limit - 1, np.mean(counts)) < 0.95


@pytest.mark.parametrize("samples", [1, 12, 58, 59])
def test_what_the_largest_of_n_samples_covers(samples: int) -> None:
    found = blank([0] * samples)
    assert found.covered == pytest.approx(0.05 ** (1 / samples))
    assert found.samples_needed == 59
    assert (found.covered >= 0.95) is (samples >= 59)
    assert any("takes 59" in words for words in found.words) is (samples < 59)
    # as often as promised: the share below the largest of n uniform draws is the largest itself
    largest = np.random.default_rng(0).random((4000, samples)).max(axis=1)
    assert np.mean(largest >= found.covered) == pytest.approx(0.95, abs=0.015)


def test_dispersion_is_fishers_index() -> None:
    found = blank(TWELVE)
    assert found.dispersion == pytest.approx(np.var(TWELVE, ddof=1) / np.mean(TWELVE))
    assert not found.over_dispersed


def test_its_p_is_that_of_chi_square_where_counts_are_large() -> None:
    counts = np.random.default_rng(2).negative_binomial(60, 0.5, 20)
    found = blank(counts.tolist())
    assert found.dispersion is not None
    assert found.dispersion_p == pytest.approx(stats.chi2.sf(19 * found.dispersion, 19), abs=0.015)


def test_its_p_is_exact_where_counts_are_small() -> None:
    # 2 calls in 2 samples: both in one with probability 1/2, one each with 1/2
    assert blank([2, 0]).dispersion_p == pytest.approx(0.5, abs=0.015)
    assert blank([1, 1]).dispersion_p == 1


def test_dispersion_allows_for_each_samples_cells() -> None:
    rng = np.random.default_rng(0)
    cells = np.array([1000, 20_000] * 10)
    counts = rng.poisson(cells / 500)
    found = blank_of(counts.tolist(), cells.tolist())
    expected = counts.sum() * cells / cells.sum()
    assert found.dispersion == pytest.approx(((counts - expected) ** 2 / expected).sum() / 19)
    assert not found.over_dispersed
    assert blank_of(counts.tolist(), [10_000] * 20).over_dispersed
    assert "20.0 times the cells of the smallest" in " ".join(found.words)


def test_over_dispersed_blanks_have_a_negative_binomials_limit() -> None:
    counts = [0, 0, 1, 0, 14, 2, 0, 9, 1, 0, 3, 0]
    found = blank(counts)
    mean, ratio = np.mean(counts), np.var(counts, ddof=1) / np.mean(counts)
    assert found.over_dispersed
    assert found.dispersion_p == pytest.approx(1e-4)
    assert found.limit == stats.nbinom.ppf(0.95, mean / (ratio - 1), 1 / ratio) > stats.poisson.ppf(0.95, mean)
    assert found.limit_high > found.limit
    poisson = confint_poisson(sum(counts), 12, method="exact-c")
    assert found.mean_low < poisson[0] < poisson[1] < found.mean_high
    assert any("negative binomial" in words for words in found.words)


def test_the_high_limit_allows_for_dispersion_that_is_not_shown() -> None:
    found = blank([0, 4, 0, 3, 0, 4])
    assert found.dispersion is not None
    assert found.dispersion > 1.5
    alike = blank([2, 2, 2, 1, 2, 2])
    assert (found.calls, found.over_dispersed and alike.over_dispersed) == (alike.calls, False)
    assert found.limit_high > alike.limit_high


@pytest.mark.parametrize(
    ("counts", "cells"),
    [([], []), ([1], [1, 2]), ([-1], [5]), ([6], [5]), ([0], [0])],
    ids=["none", "lengths", "negative", "more than cells", "no cells"],
)
def test_counts_that_do_not_fit(counts: list[int], cells: list[int]) -> None:
    with pytest.raises(ValueError, match="blank samples"):
        blank_of(counts, cells)


@pytest.mark.parametrize(
    ("found", "of", "counts"),
    [
        pytest.param(40, 52, TWELVE, id="usual"),
        pytest.param(52, 52, TWELVE, id="all found"),
        pytest.param(5, 50, TWELVE, id="few found"),
        pytest.param(40, 52, [0, 0, 1, 0, 14, 2, 0, 9, 1, 0, 3, 0], id="over-dispersed"),
    ],
)
def test_the_limit_of_detection_is_the_first_that_is_seen_in_19_of_20(found: int, of: int, counts: list[int]) -> None:
    empty = blank(counts)
    got = detection(found, of, empty)
    assert got.recall == found / of
    assert got.recall_low == pytest.approx(proportion_confint(found, of, alpha=0.10, method="beta")[0])
    ends = (
        (got.limit_of_detection, got.recall, empty.limit, empty.mean),
        (got.limit_of_detection_high, got.recall_low, empty.limit_high, empty.mean_low),
    )
    for number, recall, limit, mean in ends:
        assert number is not None
        assert exceeding(number - 1, recall, limit, mean, empty.spread) < 0.95
        assert exceeding(number, recall, limit, mean, empty.spread) >= 0.95
    assert ends[0][0] < ends[1][0]  # pyright: ignore[reportOptionalOperand, reportOperatorIssue]


def exceeding(k: int, recall: float, limit: int, mean: float, spread: float) -> float:
    """P(true + false calls > limit), by the distribution of the sum."""
    few = np.arange(limit + 1)
    false = stats.nbinom(mean / (spread - 1), 1 / spread) if spread > 1 else stats.poisson(mean)
    together = np.convolve(stats.binom.pmf(few, k, recall), false.pmf(few))[: limit + 1]
    return 1 - together.sum()


def test_simulated_samples_at_the_limit_of_detection_stand_out() -> None:
    empty, rng = blank(TWELVE), np.random.default_rng(0)
    number = detection(40, 52, empty).limit_of_detection
    assert number is not None
    above = [
        np.mean(rng.binomial(k, 40 / 52, 40_000) + rng.poisson(empty.mean, 40_000) > empty.limit)
        for k in (number - 1, number)
    ]
    assert above[0] < 0.95 <= above[1]


def test_a_recall_of_0_detects_nothing() -> None:
    got = detection(0, 20, blank(TWELVE))
    assert (got.limit_of_detection, got.limit_of_detection_high) == (None, None)
    assert got.words[0].startswith("no number of tumour cells")


def test_a_perfect_blank_and_recall() -> None:
    got = detection(60, 60, blank([0] * 59))
    assert got.limit_of_detection == 1
    assert got.words[0].startswith("1 tumour cell(s)")
    assert "before imaging" in got.words[-1]
    with pytest.raises(ValueError, match="found"):
        detection(0, 0, blank([0]))


SERIES = [0, 0, 0, 5, 5, 5, 20, 20, 20, 100, 100, 100], [1, 0, 0, 4, 6, 3, 17, 15, 19, 82, 95, 77]


def test_a_line_is_statsmodels() -> None:
    x, y = (np.array(each, dtype=float) for each in SERIES)
    weights = 1 / np.maximum(x, 1)
    fit = sm.WLS(y, sm.add_constant(x), weights=weights).fit()
    found = linearity(*SERIES)
    ends = fit.conf_int()
    assert (found.intercept.value, found.slope.value) == pytest.approx(tuple(fit.params))
    assert (found.intercept.low, found.intercept.high) == pytest.approx(tuple(ends[0]))
    assert (found.slope.low, found.slope.high) == pytest.approx(tuple(ends[1]))
    assert found.r_squared == pytest.approx(fit.rsquared)
    groups = sm.WLS(y, (x[:, None] == np.unique(x)).astype(float), weights=weights).fit()
    assert found.lack_of_fit == pytest.approx(groups.compare_f_test(fit)[1])
    assert (found.levels, found.reason) == (4, None)


def test_a_curve_is_told_from_a_line() -> None:
    x, noise = np.repeat([0, 10, 50, 100, 200], 4), np.tile([-1, 1, -2, 2], 5)
    straight, bent = 0.8 * x + noise, 0.8 * x - 0.002 * x**2 + noise
    assert (linearity(x.tolist(), straight.tolist()).lack_of_fit or 0) > 0.5
    assert (linearity(x.tolist(), bent.tolist()).lack_of_fit or 1) < 1e-3


def test_without_replicates_there_is_no_test_of_fit() -> None:
    found = linearity([0, 10, 20, 50], [0, 8, 17, 39])
    assert found.lack_of_fit is None
    assert found.slope.low is not None


def test_two_values_are_no_series() -> None:
    found: Linearity = linearity([0, 10, 10], [0, 9, 8])
    assert found.reason == "2 different numbers of expected cells: a line takes 3"
    assert (found.slope.value, found.slope.reason, found.r_squared) == (None, found.reason, None)


def test_counts_that_never_vary_have_no_r_squared() -> None:
    assert linearity([0, 10, 20], [3, 3, 3]).r_squared is None


@pytest.mark.parametrize(
    ("expected", "measured"), [([0, 1], [0]), ([0, 1, np.nan], [0, 1, 2]), ([0, 1, -1], [0, 1, 2])]
)
def test_values_that_are_no_counts(expected: list[float], measured: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        linearity(expected, measured)
