"""ROC, precision-recall, Brier and calibration error, against scikit-learn and plain loops."""

import math
from itertools import pairwise

import numpy as np
import pytest
from sklearn import metrics as reference

from brightctc.metrics import (
    average_precision,
    brier,
    calibration_error,
    precision_recall_curve,
    reliability,
    roc_auc,
    roc_curve,
)


def drawn(seed: int, decimals: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    positive = rng.random(n) < 0.25
    return positive, np.round(rng.normal(0, 1, n) + positive, decimals)


@pytest.mark.parametrize("decimals", [pytest.param(8, id="distinct"), pytest.param(0, id="many ties")])
@pytest.mark.parametrize("seed", range(3))
def test_areas_and_curves_are_scikit_learns(seed: int, decimals: int) -> None:
    positive, score = drawn(seed, decimals)
    assert roc_auc(positive, score) == pytest.approx(reference.roc_auc_score(positive, score), abs=1e-12)
    assert average_precision(positive, score) == pytest.approx(
        reference.average_precision_score(positive, score), abs=1e-12
    )
    fpr, tpr, levels = reference.roc_curve(positive, score, drop_intermediate=False)
    curve = roc_curve(positive, score)
    np.testing.assert_allclose([curve.x, curve.y], [fpr, tpr])
    np.testing.assert_array_equal(curve.threshold, levels)
    precision, recall, _ = reference.precision_recall_curve(positive, score)
    found = precision_recall_curve(positive, score)
    np.testing.assert_allclose([found.y[::-1], found.x[::-1]], [precision, recall])


def test_scores_that_say_nothing() -> None:
    positive = np.array([True, False, False, False])
    same = np.zeros(4)
    assert roc_auc(positive, same) == 0.5
    assert average_precision(positive, same) == 0.25


def test_an_unreadable_cell_ranks_below_all_others() -> None:
    positive = np.array([True, True, False])
    assert roc_auc(positive, np.array([1.0, -np.inf, 0.0])) == 0.5


@pytest.mark.parametrize(
    ("positive", "auc", "ap"),
    [
        pytest.param([], True, True, id="no cells"),
        pytest.param([False, False], True, True, id="no positives"),
        pytest.param([True, True], True, False, id="no negatives: every call is right"),
    ],
)
def test_areas_without_a_class_are_not_numbers(positive: list[bool], auc: bool, ap: bool) -> None:
    truth, score = np.array(positive, dtype=bool), np.arange(len(positive), dtype=float)
    assert math.isnan(roc_auc(truth, score)) is auc
    assert math.isnan(average_precision(truth, score)) is ap


def test_curves_without_a_class_are_refused() -> None:
    with pytest.raises(ValueError, match="both classes"):
        roc_curve(np.ones(3, bool), np.arange(3.0))
    with pytest.raises(ValueError, match="needs positives"):
        precision_recall_curve(np.zeros(3, bool), np.arange(3.0))
    with pytest.raises(ValueError, match="not a number"):
        roc_auc(np.array([True, False]), np.array([0.0, np.nan]))


def test_brier_is_scikit_learns() -> None:
    positive, score = drawn(0, 8)
    score = 1 / (1 + np.exp(-score))
    assert brier(positive, score) == pytest.approx(reference.brier_score_loss(positive, score))
    assert math.isnan(brier(np.zeros(0, bool), np.zeros(0)))


def test_calibration_error_by_a_plain_loop() -> None:
    positive, score = drawn(1, 8, n=203)
    score = 1 / (1 + np.exp(-score))
    ranked = np.argsort(score)
    edges = [203 * i // 10 for i in range(11)]
    by_hand = 0.0
    for start, stop in pairwise(edges):
        cells = ranked[start:stop]
        by_hand += abs(score[cells].mean() - positive[cells].mean()) * len(cells) / 203
    assert calibration_error(positive, score) == pytest.approx(by_hand)
    found = reliability(positive, score)
    assert found.cells.tolist() == np.diff(edges).tolist()


@pytest.mark.parametrize("n", [1, 2, 9, 11])
def test_few_cells_make_few_bins(n: int) -> None:
    found = reliability(np.ones(n, bool), np.linspace(0.1, 0.9, n))
    assert found.cells.sum() == n
    assert found.cells.min() >= 1


def test_equal_scores_share_a_bin() -> None:
    score, positive = np.full(50, 0.3), np.arange(50) < 20
    found = reliability(positive, score)
    assert found.cells.tolist() == [50]
    assert calibration_error(positive, score) == pytest.approx(0.1)
    assert math.isnan(calibration_error(np.zeros(0, bool), np.zeros(0)))
