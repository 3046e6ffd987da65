"""The models that are compared on few cells: what each is called, and how it is trained and asked."""

import fcntl
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch

from brightctc import Bundle, files, read_recipe, train
from brightctc.baselines import Cells, fit
from brightctc.cohort import Cohort, read_images
from brightctc.learn.export import torch_logits
from brightctc.learn.rebuilding import rebuilt
from brightctc.predict import score_cells
from brightctc.preprocess import Channel
from few_cells_plain import kept
from few_cells_results import PARTS, Result, packed
from few_cells_tasks import TASKS

_UNLABELLED = "dapi.unlabelled=false"


@dataclass(frozen=True)
class Row:
    """A line of the page. model: a simple one's name, `plain`, or a recipe's name; settings change the recipe.

    upright_of: another row, whose networks are asked for each crop in one orientation, as it lies.
    teacher: another row, whose network of the same draw teaches this one's.
    """

    words: str
    model: str = "default"
    settings: tuple[str, ...] = ()
    upright_of: str = ""
    teacher: str = ""

    @property
    def is_recipe(self) -> bool:
        """Trained by `brightctc train`?"""
        return self.model in ("default", "accurate")

    @property
    def hash(self) -> str:
        """Changes where the row would be trained otherwise."""
        if self.teacher:
            return _digest(f"{read_recipe(self.model, self.settings).hash} {TRAINED[self.teacher].hash}")
        if self.is_recipe:
            return read_recipe(self.model, self.settings).hash
        return _digest(f"{self.model} 1")


_STEPS = 600
"""Optimiser steps of `accurate`, and of `default` on so few cells. Rows of single ways get about the same time: where a
step costs more, or teachers or first steps come on top, fewer of them."""


def _digest(words: str) -> str:
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _way(words: str, *settings: str, steps: int = _STEPS) -> Row:
    return Row(f"… {words}", settings=(f"train.steps={steps}", *settings))


def _student(teacher: str) -> Row:
    settings = ("dapi.way=student", "backbone.views=1", f"train.steps={_STEPS // 2}")
    return Row(f"asked once a cell, taught by `{teacher}`", settings=settings, teacher=teacher)


TRAINED = {
    "hog": Row("HOG + RBF SVM", "hog_rbf"),
    "hand": Row("hand features + boosting", "hand_features"),
    "plain": Row("timm fine-tune, as users write it", "plain"),
    "default": Row("`default`: bright field alone"),
    "mix": _way("DAPI as further images (`mix`)", "dapi.way=mix"),
    "virtual_stain": _way("virtual stain, labelled cells", "dapi.way=virtual_stain", _UNLABELLED),
    "virtual_stain_pool": _way("virtual stain, all cells", "dapi.way=virtual_stain"),
    "distil": _way("distilled, labelled cells", "dapi.way=distil", _UNLABELLED),
    "pseudo_labels": _way("pseudo-labels, all cells", "dapi.way=pseudo_labels", steps=150),
    "warm_start": _way("warm start, all cells", "dapi.way=warm_start", "dapi.first_steps=100", steps=200),
    "consistency": _way("turned crops score alike", "train.consistency=0.1", steps=300),
    "layer_decay": _way("early layers learn slower", "train.layer_decay=0.8"),
    "mixup": _way("crops mixed in pairs (mixup)", "train.mixup=0.2"),
    "folds": _way("five folds averaged, whole crops", "train.folds=5", steps=120),
    "accurate": Row("`accurate`: distilled, all cells", "accurate"),
    "student": _student("default"),
    "student_accurate": _student("accurate"),
    "together": Row("`accurate`, turned crops score alike", "accurate", ("train.consistency=0.1",)),
}
UPRIGHT = {
    f"{name}_upright": Row(f"{TRAINED[name].words}, one orientation", TRAINED[name].model, TRAINED[name].settings, name)
    for name in ("default", "consistency", "accurate", "together")
}
"""A network that is asked once a cell, for an eighth of the time, beside its mean over eight orientations."""


def rows_of(name: str) -> list[str]:
    """What one training answers: its row, and that of one orientation, if any."""
    return [name, *(other for other, row in UPRIGHT.items() if row.upright_of == name)]


ROWS = {name: (TRAINED | UPRIGHT)[name] for trained in TRAINED for name in rows_of(trained)}
"""In the order of the page."""
REFERENCES = ("plain", "default")
"""Rows that every other one is held against."""


def has_line(name: str) -> bool:
    """Does the row call cells?"""
    return ROWS[name].is_recipe and not ROWS[name].upright_of


def settings_of(task: str, name: str) -> str:
    """Changes where a row would be trained or asked otherwise, by recipe or by cells."""
    return _digest(f"{TASKS[task].hash} {ROWS[name].hash}")


def answered(task: str, draw: int, name: str, work: Path) -> list[Result]:
    """Train a row's model on a draw's cells, unless it is there, and ask it for the cells of both tested parts.

    Of the test part with figures; of the sealed part the answers alone, whose labels nobody looks at before all is
    chosen. Simple models and the plain fine-tune learn from all labelled cells, validation too: they have no
    other use for it, and without it no threshold, so no F1. Nor is there one of crops in one orientation.
    """
    torch.set_num_threads(1)
    cohort = Cohort.read(TASKS[task].cohort(draw, work))
    model = _model(name, draw, cohort, work)
    results = []
    for part in PARTS:
        for called_by, logit in zip(rows_of(name), model.logits(cohort, part), strict=True):
            called = logit >= (model.threshold if has_line(called_by) else np.inf)
            facts = (task, draw, called_by, part, settings_of(task, called_by), len(logit))
            results.append(Result(*facts, seconds=round(model.seconds, 1), answers=packed(logit, called)))
    labels = cohort.positive(cohort.part("test")).to_numpy()
    return [result.judged(labels, has_line(result.row)) if result.part == "test" else result for result in results]


@dataclass(frozen=True)
class _Model:
    """A trained one. logits(cohort, part): float (n,), upright also in one orientation; seconds: of training."""

    seconds: float
    threshold: float
    logits: Callable[[Cohort, str], list[np.ndarray]]


def _model(name: str, draw: int, cohort: Cohort, work: Path) -> _Model:
    row, folder = TRAINED[name], _folder(name, cohort, work)
    if row.is_recipe:
        seconds, bundle = _trained(name, draw, cohort, work)
        threshold = bundle.validation.line("f1").logit  # by the rule as it is now
        return _Model(seconds, threshold, partial(_asked, bundle, len(rows_of(name)) > 1))
    crops, labels = _crops(cohort, "train", "validation")
    if row.model == "plain":
        plain = kept(folder.with_suffix(".safetensors"), crops, labels, draw)
        return _Model(plain.seconds, np.inf, lambda cohort, part: [plain.logits(_crops(cohort, part)[0])])
    start = time.perf_counter()
    model = fit(row.model, Cells(crops), labels, seed=draw)
    seconds = time.perf_counter() - start
    return _Model(seconds, np.inf, lambda cohort, part: [model.score(Cells(_crops(cohort, part)[0]))])


def _folder(name: str, cohort: Cohort, work: Path) -> Path:
    return work / "runs" / f"{cohort.root.name}-{name}-{TRAINED[name].hash}"


def _trained(name: str, draw: int, cohort: Cohort, work: Path) -> tuple[float, Bundle]:
    """Seconds and bundle of a row's training, after its teacher's, if any; a second process waits for the first."""
    row, folder = TRAINED[name], _folder(name, cohort, work)
    settings = row.settings
    if row.teacher:
        _trained(row.teacher, draw, cohort, work)
        settings += (f"dapi.bundle={_folder(row.teacher, cohort, work) / 'bundle'}",)
    took = folder.with_name(f"{folder.name}.seconds")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.turn").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not took.is_file():
            start = time.perf_counter()
            train(
                cohort.root, folder, recipe=row.model, settings=settings, seed=draw, threads=1, workers=1, resume=True
            )
            files.write_text(took, f"{time.perf_counter() - start:.1f}\n")
    return float(took.read_text(encoding="utf-8")), Bundle.read(folder / "bundle")


def _asked(bundle: Bundle, upright: bool, cohort: Cohort, part: str) -> list[np.ndarray]:
    paths: dict[Channel, list[Path | None]] = {"bright_field": cohort.paths(cohort.part(part), "bright_field")}
    logits = [np.concatenate([chunk.logit for chunk in score_cells(bundle, paths, workers=1, threads=1)])]
    return [*logits, _upright(bundle, _crops(cohort, part)[0])] if upright else logits


def _upright(bundle: Bundle, crops: list[np.ndarray]) -> np.ndarray:
    """Logits float (n,) of crops as they lie."""
    (network,) = rebuilt(bundle)
    network.turns = network.turns[:1]
    return torch_logits(network, np.stack([bundle.preparation.network_input({"bright_field": crop}) for crop in crops]))


def _crops(cohort: Cohort, *parts: str) -> tuple[list[np.ndarray], np.ndarray]:
    """Bright-field crops and labels of the labelled cells of some parts."""
    crops: list[np.ndarray] = []
    labels = []
    for part in parts:
        rows = cohort.part(part)
        rows = rows.filter(rows["label"].is_in([cohort.classes.positive, cohort.classes.negative]))
        images = [image for image in read_images(cohort.paths(rows, "bright_field")) if isinstance(image, np.ndarray)]
        assert len(images) == rows.height, "an image can't be read"
        crops += images
        labels.append(cohort.positive(rows).to_numpy())
    return crops, np.concatenate(labels)
