"""Bootstrap intervals: whole donors, stratified, the mean over seeds; against scikit-learn on repeated cells."""

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference

from brightctc.metrics import (
    FIGURES,
    Interval,
    Scored,
    calibration_error,
    clopper_pearson,
    differences,
    figures,
    intervals,
    resampled_figures,
    unit_numbers,
)
from brightctc.metrics.ends import percentile_ends, share_ends
from brightctc.metrics.intervals import Difference
from brightctc.metrics.resampling import resample_weights
from brightctc.metrics.units import effective_number


def drawn(cells: int = 240, donors: int = 12, seed: int = 0) -> tuple[np.ndarray, Scored, np.ndarray]:
    """Positives of donors 0 to donors − 3 alone; two donors are healthy. Scores have ties."""
    rng = np.random.default_rng(seed)
    donor = np.arange(cells) % donors
    positive = (rng.random(cells) < 0.4) & (donor < donors - 2)
    return positive, scored(positive, rng, rng.normal(0, 0.8, donors)[donor]), donor


def scored(positive: np.ndarray, rng: np.random.Generator, shift: np.ndarray | float = 0.0) -> Scored:
    logit = np.round(rng.normal(0, 1, positive.size) + 1.5 * positive + shift, 1)
    return Scored(logit, logit >= 0.75, 1 / (1 + np.exp(-logit)))


def ends(found: Interval) -> tuple[float, float, float]:
    assert found.low is not None
    assert found.value is not None
    assert found.high is not None
    return found.low, found.value, found.high


def of_repeated_cells(positive: np.ndarray, result: Scored, times: np.ndarray) -> dict[str, float]:
    index = np.repeat(np.arange(positive.size), times.astype(int))
    truth, logit, called, score = positive[index], result.logit[index], result.called[index], result.score[index]
    return {
        "f1": reference.f1_score(truth, called),
        "precision": reference.precision_score(truth, called),
        "recall": reference.recall_score(truth, called),
        "specificity": reference.recall_score(~truth, ~called),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, called),
        "mcc": reference.matthews_corrcoef(truth, called),
        "false_calls_per_1000": 1000 * (called & ~truth).sum() / (~truth).sum(),
        "looks_per_true": called.sum() / (called & truth).sum(),
        "roc_auc": reference.roc_auc_score(truth, logit),
        "average_precision": reference.average_precision_score(truth, logit),
        "brier": reference.brier_score_loss(truth, score),
    }


@pytest.mark.parametrize("unit", ["donor", "cell"])
def test_every_resample_is_what_scikit_learn_says_of_the_repeated_cells(unit: str) -> None:
    positive, result, donor = drawn()
    members = donor if unit == "donor" else np.arange(positive.size)
    found = resampled_figures(positive, [result], members, 20, 3)
    weights = resample_weights(positive, members, 20, 3)
    for row in range(20):
        expected = of_repeated_cells(positive, result, weights[row, members])
        assert {name: found[name][row] for name in expected} == pytest.approx(expected, abs=1e-12)


def test_figures_of_the_cells_as_they_are() -> None:
    positive, result, _ = drawn()
    found = figures(positive, result)
    assert tuple(found) == FIGURES
    assert found == pytest.approx(
        of_repeated_cells(positive, result, np.ones(positive.size))
        | {"calibration_error": calibration_error(positive, result.score)}
    )


def test_the_estimand_is_the_mean_over_seeds_of_figures_on_the_same_resample() -> None:
    positive, first, donor = drawn()
    second = scored(positive, np.random.default_rng(9))
    together = resampled_figures(positive, [first, second], donor, 30, 1)
    apart = [resampled_figures(positive, [each], donor, 30, 1) for each in (first, second)]
    for name in FIGURES:
        np.testing.assert_allclose(together[name], (apart[0][name] + apart[1][name]) / 2)
    result = intervals(positive, [first, second], unit="donor", groups=donor.tolist(), resamples=50)
    expected = (figures(positive, first)["f1"] + figures(positive, second)["f1"]) / 2
    assert result.figures["f1"].value == pytest.approx(expected)
    assert "mean of 2 seeds" in result.meaning


def test_donors_are_drawn_whole_and_apart_by_having_positives() -> None:
    positive, _, donor = drawn()
    weights = resample_weights(positive, donor, 2000, 0)
    assert weights.shape == (2000, 12)
    assert (weights[:, :10].sum(axis=1) == 10).all()
    assert (weights[:, 10:].sum(axis=1) == 2).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.1)
    assert weights[:, 0].var() == pytest.approx(1 - 1 / 10, abs=0.12)  # multinomial


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    positive, result, donor = drawn()
    ends = [
        intervals(positive, [result], unit="donor", groups=donor.tolist(), resamples=200, seed=seed).figures["f1"]
        for seed in (0, 0, 1)
    ]
    assert ends[0] == ends[1] != ends[2]


def test_of_cells_the_ends_are_percentiles_of_the_resamples() -> None:
    positive, result, _ = drawn()
    found = intervals(positive, [result], resamples=400).figures["recall"]
    recalls = resampled_figures(positive, [result], np.arange(positive.size), 400, 0)["recall"]
    assert (found.low, found.high) == tuple(np.quantile(recalls, (0.025, 0.975), method="nearest"))


@pytest.mark.parametrize(
    ("name", "share"),
    [
        pytest.param("recall", lambda value: value, id="recall"),
        pytest.param("roc_auc", lambda value: value, id="ROC-AUC"),
        pytest.param("false_calls_per_1000", lambda value: value / 1000, id="false calls"),
        pytest.param("mcc", lambda value: (value + 1) / 2, id="MCC"),
        pytest.param("looks_per_true", lambda value: 1 / value, id="looks: the precision, upside down"),
    ],
)
def test_of_donors_the_interval_is_students_t_on_the_logit_scale(
    name: str, share: Callable[[float | np.ndarray], float | np.ndarray]
) -> None:
    positive, result, donor = drawn()
    found = intervals(positive, [result], unit="donor", groups=donor.tolist(), resamples=400).figures[name]
    spread = np.std(share(resampled_figures(positive, [result], donor, 400, 0)[name]))
    low, value, high = (float(share(end)) for end in ends(found))
    held = [np.bincount(donor, weights=cells) for cells in (positive, ~positive)]
    units = [each.sum() ** 2 / (each**2).sum() for each in held]
    n = {"recall": units[0], "false_calls_per_1000": units[1]}.get(name, min(units))
    reach = stats.t.ppf(0.975, n - 1) * np.sqrt(n / (n - 1)) * spread / (value * (1 - value))
    assert sorted(logit(np.array([low, high])) - logit(value)) == pytest.approx([-reach, reach])
    assert found.low < found.value < found.high  # pyright: ignore[reportOptionalOperand]


def logit(share: np.ndarray | float) -> np.ndarray | float:
    return np.log(share / (1 - share))


@pytest.mark.parametrize(
    ("cells", "number"),
    [
        pytest.param([5] * 10, 10, id="equal"),
        pytest.param([5] * 10 + [0] * 3, 10, id="who have none don't count"),
        pytest.param([9] + [1] * 9, 18**2 / 90, id="one has half"),
        pytest.param([100, 1], 101**2 / 10_001, id="one has nearly all"),
        pytest.param([0, 0], 0, id="none"),
    ],
)
def test_the_effective_number_of_donors(cells: list[int], number: float) -> None:
    assert effective_number(np.array(cells)) == pytest.approx(number)


def test_a_donor_with_nearly_all_positives_allows_no_interval() -> None:
    donor = np.arange(400) % 10
    positive = (donor == 0) | (np.arange(400) < 10)
    result = scored(positive, np.random.default_rng(0))
    found = intervals(positive, [result], unit="donor", groups=donor.tolist(), resamples=50).figures
    assert found["recall"].low is None
    assert found["recall"].reason == "one donor has most of the positive cells: no interval for new patients"
    assert found["specificity"].low is not None


def test_three_ways_to_say_what_an_interval_is() -> None:
    positive, result, donor = drawn()
    found = [
        intervals(positive, [result] * seeds, unit=unit, groups=donor.tolist(), resamples=1000).meaning
        for unit, seeds in (("donor", 1), ("sample", 2), ("cell", 1))
    ]
    apart = "those with and without positive cells apart"
    assert found == [
        f"95 % t intervals from 1,000 resamples of whole donors, {apart}: for new patients like these",
        f"95 % t intervals from 1,000 resamples of whole samples, {apart}; each figure is the mean of 2 seeds, each at "
        "its own frozen threshold: for new samples like these; not for new patients",
        "95 % percentile intervals of 1,000 resamples of cells, each class apart: "
        "cells and seeds only; not for new patients",
    ]


def test_intervals_of_twenty_donors_hold_the_truth() -> None:
    """A small part of benchmarks/coverage.py; 300 cohorts: 0.95 ± 0.025, and percentiles stay below."""
    rng, donor, cohorts = np.random.default_rng(0), np.repeat(np.arange(20), 10), 300
    truth = float(stats.norm.cdf(1 / np.sqrt(2)))  # P(normal cell + normal donor > −1)
    held = np.zeros(2)
    for seed in range(cohorts):
        called = rng.normal(size=200) + rng.normal(size=20)[donor] > -1
        counts = np.bincount(donor, weights=called)
        weights = resample_weights(np.ones(200, dtype=bool), donor, 200, seed)
        drawn = weights @ counts / 200
        for way, (low, high) in enumerate((share_ends(float(called.mean()), drawn, 20), percentile_ends(drawn))):
            held[way] += low <= truth <= high
    assert 0.92 <= held[0] / cohorts <= 0.98
    assert held[1] < held[0]


def test_donors_that_differ_make_a_donor_interval_wider_than_a_cell_interval() -> None:
    rng = np.random.default_rng(4)
    donor = np.repeat(np.arange(20), 60)
    positive = np.tile(np.arange(60) < 20, 20)
    result = scored(positive, rng, rng.normal(0, 2, 20)[donor])
    by_donor = resampled_figures(positive, [result], donor, 300, 0)["recall"]
    by_cell = resampled_figures(positive, [result], np.arange(positive.size), 300, 0)["recall"]
    assert by_donor.std() > 2 * by_cell.std()


@pytest.mark.parametrize(
    ("donors", "has_interval", "words"),
    [
        pytest.param(5, False, "few donors: 5 with positive cells", id="5 donors"),
        pytest.param(6, True, "few donors: 6 with positive cells", id="6 donors"),
        pytest.param(19, True, "few donors: 19 with positive cells", id="19 donors"),
        pytest.param(20, True, "", id="20 donors"),
    ],
)
def test_few_donors(donors: int, has_interval: bool, words: str) -> None:
    donor = np.arange(400) % donors
    positive = np.arange(400) // donors % 2 == 0
    result = scored(positive, np.random.default_rng(0))
    found = intervals(positive, [result], unit="donor", groups=donor.tolist(), resamples=50)
    f1 = found.figures["f1"]
    assert f1.value is not None
    assert (f1.low is not None) is has_interval
    if not has_interval:
        assert "no interval for new patients" in str(f1.reason)
    assert (words in found.warnings[0]) if words else found.warnings == ()


def test_cells_of_nobody_are_no_further_donor() -> None:
    """Drawn together, but five known donors are as few as they were."""
    donor = (np.arange(480) % 6).tolist()
    groups = [None if one == 5 else one for one in donor]
    positive = np.arange(480) // 6 % 2 == 0
    result = scored(positive, np.random.default_rng(0))
    found = intervals(positive, [result], unit="donor", groups=groups, resamples=50)
    assert found.warnings[0].startswith("few donors: 5 with positive cells, fewer than 6")
    assert {each.low for each in found.figures.values()} == {None}
    apart = differences(positive, [result], [result], ["f1"], unit="donor", groups=groups, resamples=50)["f1"]
    assert "only 5 donor(s)" in str(apart.reason)


def test_one_healthy_donor_gives_no_interval_where_negatives_count() -> None:
    positive = np.arange(200) < 100
    donor = np.where(positive, np.arange(200) % 10, 99)
    found = intervals(
        positive, [scored(positive, np.random.default_rng(0))], unit="donor", groups=donor.tolist(), resamples=50
    )
    assert found.figures["recall"].low is not None
    assert found.figures["specificity"].low is None
    assert found.figures["f1"].reason == "only 1 donor(s) with negative cells: no interval for new patients"
    assert "1 with negative cells" in found.warnings[0]


def test_cells_without_donors_say_so() -> None:
    positive, result, _ = drawn()
    found = intervals(positive, [result], resamples=50)
    assert found.unit == "cell"
    assert "cells and seeds only; not for new patients" in found.meaning
    weights = resample_weights(positive, np.arange(positive.size), 10, 0)
    assert (weights[:, positive].sum(axis=1) == positive.sum()).all(), "each class keeps its number"


def test_samples_are_not_patients() -> None:
    positive, result, donor = drawn()
    found = intervals(positive, [result], unit="sample", groups=donor.tolist(), resamples=50)
    assert "not for new patients" in found.meaning
    assert "few samples" in found.warnings[0]


@pytest.mark.parametrize(
    ("positive", "none"),
    [
        pytest.param([False] * 8, {"f1", "recall", "roc_auc", "average_precision"}, id="no positives"),
        pytest.param([True] * 8, {"specificity", "false_calls_per_1000", "roc_auc"}, id="no negatives"),
        pytest.param([], set(FIGURES), id="no cells"),
    ],
)
def test_what_is_undefined_is_none_with_a_reason(positive: list[bool], none: set[str]) -> None:
    truth = np.array(positive, dtype=bool)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = intervals(truth, [scored(truth, np.random.default_rng(0))], resamples=20)
    for name in none:
        assert found.figures[name].value is None
        assert "undefined" in str(found.figures[name].reason)
    assert all(np.isfinite(each.value) for each in found.figures.values() if each.value is not None)


def test_a_threshold_that_calls_nothing_has_no_looks_per_true() -> None:
    positive, result, _ = drawn()
    silent = Scored(result.logit, np.zeros(positive.size, bool), result.score)
    found = intervals(positive, [silent], resamples=50).figures
    assert (found["recall"].value, found["f1"].value, found["precision"].value) == (0, 0, None)
    assert found["looks_per_true"].as_dict() == {
        "value": None,
        "low": None,
        "high": None,
        "reason": "undefined: no cell is called, no call is true, or a class is missing",
    }


def test_looks_without_an_upper_end_are_none_not_infinite() -> None:
    positive = np.arange(100) < 3
    called = np.arange(100) >= 2  # one of three positives, and all negatives
    found = intervals(positive, [Scored(called * 1.0, called, called * 1.0)], resamples=500).figures["looks_per_true"]
    assert found.low is not None
    assert found.high is None
    assert "no bound" in str(found.reason)


def test_without_an_error_the_ends_are_exact() -> None:
    positive = np.arange(140) < 40
    logit = np.where(positive, 2.0, -2.0)
    found = intervals(positive, [Scored(logit, positive, 1 / (1 + np.exp(-logit)))], resamples=50).figures
    assert ends(found["recall"]) == pytest.approx((clopper_pearson(40, 40)[0], 1, 1))
    assert ends(found["false_calls_per_1000"]) == pytest.approx((0, 0, 1000 * clopper_pearson(0, 100)[1]))
    tp, fp = 40 * clopper_pearson(40, 40)[0], 100 * clopper_pearson(0, 100)[1]
    assert ends(found["f1"]) == pytest.approx((2 * tp / (tp + fp + 40), 1, 1))
    assert ends(found["looks_per_true"]) == pytest.approx((1, 1, (tp + fp) / tp))
    assert ends(found["mcc"])[0] < 0.95
    assert "exact" in str(found["f1"].reason)
    assert found["roc_auc"].low is None
    assert "could vary" in str(found["roc_auc"].reason)


def test_one_kind_of_error_leaves_the_other_figure_exact() -> None:
    positive = np.arange(140) < 40
    called = np.arange(140) < 60  # nothing missed, 20 false calls
    found = intervals(positive, [Scored(called * 1.0, called, called * 0.9)], resamples=200).figures
    assert "exact" in str(found["recall"].reason)
    assert found["specificity"].reason is None
    assert found["f1"].reason is None


def test_an_unreadable_cell_has_no_part_in_brier_and_calibration() -> None:
    positive, result, donor = drawn()
    unread = np.arange(positive.size) < 40
    held = Scored(
        np.where(unread, -np.inf, result.logit), result.called & ~unread, np.where(unread, np.nan, result.score)
    )
    found = resampled_figures(positive, [held], donor, 5, 0)
    rest = Scored(result.logit[~unread], result.called[~unread], result.score[~unread])
    assert np.isfinite(np.stack(list(found.values()))).all()
    assert figures(positive, held)["brier"] == pytest.approx(figures(positive[~unread], rest)["brier"])
    assert figures(positive, held)["recall"] < figures(positive, result)["recall"]


def test_the_calibration_interval_is_freed_of_the_noise_that_resampling_adds() -> None:
    rng = np.random.default_rng(0)
    score = rng.random(800)
    positive = rng.random(800) < score  # perfectly calibrated: the error is all noise
    result = Scored(score, score > 0.5, score)
    low, value, high = ends(intervals(positive, [result], resamples=400).figures["calibration_error"])
    drawn_errors = resampled_figures(positive, [result], np.arange(800), 400, 0)["calibration_error"]
    added = drawn_errors.mean() - value
    assert added > 0.005
    assert high == pytest.approx(np.quantile(drawn_errors, 0.975) - added, abs=1e-3)
    assert 0 <= low <= value <= high


def test_a_figure_that_many_resamples_lack_has_no_interval() -> None:
    positive = np.arange(100) < 30
    called = np.arange(100) == 0  # a single call: a third of the resamples have none
    found = intervals(positive, [Scored(called * 1.0, called, called * 1.0)], resamples=500).figures["precision"]
    assert (found.value, found.low, found.high) == (1, None, None)
    assert "of the resamples" in str(found.reason)


def test_groups_are_numbered_as_they_come() -> None:
    assert unit_numbers(["b", "a", "b", ("x", 1)]).tolist() == [0, 1, 0, 2]


def test_differences_are_of_pairs_in_the_same_resamples() -> None:
    rng = np.random.default_rng(0)
    positive = np.arange(200) < 60
    logit = rng.normal(size=200) + 2 * positive
    better, worse = (Scored(each, each > 1, 1 / (1 + np.exp(-each))) for each in (logit, logit + rng.normal(size=200)))
    found = differences(positive, [better], [worse], ("roc_auc", "f1"), resamples=300)
    members = np.arange(200)
    drawn = [resampled_figures(positive, [each], members, 300, 0)["roc_auc"] for each in (better, worse)]
    assert found["roc_auc"].value == pytest.approx(
        figures(positive, better)["roc_auc"] - figures(positive, worse)["roc_auc"]
    )
    low, high = np.quantile(drawn[0] - drawn[1], (0.025, 0.975), method="nearest")
    assert (found["roc_auc"].low, found["roc_auc"].high) == (low, high)
    same = differences(positive, [better], [better], ("roc_auc",), resamples=50)["roc_auc"]
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_of_donors_a_difference_has_students_t_on_its_own_scale() -> None:
    positive, first, donor = drawn()
    second = scored(positive, np.random.default_rng(9))
    found = differences(positive, [first], [second], ("f1",), unit="donor", groups=donor.tolist(), resamples=300)["f1"]
    drawn_pairs = [resampled_figures(positive, [each], donor, 300, 0)["f1"] for each in (first, second)]
    n = min(effective_number(np.bincount(donor, weights=cells)) for cells in (positive, ~positive))
    reach = stats.t.ppf(0.975, n - 1) * np.sqrt(n / (n - 1)) * np.std(drawn_pairs[0] - drawn_pairs[1])
    low, value, high = ends(found)
    assert (low, high) == pytest.approx((value - reach, value + reach))


def test_a_difference_stays_within_what_is_possible() -> None:
    donor = np.arange(60) % 6
    positive = np.arange(60) < 30
    first, second = (donor >= 1) & positive, (donor >= 5) & positive
    pair = [Scored(called * 1.0, called, called * 0.9) for called in (first, second)]
    found = differences(positive, pair[:1], pair[1:], ("recall",), unit="donor", groups=donor.tolist(), resamples=200)
    assert ends(found["recall"])[2] == 1


@pytest.mark.parametrize("unit", ["donor", "cell"])
def test_a_difference_that_no_resample_changes_has_no_interval(unit: str) -> None:
    positive, _, donor = drawn()
    right, wrong = (Scored(each * 1.0, each, each * 1.0) for each in (positive, ~positive))
    found = differences(positive, [right], [wrong], ("recall",), unit=unit, groups=donor.tolist(), resamples=50)
    assert found["recall"] == Interval(1.0, reason="the same in every resample: resampling can't tell how sure it is")


def test_rounding_is_no_spread() -> None:
    found = Difference("f1", 0.3, np.where(np.arange(50) < 25, 0.3, 0.1 + 0.2), 8.0).interval
    assert (found.low, found.high) == (None, None)


def test_a_difference_of_looks_without_a_bound_has_none() -> None:
    positive, result, donor = drawn()
    silent = Scored(result.logit, np.arange(positive.size) == np.flatnonzero(positive)[0], result.score)
    options = {"groups": donor.tolist(), "resamples": 100}
    found = differences(positive, [result], [silent], ("looks_per_true",), unit="donor", **options)["looks_per_true"]
    assert (found.low, found.high) == (None, None)
    assert found.reason


def test_differences_of_few_donors_have_no_interval() -> None:
    positive = np.arange(40) % 2 == 0
    scored = Scored(np.arange(40.0), np.arange(40) > 20, np.linspace(0, 1, 40))
    donors = [f"D{index % 4}" for index in range(40)]
    found = differences(positive, [scored], [scored], ("roc_auc",), unit="donor", groups=donors, resamples=20)
    assert (found["roc_auc"].low, found["roc_auc"].high) == (None, None)
    assert "only 2 donor(s)" in (found["roc_auc"].reason or "")


def test_near_the_bound_an_end_is_not_flung_to_the_other_side():
    """8 donors, 0.98 ± 0.04: on the logit scale alone the lower end would be below 0.1."""
    drawn = np.clip(np.random.default_rng(0).normal(0.98, 0.04, 2000), 0.8, 1)
    low, high = share_ends(0.98, drawn, 8)
    assert 0.6 < low < 0.9
    assert 0.98 < high < 1
