"""Warm start: before it learns the classes, the network learns what stays when a cell is turned, flipped and lit anew.

Cells without a label teach this as well as others. Two changed images of a cell are to have the same embedding, the
embeddings of a batch are to differ, and no two of their numbers to say the same: variance, invariance and covariance,
the loss and its weights of Bardes et al. (2022, VICReg, arXiv 2105.04906).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from brightctc.learn import backbones, checkpoint, loop
from brightctc.learn.augment import Sample
from brightctc.learn.batches import Batches
from brightctc.learn.lessons import Learner
from brightctc.learn.ways import Course, TrainingCells, Way
from brightctc.preprocess import Channel

CELLS = 64
"""In a batch, at most; each twice."""
WIDTH = 512
"""Numbers that an embedding is projected to before it is compared."""
_STREAM = 7_919  # draws of its own
INVARIANCE, VARIANCE, COVARIANCE = 25.0, 25.0, 1.0


def vicreg(one: Tensor, other: Tensor) -> Tensor:
    """The loss of two changed images of each of n cells, float (n, d) each."""
    spread = [torch.sqrt(side.var(dim=0) + 1e-4) for side in (one, other)]
    variance = sum(functional.relu(1 - sd).mean() for sd in spread) / 2
    covariance = sum(_off_diagonal(side) for side in (one, other))
    return INVARIANCE * functional.mse_loss(one, other) + VARIANCE * variance + COVARIANCE * covariance


def _off_diagonal(side: Tensor) -> Tensor:
    centred = side - side.mean(dim=0)
    covariance = centred.T @ centred / (len(side) - 1)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / side.shape[1]


class WarmStart(Way):
    """One bright-field image a cell."""

    READS: ClassVar[tuple[Channel, ...]] = ("bright_field",)
    JOINING: ClassVar[bool] = False

    def samples(self, cells: TrainingCells) -> Sequence[Sample]:
        """One image a cell."""
        return [Sample(index, self.CHANNELS) for index in range(len(cells.positive))]

    @property
    def unlabelled(self) -> bool:
        """As the recipe says."""
        return self.settings.unlabelled

    def before(self, learner: Learner, course: Course) -> np.ndarray | None:
        """Train the network without labels; what only this needs is thrown away."""
        network: Any = learner.network
        torch.manual_seed(course.seed + _STREAM)
        pair = nn.ModuleDict({"network": network, "projector": _projector(backbones.classifier(network).in_features)})
        pair.to(course.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        settings, total = course.recipe.train, self.settings.first_steps
        optimiser = torch.optim.AdamW(pair.parameters(), weight_decay=settings.weight_decay, foreach=True)
        folder = course.folder / "warm-start"
        saved = checkpoint.load(folder, pair, optimiser)
        epoch, step = (saved[1]["epoch"], saved[1]["step"]) if saved else (0, 0)
        bfloat16 = loop.uses_bfloat16(settings.precision, course.device)
        while step < total:
            pair.train()
            torch.manual_seed(course.seed * 1_000_003 + epoch + _STREAM)
            for one, other in _pairs(course, epoch):
                for group in optimiser.param_groups:
                    group["lr"] = loop.learning_rate(settings, step, total)
                with torch.autocast(course.device.type, torch.bfloat16, enabled=bfloat16):
                    features = network.forward_features(torch.cat([one, other]))
                    projected = pair["projector"](network.forward_head(features, pre_logits=True))
                loss = vicreg(*projected.float().chunk(2))
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                optimiser.step()
                step += 1
                course.progress("warm start", step, total, f"loss {loss.item():.2f}")
                if step == total:
                    break
            epoch += 1
            checkpoint.save(folder, pair, optimiser, {}, {"epoch": epoch, "step": step})


def _projector(width: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))


def _pairs(course: Course, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The cells of an epoch in its order, with and without a label, each changed twice: two batches of inputs."""
    material, recipe = course.material, course.recipe
    cells = material.cells if material.unlabelled is None else material.cells.and_then(material.unlabelled)
    samples = [Sample(index, WarmStart.CHANNELS) for index in range(cells.rows.height)]
    augment = recipe.augment.model_copy(update={"copies": 0, "draws": "fresh"})
    sides = [
        Batches(cells, side, material.preparation, augment, CELLS, course.seed, course.device)
        for side in (samples, [replace(sample, twin=True) for sample in samples])
    ]
    for one, other in zip(*(side.epoch(epoch) for side in sides), strict=True):
        yield one.inputs, other.inputs


WAY = WarmStart
