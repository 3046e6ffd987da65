"""Splitting a cohort: donors whole, every cell once, shares kept, refusals that say why."""

import json

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from brightctc.cli.app import app
from brightctc.cohort.dividing import choose_groups
from brightctc.cohort.drawing import TrainingDraw, draw_training
from brightctc.cohort.folder import Classes, Cohort, CohortFile, write_cohort
from brightctc.cohort.splitting import split
from brightctc.errors import UserError

ABOUT = CohortFile(
    name="made", classes=Classes(negative="leukocyte", positive="CTC"), channels=("bright_field",), provenance={}
)


def table(cells=400, donors=20, positive_share=0.4, **columns):
    """A cell table: donors in turn, every donor with both classes."""
    index = np.arange(cells)
    donor = index % donors
    positive = (index // donors) % 10 < positive_share * 10
    return pl.DataFrame(
        {
            "cell_id": [f"c{i:05d}" for i in index],
            "bright_field": [f"c{i:05d}.tif" for i in index],
            "label": np.where(positive, "CTC", "leukocyte"),
            "donor_id": [f"D{d:02d}" for d in donor],
            "sample_id": [f"S{d:02d}" for d in donor],
            **columns,
        }
    )


@pytest.fixture
def cohort(tmp_path):
    def make(cells):
        folder = tmp_path / "cohort"
        folder.mkdir(exist_ok=True)
        write_cohort(folder, cells, ABOUT)
        return folder

    return make


def parts_of(folder):
    return Cohort.read(folder).cells


def donors_in(cells, part):
    return set(cells.filter(pl.col("part") == part)["donor_id"])


def test_donors_are_whole_and_every_cell_has_one_part(cohort):
    folder = cohort(table())
    result = split(folder)
    cells = parts_of(folder)
    assert result.by == "donor_id"
    assert cells["part"].null_count() == 0
    assert cells.group_by("donor_id").agg(pl.col("part").n_unique())["part"].to_list() == [1] * 20
    shares = {part: donors_in(cells, part) for part in ("train", "validation", "test")}
    assert {part: len(donors) for part, donors in shares.items()} == {"test": 6, "validation": 3, "train": 11}
    assert [row["positive_share"] for row in result.parts.to_dicts()] == [0.4, 0.4, 0.4]
    assert result.warnings == ()


@pytest.mark.parametrize("seed", range(4))
def test_uneven_donors_keep_sizes_and_class_shares(cohort, seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(5, 60, 30)
    donor = np.repeat(np.arange(30), sizes)
    positive = rng.random(len(donor)) < np.repeat(rng.uniform(0, 0.9, 30), sizes)
    folder = cohort(
        pl.DataFrame(
            {
                "cell_id": [f"c{i}" for i in range(len(donor))],
                "bright_field": "x.tif",
                "label": np.where(positive, "CTC", "leukocyte"),
                "donor_id": [f"D{d}" for d in donor],
            }
        )
    )
    result = split(folder, test_share=0.3, validation=0.2, seal=0.3, seed=seed)
    rows = {row["part"]: row for row in result.parts.to_dicts()}
    overall = positive.mean()
    for part, share in (("test", 0.21), ("sealed", 0.09), ("validation", 0.14), ("train", 0.56)):
        assert rows[part]["cells"] / len(donor) == pytest.approx(share, abs=0.03)
        assert rows[part]["positive_share"] == pytest.approx(overall, abs=0.06)
    cells = parts_of(folder)
    assert cells.group_by("donor_id").agg(pl.col("part").n_unique())["part"].max() == 1


def test_the_same_seed_gives_the_same_parts_and_another_seed_others(cohort):
    folder = cohort(table())
    parts = []
    for seed in (0, 0, 1):
        split(folder, seed=seed, overwrite=True)
        parts.append(parts_of(folder)["part"].to_list())
    assert parts[0] == parts[1] != parts[2]


def test_another_draw_keeps_test_and_sealed(cohort):
    folder = cohort(table(cells=900, donors=30))
    drawn = []
    for draw in (0, 1):
        split(folder, seal=0.3, train_cells=200, draw=draw, overwrite=True)
        drawn.append(parts_of(folder)["part"])
    for part in ("test", "sealed"):
        assert (drawn[0] == part).to_list() == (drawn[1] == part).to_list()
    assert (drawn[0] == "validation").to_list() != (drawn[1] == "validation").to_list()


@pytest.mark.parametrize(
    ("cells", "by", "because"),
    [
        pytest.param(table(), "donor_id", None, id="donors"),
        pytest.param(table().drop("donor_id"), "sample_id", "no donor_id is known", id="no donors: samples"),
        pytest.param(
            table().with_columns(donor_id=pl.lit("D1")), "sample_id", "donor_id has one value", id="one donor"
        ),
        pytest.param(
            table().drop("donor_id").with_columns(sample_id=pl.lit("S")),
            "cell_id",
            "sample_id has one",
            id="one sample",
        ),
        pytest.param(table().drop("donor_id", "sample_id"), "cell_id", "no sample_id is known", id="neither"),
    ],
)
def test_falls_back_to_sample_then_cell_and_says_so(cohort, cells, by, because):
    folder = cohort(cells)
    result = split(folder)
    assert result.by == by == Cohort.read(folder).split.by
    if because is None:
        assert result.warnings == ()
    else:
        assert because in result.warnings[0]
        assert "not for new patients" in result.warnings[0]
        assert Cohort.read(folder).split.warnings == result.warnings


def test_by_cell_keeps_class_shares_to_the_cell(cohort):
    folder = cohort(table(cells=500, donors=1))
    rows = {row["part"]: row for row in split(folder, test_share=0.3, validation=0.25).parts.to_dicts()}
    assert {part: (row["CTC"], row["leukocyte"]) for part, row in rows.items()} == {
        "test": (60, 90), "validation": (35, 52), "train": (105, 158),
    }  # fmt: skip


def test_patients_are_the_test_part(cohort):
    cells = table().with_columns(
        origin=pl.when(pl.col("donor_id") >= "D14").then(pl.lit("patient")).otherwise(pl.lit("cell_line"))
    )
    folder = cohort(cells)
    result = split(folder)
    assert donors_in(parts_of(folder), "test") == {f"D{d}" for d in range(14, 20)}
    assert result.settings["test"] == "origin = 'patient'"


def test_other_origins_are_told_since_they_may_be_patients(cohort):
    origin = np.where(np.arange(400) % 20 < 4, "patient blood", "cell_line")
    result = split(cohort(table(origin=origin)))
    assert any("'patient blood' (80)" in warning and "not held out" in warning for warning in result.warnings)


def test_patients_are_not_the_test_part_where_no_class_would_remain(cohort):
    cells = table().with_columns(origin=pl.when(pl.col("label") == "CTC").then(pl.lit("patient")))
    result = split(cohort(cells))
    assert result.settings["test"] is None
    assert result.settings["test_share"] == 0.3
    assert any("patients are not the test part" in warning for warning in result.warnings)


def test_a_test_expression_takes_whole_donors(cohort):
    cells = table().with_columns(site=pl.when(pl.col("cell_id") < "c00003").then(pl.lit("B")).otherwise(pl.lit("A")))
    folder = cohort(cells)
    result = split(folder, test="site = 'B'")
    assert donors_in(parts_of(folder), "test") == {"D00", "D01", "D02"}
    assert "57 further cells" in result.warnings[0]


def test_spiked_samples_keep_the_line_with_its_volunteer(cohort):
    """The line's cells have no donor of their own, or one of their own name: the tube holds them together."""
    cells = table(cells=600, donors=10).with_columns(
        donor_id=pl.when(pl.col("label") == "leukocyte").then(pl.col("donor_id"))
    )
    folder = cohort(cells)
    result = split(folder)
    by_sample = parts_of(folder).group_by("sample_id").agg(pl.col("part").n_unique())
    assert by_sample["part"].max() == 1
    assert "240 cells without donor_id fall back to their sample" in result.warnings


def test_a_donor_of_two_samples_and_a_sample_of_two_donors_stay_together(cohort):
    cells = table().with_columns(sample_id=pl.col("sample_id").replace({"S01": "S00"}))
    cells = cells.with_columns(donor_id=pl.col("donor_id").replace({"D02": "D01"}))
    folder = cohort(cells)
    split(folder)
    chained = parts_of(folder).filter(pl.col("donor_id").is_in(["D00", "D01"]))
    assert chained["part"].n_unique() == 1


def test_unlabelled_cells_follow_their_donor(cohort):
    unlabelled = pl.col("donor_id") == "D19"
    cells = table().with_columns(
        label=pl.when(unlabelled | pl.col("cell_id").str.contains("[13].$")).then(None).otherwise(pl.col("label"))
    )
    folder = cohort(cells)
    split(folder)
    cells = parts_of(folder)
    assert cells.group_by("donor_id").agg(pl.col("part").n_unique())["part"].max() == 1
    assert donors_in(cells, "pool") == {"D19"}


def test_split_by_cell_puts_unlabelled_cells_into_the_pool(cohort):
    cells = table(donors=1).with_columns(
        label=pl.when(pl.col("cell_id").str.ends_with("7")).then(None).otherwise(pl.col("label"))
    )
    folder = cohort(cells)
    split(folder)
    cells = parts_of(folder)
    assert (cells["part"] == "pool").to_list() == cells["label"].is_null().to_list()


def test_a_pool_expression_sets_cells_aside(cohort):
    folder = cohort(table())
    split(folder, pool="donor_id IN ('D00', 'D01')")
    assert donors_in(parts_of(folder), "pool") == {"D00", "D01"}


@pytest.mark.parametrize(
    ("positives", "expected"),
    [pytest.param(None, 60, id="their share"), pytest.param(100, 100, id="as asked")],
)
@pytest.mark.parametrize("donors", [1, 20])
def test_train_cells_are_exact(cohort, donors, positives, expected):
    folder = cohort(table(cells=1000, donors=donors))
    split(folder, train_cells=150, train_positives=positives)
    training = parts_of(folder).filter(pl.col("part").is_in(["train", "validation"]))
    assert training.height == 150
    assert (training["label"] == "CTC").sum() == expected
    assert (training["part"] == "validation").sum() == pytest.approx(30, abs=1)


def test_train_draws_of_more_cells_hold_those_of_fewer():
    label, part = np.tile([0, 1], 200), np.repeat(np.array(["train", "validation"], object), [300, 100])
    kept = []
    for cells in (50, 100):
        gone = draw_training(label, part, TrainingDraw(cells, None, 0.2), np.random.default_rng(3))
        kept.append(set(range(400)) - set(gone.tolist()))
    assert kept[0] < kept[1]


@pytest.mark.parametrize(
    ("cells", "options", "what"),
    [
        pytest.param(table(), {"test_share": 0.7, "validation": 0.4}, "sum to more than 1", id="shares over 1"),
        pytest.param(table(), {"test_share": 1.5}, "between 0 and 1", id="share over 1"),
        pytest.param(table(), {"test_share": 0.0}, "between 0 and 1", id="no test part"),
        pytest.param(table(), {"validation": -0.1}, "between 0 and 1", id="negative share"),
        pytest.param(table(), {"test": "label = 'CTC'", "test_share": 0.3}, "exclude", id="both test options"),
        pytest.param(table(), {"test": "donor_id = 'nobody'"}, "matches no cell", id="matches nothing"),
        pytest.param(table(), {"test": "cell_id <> ''"}, "matches every cell", id="matches everything"),
        pytest.param(table(), {"pool": "cell_id <> ''"}, "matches every cell", id="pool of everything"),
        pytest.param(table(), {"pool": "label = 'CTC'"}, "no cell of the class 'CTC'", id="pool of a class"),
        pytest.param(table(), {"test": "donor = 'D01'"}, "no column 'donor'", id="unknown column"),
        pytest.param(table(), {"by": "hospital"}, "no column 'hospital'", id="unknown by"),
        pytest.param(table(), {"test": "donor_id <> 'D01'"}, "1 donor with the class 'CTC' would", id="one left"),
        pytest.param(table(donors=2), {}, "2 donors with the class", id="fewer donors than parts"),
        pytest.param(table(), {"train_cells": 10_000}, "there are", id="more cells than there are"),
        pytest.param(table(), {"train_cells": 200, "train_positives": 190}, "190 positive cells", id="more positives"),
        pytest.param(table(), {"train_cells": 100, "train_positives": 1}, "too few", id="one positive"),
        pytest.param(table(), {"train_positives": 10}, "needs --train-cells", id="positives of what"),
        pytest.param(table(donors=3), {"test": "donor_id = 'D00'", "seal": 0.5}, "1 donor", id="one donor to seal"),
        pytest.param(table(positive_share=0), {}, "no cell of the class 'CTC'", id="one class"),
        pytest.param(table().drop("label"), {}, "no cell of the class", id="no labels"),
        pytest.param(table().with_columns(label=pl.lit("blast")), {}, "'blast' is no class", id="unknown label"),
        pytest.param(table().with_columns(cell_id=pl.lit("c")), {}, "occurs twice", id="duplicate ids"),
        pytest.param(table(), {"seed": -1}, "0 or more", id="negative seed"),
    ],
)
def test_refuses_what_cannot_be_met_and_says_why(cohort, cells, options, what):
    folder = cohort(cells)
    with pytest.raises(UserError) as refusal:
        split(folder, **options)
    assert what in refusal.value.what
    assert refusal.value.fix
    assert not (folder / "splits.csv").exists()


def test_a_test_part_of_one_class_is_allowed_with_a_warning(cohort):
    cells = table().with_columns(
        label=pl.when(pl.col("donor_id") == "D00").then(pl.lit("leukocyte")).otherwise(pl.col("label"))
    )
    result = split(cohort(cells), test="donor_id = 'D00'")
    assert "the test part has no cell of the class 'CTC'" in result.warnings


def test_an_existing_split_needs_overwrite(cohort):
    folder = cohort(table())
    split(folder)
    before = (folder / "splits.csv").read_bytes()
    with pytest.raises(UserError, match="already exists"):
        split(folder, seed=1)
    assert (folder / "splits.csv").read_bytes() == before
    split(folder, seed=1, overwrite=True)
    assert (folder / "splits.csv").read_bytes() != before


def test_a_split_that_no_longer_fits_can_be_made_anew(cohort):
    folder = cohort(table())
    split(folder)
    cohort(table(cells=300))
    split(folder, overwrite=True)
    assert parts_of(folder).height == 300


@pytest.mark.parametrize("scarce", [3, 4, 5])
def test_scarce_groups_of_a_class_reach_both_sides(scarce):
    counts = np.zeros((40, 2), int)
    counts[:, 0] = 10
    counts[:scarce, 1] = 7
    for seed in range(5):
        chosen = choose_groups(counts, 0.3, 2, np.random.default_rng(seed))
        assert chosen is not None
        positive_groups = (counts[chosen, 1] > 0).sum()
        assert 1 <= positive_groups <= scarce - 2


def test_the_command_prints_parts_and_records_its_settings(cohort):
    folder = cohort(table())
    shown = CliRunner().invoke(app, ["split", str(folder), "--test-share", "0.3", "--seed", "3"])
    assert shown.exit_code == 0, shown.output
    assert "with positives" in shown.output
    assert "next: brightctc check" in shown.output
    settings = Cohort.read(folder).split.settings
    assert (settings["test_share"], settings["seed"], settings["validation"]) == (0.3, 3, 0.2)
    as_json = CliRunner().invoke(app, ["split", str(folder), "--overwrite", "--json"])
    assert [row["part"] for row in json.loads(as_json.stdout)["parts"]] == ["train", "validation", "test"]


@pytest.mark.parametrize("by", ["sample_id", "cell_id"])
def test_less_than_donors_on_request_is_stamped(cohort, by):
    result = split(cohort(table()), by=by)
    assert result.by == by
    assert result.warnings == (
        f"split by {by.removesuffix('_id')} (although donors are known): figures are not for new patients",
    )


def test_a_coarser_column_keeps_donors_whole_too(cohort):
    folder = cohort(table().with_columns(site=pl.format("site {}", pl.int_range(400) % 5)))
    assert split(folder, by="site").by == "site"
    for column in ("site", "donor_id"):
        assert parts_of(folder).group_by(column).agg(pl.col("part").n_unique())["part"].max() == 1
