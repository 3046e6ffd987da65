"""A student: one network is taught by a bundle, and may not be taught by one that knows the answers."""

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
import torch

from brightctc.bundle import Bundle
from brightctc.cohort import Cohort, SplitFile, write_split
from brightctc.errors import UserError
from brightctc.learn import backbones, taught, train, ways
from brightctc.learn import material as materials
from brightctc.learn.lessons import Learner
from brightctc.learn.rebuilding import rebuilt
from brightctc.learn.taught import Told
from brightctc.predict import score_cells
from brightctc.recipe import read_recipe
from few_cells import TINY, pooled_cohort

EIGHT = [*TINY, "backbone.views=8", "dapi.way=virtual_stain"]
STUDENT = [*TINY, "dapi.way=student"]


@pytest.fixture(scope="module")
def cohort(drawn_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Donors 0-7 train, 8-9 validation, 10 test, 11 pool."""
    return pooled_cohort(drawn_cohort, tmp_path_factory.mktemp("student") / "cohort")


@pytest.fixture(scope="module")
def teacher(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return train(cohort, tmp_path_factory.mktemp("teacher") / "run", settings=EIGHT, threads=1).bundle


def taught_by(bundle: Bundle | Path, *settings: str) -> list[str]:
    folder = bundle.folder if isinstance(bundle, Bundle) else bundle
    return [*STUDENT, f"dapi.bundle={folder}", *settings]


class Taught(NamedTuple):
    """What was told before the first step, how often cells without a label are to come, and to which network."""

    lesson: Told
    often: np.ndarray | None
    material: materials.Material
    network: torch.nn.Module


def lesson_of(cohort: Path, settings: list[str]) -> Taught:
    recipe = read_recipe("default", settings)
    material = materials.gather(Cohort.read(cohort), recipe, 0, 1, None)
    network = backbones.build(recipe.backbone, 1)
    learner = Learner(network, material.way.lesson(network))
    course = ways.Course(material, recipe, 0, torch.device("cpu"), cohort, lambda *_, **__: None)
    often = material.way.before(learner, course)
    assert isinstance(learner.lesson, Told)
    return Taught(learner.lesson, often, material, network)


def test_it_hears_what_the_bundle_says_of_every_cell(cohort: Path, teacher: Bundle) -> None:
    lesson, often, material, _ = lesson_of(cohort, taught_by(teacher))
    assert material.unlabelled is not None
    everyone = material.cells.and_then(material.unlabelled)
    assert lesson.wanted is not None
    assert len(lesson.wanted) == everyone.rows.height > material.cells.rows.height
    read = Cohort.read(cohort)
    paths = read.paths(
        everyone.rows.select("cell_id").join(read.cells, on="cell_id", maintain_order="left"), "bright_field"
    )
    said = np.concatenate([chunk.logit for chunk in score_cells(teacher, {"bright_field": paths}, workers=1)])
    np.testing.assert_allclose(lesson.wanted.numpy(), said, atol=1e-4)
    assert often is not None
    beyond = lesson.wanted.numpy()[material.cells.rows.height :].astype(float)
    np.testing.assert_allclose(often, taught._often(beyond, material.cells.positive.mean()), rtol=1e-4)


def test_cells_without_a_label_can_be_left_out_or_come_in_turn(cohort: Path, teacher: Bundle) -> None:
    lesson, often, material, _ = lesson_of(cohort, taught_by(teacher, "dapi.unlabelled=false"))
    assert lesson.wanted is not None
    assert material.unlabelled is None
    assert often is None
    assert len(lesson.wanted) == material.cells.rows.height
    assert lesson_of(cohort, taught_by(teacher, "dapi.draw=in_turn")).often is None


def test_it_begins_as_the_bundles_network(cohort: Path, teacher: Bundle) -> None:
    network, first = (
        lesson_of(cohort, taught_by(teacher)).network.state_dict(),
        rebuilt(teacher)[0].network.state_dict(),
    )
    assert network.keys() == first.keys()
    assert all(torch.equal(network[name], first[name]) for name in first)
    other = lesson_of(cohort, taught_by(teacher, "backbone.name=test_efficientnet"))
    assert other.network.state_dict().keys() != first.keys(), "of another kind: as the recipe says"


def test_the_bundle_knows_what_its_teacher_has_met(cohort: Path, teacher: Bundle, tmp_path: Path) -> None:
    bundle = train(cohort, tmp_path / "run", settings=taught_by(teacher, "dapi.unlabelled=false"), threads=1).bundle
    assert bundle.about.channels == ("bright_field",)
    assert any(f"bundle {teacher.hash} taught the network" in words for words in bundle.about.provenance.assumptions)
    assert [each.salt for each in bundle.seen.before] == [teacher.seen.salt]
    read = Cohort.read(cohort)
    assert bundle.seen.has_cells(read.part("train")["cell_id"]).all()
    judged = read.part("validation").filter(pl.col("label").is_not_null())["cell_id"]
    assert {bundle.seen.part_of_cell(cell) for cell in judged} == {"validation"}
    assert not bundle.seen.has_cells(read.part("test")["cell_id"]).any()
    alone = train(cohort, tmp_path / "alone", settings=TINY, threads=1).bundle
    assert not alone.seen.has_donor("D11"), "cells of the pool: the teacher alone learned from them"
    assert bundle.seen.has_donor("D11")


def test_a_student_of_a_student_knows_both(cohort: Path, teacher: Bundle, tmp_path: Path) -> None:
    first = train(cohort, tmp_path / "one", settings=taught_by(teacher), threads=1).bundle
    second = train(cohort, tmp_path / "two", settings=taught_by(first), seed=1, threads=1).bundle
    assert {each.salt for each in second.seen.before} == {first.seen.salt, teacher.seen.salt}


def divided(cohort: Path, folder: Path, parts: dict[int, str]) -> Path:
    """A cohort of the same cells, donors in the part of the nearest lower number."""
    root = pooled_cohort(cohort, folder)
    cells = Cohort.read(root, with_split=False).cells
    donor = cells["donor_id"].str.slice(1).cast(pl.Int32)
    part = [parts[max(first for first in parts if first <= number)] for number in donor]
    write_split(root, cells.with_columns(part=pl.Series(part)), SplitFile(by="donor_id", settings={}))
    return root


@pytest.mark.parametrize(
    ("parts", "settings", "known"),
    [
        ({0: "test", 1: "train", 8: "validation", 10: "pool"}, (), "1 donor"),  # it had learned from the test's
        ({0: "train", 8: "test", 9: "validation", 10: "pool"}, (), "1 donor"),  # it was judged by the test's
        ({0: "train", 6: "validation", 8: "pool"}, (), "2 donors"),  # it had learned from the validation's
        (
            {0: "train", 8: "validation", 10: "test", 11: "pool"},
            ("train.folds=2",),
            "10 donors",
        ),  # in folds, training cells judge
    ],
)
def test_a_teacher_that_knows_the_answers_is_refused(
    drawn_cohort: Path, teacher: Bundle, tmp_path: Path, parts: dict[int, str], settings: tuple[str, ...], known: str
) -> None:
    root = divided(drawn_cohort, tmp_path / "cohort", parts)
    with pytest.raises(UserError, match=f"the bundle that teaches knows .* and {known} of the "):
        train(root, tmp_path / "run", settings=taught_by(teacher, *settings), threads=1)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("chosen", ["train.folds=2", "train.keep=best"])
def test_whose_network_validation_cells_have_shaped_teaches_nobody_on_its_split(
    cohort: Path, tmp_path: Path, chosen: str
) -> None:
    bundle = train(cohort, tmp_path / "teacher", settings=[*TINY, chosen], threads=1).bundle
    with pytest.raises(UserError, match=r"(?s)2 donors of the validation.*without folds and with train\.keep=last"):
        train(cohort, tmp_path / "run", settings=taught_by(bundle), threads=1)


def test_a_student_needs_a_teacher(cohort: Path, teacher: Bundle, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="needs a bundle that teaches it"):
        train(cohort, tmp_path / "run", settings=STUDENT, threads=1)
    with pytest.raises(UserError, match="no bundle"):
        train(cohort, tmp_path / "run", settings=taught_by(tmp_path), threads=1)
    both = train(cohort, tmp_path / "both", settings=[*TINY, "dapi.way=channel"], threads=1).bundle
    with pytest.raises(UserError, match="scores bright field and DAPI"):
        train(cohort, tmp_path / "run", settings=taught_by(both), threads=1)
    text = (cohort / "cohort.yaml").read_text(encoding="utf-8")
    try:
        swapped = text.replace("positive: CTC", "positive: x").replace("negative: leukocyte", "negative: CTC")
        (cohort / "cohort.yaml").write_text(swapped.replace("positive: x", "positive: leukocyte"), encoding="utf-8")
        with pytest.raises(UserError, match="not the classes"):
            train(cohort, tmp_path / "run", settings=taught_by(teacher), threads=1)
    finally:
        (cohort / "cohort.yaml").write_text(text, encoding="utf-8")


def test_a_run_goes_on_with_the_same_teacher_alone(cohort: Path, teacher: Bundle, tmp_path: Path) -> None:
    place = tmp_path / "teacher" / "bundle"
    other = train(cohort, tmp_path / "other", settings=EIGHT, seed=1, threads=1).bundle.folder
    place.parent.mkdir()
    place.symlink_to(teacher.folder)
    first = train(cohort, tmp_path / "run", settings=taught_by(place), threads=1)
    assert train(cohort, tmp_path / "run", settings=taught_by(place), threads=1, resume=True).result == first.result
    place.unlink()
    place.symlink_to(other)
    with pytest.raises(UserError, match="another bundle that teaches"):
        train(cohort, tmp_path / "run", settings=taught_by(place), threads=1, resume=True)


def test_donors_that_are_not_kept_whole_are_no_news(drawn_cohort: Path, tmp_path: Path) -> None:
    """Split by cell, a bundle of the same split has met the donor of each validation cell, and so has this training."""
    root = pooled_cohort(drawn_cohort, tmp_path / "cohort")
    cells = Cohort.read(root, with_split=False).cells
    number = pl.int_range(pl.len()).over("donor_id")
    part = pl.when(number < 6).then(pl.lit("train")).when(number < 8).then(pl.lit("validation"))
    write_split(root, cells.with_columns(part=part.otherwise(pl.lit("test"))), SplitFile(by="cell_id", settings={}))
    bundle = train(root, tmp_path / "teacher", settings=EIGHT, threads=1).bundle
    assert train(root, tmp_path / "run", settings=taught_by(bundle), threads=1).bundle.hash
    part = part.replace({"validation": "pool", None: "pool"})
    part = pl.when(number == 8).then(pl.lit("validation")).when(number == 9).then(pl.lit("test")).otherwise(part)
    write_split(root, cells.with_columns(part=part), SplitFile(by="cell_id", settings={}))
    weights = f"backbone.weights={bundle.folder / 'weights.safetensors'}"
    with pytest.raises(UserError, match=r"first weights have met 0 cells and .* donors"):
        train(root, tmp_path / "other", settings=[*TINY, weights], threads=1)  # of other cells, but of these donors


def test_a_run_is_not_replaced_by_its_own_student(cohort: Path, teacher: Bundle) -> None:
    with pytest.raises(UserError, match="lies in the folder of the run"):
        train(cohort, teacher.folder.parent, settings=taught_by(teacher), threads=1, overwrite=True)
    assert Bundle.read(teacher.folder).hash == teacher.hash


def test_a_cohort_that_is_not_split_is_told_so(drawn_cohort: Path, teacher: Bundle, tmp_path: Path) -> None:
    shutil.copytree(drawn_cohort, tmp_path / "cohort")
    for name in ("splits.csv", "splits.json"):
        (tmp_path / "cohort" / name).unlink(missing_ok=True)
    with pytest.raises(UserError, match="not split yet"):
        train(tmp_path / "cohort", tmp_path / "run", settings=taught_by(teacher), threads=1)
