"""Distillation: teachers that also see DAPI teach a network of bright field alone, which then scores without them.

A teacher is a logistic regression of numbers: morphology of the cell and its nucleus, as `brightctc measure` tells it,
and what the first weights of the network make of both images. From a hundred cells it learns more than a network of
two channels does, in a second (docs/decisions/0027). Teachers that see more than the student: Lopez-Paz et al. (2016,
arXiv 1511.03643).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from brightctc.learn import backbones
from brightctc.learn.batches import network_inputs
from brightctc.learn.crops import LabelledCells
from brightctc.learn.taught import Taught
from brightctc.learn.ways import Course
from brightctc.measure import measure_cell
from brightctc.measure.features import features_of
from brightctc.preprocess import Channel, Preparation

_CHANNELS: tuple[Channel, ...] = ("bright_field", "dapi")
_NAMES = [feature.name for feature in features_of(dapi=True)]
_PENALTY = 0.3  # C of the regression
_EMBEDDED = 0.2  # an embedding's number beside a measured one: there are twenty times as many
_FARTHEST = 5.0  # sd from the mean of a number: no single one decides
_AT_ONCE = 64


class Distil(Taught):
    """Teachers are regressions of numbers of bright field and DAPI."""

    def said(self, course: Course, cells: LabelledCells, labelled: int, folds: Sequence[np.ndarray]) -> np.ndarray:
        """As `Taught`."""
        measured = _morphology(cells, partial(_tell, course, "measure cells for teachers"))
        preparation = _prepared(cells.some(np.arange(cells.rows.height) < labelled), course)
        embedded = _embeddings(cells, preparation, course, partial(_tell, course, "embed cells for teachers"))
        with threadpool_limits(1):  # the same sums on any number of cores
            return np.stack([_answers(measured, embedded, np.flatnonzero(~fold), cells.positive) for fold in folds])


def _tell(course: Course, task: str, done: int, of: int) -> None:
    course.progress(task, done, of)


def _answers(measured: np.ndarray, embedded: np.ndarray, learned: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Log-odds of every cell, float64 (n,), by a regression that has learned from some (indices) of them."""
    scaled = []
    for table, share in ((measured, 1.0), (embedded, _EMBEDDED)):
        scale = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler()).fit(table[learned])
        scaled.append(share * np.clip(scale.transform(table), -_FARTHEST, _FARTHEST))
    inputs = np.hstack(scaled)
    regression = LogisticRegression(C=_PENALTY, max_iter=5000).fit(inputs[learned], positive[learned])
    return regression.decision_function(inputs)


def _morphology(cells: LabelledCells, tell: Callable[[int, int], None]) -> np.ndarray:
    """Float64 (n, features), NaN where one can't be told; lengths in µm where the size of every pixel is known."""
    sizes = cells.pixel_sizes
    known = all(size is not None for size in sizes)
    table = np.full((len(sizes), len(_NAMES)), np.nan)
    for row, size in enumerate(sizes):
        found = measure_cell(cells.crop(row, "bright_field"), cells.crop(row, "dapi"), size if known else None).features
        table[row] = [found.get(name, np.nan) for name in _NAMES]
        if (row + 1) % 100 == 0 or row + 1 == len(sizes):
            tell(row + 1, len(sizes))
    return table


def _prepared(cells: LabelledCells, course: Course) -> Preparation:
    images: dict[Channel, list[np.ndarray]] = {
        channel: [cells.crop(row, channel) for row in range(cells.rows.height)] for channel in _CHANNELS
    }
    window = course.material.preparation.window
    return Preparation.fit(course.recipe.preprocess, images, _CHANNELS, window, cells.sizes)


@torch.inference_mode()
def _embeddings(
    cells: LabelledCells, preparation: Preparation, course: Course, tell: Callable[[int, int], None]
) -> np.ndarray:
    """Float32 (n, numbers): of both images one after the other, each the mean of itself and itself turned by half."""
    torch.manual_seed(course.seed)  # of weights that are none
    network: Any = backbones.build(course.recipe.backbone, 1).to(course.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.eval()
    found = []
    for start in range(0, cells.rows.height, _AT_ONCE):
        chosen = np.zeros(cells.rows.height, bool)
        chosen[start : start + _AT_ONCE] = True
        inputs = torch.from_numpy(network_inputs(cells.some(chosen), preparation)).to(course.device)
        both = inputs.transpose(0, 1).flatten(0, 1)[:, None]  # first every bright field, then every DAPI
        turned = torch.cat([both, both.rot90(2, (-2, -1))]).contiguous(memory_format=torch.channels_last)
        embedding = network.forward_head(network.forward_features(turned), pre_logits=True).float()
        of_channels = embedding.unflatten(0, (2, len(_CHANNELS), -1)).mean(0)
        found.append(torch.cat(list(of_channels), dim=1).cpu().numpy())
        tell(min(start + _AT_ONCE, cells.rows.height), cells.rows.height)
    return np.concatenate(found)


WAY = Distil
