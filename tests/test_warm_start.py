"""Warm start: a loss without labels, before the classes are learned."""

from pathlib import Path

import polars as pl
import torch

from brightctc.cohort import Cohort
from brightctc.learn import backbones, train, ways
from brightctc.learn import material as materials
from brightctc.learn.lessons import Learner
from brightctc.learn.ways.warm_start import COVARIANCE, INVARIANCE, VARIANCE, vicreg
from brightctc.recipe import read_recipe
from few_cells import TINY

WARM = [*TINY, "dapi.way=warm_start", "dapi.first_steps=3"]


def test_the_loss_has_its_three_terms() -> None:
    torch.manual_seed(0)
    one = torch.randn(4_000, 3) * 2
    whole = one + 3
    torch.testing.assert_close(vicreg(one, whole), torch.tensor(INVARIANCE * 9.0), rtol=0.02, atol=0)
    still = torch.zeros(10, 3)
    torch.testing.assert_close(vicreg(still, still), torch.tensor(VARIANCE * (1 - 0.01)))
    same = one[:, :1].repeat(1, 3)  # each number says the same: two others of variance 4 beside each
    torch.testing.assert_close(vicreg(same, same), torch.tensor(COVARIANCE * 2 * 2 * 16.0), rtol=0.05, atol=0)


def started(
    cohort: Path, folder: Path, steps: int = 3
) -> tuple[dict[str, torch.Tensor], list[str], materials.Material]:
    """The network after its warm start; what was told."""
    recipe = read_recipe("default", [*WARM, f"dapi.first_steps={steps}"])
    material = materials.gather(Cohort.read(cohort), recipe, 0, 1, None)
    torch.manual_seed(0)
    network = backbones.build(recipe.backbone, 1)
    told: list[str] = []
    given = ways.Course(material, recipe, 0, torch.device("cpu"), folder, lambda task, *_: told.append(task))
    material.way.before(Learner(network, material.way.lesson(network)), given)
    return network.state_dict(), told, material


def test_it_moves_the_network_and_leaves_the_classifier(pooled: Path, tmp_path: Path) -> None:
    recipe = read_recipe("default", WARM)
    torch.manual_seed(0)
    before = backbones.build(recipe.backbone, 1).state_dict()
    after, told, material = started(pooled, tmp_path)
    assert told == ["warm start"] * 3
    assert not torch.equal(before["conv1.0.weight"], after["conv1.0.weight"])
    assert torch.equal(before["fc.weight"], after["fc.weight"])
    assert material.unlabelled is not None
    assert {"D08", "D09", "D10"}.isdisjoint(material.unlabelled.groups)
    assert not material.batches(recipe, 0, torch.device("cpu")).further, "later steps are of labelled cells alone"


def test_resumed_it_is_the_same(pooled: Path, tmp_path: Path) -> None:
    first, _, _ = started(pooled, tmp_path / "a")
    again, told, _ = started(pooled, tmp_path / "a")
    assert told == [], "it was done already"
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_the_bundle_has_seen_the_cells_without_a_label(pooled: Path, tmp_path: Path) -> None:
    bundle = train(pooled, tmp_path / "run", settings=WARM, threads=1).bundle
    pool = Cohort.read(pooled).part("pool").filter(pl.col("donor_id") == "D11")
    assert bundle.seen.has_cells(pool["cell_id"]).all()
    assert bundle.about.channels == ("bright_field",)
