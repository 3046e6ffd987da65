"""Each question in small, from plan to report."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from brightctc.bundle import Seen
from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.learn import train
from brightctc.recipe import WAYS
from brightctc.study.options import Options
from brightctc.study.questions import QUESTIONS, backbones, compare, dapi
from reported import strict
from studied import TINY, divide, drawn_cohort, tiny
from tiny_bundle import tiny_bundle


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_cohort(tmp_path_factory.mktemp("questions"))


@pytest.fixture(scope="module")
def bundle(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(cohort, tmp_path_factory.mktemp("run") / "run", settings=TINY, threads=1).bundle.folder


def page_of(folder: Path) -> str:
    return (folder / "report.html").read_text(encoding="utf-8")


def test_every_question_is_told_in_the_documents() -> None:
    text = (Path(__file__).parents[2] / "docs" / "studies.md").read_text(encoding="utf-8")
    assert not [name for name in QUESTIONS if f"| `{name}` |" not in text]


@pytest.mark.slow
def test_compare_takes_any_recipes(cohort: Path, tmp_path: Path) -> None:
    mine = tmp_path / "my recipe.yaml"
    mine.write_text("augment:\n  preset: AUG1\n")
    result = tiny("compare", cohort, tmp_path / "study", recipes=("default", str(mine)), seeds=1, baselines=())
    names = [row.name for row in result.rows]
    assert names[0] == "default"
    assert names[1].startswith("my_recipe-"), "a folder's name, told apart"
    assert {(pair.first.name, pair.second.name) for pair in result.pairs} == {(names[1], "default")}


def test_what_is_scored_with_dapi_is_no_reference(cohort: Path, tmp_path: Path) -> None:
    both = tmp_path / "both.yaml"
    both.write_text("dapi:\n  way: channel\n")
    found = compare.plan(Cohort.read(cohort), Options(recipes=(str(both), "default", "accurate")))
    assert found.pairs == (("accurate", "default"),)


@pytest.mark.slow
def test_size_draws_anew_for_each_seed_and_plans(tmp_path: Path) -> None:
    root = drawn_cohort(tmp_path)
    from brightctc import split

    split(root, test="donor_id IN ('D08','D09','D10','D11','D12','D13')", seed=1, overwrite=True)
    result = tiny("size", root, tmp_path / "study", sizes=(24, 40, 60), seeds=2, baselines=("size",))
    rows = [row for row in result.rows if row.kind == "network"]
    assert [row.name for row in rows] == ["cells=24", "cells=40", "cells=60"]
    drawn = [Cohort.read(tmp_path / "study" / "divisions" / f"24-draw-{seed}") for seed in range(2)]
    learned = [set(held.part("train")["cell_id"]) | set(held.part("validation")["cell_id"]) for held in drawn]
    assert [len(cells) for cells in learned] == [24, 24]
    assert learned[0] != learned[1]
    simple = [row for row in result.rows if row.kind == "baseline"]
    assert [len(row.seeds) for row in simple] == [2, 2, 2], "fitted on each draw"
    text = page_of(tmp_path / "study")
    assert "The learning curve" in text
    assert "How many to test on" in text


@pytest.mark.slow
def test_transfer_leaves_each_site_out(cohort: Path, tmp_path: Path) -> None:
    result = tiny("transfer", cohort, tmp_path / "study", column="site", seeds=1, baselines=("size",))
    left_out = [row for row in result.rows if row.exam.name == "left_out" and row.kind == "network"]
    for row, site in zip(left_out, ("north", "south", "west"), strict=True):
        assert set(row.cells[0].rows["site"]) == {site}
        trained = Cohort.read(tmp_path / "study" / "divisions" / row.name).part("train")
        assert site not in set(trained["site"])
    assert not result.pairs, "other cells can't be compared in pairs"
    assert "What is lost elsewhere" in page_of(tmp_path / "study")


@pytest.mark.slow
def test_transfer_of_a_value_that_can_not_be_left_out_is_a_failed_row(tmp_path: Path) -> None:
    root = drawn_cohort(tmp_path)
    cells = pl.read_csv(root / "cells.csv")
    kind = pl.when(pl.col("donor_id") != "D00").then(pl.lit("first")).otherwise(pl.lit("second"))
    cells.with_columns(batch_kind=kind).write_csv(root / "cells.csv")
    result = tiny("transfer", root, tmp_path / "study", column="batch_kind", seeds=1, baselines=())
    table = pl.read_csv(tmp_path / "study" / "results.csv")
    status = dict(table.select("variant", "status").iter_rows())
    assert status["without_first"] == "failed"
    assert status["without_second"] == "done"
    assert any("without_first" in warning for warning in result.warnings)


@pytest.mark.slow
def test_transfer_from_lines_to_patients(tmp_path: Path) -> None:
    root = drawn_cohort(tmp_path, patients=6)
    result = tiny("transfer", root, tmp_path / "study", seeds=1, baselines=())
    assert [row.exam.name for row in result.rows] == ["lines", "patients"]
    patients = result.rows[1].cells[0].rows
    assert set(patients.filter(pl.col("label") == "CTC")["origin"]) == {"patient"}


@pytest.mark.slow
def test_transfer_to_another_cohort(cohort: Path, tmp_path: Path) -> None:
    other = drawn_cohort(tmp_path)
    cells = pl.read_csv(other / "cells.csv")
    cells.with_columns(
        cell_id=pl.format("X{}", "cell_id"), donor_id=pl.format("X{}", "donor_id")
    ).write_csv(other / "cells.csv")  # fmt: skip
    (other / "splits.csv").unlink()
    result = tiny("transfer", cohort, tmp_path / "study", external=other, seeds=1, baselines=("size",))
    external = [row for row in result.rows if row.exam.name == "external"]
    assert [row.kind for row in external] == ["network", "baseline"]
    assert external[0].cells[0].rows.height == cells.height


def test_another_cohort_with_other_classes_is_refused(cohort: Path, tmp_path: Path) -> None:
    other = drawn_cohort(tmp_path)
    about = (other / "cohort.yaml").read_text().replace("positive: CTC", "positive: tumour")
    (other / "cohort.yaml").write_text(about)
    with pytest.raises(UserError, match="the classes there are tumour and leukocyte, here CTC and leukocyte"):
        tiny("transfer", cohort, tmp_path / "study", external=other)


@pytest.mark.slow
def test_a_cohort_of_the_same_donors_is_no_other(cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the cohort itself"):
        tiny("transfer", cohort, tmp_path / "study", external=cohort)
    again = tmp_path / "again"
    shutil.copytree(cohort, again)
    result = tiny("transfer", cohort, tmp_path / "study", external=again, seeds=1, baselines=())
    rows = pl.read_csv(tmp_path / "study" / "results.csv").select("exam", "status", "error").to_dicts()
    assert [row["status"] for row in rows] == ["done", "failed"]
    assert "were in this bundle's training or validation part" in rows[1]["error"]
    assert [row.exam.name for row in result.rows] == ["test"]


@pytest.mark.slow
def test_robustness_of_a_bundle(cohort: Path, bundle: Path, tmp_path: Path) -> None:
    result = tiny("robustness", cohort, tmp_path / "study", bundles=(bundle,), cells=20, baselines=())
    table = pl.read_csv(tmp_path / "study" / "robustness.csv")
    strengths = table.filter(pl.col("strength") > 0).group_by("change").len()
    assert set(strengths["len"]) == {5}
    assert strengths.height >= 10
    assert [row.name for row in result.rows] == ["bundle"]
    assert not (tmp_path / "study" / "runs").exists(), "nothing is trained"
    assert "0.05" in page_of(tmp_path / "study")


@pytest.mark.slow
def test_robustness_is_of_the_bundles_that_were_scored(cohort: Path, tmp_path: Path) -> None:
    """The first has seen test donors: it is refused, and has no part in the changed cells either."""
    tested = Cohort.read(cohort).part("test")["donor_id"].unique().to_list()
    met = Seen.of(train_cells=["x"], validation_cells=[], train_donors=tested)
    given = (
        tiny_bundle(tmp_path / "met", seen=met, threshold=strict(-100.0)).folder,
        tiny_bundle(tmp_path / "new", cohort=cohort).folder,
    )
    result = tiny("robustness", cohort, tmp_path / "study", bundles=given, cells=1000, baselines=())
    table = pl.read_csv(tmp_path / "study" / "results.csv")
    assert table["status"].to_list() == ["done", "failed"]
    assert result.rows[0].seeds == (1,)
    plain = pl.read_csv(tmp_path / "study" / "robustness.csv").filter(pl.col("strength") == 0)
    assert plain["f1"][0] == pytest.approx(result.rows[0].figures["f1"].value)


@pytest.mark.slow
def test_blank_of_samples_without_positives(bundle: Path, tmp_path: Path) -> None:
    root = drawn_cohort(tmp_path)
    cells = pl.read_csv(root / "cells.csv")
    healthy = pl.col("donor_id").is_in(["D11", "D12", "D13"])
    cells.with_columns(
        label=pl.when(healthy).then(pl.lit("leukocyte")).otherwise(pl.col("label")),
        origin=pl.when(healthy).then(pl.lit("healthy_donor")).otherwise(pl.lit("patient")),
    ).write_csv(root / "cells.csv")
    divide(root)
    tiny("blank", root, tmp_path / "study", bundles=(bundle,), baselines=())
    assert pl.read_csv(tmp_path / "study" / "blank.csv").height >= 3
    assert (tmp_path / "study" / "dilution.csv").is_file()
    assert "blank" in page_of(tmp_path / "study")


def test_ways_are_listed_from_the_recipes_tags(cohort: Path) -> None:
    plan = dapi.plan(Cohort.read(cohort), Options(settings=TINY))
    assert tuple(variant.name for variant in plan.variants) == tuple(way for way in WAYS if way != "student")
    marked = {variant.name for variant in plan.variants if variant.kind == "unranked"}
    assert marked == {"channel"}
    some = dapi.plan(Cohort.read(cohort), Options(settings=TINY, ways=("distil", "mix")))
    assert [variant.name for variant in some.variants] == ["none", "mix", "distil"]
    assert some.pairs == (("mix", "none"), ("distil", "none"))
    with pytest.raises(UserError, match="none of the ways that are compared"):
        dapi.plan(Cohort.read(cohort), Options(settings=TINY, ways=("student",)))  # needs a bundle


def test_networks_without_imagenet_weights_are_marked(cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "has_imagenet", lambda name: name == "resnet34")
    plan = backbones.plan(Cohort.read(cohort), Options(settings=TINY))
    marks = {variant.name: variant.marks for variant in plan.variants}
    assert list(marks) == ["resnet50", "resnet34", "densenet121", "efficientnet_b4", "tf_efficientnet_lite0"]
    assert not marks["resnet34"]
    assert not marks["tf_efficientnet_lite0"]
    assert "random" in marks["resnet50"][0]
    weights = {v.name: v.recipe.backbone.weights for v in plan.variants if v.recipe is not None}
    assert weights["densenet121"] == "none"
    assert weights["resnet34"] == "imagenet"


@pytest.mark.slow
def test_backbones_from_plan_to_report(cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backbones, "PAPERS", ("test_resnet", "test_byobnet"))
    monkeypatch.setattr(backbones, "PACKAGED", "test_vit")
    monkeypatch.setattr(backbones, "has_imagenet", lambda _name: False)
    plan = backbones.plan(Cohort.read(cohort), Options(settings=TINY))
    assert [variant.name for variant in plan.variants] == ["test_resnet", "test_byobnet", "test_vit"]
    result = tiny("backbones", cohort, tmp_path / "study", seeds=1, baselines=())
    table = pl.read_csv(tmp_path / "study" / "results.csv")
    assert table.filter(pl.col("variant") == "test_resnet")["status"].to_list() == ["done"]
    assert "random" in table.filter(pl.col("variant") == "test_resnet")["marks"][0]
    assert any("no ImageNet weights" in warning for warning in result.warnings)


@pytest.mark.slow
def test_without_dapi_the_ablation_says_what_it_left_out(tmp_path: Path) -> None:
    root = drawn_cohort(tmp_path)
    pl.read_csv(root / "cells.csv").drop("dapi").write_csv(root / "cells.csv")
    result = tiny("ablation", root, tmp_path / "study", dry_run=True)
    assert [row.variant for row in result.estimate] == ["none", "AUG1", "AUG2", "AUG3"]
    assert any("no training cell has DAPI" in warning for warning in result.warnings)
    rates = tiny("ablation", root, tmp_path / "study", dry_run=True, learning_rates=(1e-7, 1e-3))
    assert [row.variant for row in rates.estimate][3:5] == ["AUG3@1e-07", "none@0.001"]


def test_dapi_needs_dapi(tmp_path: Path) -> None:
    root = drawn_cohort(tmp_path)
    pl.read_csv(root / "cells.csv").drop("dapi").write_csv(root / "cells.csv")
    with pytest.raises(UserError, match="no training cell has a DAPI image"):
        tiny("dapi", root, tmp_path / "study")
