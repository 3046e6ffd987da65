"""The models that are compared on few cells: what each is called, and how it is trained and asked."""

import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from brightctc import Bundle, files, read_recipe, train
from brightctc.baselines import Cells, fit
from brightctc.cohort import Cohort, read_images
from brightctc.learn.export import torch_logits
from brightctc.learn.rebuilding import rebuilt
from brightctc.metrics import Scored, figures
from brightctc.predict import score_cells
from brightctc.preprocess import Channel
from few_cells_plain import kept
from few_cells_results import Result, packed
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


def settings_of(task: str, name: str) -> str:
    """Changes where a row would be trained or asked otherwise, by recipe or by cells."""
    return _digest(f"{TASKS[task].hash} {ROWS[name].hash}")


def answered(task: str, draw: int, name: str, part: str, work: Path) -> list[Result]:
    """Train a row's model on a draw's cells, unless its bundle is there, and ask it for a part's cells.

    Simple models and the plain fine-tune learn from all labelled cells, validation too: they have no other use for it,
    and without it no threshold, so no F1. Nor is there one of crops in one orientation.
    """
    torch.set_num_threads(1)
    row, cohort = TRAINED[name], Cohort.read(TASKS[task].cohort(draw, work))
    asked = cohort.part(part)
    positive = cohort.positive(asked).to_numpy()
    folder = _folder(name, cohort, work)
    if row.teacher:
        row = replace(row, settings=(*row.settings, f"dapi.bundle={_folder(row.teacher, cohort, work) / 'bundle'}"))
    seconds, logits, threshold = _logits(folder, row, draw, cohort, part, upright=len(rows_of(name)) > 1)

    def result(called_by: str, logit: np.ndarray) -> Result:
        called = logit >= (threshold if called_by == name else np.inf)
        found = figures(positive, Scored(logit, called, np.full(len(logit), np.nan)))
        return Result(
            task,
            draw,
            called_by,
            part,
            settings_of(task, name),
            len(logit),
            int(positive.sum()),
            round(found["average_precision"], 5),
            round(found["roc_auc"], 5),
            round(found["f1"], 5) if called_by == name and row.is_recipe else float("nan"),
            round(seconds, 1),
            packed(logit, called),
        )

    return [result(*pair) for pair in zip(rows_of(name), logits, strict=True)]


def _folder(name: str, cohort: Cohort, work: Path) -> Path:
    return work / "runs" / f"{cohort.root.name}-{name}-{TRAINED[name].hash}"


def _logits(
    folder: Path, row: Row, draw: int, cohort: Cohort, part: str, upright: bool
) -> tuple[float, list[np.ndarray], float]:
    """Seconds of training; logits float (n,), upright: also in one orientation; the threshold."""
    start, took = time.perf_counter(), folder.with_name(f"{folder.name}.seconds")
    if row.is_recipe:
        if not took.is_file():
            how = {"threads": 1, "workers": 1, "resume": True}
            train(cohort.root, folder, recipe=row.model, settings=row.settings, seed=draw, **how)
            files.write_text(took, f"{time.perf_counter() - start:.1f}\n")
        seconds, bundle = float(took.read_text(encoding="utf-8")), Bundle.read(folder / "bundle")
        paths: dict[Channel, list[Path | None]] = {"bright_field": cohort.paths(cohort.part(part), "bright_field")}
        logits = [np.concatenate([chunk.logit for chunk in score_cells(bundle, paths, workers=1, threads=1)])]
        if upright:
            logits.append(_upright(bundle, _crops(cohort, part)[0]))
        return seconds, logits, bundle.validation.line("f1").logit  # by the rule as it is now
    (crops, labels), (others, _) = _crops(cohort, "train", "validation"), _crops(cohort, part)
    if row.model == "plain":
        plain = kept(folder.with_suffix(".safetensors"), crops, labels, draw)
        return plain.seconds, [plain.logits(others)], np.inf
    model = fit(row.model, Cells(crops), labels, seed=draw)
    return time.perf_counter() - start, [model.score(Cells(others))], np.inf


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
