"""combine: the networks of several seeds in one bundle, and what is refused."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from brightctc import combine
from brightctc.bundle import Bundle
from brightctc.cli.app import app
from brightctc.cohort import Cohort, SplitFile, split, write_split
from brightctc.errors import UserError
from brightctc.learn import train
from brightctc.learn.rebuilding import recipe_of
from brightctc.metrics import fitted_temperature
from brightctc.predict import score_cells
from few_cells import TINY


@pytest.fixture(scope="module")
def cohort(drawn_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("combine") / "cohort"
    shutil.copytree(drawn_cohort, root)
    split(root, test_share=0.2, seed=0)
    return root


@pytest.fixture(scope="module")
def seeds(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("seeds")
    return [train(cohort, folder / str(seed), settings=TINY, seed=seed, threads=1).bundle.folder for seed in (0, 1)]


@pytest.fixture(scope="module")
def combined(cohort: Path, seeds: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return combine(seeds, cohort, tmp_path_factory.mktemp("combined") / "bundle")


def logits(bundle: Bundle, cohort: Path, part: str) -> np.ndarray:
    read = Cohort.read(cohort)
    paths = read.paths(read.part(part), "bright_field")
    return np.concatenate([chunk.logit for chunk in score_cells(bundle, {"bright_field": paths}, workers=1)])


def changed(cohort: Path, folder: Path) -> Path:
    """The cohort with less, or other, in it than the bundles have learned: as the folder is called."""
    shutil.copytree(cohort, folder)
    read = Cohort.read(folder)
    cells = pl.read_csv(folder / "cells.csv", infer_schema_length=None)
    first = read.part("train")["cell_id"][0]
    if folder.name == "swapped":
        text = (folder / "cohort.yaml").read_text().replace("positive: CTC", "positive: x")
        text = text.replace("negative: leukocyte", "negative: CTC").replace("positive: x", "positive: leukocyte")
        (folder / "cohort.yaml").write_text(text)
    elif folder.name == "named":
        other = pl.when(pl.col("label") == "CTC").then(pl.lit("leukocyte")).otherwise(pl.lit("CTC"))
        changed = pl.when(pl.col("cell_id") == first).then(other).otherwise("label")
        cells.with_columns(label=changed).write_csv(folder / "cells.csv")
    else:
        cells.filter(pl.col("cell_id") != first).write_csv(folder / "cells.csv")
        parts = read.cells.filter(pl.col("cell_id") != first).select("cell_id", "part")
        write_split(folder, parts, SplitFile(by="donor_id", settings={}))
    return folder


def test_its_logits_are_the_mean(cohort: Path, seeds: list[Path], combined: Bundle) -> None:
    alone = [logits(Bundle.read(folder), cohort, "test") for folder in seeds]
    assert not np.allclose(alone[0], alone[1], atol=1e-3)
    np.testing.assert_allclose(logits(combined, cohort, "test"), np.mean(alone, axis=0), atol=1e-4)


def test_its_threshold_is_of_its_own_validation_logits(cohort: Path, combined: Bundle) -> None:
    own = np.sort(logits(combined, cohort, "validation"))
    np.testing.assert_allclose(combined.validation.logit, own, atol=1e-4)
    read = Cohort.read(cohort)
    positive = read.positive(read.part("validation")).to_numpy()
    assert sum(combined.validation.positive) == positive.sum()
    calibration = combined.about.calibration
    assert (calibration and calibration.temperature) == fitted_temperature(
        np.array(combined.validation.logit), np.array(combined.validation.positive)
    )
    assert combined.about.parity is not None
    assert any("2 seeds (0, 1) are averaged" in words for words in combined.about.provenance.assumptions)


def test_it_has_seen_what_they_have(cohort: Path, seeds: list[Path], combined: Bundle) -> None:
    rows = Cohort.read(cohort).cells
    first = Bundle.read(seeds[0]).seen
    assert combined.seen.has_cells(rows["cell_id"]).tolist() == first.has_cells(rows["cell_id"]).tolist()
    for cell in rows["cell_id"]:
        assert combined.seen.part_of_cell(cell) == first.part_of_cell(cell)
    assert combined.seen.has_donors(rows["donor_id"]).tolist() == first.has_donors(rows["donor_id"]).tolist()


def test_it_is_the_same_when_made_again(cohort: Path, seeds: list[Path], combined: Bundle, tmp_path: Path) -> None:
    assert combine(seeds, cohort, tmp_path / "again").hash == combined.hash


def test_other_recipes_splits_and_numbers_are_refused(
    cohort: Path, seeds: list[Path], combined: Bundle, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    other = train(cohort, tmp_path / "run", settings=[*TINY, "train.epochs=1"], threads=1).bundle.folder
    moved = tmp_path / "cohort"
    shutil.copytree(cohort, moved)
    split(moved, test_share=0.2, seed=5, overwrite=True)
    for given, of, what in (
        (seeds[:1], cohort, "nothing to combine"),
        ([seeds[0], seeds[0]], cohort, "given twice"),
        ([seeds[0], other], cohort, "not the recipe of"),
        (seeds, moved, "were not in this bundle's"),
        ([seeds[0], combined.folder], cohort, "combined already"),
    ):
        with pytest.raises(UserError, match=what) as caught:
            combine(given, of, out)
        assert caught.value.fix
        assert not out.exists()
    for name, what in (
        ("smaller", "that it has met are not in"),
        ("swapped", "not the classes"),
        ("named", "another label"),
    ):
        with pytest.raises(UserError, match=what):
            combine(seeds, changed(cohort, tmp_path / name), out)
    with pytest.raises(UserError, match="holds something else"):
        combine(seeds, cohort, tmp_path, overwrite=True)
    assert moved.is_dir()


def test_folds_are_refused(cohort: Path, seeds: list[Path], tmp_path: Path) -> None:
    settings = [*TINY, "train.folds=2"]
    folds = [train(cohort, tmp_path / str(n), settings=settings, seed=n, threads=1).bundle.folder for n in (0, 1)]
    with pytest.raises(UserError, match="averages folds"):
        combine(folds, cohort, tmp_path / "out")


def test_a_recipe_of_another_version_is_refused_with_a_way_out(seeds: list[Path]) -> None:
    bundle = Bundle.read(seeds[0])
    recipe = bundle.about.recipe | {"train": {**bundle.about.recipe["train"], "forgotten": 1}}
    with pytest.raises(UserError, match=r"does not take its recipe: unknown setting 'train\.forgotten'") as error:
        recipe_of(replace(bundle, about=bundle.about.model_copy(update={"recipe": recipe})))
    assert f"use the brightctc {bundle.about.provenance.versions['brightctc']}," in str(error.value)


def test_the_command(cohort: Path, seeds: list[Path], tmp_path: Path) -> None:
    words = ["combine", *map(str, seeds), str(tmp_path / "new"), "--cohort", str(cohort)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "2 networks averaged" in done.stdout
    assert Bundle.read(tmp_path / "new").about.recipe["backbone"]["name"] == "test_resnet"
    short = CliRunner().invoke(app, ["combine", str(seeds[0]), str(tmp_path / "x"), "--cohort", str(cohort)])
    assert isinstance(short.exception, UserError)
