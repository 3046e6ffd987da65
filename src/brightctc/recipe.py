"""Every choice of a training except the seed, as frozen models, one YAML file and `--set section.name=value`."""

import hashlib
import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Annotated, Literal, Self, get_args

import yaml
from pydantic import Field, model_validator

from brightctc import files
from brightctc.errors import UserError
from brightctc.settings import Section, changed, validated

FORMAT_VERSION = 1


class Backbone(Section):
    """The network, by its name in timm, and where its first weights come from."""

    name: str = "tf_efficientnet_lite0"
    weights: str = Field(default="packaged", description="packaged, imagenet, none, or the path of a .safetensors file")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="before the classifier")
    drop_path: float = Field(default=0.0, ge=0, lt=1, description="stochastic depth, where the network has it")
    views: Literal[1, 8] = Field(
        default=8,
        description="8: score each crop in its eight orientations and average, at eight times the network's arithmetic",
    )


class Preprocess(Section):
    """From pixels to network input, the same in training and scoring."""

    size: int = Field(default=96, ge=16, le=1024, description="height and width of the network's input in px")
    fit: Literal["resize", "pad", "cell"] = Field(
        default="cell",
        description="resize: the longer side becomes `size`; pad: keep the scale, pad or cut to `size`; cell: the "
        "crop's middle becomes `size`, as much of it as training cells take, and some background",
    )
    intensity: Literal["background", "per_crop", "bit_depth"] = Field(
        default="background",
        description="background: bright field divided by its border's median, DAPI less its border's median; "
        "per_crop: each crop to mean 0, sd 1; bit_depth: divided by the cohort's white level",
    )
    um_per_pixel: float | None = Field(
        default=None, gt=0, description="resample to this pixel size in µm (with fit: pad)"
    )

    @model_validator(mode="after")
    def _scale_is_kept(self) -> Self:
        if self.um_per_pixel is not None and self.fit != "pad":
            raise ValueError("um_per_pixel needs fit: pad, since resize would change the scale again")
        return self


class Augment(Section):
    """Which changes a training crop goes through. Ranges hold for the operations that the preset switches on."""

    preset: Literal["none", "AUG1", "AUG2", "AUG3"] = Field(
        default="AUG3", description="AUG1: rotations; AUG2: and flips; AUG3: and brightness, contrast"
    )
    copies: int = Field(default=0, ge=0, le=100, description="augmented copies beside each original, in every epoch")
    draws: Literal["fresh", "fixed"] = Field(
        default="fresh", description="fixed: the copies are drawn once for the whole run"
    )
    rotation: float = Field(default=180.0, ge=0, le=180, description="largest angle in degrees, either way")
    flip: float = Field(default=0.5, ge=0, le=1, description="probability of each flip, up-down and left-right")
    brightness: float = Field(default=0.05, ge=0, lt=1, description="largest relative change")
    contrast: float = Field(default=0.2, ge=0, lt=1, description="largest relative change")
    scale: float = Field(default=0.0, ge=0, lt=1, description="largest relative change of size; off by default")
    shift: float = Field(default=0.0, ge=0, le=0.5, description="largest shift as a share of the width; off by default")
    blur: float = Field(default=0.0, ge=0, le=10, description="largest Gaussian sigma in px; off by default")
    noise: float = Field(default=0.0, ge=0, le=1, description="largest noise sd in units of the training contrast; off")

    @model_validator(mode="after")
    def _copies_and_draws_agree(self) -> Self:
        if self.draws == "fixed" and self.preset != "none" and self.copies == 0:
            raise ValueError("draws: fixed needs copies of 1 or more; without copies the originals alone are seen")
        return self


_UNLABELLED: bool = Field(default=True, description="cells without a label, of the train part and the pool, join")
_AT_MOST: int = Field(
    default=5000,
    ge=1,
    le=1_000_000,
    description="cells without a label that join: a random choice where there are more",
)
_DRAW: Literal["by_class", "in_turn"] = Field(
    default="by_class",
    description="how often each of these comes: by_class: what is told to be positive as often as positive cells are "
    "among labelled ones, none more often than a labelled cell; in_turn: all alike",
)
_A_TEACHER = (
    "as many folds of donors, or fewer where there are fewer; a cell is taught by teachers that have not met it"
)
_A_WEIGHT = "of a way's own loss beside the class's"


class DapiNone(Section):
    """Bright field alone."""

    way: Literal["none"] = "none"


class DapiMix(Section):
    """The paper's way: DAPI images of training cells become additional training samples."""

    way: Literal["mix"] = "mix"
    control: Literal["none", "repeat", "permuted"] = Field(
        default="none",
        description="what DAPI is held against in an ablation. repeat: the same cells' bright field once more in its "
        "place; permuted: DAPI with the labels of other training cells",
    )


class DapiChannel(Section):
    """DAPI as a second input channel; the bundle then needs DAPI for every cell it scores."""

    way: Literal["channel"] = "channel"


class DapiVirtualStain(Section):
    """The network also paints each cell's DAPI image from its bright field; scoring needs bright field alone."""

    way: Literal["virtual_stain"] = "virtual_stain"
    weight: float = Field(default=0.5, gt=0, le=100, description=_A_WEIGHT)
    unlabelled: bool = _UNLABELLED
    at_most: int = _AT_MOST


class DapiDistil(Section):
    """Teachers that measure bright field and DAPI teach a network of bright field alone, which scores without them."""

    way: Literal["distil"] = "distil"
    teachers: int = Field(default=5, ge=2, le=10, description=_A_TEACHER)
    weight: float = Field(default=4.0, gt=0, le=100, description=_A_WEIGHT)
    unlabelled: bool = _UNLABELLED
    draw: Literal["by_class", "in_turn"] = _DRAW
    at_most: int = _AT_MOST


class DapiPseudoLabels(Section):
    """Without DAPI: networks of bright field teach one more, by what they make of cells without a label."""

    way: Literal["pseudo_labels"] = "pseudo_labels"
    teachers: int = Field(default=3, ge=2, le=10, description=_A_TEACHER)
    weight: float = Field(default=1.0, gt=0, le=100, description=_A_WEIGHT)
    unlabelled: bool = _UNLABELLED
    draw: Literal["by_class", "in_turn"] = _DRAW
    at_most: int = _AT_MOST


class DapiWarmStart(Section):
    """Without DAPI: before it learns the classes, the network learns what stays when a cell is turned and lit anew."""

    way: Literal["warm_start"] = "warm_start"
    first_steps: int = Field(default=300, ge=1, le=100_000, description="steps without labels, before `train`'s")
    unlabelled: bool = _UNLABELLED
    at_most: int = _AT_MOST


class DapiStudent(Section):
    """Without DAPI: a bundle of several orientations or networks teaches one network, which is asked once a cell."""

    way: Literal["student"] = "student"
    bundle: str = Field(default="", description="the folder of the bundle that teaches")
    weight: float = Field(default=4.0, gt=0, le=100, description=_A_WEIGHT)
    unlabelled: bool = _UNLABELLED
    draw: Literal["by_class", "in_turn"] = _DRAW
    at_most: int = _AT_MOST


Dapi = Annotated[
    DapiNone | DapiMix | DapiChannel | DapiVirtualStain | DapiDistil | DapiPseudoLabels | DapiWarmStart | DapiStudent,
    Field(discriminator="way"),
]
_TELLING = DapiVirtualStain | DapiDistil | DapiPseudoLabels | DapiStudent
"""Ways that tell something of each cell, with a label or without."""
WAYS: tuple[str, ...] = tuple(model.model_fields["way"].default for model in get_args(get_args(Dapi)[0]))


EPOCHS, FEWEST_STEPS = 24, 600
"""Where a recipe leaves its epochs open: so many, or as many as so many steps take (docs/decisions/0033)."""


class Train(Section):
    """The loop. AdamW and cross-entropy throughout."""

    epochs: int | None = Field(
        default=None,
        ge=1,
        le=100_000,
        description="passes over the training samples, at most; left open: 24, or as many as 600 optimiser steps take",
    )
    steps: int | None = Field(default=None, ge=1, description="optimiser steps; where set it decides instead of epochs")
    batch_size: int = Field(default=32, ge=2, le=4096)
    learning_rate: float = Field(default=1e-3, gt=0, le=1, description="constant, or the peak of one_cycle")
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    schedule: Literal["constant", "one_cycle"] = "one_cycle"
    class_weights: Literal["none", "balanced"] = "none"
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    consistency: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="weight of a loss that makes a crop and the same crop turned score alike; doubles a step's time",
    )
    layer_decay: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="each layer learns this many times as fast as the next one towards the output; 1: all alike",
    )
    mixup: float = Field(
        default=0.0, ge=0, le=10, description="both shapes of the beta distribution that two crops are mixed by; 0: off"
    )
    folds: int = Field(
        default=1,
        ge=1,
        le=10,
        description="1: one network, judged by the validation part; more: as many networks, each judged by donors of "
        "train and validation that it has not met, and averaged in scoring, at as many times the cost",
    )
    keep: Literal["best", "last"] = Field(
        default="last",
        description="the epoch that is kept: best by validation F1, or the last (validation decides nothing)",
    )
    early_stop: int | None = Field(default=None, ge=1, description="stop after this many epochs without a better one")
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        default="float32", description="auto: bfloat16 where the processor or GPU computes it, else float32"
    )

    def total_steps(self, per_epoch: int) -> int:
        """Optimiser steps of a training whose epochs have so many."""
        if self.steps is not None:
            return self.steps
        return self.epochs * per_epoch if self.epochs is not None else max(EPOCHS * per_epoch, FEWEST_STEPS)

    @model_validator(mode="after")
    def _stopping_keeps_the_best(self) -> Self:
        if self.early_stop is not None and self.keep == "last":
            raise ValueError("early_stop needs keep: best")
        return self


class Recipe(Section):
    """A whole recipe. `Recipe()` is valid; the built-in ones lie beside this module as YAML."""

    format_version: Literal[1] = FORMAT_VERSION
    backbone: Backbone = Backbone()
    preprocess: Preprocess = Preprocess()
    augment: Augment = Augment()
    dapi: Dapi = DapiNone()
    train: Train = Train()

    @model_validator(mode="after")
    def _mixed_cells_are_of_one_class_or_two(self) -> Self:
        if self.train.mixup and isinstance(self.dapi, _TELLING):
            raise ValueError(
                f"train.mixup mixes two cells, and dapi.way={self.dapi.way} tells something of each: use one of them"
            )
        return self

    @property
    def hash(self) -> str:
        """SHA-256 (16 hex digits) of the recipe's settings, whatever the order or comments of its file."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()[:16]

    def joining(self, unlabelled: int) -> int:
        """How many of so many cells without a label come in the batches, beside those that have one."""
        way = self.dapi
        if isinstance(way, _TELLING) and way.unlabelled:
            return min(way.at_most, unlabelled)
        return 0

    def to_yaml(self) -> str:
        """The whole recipe as YAML, every setting written out."""
        return yaml.safe_dump(self.model_dump(), sort_keys=False, allow_unicode=True)


def labelled_each(batch_size: int, labelled: int, unlabelled: int) -> int:
    """Samples with a label in a batch, where so many with and without one are to be walked through.

    Those without take their share of every batch, three quarters at most: labels are few, and known.
    """
    share = unlabelled / max(1, labelled + unlabelled)
    return batch_size - int(batch_size * min(share, 0.75))


def built_in() -> list[str]:
    """Names of the recipes that come with brightctc."""
    folder = resources.files("brightctc") / "recipes"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def read_recipe(name_or_file: str | Path, settings: Iterable[str] = ()) -> Recipe:
    """Read a built-in recipe by name or a YAML file, then apply `section.name=value` settings in order, the way first.

    Raises UserError for an unknown recipe, an unknown key (with the nearest known one) or a value out of range.
    """
    settings = tuple(settings)
    if str(name_or_file) in built_in():
        source = resources.files("brightctc") / "recipes" / f"{name_or_file}.yaml"
        values = yaml.safe_load(source.read_text(encoding="utf-8"))
    elif Path(name_or_file).is_file():
        values = files.read_yaml(Path(name_or_file))
    else:
        raise UserError(
            f"no recipe is called {str(name_or_file)!r}, and no file either",
            fix=f"use one of {', '.join(built_in())}, or the path of a YAML file",
        )
    if not isinstance(values, dict):
        raise UserError("a recipe is a mapping of sections", name_or_file, "write e.g. 'train:' with settings below it")
    # the way first: the former way's settings don't carry over, those that are given with it do
    ways = [setting for setting in settings if setting.partition("=")[0].strip() == "dapi.way"]
    if ways:
        former = values.get("dapi")
        way = changed({}, ways, Recipe)
        if not isinstance(former, dict) or former.get("way") != way["dapi"]["way"]:
            values["dapi"] = way["dapi"]
    train = values.get("train")
    own_steps = train.get("steps") if isinstance(train, dict) else None
    values = changed(values, [setting for setting in settings if setting not in ways], Recipe)
    recipe = validated(Recipe, values, f"{name_or_file} with --set" if settings else name_or_file)
    names = {setting.partition("=")[0].strip() for setting in settings}
    if own_steps and recipe.train.steps == own_steps and "train.epochs" in names and "train.steps" not in names:
        raise UserError(
            f"train.steps decides how long {name_or_file} trains, so train.epochs would change nothing",
            "--set",
            f"set the steps instead: --set train.steps={2 * own_steps} is twice as long",
        )
    return recipe
