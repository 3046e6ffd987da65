"""Counts at a threshold and the figures that follow, against scikit-learn; the rare-cell arithmetic."""

import math

import numpy as np
import pytest
from sklearn import metrics as reference

from brightctc.metrics import (
    Counts,
    confusion,
    constant_classifier,
    expected_precision,
    precision_at_prevalence,
)
from brightctc.metrics.figures import AT_THRESHOLD


def drawn(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.3
    return positive, rng.random(n) < np.where(positive, 0.7, 0.2)


@pytest.mark.parametrize("seed", range(5))
def test_figures_are_scikit_learns(seed: int) -> None:
    positive, called = drawn(seed)
    counts = confusion(positive, called)
    tn, fp, fn, tp = reference.confusion_matrix(positive, called).ravel()
    assert counts == Counts(tp=tp, fp=fp, tn=tn, fn=fn)
    assert counts.precision == pytest.approx(reference.precision_score(positive, called))
    assert counts.recall == pytest.approx(reference.recall_score(positive, called))
    assert counts.specificity == pytest.approx(reference.recall_score(~positive, ~called))
    assert counts.f1 == pytest.approx(reference.f1_score(positive, called))
    assert counts.balanced_accuracy == pytest.approx(reference.balanced_accuracy_score(positive, called))
    assert counts.mcc == pytest.approx(reference.matthews_corrcoef(positive, called))


def test_what_a_reader_pays_for() -> None:
    counts = Counts(tp=40, fp=10, tn=490, fn=12)
    assert counts.false_calls_per_1000 == 20
    assert counts.looks_per_true == 1.25


@pytest.mark.parametrize(
    ("counts", "undefined"),
    [
        pytest.param(
            Counts(0, 0, 9, 3), {"precision", "mcc", "looks_per_true"}, id="nothing called: recall and F1 are 0"
        ),
        pytest.param(
            Counts(0, 2, 7, 0), {"recall", "f1", "balanced_accuracy", "mcc", "looks_per_true"}, id="no positives"
        ),
        pytest.param(
            Counts(5, 0, 0, 1), {"specificity", "balanced_accuracy", "mcc", "false_calls_per_1000"}, id="no negatives"
        ),
        pytest.param(Counts(3, 0, 4, 0), set(), id="perfect"),
    ],
)
def test_a_figure_without_cells_is_not_a_number(counts: Counts, undefined: set[str]) -> None:
    assert {name for name in AT_THRESHOLD if math.isnan(getattr(counts, name))} == undefined


def test_counts_of_millions_do_not_overflow() -> None:
    assert Counts(tp=10**6, fp=10**6, tn=10**6, fn=10**6).mcc == 0


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="one length"):
        confusion(np.ones(3, bool), np.ones(4, bool))


def test_the_constant_classifier_of_the_papers_ratio() -> None:
    counts = constant_classifier(52, 100)
    assert counts.f1 == pytest.approx(0.510, abs=5e-4)
    assert counts.f1 == pytest.approx(2 * 52 / (2 * 52 + 100))
    assert (counts.recall, counts.specificity, counts.balanced_accuracy) == (1, 0, 0.5)


def test_precision_at_prevalence_by_hand() -> None:
    # the protocol's example: recall 0.8, 10 % false calls, 1:1,000 → 0.8 %
    assert expected_precision(0.8, 0.1, 1000) == pytest.approx(0.008, abs=1e-4)
    rows = precision_at_prevalence(Counts(tp=80, fp=50, tn=450, fn=20))
    assert [row.k for row in rows] == [10, 100, 1000, 10_000]
    assert rows[2].value == pytest.approx(0.8 / (0.8 + 1000 * 0.1))
    # 50 of 500 is 7.513 % to 12.969 % by Clopper-Pearson
    assert rows[2].low == pytest.approx(0.8 / (0.8 + 1000 * 0.12969), rel=1e-3)
    assert rows[2].high == pytest.approx(0.8 / (0.8 + 1000 * 0.07513), rel=1e-3)
    assert rows[2].text == "0.79 % (0.61 % to 1.1 %)"


def test_no_false_call_says_at_least_and_how_many_negatives_are_needed() -> None:
    rows = {row.k: row for row in precision_at_prevalence(Counts(tp=40, fp=0, tn=500, fn=12))}
    recall, most = 40 / 52, 1 - 0.05 ** (1 / 500)  # about 3/500
    assert rows[100].value is None
    assert rows[100].low == pytest.approx(recall / (recall + 100 * most))
    assert rows[100].text == "≥ 56.3 %"
    assert rows[100].negatives_needed is None
    needed = rows[1000].negatives_needed or 0
    assert needed == pytest.approx(3 * 1000 / recall, rel=0.01)
    assert f"{needed:,} negatives" in rows[1000].text
    # so many, and none of them called, indeed show it; one fewer does not
    for negatives, shown in ((needed, True), (needed - 1, False)):
        row = precision_at_prevalence(Counts(tp=40, fp=0, tn=negatives, fn=12), ratios=(1000,))[0]
        assert ((row.low or 0) >= 0.5) is shown


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        pytest.param(Counts(0, 3, 5, 2), "no positive was called", id="all missed"),
        pytest.param(Counts(0, 3, 5, 0), "there are no positives", id="no positives"),
        pytest.param(Counts(4, 0, 0, 2), "there are no negatives", id="no negatives"),
    ],
)
def test_precision_at_prevalence_without_grounds(counts: Counts, words: str) -> None:
    row = precision_at_prevalence(counts, ratios=(100,))[0]
    assert (row.value, row.low, row.high, row.text) == (None, None, None, words)
