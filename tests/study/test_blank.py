"""Samples without a positive cell: which they are, what they give, and how many cells are told from them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from brightctc.bundle import Bundle, Seen
from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.evaluate.cells import scored_cells
from brightctc.metrics.blank import blank_of, detection
from brightctc.study.blank import SPIKED, BlankStudy, blank_study
from brightctc.study.blank_page import sections
from reported import made_run, patients_cohort

BLANK = [f"S{number:02d}" for number in range(4, 10)]  # S04, S05 of the pool, the others of the test part
CALLED = dict(zip(BLANK, (0, 1, 0, 3, 0, 2), strict=True))  # cells with a CTC's looks that stay in each


def with_blanks(cohort: Cohort) -> Cohort:
    """Six donors become healthy: all their cells are leukocytes by label, some of which look like CTCs."""
    healthy = pl.col("sample_id").is_in(BLANK)
    number = pl.col("label").eq("CTC").cum_sum().over("sample_id")
    allowed = pl.col("sample_id").replace_strict(CALLED, default=99)
    cells = cohort.cells.filter(~(healthy & (pl.col("label") == "CTC")) | (number <= allowed))
    return replace(
        cohort,
        cells=cells.with_columns(
            label=pl.when(healthy).then(pl.lit("leukocyte")).otherwise("label"),
            origin=pl.when(healthy).then(pl.lit("healthy_donor")).otherwise("origin"),
        ),
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    return Cohort.read(patients_cohort(tmp_path_factory.mktemp("blank")))


@pytest.fixture(scope="module")
def cohort(plain: Cohort) -> Cohort:
    return with_blanks(plain)


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory, plain: Cohort) -> list[Bundle]:
    folder = tmp_path_factory.mktemp("runs")
    limits = {"loose": 0.0, "strict": 3.0}
    return [Bundle.read(made_run(folder / name, plain.root, logit=logit) / "bundle") for name, logit in limits.items()]


@pytest.fixture(scope="module")
def found(bundles: list[Bundle], cohort: Cohort) -> BlankStudy:
    return blank_study(bundles, cohort, repeats=200)


def test_blank_samples_and_their_calls_are_those_of_the_stream(found, bundles, cohort):
    table = found.tables()["blank.csv"]
    assert table["sample_id"].to_list() == BLANK
    assert table["donor_id"].to_list() == [name.replace("S", "D") for name in BLANK]
    for run, bundle in enumerate(bundles, start=1):
        for sample, calls in table.select("sample_id", f"calls_{run}").iter_rows():
            rows = cohort.cells.filter(pl.col("sample_id") == sample)
            assert calls == scored_cells(bundle, cohort, rows, "bright_field", None).called.sum()
    assert table["calls_1"].to_list() == list(CALLED.values()), "the loose run calls all that looks like a CTC"
    assert table["calls"].to_list() == ((table["calls_1"] + table["calls_2"]) / 2).to_list()
    assert table["cells"].to_list() == [12 + calls for calls in CALLED.values()]


def test_limits_are_those_of_each_run(found):
    table = found.tables()["blank.csv"]
    for run, (blank, limit) in enumerate(zip(found.blanks, found.detections, strict=True), start=1):
        assert blank == blank_of(table[f"calls_{run}"].to_list(), table["cells"].to_list())
        assert limit == detection(round(limit.recall * 32), 32, blank)  # four patients are left, with 8 CTCs each
    assert [blank.limit for blank in found.blanks] == [3, 3]
    assert found.worst == 1, "of equal limits the one with the higher bound"
    limits = found.tables()["limits.csv"]
    assert limits["limit"].to_list() == [blank.limit for blank in found.blanks]
    assert limits["limit_of_detection"].to_list() == [each.limit_of_detection for each in found.detections]


def test_spiked_cells_add_calls_at_the_recall(found):
    table = found.tables()["dilution.csv"]
    assert table["spiked"].to_list() == list(SPIKED)
    mean, recall = np.mean([b.mean for b in found.blanks]), np.mean([d.recall for d in found.detections])
    for spiked, calls, low, high, detected in table.select(
        "spiked", "calls", "calls_low", "calls_high", "detected"
    ).iter_rows():
        assert calls == pytest.approx(mean + spiked * recall, rel=0.03)
        assert low <= calls <= high
        assert 0 <= detected <= 1
    assert table["detected"].to_list() == sorted(table["detected"])
    assert table["detected"][-1] == 1
    assert table["detected"][0] == 0, "no blank sample has more calls than the limit, which one of them reaches"
    assert table["detected_1"][1] == pytest.approx(1 / 6), "with a cell more, that one has"
    assert found.spiked.slope.value == pytest.approx(recall, rel=0.05)
    assert found.spiked.intercept.value == pytest.approx(mean, abs=0.6)


def test_the_share_detected_reaches_95_percent_where_the_limit_of_detection_lies(found):
    run = found.worst
    least = found.detections[run].limit_of_detection
    shares = {each.spiked: each.seeds[run] for each in found.dilutions}
    assert all(share > 0.9 for spiked, share in shares.items() if spiked >= least)
    assert all(share < 0.97 for spiked, share in shares.items() if spiked < least)


def test_draws_repeat_and_depend_on_the_seed_alone(found, bundles, cohort):
    again = blank_study(bundles, replace(cohort, cells=cohort.cells.reverse()), repeats=200)
    assert again.samples.equals(found.samples)
    assert again.dilutions[0] == found.dilutions[0]
    assert blank_study(bundles, cohort, repeats=200).dilutions == found.dilutions
    assert blank_study(bundles, cohort, repeats=200, seed=1).dilutions[3:] != found.dilutions[3:]


def test_real_samples_are_a_line_of_their_own(found):
    assert found.measured["sample_id"].to_list() == ["S10", "S11", "S12", "S13"]
    assert found.measured["positives"].to_list() == [8] * 4
    assert found.real.reason is not None, "one number of CTCs makes no line"
    assert "no line can be drawn" in sections(found)[0].points[-1].text


def test_real_samples_with_different_numbers(bundles, cohort):
    number = pl.col("label").eq("CTC").cum_sum().over("sample_id")
    most = pl.col("sample_id").replace_strict({"S10": 1, "S11": 3, "S12": 6}, default=99)
    cells = cohort.cells.filter((pl.col("label") != "CTC") | (number <= most))
    study = blank_study(bundles[:1], replace(cohort, cells=cells), repeats=20)
    assert study.measured["positives"].to_list() == [1, 3, 6, 8]
    assert study.real.slope.value == pytest.approx(1, abs=0.2)
    assert "calls for each cell" in sections(study)[0].points[-1].text


def test_the_page_says_it_in_words(found):
    first, spiked, tables = sections(found)
    blank = found.blanks[found.worst]
    assert "6 blank samples of 6 known donors" in first.words[0]
    assert f"a sample with {blank.limit} or fewer calls can't be told from blank" in first.points[0].text
    assert first.points[0].tone == "open", "six samples are few"
    least = max(each.limit_of_detection for each in found.detections)
    assert f"It takes {least} CTC" in first.points[2].text
    assert least == found.detections[1].limit_of_detection > found.detections[0].limit_of_detection
    assert any("not by pipette" in note for note in first.notes)
    assert any("takes 59" in note for note in first.notes)
    calls, shares = spiked.drawings
    assert calls.level == blank.limit
    assert shares.level == 0.95
    assert shares.mark == least
    assert len(shares.lines[0].seeds) == 2
    assert [table.caption for table in tables.tables][1:] == [
        "Blank samples",
        "Real samples with labelled positive cells",
    ]


def test_of_several_runs_each_limit_is_the_highest_by_itself(found):
    """The run with the higher limit of blank need not have the higher bound of it, nor that of detection."""
    one, two = found.blanks
    first, second = found.detections
    study = replace(
        found,
        blanks=(replace(one, limit=4, limit_high=6), replace(two, limit=3, limit_high=9)),
        detections=(
            replace(first, recall=0.9, recall_low=0.7, limit_of_detection=8, limit_of_detection_high=20),
            replace(second, recall=0.8, recall_low=0.75, limit_of_detection=5, limit_of_detection_high=40),
        ),
    )
    first_section, spiked, _ = sections(study)
    told = [point.text for point in first_section.points]
    assert "a sample with 4 or fewer calls can't be told from blank (9 or fewer" in told[0]
    assert told[2].startswith("It takes 8 CTC among the imaged cells")
    assert "(with all as bad as its bounds: 40); 80 % of held-out CTC are called, at least 70 %." in told[2]
    assert (spiked.drawings[0].level, spiked.drawings[1].mark) == (4, 8)
    unsure = replace(study, detections=(first, replace(study.detections[1], limit_of_detection_high=None)))
    assert "no number is sure to" in sections(unsure)[0].points[2].text


def test_a_network_that_calls_nothing_detects_nothing(tmp_path, plain, cohort):
    silent = Bundle.read(made_run(tmp_path / "silent", plain.root, logit=50.0) / "bundle")
    study = blank_study([silent], cohort, repeats=2)
    assert study.blanks[0].limit == 0
    assert study.detections[0].limit_of_detection is None
    first, spiked, _ = sections(study)
    assert "At most 0 false calls" in first.points[0].text
    assert (
        first.points[2].text
        == "No number of CTC stands out from a blank sample: 0 % of held-out CTC are called, at least 0 %."
    )
    assert first.points[2].tone == "against"
    assert spiked.drawings[1].mark is None


def test_an_unlabelled_object_that_is_called_is_a_false_call(bundles, cohort):
    unlabelled = pl.when(pl.col("sample_id") == "S07").then(None).otherwise("label")
    study = blank_study(bundles[:1], replace(cohort, cells=cohort.cells.with_columns(label=unlabelled)), repeats=20)
    assert study.samples.filter(pl.col("sample_id") == "S07").select("labelled", "calls").row(0) == (0, 3)


def test_an_unread_cell_is_not_called_and_stays_in_the_count(bundles, cohort):
    gone = pl.when(pl.col("sample_id") == "S07").then(pl.lit("gone.tif")).otherwise("bright_field")
    study = blank_study(bundles[:1], replace(cohort, cells=cohort.cells.with_columns(bright_field=gone)), repeats=20)
    assert study.samples.filter(pl.col("sample_id") == "S07").select("cells", "unread", "calls").row(0) == (15, 15, 0)


def origin(sample: str, value: str | None) -> Callable[[Cohort], Cohort]:
    made = pl.when(pl.col("sample_id") == sample).then(pl.lit(value)).otherwise("origin")
    return lambda cohort: replace(cohort, cells=cohort.cells.with_columns(origin=made))


def label(sample: str, value: str | None, first_only: bool = False) -> Callable[[Cohort], Cohort]:
    here = pl.col("sample_id") == sample
    if first_only:
        here &= pl.col("cell_id").is_first_distinct() & (pl.int_range(pl.len()).over("sample_id") == 0)
    made = pl.when(here).then(pl.lit(value)).otherwise("label")
    return lambda cohort: replace(cohort, cells=cohort.cells.with_columns(label=made))


def part(sample: str, value: str) -> Callable[[Cohort], Cohort]:
    made = pl.when(pl.col("sample_id") == sample).then(pl.lit(value)).otherwise("part")
    return lambda cohort: replace(cohort, cells=cohort.cells.with_columns(part=made))


KINDS = [
    pytest.param(lambda cohort: cohort, True, id="healthy, all labelled negative"),
    pytest.param(origin("S06", "patient"), False, id="a patient in whom nothing was found is not blank"),
    pytest.param(origin("S06", None), True, id="origin not known, labelled negative"),
    pytest.param(label("S06", None), True, id="healthy, without labels"),
    pytest.param(lambda c: origin("S06", None)(label("S06", None)(c)), False, id="neither labels nor origin"),
    pytest.param(label("S06", "CTC", first_only=True), False, id="one cell labelled positive"),
    pytest.param(part("S06", "sealed"), False, id="sealed"),
    pytest.param(part("S06", "train"), False, id="trained on, says the split"),
]


@pytest.mark.parametrize(("change", "blank"), KINDS)
def test_which_samples_are_blank(bundles, cohort, change, blank):
    study = blank_study(bundles[:1], change(cohort), repeats=2)
    assert ("S06" in study.samples["sample_id"].to_list()) is blank
    assert {"S04", "S05", "S07"} <= set(study.samples["sample_id"])


def seen_by(bundle: Bundle, **ids: list[str]) -> Bundle:
    """The bundle, which has seen these in training, too."""
    made = Seen.of(train_cells=ids.get("cells", []), validation_cells=[], train_donors=ids.get("donors", []))
    other = replace(bundle)
    other.__dict__["seen"] = made  # a cached property
    return other


@pytest.mark.parametrize("ids", [{"donors": ["D06"]}, {"cells": ["S06/c0015"]}], ids=["its donor", "one of its cells"])
def test_a_sample_that_any_run_has_seen_is_left_out(bundles, cohort, ids):
    study = blank_study([bundles[0], seen_by(bundles[1], **ids)], cohort, repeats=2)
    assert "S06" not in study.samples["sample_id"].to_list()
    assert any("left out: a run has seen them" in warning for warning in study.warnings)


def test_positives_that_a_model_picked_are_not_spiked(bundles, cohort):
    picked = pl.when((pl.col("sample_id") == "S10") & (pl.col("label") == "CTC")).then(pl.lit("a model"))
    study = blank_study(bundles[:1], replace(cohort, cells=cohort.cells.with_columns(selected_by=picked)), repeats=2)
    assert study.detections[0] == detection(round(study.detections[0].recall * 24), 24, study.blanks[0])


def test_without_positives_nothing_is_said_of_detection(bundles, cohort):
    cells = cohort.cells.filter(pl.col("sample_id").is_in(BLANK))
    study = blank_study(bundles[:1], replace(cohort, cells=cells), repeats=2)
    assert (study.detections, study.dilutions, study.spiked, study.real) == ((), (), None, None)
    assert study.tables()["dilution.csv"].is_empty()
    first, tables = sections(study)
    assert len(first.points) == 2
    assert len(tables.tables) == 2


def test_a_cohort_that_is_not_split_is_taken_whole_where_no_run_has_seen_it(bundles, cohort):
    cells = cohort.cells.filter(~pl.col("part").is_in(["train", "validation"])).drop("part")
    study = blank_study(bundles[:1], replace(cohort, cells=cells, split=None), repeats=2)
    assert study.samples["sample_id"].to_list() == BLANK


REFUSED = [
    pytest.param(
        lambda cohort: replace(cohort, cells=cohort.cells.drop("sample_id")), "no whole sample", id="no samples"
    ),
    pytest.param(
        lambda cohort: replace(cohort, cells=cohort.cells.filter(~pl.col("sample_id").is_in(BLANK))),
        "no whole sample",
        id="none is blank",
    ),
]


@pytest.mark.parametrize(("change", "words"), REFUSED)
def test_without_a_blank_sample_the_way_to_one_is_told(bundles, cohort, change, words):
    with pytest.raises(UserError, match=words) as told:
        blank_study(bundles, change(cohort))
    assert "--pool" in told.value.fix


def test_other_classes_are_refused(bundles, cohort):
    other = bundles[0].about.model_copy(update={"classes": cohort.classes.model_copy(update={"positive": "blast"})})
    with pytest.raises(UserError, match="other classes"):
        blank_study([replace(bundles[0], about=other)], cohort)


def test_stamps_are_those_of_the_cells(bundles, cohort):
    made = replace(cohort, cells=cohort.cells.with_columns(label_source=pl.lit("made")))
    assert "made cells, not real ones" in blank_study(bundles[:1], made, repeats=2).stamps
