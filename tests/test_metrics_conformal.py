"""Conformal sets hold what they promise."""

import math

import numpy as np
import pytest

from brightctc.metrics.conformal import ConformalSets, conformal_sets, needed


@pytest.mark.parametrize(("alpha", "cells"), [(0.5, 1), (0.1, 9), (0.05, 19), (0.01, 99), (0.3, 3)])
def test_so_many_cells_draw_a_line(alpha: float, cells: int) -> None:
    assert needed(alpha) == cells
    logit, positive = np.arange(2.0 * cells), np.arange(2 * cells) >= cells
    assert conformal_sets(logit, positive, alpha) is not None
    assert conformal_sets(logit[1:], positive[1:], alpha) is None
    assert conformal_sets(logit[:-1], positive[:-1], alpha) is None


def test_the_lines_are_those_worked_out_by_hand() -> None:
    # of 9 negatives 0…8 and α = 0.2 the ⌈10 · 0.8⌉ = 8th smallest; of 9 positives 5…13 the 8th largest
    logit = np.array([*range(9), *range(5, 14), math.nan])
    found = conformal_sets(logit, np.array([False] * 9 + [True] * 9 + [True]), 0.2)
    assert found == ConformalSets(0.2, negative_up_to=7.0, positive_from=6.0, negatives=9, positives=9)
    negative, positive = found.may_be(np.array([5.9, 6.0, 7.0, 7.1, math.nan]))
    assert negative.tolist() == [True, True, True, False, False]
    assert positive.tolist() == [False, True, True, True, False]


def test_uncertain_is_what_may_be_both_or_neither_or_not_what_was_called() -> None:
    both = ConformalSets(0.1, negative_up_to=2.0, positive_from=1.0, negatives=9, positives=9)
    logit = np.array([0.5, 0.5, 1.5, 1.5, 2.5, 2.5, math.nan])
    called = np.array([False, True, False, True, False, True, False])
    assert both.uncertain(logit, called).tolist() == [False, True, True, True, True, False, False]
    neither = ConformalSets(0.1, negative_up_to=1.0, positive_from=2.0, negatives=9, positives=9)
    assert neither.uncertain(logit, called).tolist() == [False, True, True, True, True, False, False]


@pytest.mark.parametrize("alpha", [0.0, 0.6, -1.0])
def test_alpha_has_a_range(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        conformal_sets(np.zeros(4), np.array([True, True, False, False]), alpha)


def test_mean_coverage_is_as_promised() -> None:
    rng, alpha, cells, repeats = np.random.default_rng(0), 0.1, 100, 400
    held = {False: np.empty(repeats), True: np.empty(repeats)}
    for repeat in range(repeats):
        positive = np.arange(4 * cells) % 2 == 0
        logit = rng.normal(np.where(positive, 1.0, -1.0))
        found = conformal_sets(logit[: 2 * cells], positive[: 2 * cells], alpha)
        assert found is not None
        negative_may, positive_may = found.may_be(logit[2 * cells :])
        truth = positive[2 * cells :]
        held[False][repeat], held[True][repeat] = negative_may[~truth].mean(), positive_may[truth].mean()
    for share in held.values():
        error = 3 * share.std() / math.sqrt(repeats)
        assert 1 - alpha - error <= share.mean() <= 1 - alpha + 1 / (cells + 1) + error
