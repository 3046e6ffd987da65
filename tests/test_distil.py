"""Distillation and pseudo-labels: a cell is taught by teachers that have not met its donor."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from brightctc.bundle import Bundle
from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.learn import material as materials
from brightctc.learn import taught, train, ways
from brightctc.learn.batches import UNLABELLED, Batch, Batches, limited
from brightctc.learn.crops import LabelledCells
from brightctc.learn.lessons import Learner
from brightctc.learn.taught import Taught, Told
from brightctc.learn.ways import distil, pseudo_labels
from brightctc.learn.ways.distil import Distil
from brightctc.learn.ways.pseudo_labels import PseudoLabels
from brightctc.recipe import Recipe, read_recipe
from few_cells import TINY


class Still(torch.nn.Module):
    """Outputs are the inputs' first two numbers."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.flatten(1)[:, :2]


def test_the_loss_is_the_difference_from_what_teachers_say() -> None:
    lesson, inputs = Told(weight=2.0), torch.randn(3, 1, 4, 4)
    batch = Batch(inputs, torch.tensor([0, 1, UNLABELLED]), torch.tensor([2, 0, 3]))
    assert lesson(Still(), batch)[1] is None, "no teacher has learned yet"
    lesson.wanted = torch.tensor([torch.nan, 9.0, 0.5, -1.5])
    outputs, further = lesson(Still(), batch)
    logit = (outputs[:, 1] - outputs[:, 0])[[0, 2]]
    told = torch.tensor([0.5, -1.5]).sigmoid()
    assert further is not None
    torch.testing.assert_close(
        further, -2 * (told * logit.sigmoid().log() + (1 - told) * (-logit).sigmoid().log()).mean()
    )
    lesson.wanted = torch.full((4,), torch.nan)
    assert lesson(Still(), batch)[1] is None


def course(cohort: Path, tmp_path: Path, *settings: str) -> ways.Course:
    recipe = read_recipe("default", [*TINY, *settings])
    material = materials.gather(Cohort.read(cohort), recipe, 0, 1, None)
    return ways.Course(material, recipe, 0, torch.device("cpu"), tmp_path, lambda *_, **__: None)


def heard(given: ways.Course) -> np.ndarray:
    """What `before` tells of each cell."""
    learner = Learner(torch.nn.Identity(), given.material.way.lesson(torch.nn.Identity()))
    given.material.way.before(learner, given)
    assert isinstance(learner.lesson.wanted, torch.Tensor)
    return learner.lesson.wanted.numpy()


@pytest.mark.parametrize("way", ["distil", "pseudo_labels"])
def test_a_cell_hears_the_teachers_that_have_not_met_its_donor(
    pooled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    given = course(pooled, tmp_path, f"dapi.way={way}", "dapi.teachers=2")
    asked: list[tuple[LabelledCells, int, Sequence[np.ndarray]]] = []

    def said(
        _: Taught, __: ways.Course, cells: LabelledCells, labelled: int, folds: Sequence[np.ndarray]
    ) -> np.ndarray:
        asked.append((cells, labelled, folds))
        return np.stack([np.full(cells.rows.height, float(number)) for number in range(len(folds))])

    monkeypatch.setattr(type(given.material.way), "said", said)
    monkeypatch.setattr(taught, "fitted_temperature", lambda *_: 2.0)
    told = 2 * heard(given)
    cells, labelled, folds = asked[0]
    groups = np.array(cells.groups)
    assert {"D08", "D09", "D10"}.isdisjoint(groups), "who judges teaches nobody"
    assert given.material.unlabelled is not None
    assert len(told) == len(groups) == labelled + given.material.unlabelled.rows.height
    for group, value in zip(groups, told.tolist(), strict=True):
        strangers = [number for number, fold in enumerate(folds) if group not in groups[:labelled][~fold]]
        assert len(strangers) == (2 if group == "D11" else 1)
        assert value == np.mean(strangers), "of several: their mean"


def test_a_regression_learns_from_no_donor_of_its_fold(
    pooled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = course(pooled, tmp_path, "dapi.way=distil", "dapi.teachers=2")
    groups = np.array(given.material.cells.groups)
    met: list[set[str]] = []
    real = distil._answers

    def answers(measured: np.ndarray, embedded: np.ndarray, learned: np.ndarray, positive: np.ndarray) -> np.ndarray:
        met.append(set(groups[learned]))
        unread = np.setdiff1d(np.arange(len(positive)), learned)
        found = real(measured, embedded, learned, positive)
        measured, embedded, positive = measured.copy(), embedded.copy(), positive.copy()
        measured[unread[0]], embedded[unread[0]], positive[unread] = 1e6, 1e6, ~positive[unread]
        others = np.delete(np.arange(len(positive)), unread[0])
        np.testing.assert_array_equal(real(measured, embedded, learned, positive)[others], found[others])
        return found

    monkeypatch.setattr(distil, "_answers", answers)
    told = heard(given)
    assert np.isfinite(told).all()
    assert len(met) == 2
    assert met[0].isdisjoint(met[1])
    assert met[0] | met[1] == set(groups)


def test_what_is_told_to_be_positive_comes_as_often_as_among_labelled_cells() -> None:
    told = np.array([1e6, -1e6, 0.0, 1e6])  # positive, negative, neither, positive: 2.5 of one class, 1.5 of the other
    np.testing.assert_allclose(taught._often(told, 0.5), [0.2, 1 / 3, 0.1 + 0.5 / 3, 0.2])
    rare = taught._often(np.array([20.0, *np.full(999, -20.0)]), 0.4)
    assert rare[0] == pytest.approx(0.4, abs=1e-4), "one in a thousand, and four in ten that are learned from"
    alike = taught._often(np.full(5, -1e6), 0.3)
    np.testing.assert_allclose(alike, 0.2)
    assert (taught._often(told, 0.5) > 0).all(), "none is never drawn"


@pytest.mark.parametrize(("shares", "most", "expected"), [
    ([0.1, 0.2, 0.7], 1.0, [0.1, 0.2, 0.7]),
    ([0.1, 0.2, 0.7], 0.5, [0.5 / 3, 1 / 3, 0.5]),
    ([0.1, 0.3, 0.6], 0.4, [0.2, 0.4, 0.4]),
    ([0.1, 0.3, 0.6], 0.2, [1 / 3, 1 / 3, 1 / 3]),
])  # fmt: skip
def test_no_cell_comes_more_often_than_it_may(shares: list[float], most: float, expected: list[float]) -> None:
    np.testing.assert_allclose(limited(np.array(shares), most), expected)


def test_batches_are_drawn_as_often_as_teachers_say(
    pooled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = course(pooled, tmp_path, "dapi.way=distil", "dapi.teachers=2")
    more, labelled = given.material.unlabelled, given.material.cells.rows.height
    assert more is not None
    rare = np.arange(more.rows.height) == 3

    def said(
        _: Taught, __: ways.Course, cells: LabelledCells, labelled: int, folds: Sequence[np.ndarray]
    ) -> np.ndarray:
        own = np.where(cells.positive[:labelled], 2.0, -2.0)
        return np.stack([np.concatenate([own, np.where(rare, 6.0, -6.0)])] * len(folds))

    monkeypatch.setattr(type(given.material.way), "said", said)
    learner = Learner(torch.nn.Identity(), given.material.way.lesson(torch.nn.Identity()))
    often = given.material.way.before(learner, given)
    batches = given.material.batches(given.recipe, 0, given.device, often)
    assert often is not None
    assert often[3] > 0.9 * given.material.cells.positive.mean()
    seen = [batch.cells[batch.labels == UNLABELLED].tolist() for number in range(40) for batch in batches.epoch(number)]
    assert all(len(set(cells)) == len(cells) for cells in seen), "no cell twice in a batch"
    share = np.mean([labelled + 3 in cells for cells in seen])
    assert share == pytest.approx(batches.labelled_each / labelled, abs=0.1), "as often as a labelled cell"
    everyone = given.material.batches(given.recipe, 0, given.device)
    before = [batch.cells.tolist() for number in range(40) for batch in everyone.epoch(number)]
    assert share > np.mean([labelled + 3 in cells for cells in before])
    again = [
        batch.cells[batch.labels == UNLABELLED].tolist() for number in range(40) for batch in batches.epoch(number)
    ]
    assert seen == again, "an epoch can be repeated by itself"


def test_a_training_draws_them_so(pooled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[np.ndarray | None] = []
    real = materials.Material.batches

    def batches(
        self: materials.Material, recipe: Recipe, seed: int, device: torch.device, often: np.ndarray | None = None
    ) -> Batches:
        given.append(often)
        return real(self, recipe, seed, device, often)

    monkeypatch.setattr(materials.Material, "batches", batches)
    train(pooled, tmp_path / "run", settings=[*TINY, "dapi.way=distil", "dapi.teachers=2"], threads=1)
    (often,) = given
    assert often is not None
    assert often.sum() == pytest.approx(1)


def test_teachers_tell_the_classes_of_cells_without_a_label(pooled: Path, tmp_path: Path) -> None:
    given = course(pooled, tmp_path, "dapi.way=distil", "dapi.teachers=2")
    more = given.material.unlabelled
    assert more is not None
    told = heard(given)[given.material.cells.rows.height :]
    truth = (Cohort.read(pooled).cells.filter(pl.col("cell_id").is_in(more.rows["cell_id"].implode())))["label"]
    known = truth.is_not_null().to_numpy()
    assert not more.positive.any(), "labels of the pool are not used"
    positive = (truth == "CTC").fill_null(value=False).to_numpy()
    assert told[known & positive].min() > told[known & ~positive].max()


def test_cells_that_cannot_be_outlined_are_told_something(
    pooled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = course(pooled, tmp_path, "dapi.way=distil", "dapi.teachers=2")
    measured = distil.measure_cell
    calls = iter(range(1000))
    nothing = type(measured(np.full((40, 40), 9, np.uint8)))()
    monkeypatch.setattr(distil, "measure_cell", lambda *given: nothing if next(calls) % 3 else measured(*given))
    assert np.isfinite(heard(given)).all()


def test_a_teacher_sees_dapi_and_its_student_does_not(pooled: Path, tmp_path: Path) -> None:
    settings = [*TINY, "dapi.way=distil", "dapi.teachers=2"]
    bundle = train(pooled, tmp_path / "run", settings=settings, threads=1).bundle
    assert bundle.about.channels == ("bright_field",)
    pool = Cohort.read(pooled).part("pool").filter(pl.col("donor_id") == "D11")
    assert bundle.seen.has_cells(pool["cell_id"]).all()
    again = train(pooled, tmp_path / "again", settings=settings, threads=1).bundle
    assert Bundle.read(again.folder).hash == bundle.hash


def test_of_many_cells_without_a_label_some_are_drawn(pooled: Path, tmp_path: Path) -> None:
    drawn = []
    for seed in (0, 0, 1):
        recipe = read_recipe("default", [*TINY, "dapi.way=distil", "dapi.teachers=2", "dapi.at_most=5"])
        more = materials.gather(Cohort.read(pooled), recipe, seed, 1, None).unlabelled
        assert more is not None
        drawn.append(more.rows["cell_id"].to_list())
    assert [len(cells) for cells in drawn] == [5, 5, 5]
    assert drawn[0] == drawn[1] != drawn[2]


def test_networks_that_have_learned_are_not_trained_again(pooled: Path, tmp_path: Path) -> None:
    given = course(pooled, tmp_path, "dapi.way=pseudo_labels", "dapi.teachers=2")
    found = []
    for _ in range(2):
        told: list[str] = []
        given = ways.Course(
            given.material, given.recipe, 0, given.device, given.folder, lambda task, *_, told=told: told.append(task)
        )
        found.append((heard(given), told))
    (first, steps), (second, none) = found
    assert "train teacher 2 of 2" in steps
    assert (tmp_path / "teacher-2" / "state.safetensors").is_file()
    assert none == []
    np.testing.assert_array_equal(first, second)


def test_a_network_looks_at_many_cells_in_parts(pooled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = course(pooled, tmp_path, "dapi.way=pseudo_labels", "dapi.teachers=2")
    material = given.material
    way = material.way
    assert isinstance(way, PseudoLabels)
    teacher = way._teacher(given, material.cells, material.judges, 1, 2)
    whole = teacher.logits(material.cells)
    monkeypatch.setattr(pseudo_labels, "_AT_ONCE", 7)
    np.testing.assert_allclose(teacher.logits(material.cells), whole, atol=1e-5)


def test_there_are_as_many_teachers_as_donors_allow(pooled: Path, tmp_path: Path) -> None:
    given = course(pooled, tmp_path, "dapi.way=distil", "dapi.teachers=10")
    way = given.material.way
    assert isinstance(way, Distil)
    cells = given.material.cells
    assert 2 <= len(way._folds(cells.groups, cells.positive, 0)) <= 8 == len(set(cells.groups))


def test_one_donor_of_a_class_is_too_few_and_told_before_anything_is_written(pooled: Path, tmp_path: Path) -> None:
    table = pooled / "cells.csv"
    cells = pl.read_csv(table, infer_schema_length=None)
    lone = (pl.col("label") == "CTC") & (pl.col("donor_id").is_in(["D01", "D02", "D03", "D04", "D05", "D06", "D07"]))
    cells.with_columns(label=pl.when(lone).then(None).otherwise("label")).write_csv(table)
    with pytest.raises(UserError, match="teachers need two donors") as caught:
        train(pooled, tmp_path / "run", settings=[*TINY, "dapi.way=distil"])
    assert caught.value.where == "dapi.teachers"
    assert not (tmp_path / "run" / "recipe.yaml").exists()


def test_without_any_dapi_teachers_see_nothing(pooled: Path, tmp_path: Path) -> None:
    table = pooled / "cells.csv"
    pl.read_csv(table, infer_schema_length=None).with_columns(dapi=pl.lit(None, pl.String)).write_csv(table)
    with pytest.raises(UserError, match="nothing for teachers to see"):
        train(pooled, tmp_path / "run", settings=[*TINY, "dapi.way=distil"])
    assert isinstance(Recipe().dapi.way, str)
    assert train(pooled, tmp_path / "bf", settings=[*TINY, "dapi.way=pseudo_labels"]).bundle.hash


def test_a_cohort_that_has_no_dapi_at_all_says_so(pooled: Path, tmp_path: Path) -> None:
    table = pooled / "cells.csv"
    pl.read_csv(table, infer_schema_length=None).drop("dapi").write_csv(table)
    with pytest.raises(UserError, match="nothing for teachers to see") as caught:
        train(pooled, tmp_path / "run", recipe="accurate", settings=[*TINY, "train.steps=4"])
    assert "--recipe default" in (caught.value.fix or "")


def test_the_bundle_tells_what_taught_it(pooled: Path, tmp_path: Path) -> None:
    table = pooled / "cells.csv"
    cells = pl.read_csv(table, infer_schema_length=None)
    bare = pl.col("donor_id").is_in(["D01", "D02"])
    cells.with_columns(dapi=pl.when(bare).then(None).otherwise("dapi")).write_csv(table)
    bundle = train(pooled, tmp_path / "run", settings=[*TINY, "dapi.way=distil", "dapi.teachers=2"]).bundle
    told = "\n".join(bundle.about.provenance.assumptions)
    assert "teachers that saw DAPI of" in told
    assert "cells without a label taught the network" in told
    assert any("have no DAPI: no teacher learned from them" in words for words in bundle.about.provenance.warnings)
    assert not any("another share of positives" in words for words in bundle.about.provenance.warnings)


def test_stain_of_one_class_more_than_of_the_other_is_told(pooled: Path, tmp_path: Path) -> None:
    table = pooled / "cells.csv"
    cells = pl.read_csv(table, infer_schema_length=None)
    bare = (pl.col("label") == "leukocyte") & pl.col("donor_id").is_in(["D01", "D02"])
    cells.with_columns(dapi=pl.when(bare).then(None).otherwise("dapi")).write_csv(table)
    bundle = train(pooled, tmp_path / "run", settings=[*TINY, "dapi.way=distil", "dapi.teachers=2"]).bundle
    assert any("another share of positives" in words for words in bundle.about.provenance.warnings)


def test_cells_are_drawn_by_the_share_of_all_labelled_ones(
    pooled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []
    often = taught._often
    monkeypatch.setattr(taught, "_often", lambda told, share: given.append(share) or often(told, share))
    table = pooled / "cells.csv"
    cells = pl.read_csv(table, infer_schema_length=None)
    bare = (pl.col("label") == "leukocyte") & pl.col("donor_id").is_in(["D01", "D02"])
    cells.with_columns(dapi=pl.when(bare).then(None).otherwise("dapi")).write_csv(table)
    read = Cohort.read(pooled)
    share = float(read.positive(read.part("train")).drop_nulls().mean())  # type: ignore[arg-type]
    train(pooled, tmp_path / "run", settings=[*TINY, "dapi.way=distil", "dapi.teachers=2"])
    assert given == [pytest.approx(share)]


def test_cells_without_a_label_are_augmented_beside_copies(pooled: Path) -> None:
    recipe = read_recipe("default", [*TINY, "dapi.way=distil", "dapi.teachers=2", "augment.copies=2"])
    material = materials.gather(Cohort.read(pooled), recipe, 0, 1, None)
    batches = material.batches(recipe, 0, torch.device("cpu"))
    assert {sample.copy for sample in batches.further} == {1}, "copy 0 would stay as it is"
    assert {sample.copy for sample in batches.samples} == {0, 1, 2}
