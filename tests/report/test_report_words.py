"""What is said of figures is what they show: the table of sentences."""

import math
from dataclasses import replace

import numpy as np
import pytest

from brightctc.bundle import Shown
from brightctc.metrics import Interval, Intervals
from brightctc.metrics.ends import CONSTANT
from brightctc.report.cards import bar, cards
from brightctc.report.explained import Explained, Gaze
from brightctc.report.runs import Measured
from brightctc.report.table import SCORE, scored, written
from brightctc.report.words import Tone, Verdict, asked, verdicts
from evaluated import simulated

NOBODY = Shown.of("explanation", cohort="drawn", bundles=(), donors=(), cells=())
NONE = Interval(0.8, reason="only 3 donor(s) with positive cells")


def measured(f1: Interval, minus_size: Interval, border: Interval) -> Measured:
    """A result with these three intervals; the constant classifier's F1 is 0.571."""
    first = simulated(40, 60, 8, "CTC")
    figures = replace(first.intervals, figures=first.figures | {"f1": f1})
    of_border = replace(first, intervals=Intervals({"roc_auc": border}, "donor", "", ()))
    beside = {"constant": first, "size": first, "border": of_border}
    return Measured((first,), figures, "", beside, {"size": {"roc_auc": minus_size}}, ())


GOOD = (Interval(0.9, 0.8, 0.95), Interval(0.1, 0.05, 0.2), Interval(0.51, 0.45, 0.56))


@pytest.mark.parametrize(
    ("which", "interval", "tone", "words"),
    [
        pytest.param(0, GOOD[0], "shown", "Better than calling every cell CTC", id="above the constant"),
        pytest.param(0, Interval(0.6, 0.5, 0.7), "open", "Not shown to be better than calling", id="constant within"),
        pytest.param(0, Interval(0.5, 0.4, 0.6), "against", "no better than calling every cell", id="below"),
        pytest.param(0, NONE, "open", "it has no interval: only 3 donor", id="F1 without interval"),
        pytest.param(1, GOOD[1], "shown", "Better than size alone", id="better than size"),
        pytest.param(1, Interval(0.02, -0.01, 0.05), "open", "Not shown to be better than size alone", id="0 within"),
        pytest.param(1, Interval(-0.1, -0.2, -0.01), "against", "Worse than size alone", id="worse than size"),
        pytest.param(1, NONE, "open", "can't be told here: only 3 donor", id="difference without interval"),
        pytest.param(2, GOOD[2], "open", "No sign that the background knows the class", id="border at chance"),
        pytest.param(2, Interval(0.7, 0.6, 0.8), "against", "Background alone predicts the class", id="border above"),
        pytest.param(2, Interval(0.3, 0.2, 0.4), "against", "the other way round than in training", id="border below"),
        pytest.param(2, Interval(1.0, reason=CONSTANT), "against", "1.000 (the same in every", id="border knows all"),
        pytest.param(2, Interval(0.0, reason=CONSTANT), "against", "the other way round", id="border knows it turned"),
        pytest.param(2, NONE, "open", "without an interval; chance is 0.5", id="border without interval"),
    ],
)
def test_a_verdict_says_what_the_interval_shows(which: int, interval: Interval, tone: str, words: str) -> None:
    given = [*GOOD]
    given[which] = interval
    verdict = verdicts(measured(*given), None)[which]
    assert verdict.tone == tone
    assert words in verdict.text


@pytest.mark.parametrize(("verdict", "sure", "tone"), [
    ("cell", True, "shown"), ("cell", False, "open"), ("partly", True, "open"), ("undecided", True, "open"),
    ("background", False, "against"),
])  # fmt: skip
def test_what_the_network_looks_at_stands_at_a_glance(verdict: Gaze, sure: bool, tone: Tone) -> None:
    explained = Explained(("What it looks at.", "More."), (), verdict, sure, (), (), "test", 10, (), NOBODY)
    assert len(verdicts(measured(*GOOD), None)) == 3
    assert verdicts(measured(*GOOD), explained)[3] == Verdict(tone, "What it looks at.")
    beside = replace(explained, remarks=("of made cells", "cells only"))
    assert verdicts(measured(*GOOD), beside)[3].text == "What it looks at. (of made cells; cells only)"
    assert explained.alarm == (verdict == "background")


@pytest.mark.parametrize(
    ("part", "by", "words"),
    [
        pytest.param("test", "donor_id", "in cells of 8 donors it has not seen", id="donors"),
        pytest.param("test", "cell_id", "of donors it may have seen", id="cells"),
        pytest.param("train", "donor_id", "train part, which it has seen", id="training"),
    ],
)
def test_the_question_names_whose_cells(part: str, by: str, words: str) -> None:
    found = simulated(40, 60, 8, "CTC")
    assert words in asked(replace(found, claim=replace(found.claim, part=part, by=by)))


def test_a_bar_places_value_ends_and_reference() -> None:
    drawn = bar(Interval(0.5, 0.25, None), 0, 1, 0.75)
    assert drawn is not None
    assert (drawn.dot, drawn.low, drawn.high, drawn.reference) == (50, 25, None, 75)
    assert bar(Interval(None)) is None
    outside = bar(Interval(120.0, 90.0, 130.0), 0, 100)
    assert outside is not None
    assert np.array_equal([outside.dot, outside.low, outside.high], [100, 90, 100])


@pytest.mark.parametrize(
    ("looks", "scale", "drawn"),
    [
        (Interval(3.0, 2.0, 4.0), ("1", "5"), (50, 25, 75)),
        (Interval(3.0, 2.0, math.inf), ("1", "5"), (50, 25, 100)),
        (Interval(3.0, math.nan, math.nan), ("1", "5"), (50, None, None)),
        (Interval(math.inf, 2.0, math.inf), None, None),
        (Interval(math.nan), None, None),
    ],
)
def test_what_has_no_bound_is_drawn_to_the_end_of_the_scale(
    looks: Interval, scale: tuple | None, drawn: tuple | None
) -> None:
    sure = Interval(0.9, 0.8, 1.0)
    found = measured(sure, sure, sure)
    with_looks = replace(found.figures, figures=found.figures.figures | {"looks_per_true": looks})
    card = cards(replace(found, figures=with_looks))[1]
    assert card.name == "Looks per true CTC"
    if card.bar is None:
        assert drawn is None
    else:
        assert (card.bar.dot, card.bar.low, card.bar.high) == drawn
        assert card.scale == scale


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (1.0, "> 0.9999"),
        (0.99996, "> 0.9999"),
        (0.9999, "0.9999"),
        (0.5, "0.5000"),
        (0.0, "< 0.0001"),
        (1e-9, "< 0.0001"),
    ],
)
def test_no_score_is_written_as_certain(score: float, words: str) -> None:
    assert scored(score) == written(score, SCORE) == words
