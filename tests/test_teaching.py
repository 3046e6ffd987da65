"""Which cells may teach without a label, and what stays together: as the split says, in folds and teachers, too."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile

from brightctc import Bundle
from brightctc.check import check
from brightctc.cohort import Cohort, pack, set_aside, split
from brightctc.cohort.folder import SplitFile, write_split
from brightctc.errors import UserError
from brightctc.evaluate import evaluate
from brightctc.evaluate.cells import cells_of
from brightctc.learn import train
from brightctc.learn.crops import teaching
from brightctc.study.divisions import leave_out, lines_apart, write_parts, write_shares
from few_cells import TINY

DISTIL = [*TINY, "dapi.way=distil", "dapi.teachers=2"]


def edited(root: Path, *changes: pl.Expr, **named: pl.Expr) -> Cohort:
    table = pl.read_csv(root / "cells.csv", infer_schema_length=None)
    table.with_columns(*changes, **named).write_csv(root / "cells.csv")
    return Cohort.read(root)


def taught_by(root: Path) -> pl.DataFrame:
    read = Cohort.read(root)
    return read.cells.filter(pl.Series(teaching(read)))


@pytest.fixture
def cohort(drawn_cohort: Path, tmp_path: Path) -> Path:
    shutil.copytree(drawn_cohort, tmp_path / "cohort")
    return tmp_path / "cohort"


def test_what_is_set_aside_does_not_teach_and_what_is_left_over_does(cohort: Path) -> None:
    split(cohort, test_share=0.2, pool="donor_id IN ('D03', 'D04')", train_cells=40, seed=0)
    pool = Cohort.read(cohort).part("pool")
    aside = pool["donor_id"].is_in(["D03", "D04"])
    assert aside.any()
    assert not aside.all()
    owners = taught_by(cohort)["donor_id"].unique().to_list()
    assert owners
    assert not {"D03", "D04"} & set(owners)


def test_donors_that_nobody_has_labelled_teach(cohort: Path) -> None:
    edited(cohort, label=pl.when(pl.col("donor_id") == "D05").then(None).otherwise("label"))
    split(cohort, test_share=0.2, seed=0)
    assert taught_by(cohort)["donor_id"].unique().to_list() == ["D05"]


def test_cells_of_an_unknown_owner_do_not_teach_where_owners_are_kept_whole(cohort: Path, tmp_path: Path) -> None:
    """Nobody knows whether they are of a test donor: as where only labelled cells come with their donor."""
    number = pl.int_range(pl.len()).over("donor_id")
    nobody = number % 3 == 0
    label = pl.when(nobody | (pl.col("donor_id") == "D05")).then(None).otherwise("label")
    edited(
        cohort, label.alias("label"), *(pl.when(~nobody).then(name).alias(name) for name in ("donor_id", "sample_id"))
    )
    warnings = split(cohort, test_share=0.2, seed=0).warnings
    read = Cohort.read(cohort)
    ownerless = read.cells["donor_id"].null_count()
    assert any(f"{ownerless} cells without donor_id stand alone" in words for words in warnings)
    assert taught_by(cohort)["donor_id"].unique().to_list() == ["D05"]
    warnings = train(cohort, tmp_path / "run", settings=DISTIL, threads=1).warnings
    assert any(f"{ownerless} cells without a label did not join" in words for words in warnings)
    for column in ("donor_id", "sample_id"):
        edited(cohort, pl.lit(None).alias(column))
    split(cohort, test_share=0.2, seed=0, overwrite=True)
    assert taught_by(cohort).height == read.cells["label"].null_count(), "of no cell an owner is known"


def test_a_cell_without_a_label_and_without_a_background_is_left_out(cohort: Path, tmp_path: Path) -> None:
    edited(cohort, label=pl.when(pl.col("donor_id") == "D05").then(None).otherwise("label"))
    split(cohort, test_share=0.2, seed=0)
    black = taught_by(cohort)["cell_id"][0]
    tifffile.imwrite(cohort / "black.tif", np.zeros((24, 24), np.uint16))
    one = pl.col("cell_id") == black
    edited(cohort, bright_field=pl.when(one).then(pl.lit("black.tif")).otherwise("bright_field"))
    bundle = train(cohort, tmp_path / "run", settings=DISTIL, threads=1).bundle
    assert "1 cell without a label did not join: the background is 0 or less" in bundle.warnings
    assert not bundle.seen.has_cell(black)


def test_nothing_learns_from_a_value_that_a_study_leaves_out(cohort: Path, tmp_path: Path) -> None:
    number = pl.int_range(pl.len()).over("donor_id", "label")
    line = pl.when(pl.col("label") == "CTC").then(pl.when(number % 2 == 0).then(pl.lit("A")).otherwise(pl.lit("B")))
    origin = pl.when(pl.col("donor_id") > "D08").then(pl.lit("patient")).otherwise(pl.lit("cell_line"))
    read = edited(cohort, line.alias("cell_line"), origin.alias("origin"))
    for name, parts in (("out", leave_out(read, "cell_line", "A", 0)), ("apart", lines_apart(read, 0))):
        write_parts(read, tmp_path / name, parts)
        assert (Cohort.read(tmp_path / name).cells["part"] == "pool").any()
        assert taught_by(tmp_path / name).is_empty()


def test_without_donors_samples_that_judge_do_not_teach(cohort: Path) -> None:
    table = pl.read_csv(cohort / "cells.csv", infer_schema_length=None)
    table.drop("donor_id").write_csv(cohort / "cells.csv")
    split(cohort, test_share=0.2, train_cells=40, seed=0)
    read = Cohort.read(cohort)
    assert read.split is not None
    assert read.split.by == "sample_id"
    judging = read.cells.filter(pl.col("part").is_in(["validation", "test"]))["sample_id"].unique()
    left_over = read.part("pool")["sample_id"].is_in(judging.implode())
    assert left_over.any(), "the case that this test is for"
    found = taught_by(cohort)
    assert not found.is_empty()
    assert not found["sample_id"].is_in(judging.implode()).any()


def test_of_one_donor_samples_are_what_stays_together(cohort: Path) -> None:
    edited(cohort, pl.lit("D01").alias("donor_id"))
    split(cohort, test_share=0.2, train_cells=40, seed=0)
    assert not taught_by(cohort).is_empty()


def test_cells_without_a_donor_stay_with_their_sample(cohort: Path) -> None:
    number = pl.int_range(pl.len()).over("sample_id")
    edited(cohort, donor_id=pl.when(number % 2 == 0).then("donor_id"))
    split(cohort, test_share=0.2, seed=0)
    read = Cohort.read(cohort)
    found = read.cells.select("sample_id", group=read.groups).unique()
    assert found["sample_id"].is_unique().all(), "a sample in two groups would judge what it has taught"


def test_groups_are_called_by_their_donor(cohort: Path) -> None:
    split(cohort, test_share=0.2, seed=0)
    read = Cohort.read(cohort)
    assert read.groups.to_list() == read.cells["donor_id"].to_list()
    write_split(cohort, read.cells.select("cell_id", "part"), SplitFile(by="cell_id", settings={}))
    read = Cohort.read(cohort)
    assert read.groups.to_list() == read.cells["cell_id"].to_list()


def test_a_bundle_that_knows_no_donors_says_so(cohort: Path, tmp_path: Path) -> None:
    table = pl.read_csv(cohort / "cells.csv", infer_schema_length=None)
    table.drop("donor_id").write_csv(cohort / "cells.csv")
    split(cohort, test_share=0.2, seed=0)
    bundle = train(cohort, tmp_path / "run", settings=TINY, threads=1).bundle
    assert not any(bundle.seen.donors.values()), "samples are no donors"
    assert bundle.validation.samples == Cohort.read(cohort).part("validation")["sample_id"].n_unique()
    assert bundle.about.provenance.counts["train"].donors is None


def test_donors_are_the_samples_of_a_budget_where_no_sample_is_named(cohort: Path, tmp_path: Path) -> None:
    edited(cohort, pl.lit(None).alias("sample_id"))
    split(cohort, test_share=0.2, validation=0.4, seed=0)
    donors = Cohort.read(cohort).part("validation")["donor_id"].n_unique()
    bundle = train(cohort, tmp_path / "run", settings=TINY, threads=1).bundle
    assert bundle.validation.samples == donors > 1


def test_first_weights_that_know_training_cells_cannot_teach_or_judge_them(cohort: Path, tmp_path: Path) -> None:
    split(cohort, test_share=0.2, validation=0, seed=0)
    read = Cohort.read(cohort)
    held = read.cells["donor_id"].filter(read.cells["part"] == "train").unique().sort()[:2].implode()
    part = pl.when(pl.col("donor_id").is_in(held)).then(pl.lit("validation")).otherwise("part")
    write_split(cohort, read.cells.select("cell_id", part.alias("part")), SplitFile(by="donor_id", settings={}))
    former = train(cohort, tmp_path / "former", settings=TINY, threads=1).bundle
    other = train(cohort, tmp_path / "other", settings=TINY, seed=1, threads=1).bundle
    weights = f"backbone.weights={former.folder / 'weights.safetensors'}"
    turned = pl.when(pl.col("part") == "validation").then(pl.lit("pool")).otherwise("part")
    own = Cohort.read(cohort).cells.filter(pl.col("part") == "test")["donor_id"].unique().sort()[0]
    turned = pl.when(pl.col("donor_id") == own).then(pl.lit("validation")).otherwise(turned)
    write_split(
        cohort, Cohort.read(cohort).cells.select("cell_id", turned.alias("part")), SplitFile(by="donor_id", settings={})
    )
    bundle = train(cohort, tmp_path / "goes_on", settings=[*TINY, weights], threads=1).bundle
    read = Cohort.read(cohort)
    assert bundle.seen.has_cells(read.part("pool")["cell_id"]).all(), "they were the former one's validation"
    assert bundle.seen.has_donors(held.explode()).all()
    assert any(former.hash in words for words in bundle.about.provenance.assumptions)
    with pytest.raises(UserError, match="or in that of a bundle that it rests on"):
        evaluate(bundle.folder, cohort, tmp_path / "out", part="pool")
    for more in (DISTIL, [*TINY, "train.folds=2"]):
        with pytest.raises(UserError, match="of the train, validation, test or sealed part"):
            train(cohort, tmp_path / "refused", settings=[*more, weights], threads=1)
    shutil.rmtree(former.folder)
    shutil.copytree(other.folder, former.folder)
    with pytest.raises(UserError, match="another bundle to start from"):
        train(cohort, tmp_path / "goes_on", settings=[*TINY, weights], threads=1, resume=True)


def test_a_run_does_not_go_on_with_other_cells_without_a_label(cohort: Path, tmp_path: Path) -> None:
    split(cohort, test_share=0.2, train_cells=60, seed=0)
    train(cohort, tmp_path / "run", settings=DISTIL, threads=1)
    train(cohort, tmp_path / "alone", settings=TINY, threads=1)
    read = Cohort.read(cohort)
    assert read.split is not None
    about = read.split.model_copy(update={"set_aside": "part = 'pool'"})
    write_split(cohort, read.cells.select("cell_id", "part"), about)
    with pytest.raises(UserError, match="another choice of cells without a label"):
        train(cohort, tmp_path / "run", settings=DISTIL, threads=1, resume=True)
    train(cohort, tmp_path / "alone", settings=TINY, threads=1, resume=True)


def test_half_a_training_is_not_gone_on_with_by_other_versions(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    split(cohort, test_share=0.2, seed=0)
    train(cohort, tmp_path / "run", settings=TINY, threads=1)
    (tmp_path / "run/result.json").unlink()
    known = Bundle.read(tmp_path / "run/bundle").about.provenance.versions
    with monkeypatch.context() as patch:
        patch.setattr("brightctc.learn.run.versions", lambda: {**known, "torch": "99"})
        with pytest.raises(UserError, match="was started with torch"):
            train(cohort, tmp_path / "run", settings=TINY, threads=1, resume=True)
    monkeypatch.setattr("brightctc.learn.loop.uses_bfloat16", lambda *_: True)
    with pytest.raises(UserError, match="was started with float32 arithmetic"):
        train(cohort, tmp_path / "run", settings=TINY, threads=1, resume=True)


def test_what_is_sealed_or_set_aside_takes_no_part_in_studies(cohort: Path, tmp_path: Path) -> None:
    number = pl.int_range(pl.len()).over("donor_id", "label")
    line = pl.when(pl.col("label") == "CTC").then(pl.when(number % 2 == 0).then(pl.lit("A")).otherwise(pl.lit("B")))
    origin = pl.when(pl.col("donor_id") > "D07").then(pl.lit("patient")).otherwise(pl.lit("cell_line"))
    edited(cohort, line.alias("cell_line"), origin.alias("origin"))
    split(cohort, test_share=0.3, pool="donor_id IN ('D03', 'D08')", seal=0.5, seed=0)
    read = Cohort.read(cohort)
    closed = {"D03", "D08", *read.part("sealed")["donor_id"]}
    assert len(closed) > 2
    write_parts(read, tmp_path / "out", leave_out(read, "cell_line", "A", 0))
    write_parts(read, tmp_path / "apart", lines_apart(read, 0))
    write_shares(read, tmp_path / "shares", 0)
    for name in ("out", "apart", "shares"):
        assert closed.isdisjoint(Cohort.read(tmp_path / name).cells["donor_id"]), name


def test_a_split_that_says_it_in_its_settings_alone_is_followed(cohort: Path) -> None:
    split(cohort, test_share=0.2, pool="donor_id IN ('D03', 'D04')", seed=0)
    read = Cohort.read(cohort)
    assert read.split is not None
    write_split(cohort, read.cells.select("cell_id", "part"), read.split.model_copy(update={"set_aside": None}))
    assert set_aside(Cohort.read(cohort)).sum() == (read.cells["part"] == "pool").sum()


def test_a_condition_that_holds_no_more_is_told(cohort: Path, tmp_path: Path) -> None:
    split(cohort, test_share=0.2, pool="donor_id IN ('D03', 'D04')", seed=0)
    table = pl.read_csv(cohort / "cells.csv", infer_schema_length=None)
    table.drop("donor_id").write_csv(cohort / "cells.csv")
    with pytest.raises(UserError, match="what is set aside can't be told: there is no column 'donor_id'") as caught:
        train(cohort, tmp_path / "run", settings=DISTIL, threads=1)
    assert "split again" in (caught.value.fix or "")


def test_a_condition_on_paths_does_not_survive_packing(cohort: Path, tmp_path: Path) -> None:
    folder = Path(Cohort.read(cohort).cells["bright_field"][0]).parent
    split(cohort, test_share=0.2, pool=f"bright_field LIKE '{folder}/%'", seed=0)
    with pytest.raises(UserError, match="a pack has other ones"):
        pack(cohort, tmp_path / "packed")
    split(cohort, test_share=0.2, pool="donor_id IN ('D03', 'D04')", seed=0, overwrite=True)
    pack(cohort, tmp_path / "packed")
    assert set_aside(Cohort.read(tmp_path / "packed")).equals(set_aside(Cohort.read(cohort)))


def test_a_finished_run_is_not_gone_on_with_where_the_split_is_gone(cohort: Path, tmp_path: Path) -> None:
    split(cohort, test_share=0.2, train_cells=60, seed=0)
    train(cohort, tmp_path / "run", settings=DISTIL, threads=1)
    (cohort / "splits.csv").unlink()
    (cohort / "splits.json").unlink()
    with pytest.raises(UserError, match="not split yet"):
        train(cohort, tmp_path / "run", settings=DISTIL, threads=1, resume=True)


def test_groups_by_another_column_stay_apart(cohort: Path) -> None:
    plate = pl.format("plate {}", pl.int_range(pl.len()) % 6)
    edited(cohort, pl.lit("J").alias("donor_id"), plate.alias("plate"), pl.lit(None).alias("sample_id"))
    split(cohort, test_share=0.2, by="plate", train_cells=30, seed=0)
    read = Cohort.read(cohort)
    assert read.cells.select("plate", group=read.groups).unique().height == 6
    assert read.groups.n_unique() == 6
    assert not taught_by(cohort).is_empty()


def test_what_was_set_aside_is_measured_without_what_was_left_over(cohort: Path) -> None:
    split(cohort, test_share=0.2, pool="donor_id IN ('D03', 'D04')", train_cells=40, seed=0)
    read = Cohort.read(cohort)
    rows, _ = cells_of(read.classes, read, "pool")
    assert set(rows["donor_id"]) == {"D03", "D04"} < set(read.part("pool")["donor_id"])
    split(cohort, test_share=0.2, train_cells=40, seed=0, overwrite=True)
    read = Cohort.read(cohort)
    assert cells_of(read.classes, read, "pool")[0].height == read.part("pool").height


def test_a_copy_in_a_pool_that_teaches_is_found(cohort: Path) -> None:
    split(cohort, test_share=0.2, train_cells=40, seed=0)
    read = Cohort.read(cohort)
    copied, tested = read.part("pool")["cell_id"][0], read.part("test")["bright_field"][0]
    edited(cohort, bright_field=pl.when(pl.col("cell_id") == copied).then(pl.lit(tested)).otherwise("bright_field"))
    kinds = {problem.kind for problem in check(cohort).problems}
    assert any(kind.endswith("_in_two_parts") for kind in kinds)
