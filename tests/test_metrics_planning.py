"""Planning: design effects of simulated donors, numbers by hand, learning curves that are known."""

import numpy as np
import pytest

from brightctc.metrics import (
    Interval,
    Scored,
    design_effect,
    intervals,
    learning_curve,
    positives_needed,
    resampled_figures,
    units_needed,
)
from brightctc.metrics.errorless import EXACT


def calls(sd: float, donors: int = 40, cells: int = 20, seed: int = 0) -> tuple[np.ndarray, Scored, np.ndarray]:
    rng = np.random.default_rng(seed)
    donor = np.repeat(np.arange(donors), cells)
    positive = np.tile(np.arange(cells) < cells // 2, donors)
    logit = rng.normal(size=donor.size) + rng.normal(0, sd, donors)[donor] + 2.0 * positive
    return positive, Scored(logit, logit >= 1, 1 / (1 + np.exp(-logit))), donor


def test_donors_who_do_not_differ_have_a_design_effect_of_1() -> None:
    found = [design_effect(positive, [result], donor, "recall") for positive, result, donor in map(calls, [0.0], [200])]
    assert found[0] == pytest.approx(1, abs=0.35)


def test_a_known_design_effect() -> None:
    # every donor's 10 positives are all called or all missed: one cell tells as much as ten
    donor = np.repeat(np.arange(60), 11)
    positive = np.tile(np.arange(11) < 10, 60)
    called = positive & (donor % 3 > 0)
    result = Scored(called * 1.0, called, called * 1.0)
    assert design_effect(positive, [result], donor, "recall") == pytest.approx(10, rel=0.15)


def test_resampled_donors_lack_a_part_of_their_variance() -> None:
    positive, result, donor = calls(1.0, donors=6)
    drawn = [resampled_figures(positive, [result], which, 1000, 0)["f1"] for which in (donor, np.arange(donor.size))]
    wanted = drawn[0].var() / drawn[1].var() * 6 / 5
    assert design_effect(positive, [result], donor, "f1") == pytest.approx(wanted)


def test_design_effects_that_cannot_be_had() -> None:
    positive, result, donor = calls(1.0)
    perfect = Scored(np.where(positive, 1.0, -1), positive, positive * 1.0)
    assert design_effect(positive, [perfect], donor, "recall") is None
    assert design_effect(positive, [result], np.zeros_like(donor), "recall") is None
    silent = Scored(result.logit, np.zeros_like(positive), result.score)
    assert design_effect(positive, [silent], donor, "precision") is None


@pytest.mark.parametrize(
    ("found", "half_width", "needed"),
    [
        pytest.param(Interval(0.8, 0.7, 0.9), 0.05, 80, id="half as wide takes four times as many"),
        pytest.param(Interval(0.8, 0.7, 0.9), 0.1, 20, id="as wide"),
        pytest.param(Interval(0.8, 0.7, 0.9), 0.5, 6, id="never below 6"),
        pytest.param(Interval(0.8), 0.05, None, id="no interval"),
        pytest.param(Interval(1.0, 1.0, 1.0), 0.05, None, id="no width"),
        pytest.param(Interval(1.0, 0.97, 1.0, EXACT), 0.1, None, id="exact ends take cells as independent"),
    ],
)
def test_units_needed(found: Interval, half_width: float, needed: int | None) -> None:
    assert units_needed(found, 20, half_width) == needed


def test_so_many_donors_do_bring_the_width() -> None:
    positive, result, donor = calls(1.0, donors=15, seed=3)
    found = intervals(positive, [result], unit="donor", groups=donor.tolist(), resamples=500).figures["recall"]
    number = units_needed(found, 15, 0.06)
    assert number is not None
    widths = []
    for seed in range(5):
        positive, result, donor = calls(1.0, donors=number, seed=10 + seed)
        again = intervals(positive, [result], unit="donor", groups=donor.tolist(), resamples=300).figures["recall"]
        assert again.low is not None
        assert again.high is not None
        widths.append((again.high - again.low) / 2)
    assert np.mean(widths) == pytest.approx(0.06, rel=0.35)


def test_a_width_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="half_width"):
        units_needed(Interval(0.8, 0.7, 0.9), 20, 0)


@pytest.mark.parametrize(
    ("recall", "half_width", "effect", "needed"),
    [
        pytest.param(0.8, 0.05, 1, 246, id="0.8 · 0.2 · 3.8415 / 0.0025 = 245.9"),
        pytest.param(0.8, 0.05, 2, 492, id="twice as many where cells of a donor are alike"),
        pytest.param(1.0, 0.05, 1, 59, id="a perfect recall takes 59, none missed"),
        pytest.param(0.99, 0.05, 1, 59, id="nearly perfect"),
        pytest.param(0.5, 0.1, 1, 97, id="0.25 · 3.8415 / 0.01 = 96.04"),
    ],
)
def test_positives_needed(recall: float, half_width: float, effect: float, needed: int) -> None:
    assert positives_needed(recall, half_width, effect) == needed


@pytest.mark.parametrize(("recall", "half_width", "effect"), [(1.1, 0.05, 1), (0.8, 0, 1), (0.8, 0.05, 0)])
def test_what_is_out_of_range(recall: float, half_width: float, effect: float) -> None:
    with pytest.raises(ValueError, match="out of range"):
        positives_needed(recall, half_width, effect)


SIZES = [50, 100, 200, 400, 800]


@pytest.mark.parametrize(("a", "b", "c"), [(0.95, 2.0, 0.5), (0.9, 1.0, 0.3), (1.0, 20.0, 1.0)])
def test_a_known_curve_is_found(a: float, b: float, c: float) -> None:
    found = learning_curve(SIZES, [a - b * n**-c for n in SIZES])
    assert found is not None
    assert (found.a, found.b, found.c) == pytest.approx((a, b, c), rel=0.02)
    assert found.at(1600) == pytest.approx(a - b * 1600**-c, abs=1e-3)
    assert found.error < 1e-4


def test_several_draws_of_a_size_are_averaged() -> None:
    rng = np.random.default_rng(0)
    sizes = np.repeat(SIZES, 20)
    values = 0.92 - 1.5 * sizes**-0.5 + rng.normal(0, 0.01, sizes.size)
    found = learning_curve(sizes.tolist(), values.tolist())
    assert found is not None
    assert found.sizes == 5
    assert found.at(800) == pytest.approx(0.92 - 1.5 * 800**-0.5, abs=0.01)
    assert 0 <= found.a <= 1


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        pytest.param([50, 100], [0.6, 0.7], id="two sizes"),
        pytest.param([50, 50, 100], [0.6, 0.5, 0.7], id="two distinct sizes"),
        pytest.param([50, 100, 200], [0.6, np.nan, 0.7], id="an undefined value"),
        pytest.param([50, 100, 200], [0.8, 0.7, 0.6], id="falling"),
        pytest.param([50, 100, 200], [0.8, 0.8, 0.8], id="flat"),
    ],
)
def test_curves_that_cannot_be_fitted(cells: list[int], values: list[float]) -> None:
    assert learning_curve(cells, values) is None
