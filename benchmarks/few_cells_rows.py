"""The models that are compared on few cells: what each is called, and how it is trained and asked."""

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from brightctc import Bundle, read_recipe, train
from brightctc.baselines import Cells, fit
from brightctc.cohort import Cohort, read_images
from brightctc.metrics import Scored, figures
from brightctc.predict import score_cells
from brightctc.preprocess import Channel
from few_cells_plain import kept
from few_cells_results import Result, packed
from few_cells_tasks import TASKS

_UNLABELLED = "dapi.unlabelled=false"


@dataclass(frozen=True)
class Row:
    """A line of the page. model: a simple one's name, `plain`, or a recipe's name; settings change the recipe."""

    words: str
    model: str = "default"
    settings: tuple[str, ...] = ()

    @property
    def is_recipe(self) -> bool:
        """Trained by `brightctc train`?"""
        return self.model in ("default", "accurate")

    @property
    def hash(self) -> str:
        """Changes where the row would be trained otherwise."""
        if self.is_recipe:
            return read_recipe(self.model, self.settings).hash
        return hashlib.sha256(f"{self.model} 1".encode()).hexdigest()[:16]


_STEPS = 600
"""Optimiser steps of `accurate`. Rows of single ways get about the same time: where a step costs more, or teachers or
first steps come on top, fewer of them."""


def _way(words: str, *settings: str, steps: int = _STEPS) -> Row:
    return Row(f"… {words}", settings=(f"train.steps={steps}", *settings))


ROWS = {
    "hog": Row("HOG + RBF SVM", "hog_rbf"),
    "hand": Row("hand features + boosting", "hand_features"),
    "plain": Row("timm fine-tune, as users write it", "plain"),
    "default": Row("`default`"),
    "one_view": Row("`default`, scored in one orientation", settings=("backbone.views=1",)),
    "bright_field": Row(f"bright field alone, {_STEPS} steps", settings=(f"train.steps={_STEPS}",)),
    "mix": _way("DAPI as further images (`mix`)", "dapi.way=mix"),
    "virtual_stain": _way("virtual stain, labelled cells", "dapi.way=virtual_stain", _UNLABELLED),
    "virtual_stain_pool": _way("virtual stain, all cells", "dapi.way=virtual_stain"),
    "distil": _way("distilled, labelled cells", "dapi.way=distil", _UNLABELLED),
    "pseudo_labels": _way("pseudo-labels, all cells", "dapi.way=pseudo_labels", steps=150),
    "warm_start": _way("warm start, all cells", "dapi.way=warm_start", "dapi.first_steps=100", steps=200),
    "consistency": _way("turned crops score alike", "train.consistency=0.1", steps=300),
    "folds": _way("five folds averaged", "train.folds=5", steps=120),
    "accurate": Row("`accurate`: distilled, all cells", "accurate"),
    "together": Row("`accurate`, turned crops score alike", "accurate", ("train.consistency=0.1",)),
}
REFERENCES = ("plain", "bright_field")
"""Rows that every other one is held against."""


def answered(task: str, draw: int, name: str, part: str, work: Path) -> Result:
    """Train a row's model on a draw's cells, unless its bundle is there, and ask it for a part's cells.

    Simple models and the plain fine-tune learn from all labelled cells, validation too: they have no other use for it,
    and without it no threshold, so no F1.
    """
    torch.set_num_threads(1)
    row, root = ROWS[name], TASKS[task].cohort(draw, work)
    cohort = Cohort.read(root)
    asked = cohort.part(part)
    positive = cohort.positive(asked).to_numpy()
    start = time.perf_counter()
    if row.is_recipe:
        folder = work / "runs" / f"{task}-{draw}-{name}-{row.hash}"
        if not (folder / "bundle").is_dir():
            train(root, folder, recipe=row.model, settings=row.settings, seed=draw, threads=1, workers=1, resume=True)
        seconds, bundle = time.perf_counter() - start, Bundle.read(folder / "bundle")
        paths: dict[Channel, list[Path | None]] = {"bright_field": cohort.paths(asked, "bright_field")}
        logit = np.concatenate([chunk.logit for chunk in score_cells(bundle, paths, workers=1, threads=1)])
        called = logit >= bundle.threshold.logit
    else:
        (crops, labels), (others, _) = _crops(cohort, "train", "validation"), _crops(cohort, part)
        if row.model == "plain":
            plain = kept(work / "runs" / f"{task}-{draw}-plain-{row.hash}.safetensors", crops, labels, draw)
            seconds, logit = time.perf_counter() - start, plain.logits(others)
        else:
            model = fit(row.model, Cells(crops), labels, seed=draw)
            seconds, logit = time.perf_counter() - start, model.score(Cells(others))
        called = np.zeros(len(logit), dtype=bool)
    found = figures(positive, Scored(logit, called, np.full(len(logit), np.nan)))
    return Result(
        task,
        draw,
        name,
        part,
        row.hash,
        len(logit),
        int(positive.sum()),
        round(found["average_precision"], 5),
        round(found["roc_auc"], 5),
        round(found["f1"], 5) if row.is_recipe else float("nan"),
        round(seconds, 1),
        packed(logit, called),
    )


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
