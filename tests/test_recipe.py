"""Recipes: what a user may set, and what he is told when it is wrong."""

import pytest
import yaml

from brightctc.errors import UserError
from brightctc.recipe import WAYS, Recipe, built_in, labelled_each, read_recipe
from brightctc.settings import known_keys
from brightctc.study.budgets import with_steps


def test_the_paper_recipe_is_the_papers():
    recipe = read_recipe("paper")
    assert (recipe.backbone.name, recipe.backbone.weights) == ("resnet50", "imagenet")
    assert (recipe.preprocess.size, recipe.preprocess.intensity) == (148, "bit_depth")
    assert (recipe.augment.preset, recipe.augment.copies, recipe.augment.draws) == ("AUG3", 4, "fixed")
    assert (recipe.augment.rotation, recipe.augment.flip) == (180, 0.5)
    assert (recipe.augment.brightness, recipe.augment.contrast) == (0.2, 0.2)
    assert recipe.dapi.way == "mix"
    train = recipe.train
    assert (train.learning_rate, train.schedule, train.epochs, train.batch_size) == (1e-7, "constant", 100, 32)
    assert train.keep == "best"
    assert train.early_stop is not None


def test_what_a_file_leaves_out_is_as_in_the_default_recipe(tmp_path):
    (tmp_path / "empty.yaml").write_text("format_version: 1\n")
    assert read_recipe(tmp_path / "empty.yaml") == read_recipe("default") == Recipe()


@pytest.mark.parametrize("name", built_in())
def test_built_in_recipes_survive_writing_and_reading(name, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(read_recipe(name).to_yaml())
    assert read_recipe(path) == read_recipe(name)
    assert read_recipe(path).hash == read_recipe(name).hash


@pytest.mark.parametrize(
    ("settings", "steps"),
    [
        pytest.param([], 600, id="left open, few cells"),
        pytest.param(["train.epochs=2"], 6, id="epochs"),
        pytest.param(["train.steps=7"], 7, id="steps"),
        pytest.param(["train.steps=7", "train.epochs=2"], 7, id="steps decide"),
    ],
)
def test_how_many_steps_a_training_has(settings, steps):
    assert read_recipe("default", settings).train.total_steps(3) == steps
    if not settings:
        assert read_recipe("default").train.total_steps(100) == 2400


def test_equal_epochs_are_not_more_for_a_variant_with_fewer_images():
    recipe = read_recipe("default")
    assert with_steps(recipe, "epochs", 5).train.total_steps(3) == 72
    assert with_steps(recipe, "steps", 5).train.total_steps(3) == 5
    chosen = read_recipe("default", ["train.epochs=2"])
    assert with_steps(chosen, "epochs", 5) == chosen


def test_every_setting_changes_the_hash():
    assert read_recipe("default", ["train.epochs=3"]).hash != read_recipe("default").hash


@pytest.mark.parametrize(
    ("settings", "key", "value"),
    [
        pytest.param(["train.epochs=5"], "train.epochs", 5, id="whole number"),
        pytest.param(["train.learning_rate=1e-7"], "train.learning_rate", 1e-7, id="1e-7, text to YAML"),
        pytest.param(["train.steps=null"], "train.steps", None, id="nothing"),
        pytest.param(["dapi.way=mix"], "dapi.way", "mix", id="another way"),
        pytest.param(["dapi.way=none"], "dapi.way", "none", id="no way"),
        pytest.param(["dapi.weight=2", "dapi.way=distil"], "dapi.weight", 2, id="a setting before its way"),
        pytest.param(["dapi.way=distil", "dapi.weight=2"], "dapi.weight", 2, id="a setting after its way"),
        pytest.param(["train.epochs=5", "train.epochs=6"], "train.epochs", 6, id="the last one counts"),
        pytest.param(["backbone.weights=a=b.safetensors"], "backbone.weights", "a=b.safetensors", id="an = in it"),
    ],
)
def test_settings(settings, key, value):
    section, name = key.split(".")
    assert getattr(getattr(read_recipe("default", settings), section), name) == value


def test_naming_the_way_that_a_recipe_has_keeps_its_settings(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(read_recipe("default", ["dapi.way=distil", "dapi.weight=2"]).to_yaml())
    assert read_recipe(file, ["dapi.way=distil"]).dapi.model_dump()["weight"] == 2
    assert read_recipe(file, ["dapi.way=mix"]).dapi == read_recipe("default", ["dapi.way=mix"]).dapi


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        pytest.param("train.epoch=5", "train.epochs", id="nearest key"),
        pytest.param("augment.presett=none", "augment.preset", id="nearest key of a section"),
        pytest.param("trane.epochs=5", "train.epochs", id="unknown section"),
        pytest.param("train.epochs=0", "train.epochs", id="too small"),
        pytest.param("train.learning_rate=fast", "train.learning_rate", id="no number"),
        pytest.param("train.epochs", "section.name=value", id="no ="),
        pytest.param("epochs=5", "section.name=value", id="no section"),
        pytest.param("dapi.way=magic", "dapi", id="unknown way"),
        pytest.param("preprocess.um_per_pixel=0.5", "fit: pad", id="scale kept and changed"),
        pytest.param("augment.draws=fixed", "copies", id="fixed without copies"),
        pytest.param("train.epochs.more=5", "section.name=value", id="too deep"),
    ],
)
def test_wrong_settings_name_what_is_wrong(setting, words):
    with pytest.raises(UserError) as caught:
        read_recipe("default", [setting])
    assert words in str(caught.value)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("train: [1, 2", "not valid YAML", id="broken YAML"),
        pytest.param("- a\n- b\n", "mapping", id="a list"),
        pytest.param("format_version: 2\n", "format_version", id="another format"),
        pytest.param("train:\n  epochs: 3\n  epoch: 4\n", "train.epoch", id="unknown key"),
    ],
)
def test_wrong_files(text, words, tmp_path):
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(UserError, match=words):
        read_recipe(tmp_path / "r.yaml")


def test_epochs_that_would_change_nothing_are_refused():
    with pytest.raises(UserError, match=r"train\.steps decides how long accurate trains") as caught:
        read_recipe("accurate", ["train.epochs=48"])
    assert "train.steps=1200" in caught.value.fix
    assert read_recipe("accurate", ["train.epochs=48", "train.steps=null"]).train.epochs == 48
    assert read_recipe("default", ["train.epochs=48"]).train.epochs == 48
    assert read_recipe("default", ["train.epochs=48", "train.steps=70"]).train.total_steps(10) == 70


def test_unknown_recipe_names_the_known_ones():
    with pytest.raises(UserError) as caught:
        read_recipe("papper")
    assert "paper" in str(caught.value.fix)


def test_known_keys_are_those_of_a_whole_recipe():
    written = yaml.safe_load(Recipe().to_yaml())
    settable = {
        f"{section}.{name}" for section, values in written.items() if isinstance(values, dict) for name in values
    }
    assert settable <= set(known_keys(Recipe))
    assert {"none", "mix", "channel"} <= set(WAYS)


@pytest.mark.parametrize(
    ("labelled", "unlabelled", "each"),
    [(80, 0, 32), (80, 80, 16), (80, 10, 29), (80, 10_000, 8), (10_000, 1, 32)],
)
def test_cells_without_a_label_take_their_share_of_a_batch(labelled: int, unlabelled: int, each: int) -> None:
    assert labelled_each(32, labelled, unlabelled) == each


@pytest.mark.parametrize(
    ("way", "joining"), [("none", 0), ("mix", 0), ("warm_start", 0), ("virtual_stain", 70), ("pseudo_labels", 70)]
)
def test_ways_say_which_cells_join(way: str, joining: int) -> None:
    assert read_recipe("default", [f"dapi.way={way}"]).joining(70) == joining


def test_at_most_so_many_join() -> None:
    assert read_recipe("accurate").joining(100_000) == 5000
    assert read_recipe("accurate", ["dapi.unlabelled=false"]).joining(70) == 0
