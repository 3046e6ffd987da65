"""Distillation and pseudo-labels: a cell is taught by networks that have not met its donor."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from brightctc.bundle import Bundle
from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.learn import material as materials
from brightctc.learn import train, ways
from brightctc.learn.batches import UNLABELLED, Batch
from brightctc.learn.crops import LabelledCells
from brightctc.learn.lessons import Learner
from brightctc.learn.ways import distil
from brightctc.learn.ways.distil import Distil, Taught, Teacher
from brightctc.recipe import Recipe, read_recipe
from few_cells import TINY


class Still(torch.nn.Module):
    """Outputs are the inputs' first two numbers."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.flatten(1)[:, :2]


def test_the_loss_is_the_difference_from_what_teachers_say() -> None:
    lesson, inputs = Taught(weight=2.0), torch.randn(3, 1, 4, 4)
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


@pytest.fixture
def met(monkeypatch: pytest.MonkeyPatch) -> list[tuple[set[str], set[str]]]:
    """Per teacher the donors it has learned from, and those that it was asked of; it says its number to each cell."""
    seen: list[tuple[set[str], set[str]]] = []

    class Counting:
        def __init__(self, number: int):
            self.number = number

        def logits(self, cells: LabelledCells) -> np.ndarray:
            seen[self.number][1].update(cells.groups)
            return np.full(cells.rows.height, float(self.number))

    def teacher(_: Distil, __: Any, cells: LabelledCells, judges: LabelledCells, number: int) -> Counting:
        assert set(cells.groups).isdisjoint(judges.groups)
        seen.append((set(cells.groups), set()))
        return Counting(number)

    monkeypatch.setattr(Distil, "_teacher", teacher)
    monkeypatch.setattr(distil, "fitted_temperature", lambda *_: 2.0)
    return seen


@pytest.mark.parametrize("way", ["distil", "pseudo_labels"])
def test_no_cell_is_taught_by_a_network_that_has_met_its_donor(
    pooled: Path, tmp_path: Path, met: list[tuple[set[str], set[str]]], way: str
) -> None:
    given = course(pooled, tmp_path, f"dapi.way={way}", "dapi.teachers=2")
    learner = Learner(torch.nn.Identity(), given.material.way.lesson(torch.nn.Identity()))
    given.material.way.before(learner, given)
    wanted = learner.lesson.wanted
    assert isinstance(wanted, torch.Tensor)
    more = given.material.unlabelled
    assert more is not None
    groups = given.material.cells.groups + more.groups
    assert len(wanted) == len(groups)
    judging = {"D08", "D09", "D10"}
    for learned, asked in met:
        assert learned.isdisjoint(judging)
        assert asked.isdisjoint(judging)
    for group, told in zip(groups, (2 * wanted).tolist(), strict=True):
        strangers = [number for number, (learned, _) in enumerate(met) if group not in learned]
        assert len(strangers) == (2 if group == "D11" else 1)
        assert told == np.mean(strangers), "of several: their mean"


def test_a_teacher_sees_dapi_and_its_student_does_not(pooled: Path, tmp_path: Path) -> None:
    settings = [*TINY, "dapi.way=distil", "dapi.teachers=2"]
    bundle = train(pooled, tmp_path / "run", settings=settings, threads=1).bundle
    assert bundle.about.channels == ("bright_field",)
    pool = Cohort.read(pooled).part("pool").filter(pl.col("donor_id") == "D11")
    assert bundle.seen.has_cells(pool["cell_id"]).all()
    assert (tmp_path / "run" / "checkpoint" / "teacher-2" / "state.safetensors").is_file()
    again = train(pooled, tmp_path / "again", settings=settings, threads=1).bundle
    assert Bundle.read(again.folder).hash == bundle.hash


def test_teachers_that_have_learned_are_not_trained_again(pooled: Path, tmp_path: Path) -> None:
    given = course(pooled, tmp_path, "dapi.way=distil", "dapi.teachers=2")
    lessons = []
    for _ in range(2):
        learner = Learner(torch.nn.Identity(), given.material.way.lesson(torch.nn.Identity()))
        told: list[str] = []
        given = ways.Course(
            given.material, given.recipe, 0, given.device, given.folder, lambda task, *_, told=told: told.append(task)
        )
        given.material.way.before(learner, given)
        lessons.append((learner.lesson.wanted, told))
    (first, steps), (second, none) = lessons
    assert "train teacher 2 of 2" in steps
    assert none == []
    assert torch.equal(first, second)  # type: ignore[arg-type]


def test_a_teacher_looks_at_many_cells_in_parts(pooled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = course(pooled, tmp_path, "dapi.way=pseudo_labels", "dapi.teachers=2")
    material = given.material
    way = material.way
    assert isinstance(way, Distil)
    teacher: Teacher = way._teacher(given, material.cells, material.judges, 0)
    whole = teacher.logits(material.cells)
    monkeypatch.setattr(distil, "_AT_ONCE", 7)
    np.testing.assert_allclose(teacher.logits(material.cells), whole, atol=1e-5)
    assert len(teacher.logits(material.cells.some(np.zeros(len(whole), bool)))) == 0


def test_too_few_donors_for_the_teachers_are_told_before_anything_is_written(pooled: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="10 folds need donors") as caught:
        train(pooled, tmp_path / "run", settings=[*TINY, "dapi.way=distil", "dapi.teachers=10"])
    assert caught.value.where == "dapi.teachers=10"
    assert not (tmp_path / "run" / "recipe.yaml").exists()


def test_without_any_dapi_teachers_see_nothing(pooled: Path, tmp_path: Path) -> None:
    table = pooled / "cells.csv"
    pl.read_csv(table, infer_schema_length=None).with_columns(dapi=pl.lit(None, pl.String)).write_csv(table)
    with pytest.raises(UserError, match="nothing for teachers to see"):
        train(pooled, tmp_path / "run", settings=[*TINY, "dapi.way=distil"])
    assert isinstance(Recipe().dapi.way, str)
    assert train(pooled, tmp_path / "bf", settings=[*TINY, "dapi.way=pseudo_labels"]).bundle.hash
