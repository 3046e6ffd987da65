"""Test cells changed step by step: what is measured, where F1 is lost, and in what words."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import tifffile

from brightctc.bundle import Bundle
from brightctc.cohort import Classes, Cohort
from brightctc.errors import UserError
from brightctc.evaluate.cells import cells_of, scored_cells
from brightctc.evaluate.claim import Claim, claim_of
from brightctc.evaluate.evaluation import Resampling, intervals_of
from brightctc.metrics import Interval
from brightctc.study.changes import CHANGES, STATES, changed_logits
from brightctc.study.robustness import LOSS, Robustness, Step, lost_at, robustness
from reported import made_run, patients_cohort

NAMES = [change.name for change in CHANGES]
DRAWN = Resampling(60, 0)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """160 test cells of eight patients, one of which can't be read: 64 CTC to 96 leukocytes."""
    folder = tmp_path_factory.mktemp("robust")
    held = Cohort.read(patients_cohort(folder))
    first = held.part("test")["cell_id"][0]  # a CTC
    gone = pl.when(pl.col("cell_id") == first).then(pl.lit("not/there.tif")).otherwise("bright_field")
    return replace(held, cells=held.cells.with_columns(bright_field=gone))


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory, cohort: Cohort) -> list[Bundle]:
    folder = tmp_path_factory.mktemp("runs")
    return [
        Bundle.read(made_run(folder / name, cohort.root, logit=logit) / "bundle")
        for name, logit in (("a", 1.0), ("b", 1.2))
    ]


def task(bundles: Sequence[Bundle], cohort: Cohort) -> tuple[pl.DataFrame, list[Claim]]:
    rows, _ = cells_of(bundles[0].classes, cohort, "test")
    return rows, [claim_of(bundle.seen, cohort, rows, "test", "bright_field", None) for bundle in bundles]


@pytest.fixture(scope="module")
def found(bundles: list[Bundle], cohort: Cohort) -> Robustness:
    rows, claims = task(bundles, cohort)
    return robustness(bundles, cohort, rows, claims, DRAWN)


def test_unchanged_cells_are_scored_as_evaluate_scores_them(bundles, cohort):
    rows, _ = task(bundles, cohort)
    rows = rows.head(37)
    logit = changed_logits(bundles, cohort, rows, 0)
    assert logit.shape == (len(STATES), 2, 37)
    for index, bundle in enumerate(bundles):
        assert np.array_equal(
            logit[0, index], scored_cells(bundle, cohort, rows, "bright_field", None).logit, equal_nan=True
        )


def test_crops_that_lose_their_background_are_not_called(bundles, cohort, tmp_path):
    """A blank picture would be called in their place."""
    rows, _ = task(bundles, cohort)
    rows = rows.tail(2)
    black = tmp_path / "black.tif"
    tifffile.imwrite(black, np.zeros((24, 24), np.uint16), photometric="minisblack")
    rows = rows.with_columns(bright_field=pl.Series([str(black), rows["bright_field"][1]]))
    logit = changed_logits(bundles[:1], cohort, rows, 0)
    assert np.isnan(logit[:, 0, 0]).all()
    assert np.isfinite(logit[0, 0, 1])


def test_changed_cells_do_not_depend_on_their_order(bundles, cohort):
    rows, _ = task(bundles, cohort)
    rows = rows.head(9)
    ahead, back = (changed_logits(bundles[:1], cohort, each, 3) for each in (rows, rows.reverse()))
    assert np.array_equal(ahead, back[:, :, ::-1], equal_nan=True)


def test_unchanged_figures_are_those_of_evaluate(found, bundles, cohort):
    rows, claims = task(bundles, cohort)
    scored = [scored_cells(bundle, cohort, rows, "bright_field", None) for bundle in bundles]
    assert found.plain.figures["f1"] == intervals_of(scored, claims[0], DRAWN).figures["f1"]
    assert (found.positives, found.negatives, found.unread) == (64, 96, 1)
    assert found.plain.figures["recall"].value < 1, "an unread CTC is a missed one"
    assert "1 cell could not be read" in found.words


def test_the_table_has_a_row_a_change_and_strength(found):
    table = found.table()
    assert table.height == 6 * len(CHANGES)
    assert table.columns[:6] == ["change", "strength", "unit", "f1", "f1_low", "f1_high"]
    assert {"recall", "false_calls_per_1000", "roc_auc", "average_precision_low", "f1_lost", "f1_lost_high"} < set(
        table.columns
    )
    unchanged = table.filter(pl.col("strength") == 0)
    assert unchanged["f1_lost"].to_list() == [0.0] * len(CHANGES)
    assert unchanged["f1"].n_unique() == 1


def test_the_tiny_network_loses_what_it_looks_at(found):
    # it compares the middle's mean with the crop's, over the background: only what moves or hides that is felt
    assert found.loses["dimmer"] is None
    assert found.loses["turned"] is None
    assert 0 < found.loses["contrast"] < 0.5
    assert 0 < found.loses["shifted"] < 0.35


def test_the_page_names_the_most_sensitive_change_first(found):
    verdicts, curves, figures = found.sections()
    assert verdicts.points[0].tone == "against"
    assert verdicts.points[0].text.startswith(f"F1 has lost {LOSS} at ")
    assert [curve.title for curve in curves.drawings] == [change.label for change in found.ranked]
    assert len(verdicts.points) == len(curves.drawings) == len(CHANGES)
    for curve in curves.drawings:
        [line] = curve.lines
        assert len(line.x) == len(line.y) == len(line.low) == len(line.high) == 6
        assert len(line.seeds) == 2
        assert curve.level == pytest.approx(2 * 64 / (2 * 64 + 96))
    assert len(figures.tables[0].rows) == 1 + 5 * len(CHANGES)
    assert figures.folded
    assert any("not another microscope" in note for note in verdicts.notes)


def test_more_cells_than_wanted_are_drawn_class_by_class(bundles, cohort):
    rows, claims = task(bundles[:1], cohort)
    found = robustness(bundles[:1], cohort, rows, claims, Resampling(2, 0), cells=20, seed=5)
    assert (found.positives, found.negatives, found.of) == (8, 12, 160)
    assert "20 labelled cells (drawn from 160" in found.words
    assert found.sections()[1].drawings[0].lines[0].seeds == ()


def test_progress_is_told(bundles, cohort):
    rows, claims = task(bundles[:1], cohort)
    told: list[tuple] = []
    robustness(bundles[:1], cohort, rows, claims, Resampling(2, 0), cells=40, progress=lambda *each: told.append(each))
    assert len(told) == 2 * len(STATES)  # two batches
    assert told[0] == ("scoring changed cells", 32, 40 * len(STATES))
    assert told[-1] == ("scoring changed cells", 40 * len(STATES), 40 * len(STATES))
    assert [done for _, done, _ in told] == sorted({done for _, done, _ in told})


def test_cells_none_of_which_can_be_read_stay_in_the_count(bundles, cohort):
    rows, claims = task(bundles[:1], cohort)
    rows = rows.with_columns(bright_field=pl.lit("not/there.tif"))
    found = robustness(bundles[:1], cohort, rows, claims, Resampling(2, 0), cells=40)
    assert (found.positives, found.unread) == (16, 40)
    assert found.plain.figures["f1"].value == 0
    assert found.loses == dict.fromkeys(NAMES)


def test_other_channels_and_single_classes_are_refused(tmp_path, bundles, cohort):
    rows, claims = task(bundles[:1], cohort)
    both = replace(bundles[0], about=bundles[0].about.model_copy(update={"channels": ("bright_field", "dapi")}))
    with pytest.raises(UserError, match="takes bright_field and dapi"):
        robustness([both], cohort, rows, claims, DRAWN)
    with pytest.raises(UserError, match="both classes"):
        robustness(bundles[:1], cohort, rows.filter(pl.col("label") == "CTC"), claims, DRAWN)


def made(
    losses: Sequence[float], *, width: float = 0.01, positives: int = 100, wide: dict[float, float] | None = None
) -> Robustness:
    """A result whose F1 falls from 0.9 by `losses` at the strengths of the blur; other changes lose nothing.

    width: half of each interval; wide: loss → half of its own, not-a-number for none.
    """

    def step(strength: float, loss: float) -> Step:
        half = (wide or {}).get(loss, width)
        lost = Interval(loss) if np.isnan(half) else Interval(loss, loss - half, loss + half)
        lost = lost if strength else Interval(0.0, 0.0, 0.0)
        figures = dict.fromkeys(("f1", "recall", "roc_auc", "average_precision"), Interval(0.9 - loss))
        return Step(strength, {**figures, "false_calls_per_1000": Interval(1.0)}, lost, (0.9 - loss,))

    steps = {
        change.name: tuple(
            step(s, loss)
            for s, loss in zip(
                (0, *change.strengths), (0, *(losses if change.name == "blur" else [0.0] * 5)), strict=True
            )
        )
        for change in CHANGES
    }
    classes = Classes(negative="leukocyte", positive="CTC")
    loses = {name: lost_at(each) for name, each in steps.items()}
    return Robustness(classes, positives, 100, 300, 0, 1, steps, loses, ("not for new patients",), "meaning", ())


LOST = [
    ([0.1, 0.2, 0.3, 0.4, 0.5], 0.25, "against"),  # half of the way from 0 to the first strength
    ([0.0, 0.0, 0.1, 0.2, 0.3], 1.25, "against"),
    ([0.0, 0.0, 0.1, 0.02, 0.0], 1.25, "against"),  # where it is lost first, whatever comes after
    ([0.0, 0.0, 0.05, 0.2, 0.3], 1.5, "open"),  # from 0.04: a loss is shown, not yet of 0.05
    ([-0.05, 0.0, 0.0, 0.0, 0.05], 4.0, "open"),
    ([0.0, 0.01, 0.02, 0.03, 0.03], None, "shown"),
    ([0.0, 0.01, 0.02, 0.03, 0.045], None, "open"),  # the interval reaches 0.055
]


@pytest.mark.parametrize(("losses", "at", "tone"), LOST)
def test_where_f1_is_lost(losses, at, tone):
    found = made(losses)
    assert found.loses["blur"] == (None if at is None else pytest.approx(at))
    [told] = [point for point in found.sections()[0].points if "blur" in point.text]
    assert told.tone == tone
    curve = next(curve for curve in found.sections()[1].drawings if curve.title.startswith("Blur"))
    assert curve.mark == found.loses["blur"]
    assert (found.ranked[0].name == "blur") or at is None


def test_words_name_the_strength_and_the_doubt():
    def told(found: Robustness) -> str:
        return next(point.text for point in found.sections()[0].points if "blur" in point.text)

    assert told(made([0.0, 0.0, 0.1, 0.2, 0.3])) == "F1 has lost 0.05 at a blur of 1.2 px."
    unsure = told(made([0.0, 0.0, 0.1, 0.2, 0.3], width=0.15))
    assert unsure.endswith("but the interval of the loss (−0.050 to 0.250) leaves it open.")
    assert told(made([0.0, 0.0, 0.05, 0.2, 0.3])).endswith(
        "but the interval of the loss (0.040 to 0.060) leaves the strength open."
    )
    mean = [0.0, 0.01, 0.02, 0.03, 0.03]  # the largest loss is sure to be small, an earlier one is not
    assert told(made(mean, wide={0.01: 0.1})).endswith("but the interval of the loss (−0.090 to 0.110) leaves it open.")
    assert told(made(mean, wide={0.01: np.nan})).endswith("but the loss has no interval.")
    few = told(made([0.0] * 5, width=0.0, positives=52))
    assert few.endswith("the most that was tried, but 52 CTC cells are too few to rule it out.")


def test_a_network_no_better_than_calling_everything_is_said_first():
    found = made([0.0] * 5, positives=2000)  # always "CTC" reaches an F1 of 0.976
    assert "no better than calling every cell CTC" in found.sections()[0].points[0].text
    assert found.table()["stamp"].unique().to_list() == ["not for new patients"]
