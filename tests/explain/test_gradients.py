"""Gradients of a network that torch trained: they add up, and random weights give other maps."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import timm
import torch

from brightctc.bundle import Bundle
from brightctc.cohort import Cohort
from brightctc.explain import gradients
from brightctc.explain.gradients import Attributions, as_given, as_grid, attributions
from brightctc.learn import train
from brightctc.learn.batches import network_inputs
from brightctc.learn.crops import read_part
from brightctc.learn.export import torch_logits
from brightctc.learn.rebuilding import rebuilt
from brightctc.preprocess import border_median
from few_cells import TINY


@pytest.fixture(scope="module")
def trained(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    run = tmp_path_factory.mktemp("run") / "run"
    return train(cohort, run, settings=[*TINY, "train.epochs=6"], threads=1).bundle


@pytest.fixture(scope="module")
def inputs(trained: Bundle, cohort: Path) -> np.ndarray:
    cells = read_part(Cohort.read(cohort), "test", ("bright_field",), workers=1)
    return network_inputs(cells, trained.preparation)[:10]


@pytest.fixture(scope="module")
def found(trained: Bundle, inputs: np.ndarray) -> Attributions:
    return attributions(trained, inputs, 0, None)


def test_the_rebuilt_network_is_the_bundles(trained: Bundle, inputs: np.ndarray) -> None:
    (network,) = rebuilt(trained)
    logit = trained.session(1).run(inputs).logit
    np.testing.assert_allclose(torch_logits(network, inputs), logit, atol=1e-4)


def test_integrated_gradients_add_up_to_what_the_crop_changes(
    trained: Bundle, inputs: np.ndarray, found: Attributions
) -> None:
    nothing = np.stack([np.full_like(image, border_median(image[0])) for image in inputs])
    (network,) = rebuilt(trained)
    change = torch_logits(network, inputs) - torch_logits(network, nothing)
    summed = found.maps["integrated gradients"].sum(axis=(1, 2))
    assert np.corrcoef(summed, change)[0, 1] > 0.95
    assert np.abs(summed - change).max() < 0.25 * np.abs(change).max()


def test_maps_have_the_inputs_size(inputs: np.ndarray, found: Attributions) -> None:
    assert set(found.maps) == {"Grad-CAM", "integrated gradients"}
    assert all(values.shape == (10, *inputs.shape[2:]) for values in found.maps.values())
    assert found.networks == 1


def test_random_weights_give_other_maps(found: Attributions) -> None:
    assert np.nanmedian(found.likeness["integrated gradients"]) < 0.8


def test_the_same_cells_give_the_same_maps(trained: Bundle, inputs: np.ndarray, found: Attributions) -> None:
    again = attributions(trained, inputs, 0, None)
    for name, values in found.maps.items():
        np.testing.assert_array_equal(again.maps[name], values)


def test_of_folds_the_first_network_is_explained(cohort: Path, inputs: np.ndarray, tmp_path: Path) -> None:
    run = train(cohort, tmp_path / "run", settings=[*TINY, "train.folds=2"], threads=1)
    networks = rebuilt(run.bundle)
    assert len(networks) == 2
    assert attributions(run.bundle, inputs[:2], 0, None).networks == 2


def test_no_cells_have_no_maps(trained: Bundle, inputs: np.ndarray) -> None:
    none = attributions(trained, inputs[:0], 0, None)
    assert all(values.shape == (0, *inputs.shape[2:]) for values in none.maps.values())


@pytest.mark.parametrize("name", ["test_vit2", "test_convnext", "maps last"])
def test_tokens_and_maps_that_come_last_become_a_grid_and_back(name: str) -> None:
    if name == "maps last":
        network, features = SimpleNamespace(num_features=5), torch.arange(90.0).reshape(2, 3, 3, 5)
        own = features[1, 0, 1]
    else:
        network = timm.create_model(name, num_classes=2, in_chans=1, **({"img_size": 64} if "vit" in name else {}))
        features = network.forward_features(torch.randn(2, 1, 64, 64))
        own = features[1, 2] if "vit" in name else features[1, :, 0, 1]
    grid = as_grid(features, network)
    torch.testing.assert_close(grid[1, :, 0, 1], own, msg="the second place of the first row")
    torch.testing.assert_close(as_given(grid, features, network), features)


@pytest.mark.parametrize(("pool", "names"), [
    ("avg", {"Grad-CAM", "integrated gradients"}), ("token", {"integrated gradients"}),
])  # fmt: skip
def test_of_tokens(pool: str, names: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    name = "test_vit2" if pool == "avg" else "test_vit"
    network = timm.create_model(name, num_classes=2, in_chans=1, img_size=64, global_pool=pool)
    monkeypatch.setattr(gradients, "rebuilt", lambda _: [SimpleNamespace(network=network)])
    monkeypatch.setattr(gradients, "_randomise", lambda *_: None)
    inputs = np.random.default_rng(0).normal(size=(2, 1, 64, 64)).astype(np.float32)
    found = attributions(cast(Bundle, None), inputs, 0, None)
    assert set(found.maps) == set(found.likeness) == names
    assert all(values.shape == (2, 64, 64) and values.any() for values in found.maps.values())
