"""Folds: every labelled cell is judged by a network that has not met its donor, and the networks are averaged."""

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from brightctc import files
from brightctc.cohort import Cohort, split
from brightctc.errors import UserError
from brightctc.learn import material as materials
from brightctc.learn import train
from brightctc.learn.export import Averaged, Exported, torch_logits
from brightctc.learn.folds import at_most_folds_of, folds_of
from brightctc.metrics import fitted_temperature
from brightctc.predict import score_cells
from brightctc.preprocess import Preparation
from brightctc.quantise import export
from brightctc.recipe import Preprocess, Recipe, read_recipe
from few_cells import TINY

FOLDED = [*TINY, "train.folds=3"]


def folded(groups: list[str], positive: list[bool], seed: int = 0) -> list[np.ndarray]:
    return folds_of(groups, np.array(positive), 3, seed, "train.folds")


def test_folds_hold_whole_donors_and_both_classes() -> None:
    donors = [f"D{index // 5}" for index in range(60)]
    positive = [index % 3 == 0 for index in range(60)]
    masks = folded(donors, positive)
    assert np.stack(masks).sum(axis=0).tolist() == [1] * 60, "each cell is judged once"
    for mask in masks:
        inside = {donor for donor, judged in zip(donors, mask, strict=True) if judged}
        assert inside.isdisjoint(donor for donor, judged in zip(donors, mask, strict=True) if not judged)
        assert 15 <= mask.sum() <= 25
    again, other = folded(donors, positive), folded(donors, positive, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(masks, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(masks, other, strict=True))


@pytest.mark.parametrize(("donors", "count"), [(2, 2), (3, 3), (4, 4), (9, 5)])
def test_teachers_are_as_many_as_donors_allow(donors: int, count: int) -> None:
    groups = [f"D{index % donors}" for index in range(6 * donors)]
    positive = np.arange(6 * donors) // donors % 2 == 0
    assert len(at_most_folds_of(groups, positive, 5, 0, "dapi.teachers")) == count


def test_no_teacher_learns_from_one_donor() -> None:
    with pytest.raises(UserError, match="teachers need two donors"):
        at_most_folds_of(["D0"] * 6, np.arange(6) % 2 == 0, 5, 0, "dapi.teachers")


def test_too_few_donors_of_a_class_are_told() -> None:
    donors = [f"D{index // 5}" for index in range(30)]
    with pytest.raises(UserError, match="there are 2") as caught:
        folded(donors, [index < 10 for index in range(30)])
    assert "train.folds=2" in (caught.value.fix or "")


@pytest.fixture(scope="module")
def cohort(drawn_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("folds") / "cohort"
    shutil.copytree(drawn_cohort, root)
    split(root, test_share=0.2, seed=0)
    return root


@pytest.fixture(scope="module")
def run(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("folds") / "run"
    train(cohort, folder, settings=FOLDED, threads=1)
    return folder


def test_a_fold_learns_nothing_of_the_donors_it_is_judged_by(cohort: Path) -> None:
    recipe = read_recipe("default", [*FOLDED, "dapi.way=virtual_stain"])
    read = Cohort.read(cohort)
    whole = materials.gather(read, recipe, 0, 1, None)
    learning = pl.concat([read.part("train"), read.part("validation")])
    judged: list[str] = []
    for each in whole.folds(recipe, 0):
        judging = set(each.judges.donors)
        assert judging.isdisjoint(each.cells.donors)
        assert each.unlabelled is None or judging.isdisjoint(each.unlabelled.donors)
        assert set(each.cells.rows["cell_id"]) | set(each.judges.rows["cell_id"]) == set(learning["cell_id"])
        judged += each.judges.rows["cell_id"].to_list()
        crops: dict = {channel: list(images) for channel, images in each.cells.crops.items()}
        alone = Preparation.fit(recipe.preprocess, crops, ("bright_field",))
        assert each.preparation == alone, "no statistic of the judging donors either"
    assert sorted(judged) == sorted(learning["cell_id"].to_list())


def test_the_bundle_averages_and_its_threshold_is_of_cells_not_met(cohort: Path, run: Path) -> None:
    from brightctc.bundle import Bundle

    bundle, read = Bundle.read(run / "bundle"), Cohort.read(cohort)
    learning = read.part("train").height + read.part("validation").height
    assert (bundle.validation.folds, len(bundle.validation.logit)) == (3, learning)
    logit, positive = np.array(bundle.validation.logit), np.array(bundle.validation.positive)
    assert bundle.about.calibration is not None
    assert bundle.about.calibration.temperature == pytest.approx(fitted_temperature(logit, positive))
    assert bundle.threshold.score == pytest.approx(float(bundle.score(np.array(bundle.threshold.logit))))
    assert any("3 networks are averaged" in words for words in bundle.about.provenance.assumptions)
    history = pl.read_csv(run / "history.csv")
    assert history["fold"].to_list() == [1, 1, 2, 2, 3, 3]
    result = files.read_json(run / "result.json")
    assert result["kept_epoch"] == [2, 2, 2]
    rows = read.part("test")
    chunks = list(score_cells(bundle, {"bright_field": read.paths(rows, "bright_field")}))
    assert np.isfinite(np.concatenate([chunk.logit for chunk in chunks])).all()


def test_the_same_run_again_and_resumed_gives_the_same_bytes(cohort: Path, run: Path, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(task: str, done: int, _of: int, _note: str = "") -> None:
        if "fold 2" in task and done > 3:
            raise StoppedError

    with pytest.raises(StoppedError):
        train(cohort, tmp_path / "run", settings=FOLDED, threads=1, progress=stop)
    train(cohort, tmp_path / "run", settings=FOLDED, threads=1, resume=True)
    for name in ("history.csv", "result.json", "bundle/bundle.json", "bundle/model.onnx"):
        assert (tmp_path / "run" / name).read_bytes() == (run / name).read_bytes(), name


def test_an_average_has_each_member_meet_its_own_input() -> None:
    torch.manual_seed(0)
    import timm

    networks = [timm.create_model("test_resnet", in_chans=1, num_classes=2).eval() for _ in range(2)]
    rng = np.random.default_rng(0)
    crops = [rng.integers(100, 200, (24, 24)).astype(np.uint16) for _ in range(8)]
    settings = Preprocess(size=24, intensity="bit_depth")
    first, second = (
        Preparation.fit(settings, {"bright_field": part}, ("bright_field",))
        for part in (crops[:4], [crop * 20 for crop in crops[4:]])
    )
    assert first.scales["bright_field"].white != second.scales["bright_field"].white
    made = [[list(each.from_input_of(first, "bright_field"))] for each in (first, second)]
    average = Averaged(
        [
            (Exported(network), *torch.tensor(row, dtype=torch.float32).T)
            for network, row in zip(networks, made, strict=True)
        ]
    )
    own = [
        torch_logits(Exported(network), np.stack([each.network_input({"bright_field": crop}) for crop in crops]))
        for network, each in zip(networks, (first, second), strict=True)
    ]
    common = np.stack([first.network_input({"bright_field": crop}) for crop in crops])
    np.testing.assert_allclose(torch_logits(average, common), np.mean(own, axis=0), atol=1e-4)


def test_such_a_bundle_is_not_quantised(cohort: Path, run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="folds"):
        export(run / "bundle", tmp_path / "new", calibration=cohort, int8=True)


def test_a_recipe_has_one_fold_unless_told() -> None:
    assert Recipe().train.folds == 1
