"""Training batches: shuffle, prepare, augment, standardise. Everything random depends on (seed, epoch, cell) alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from brightctc.learn import augment
from brightctc.learn.augment import Sample
from brightctc.learn.crops import LabelledCells
from brightctc.preprocess import Channel, Preparation
from brightctc.recipe import Augment, labelled_each

UNLABELLED = -100
"""The label of a cell that has none; cross_entropy passes over it."""
_UNLABELLED_ORDER = 1  # a stream of its own among the draws of an epoch


@dataclass(frozen=True)
class Batch:
    """n training images on the device, labelled ones first.

    inputs: float32 (n, channels, size, size). labels: int64 (n,), 0, 1 or UNLABELLED. cells: int64 (n,), whose image it
        is: a place among the cells of `Batches`.
    stain: float32 (n, 1, size, size), each cell's DAPI as a network of DAPI would meet it, moved as its crop was; NaN
        where it has none. None: not asked for.
    """

    inputs: Tensor
    labels: Tensor
    cells: Tensor
    stain: Tensor | None = None


@dataclass(frozen=True)
class Batches:
    """The training samples of a run, ready to be walked through epoch by epoch.

    cells: labelled ones and, after them, those without a label. further: samples of the latter, which take their share
    of every batch, three quarters at most. often: how often each of these comes, in shares, but none more often than a
    cell with a label; None: all come in turn. stain: with each cell's DAPI beside it.
    """

    cells: LabelledCells
    samples: Sequence[Sample]
    preparation: Preparation
    settings: Augment
    batch_size: int
    seed: int
    device: torch.device
    further: Sequence[Sample] = ()
    often: np.ndarray | None = None
    stain: bool = False

    @property
    def labelled_each(self) -> int:
        """Samples with a label in a batch."""
        return labelled_each(self.batch_size, len(self.samples), len(self.further))

    @property
    def per_epoch(self) -> int:
        """Batches an epoch, in which each labelled sample comes once: an incomplete last one is left out.

        Unless it is the only one.
        """
        return max(1, len(self.samples) // self.labelled_each)

    def epoch(self, number: int) -> Iterator[Batch]:
        """The batches of an epoch, in its order."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self.samples))
        keys = [augment.cell_key(cell_id) for cell_id in self.cells.rows["cell_id"]]
        starts = range(0, self.per_epoch * self.labelled_each, self.labelled_each)
        for start, more in zip(starts, self._unlabelled(number), strict=True):
            batch = [self.samples[index] for index in order[start : start + self.labelled_each]]
            positive = self.cells.positive[[sample.labelled_by for sample in batch]].astype(np.int64)
            labels = torch.from_numpy(np.concatenate([positive, np.full(len(more), UNLABELLED)]))
            batch += more
            draws = augment.draw(self.settings, batch, [keys[sample.cell] for sample in batch], self.seed, number)
            stain = self._stain(batch, draws) if self.stain else None
            cells = torch.tensor([sample.cell for sample in batch], device=self.device)
            yield Batch(self._inputs(batch, draws), labels.to(self.device), cells, stain)

    def _unlabelled(self, number: int) -> Iterator[list[Sample]]:
        """For each batch of an epoch its samples without a label, none of them twice in a batch."""
        rng = np.random.default_rng([self.seed, number, _UNLABELLED_ORDER])
        order: list[int] = []
        wanted, shares = min(self.batch_size - self.labelled_each, len(self.further)), None
        if self.often is not None and wanted:
            of_labelled = self.labelled_each / len({sample.cell for sample in self.samples})
            shares = limited(self.often, of_labelled / wanted)
        for _ in range(self.per_epoch):
            if shares is not None:
                order = rng.choice(len(self.further), wanted, replace=False, p=shares).tolist()
            while len(order) < wanted:
                order += rng.permutation(len(self.further)).tolist()
            yield [self.further[index] for index in order[:wanted]]
            order = order[wanted:]

    def _stain(self, batch: Sequence[Sample], draws: augment.Draws) -> Tensor:
        size = self.preparation.settings.size
        images = np.full((len(batch), 1, size, size), np.nan, np.float32)
        stained = self.cells.has("dapi")
        for row, sample in enumerate(batch):
            if stained[sample.cell]:
                images[row, 0] = self.preparation.standardise(self._unit(sample, ("dapi",))[0], "dapi")
        return augment.apply(torch.from_numpy(images).to(self.device), draws.moves())

    def _inputs(self, batch: Sequence[Sample], draws: augment.Draws) -> Tensor:
        units = torch.from_numpy(np.stack([self._unit(sample) for sample in batch])).to(self.device)
        mean, sd = self._constants(batch)
        augmented = augment.apply(units, draws, noise_sd=sd)
        return ((augmented - mean) / sd).contiguous(memory_format=torch.channels_last)

    def _unit(self, sample: Sample, channels: tuple[Channel, ...] | None = None) -> np.ndarray:
        um = self.cells.pixel_sizes[sample.cell]
        images = []
        for channel in channels or sample.channels:
            images.append(self.preparation.unit_image(self.cells.crop(sample.cell, channel), channel, um))
        return np.stack(images)

    def _constants(self, batch: Sequence[Sample]) -> tuple[Tensor, Tensor]:
        """Each sample's standardising mean and sd per channel, (n, channels, 1, 1)."""
        scales = [[self.preparation.scales[c] for c in sample.channels] for sample in batch]
        values = torch.tensor([[[s.mean, s.sd] for s in row] for row in scales], device=self.device)
        return values[..., 0, None, None], values[..., 1, None, None]


def limited(shares: np.ndarray, most: float) -> np.ndarray:
    """Shares, float64 (m,), that add up to 1, none above `most`, or all alike; what is cut off goes to the others."""
    if most * shares.size <= 1:
        return np.full(shares.size, 1 / shares.size)
    found, full = shares / shares.sum(), np.zeros(shares.size, bool)
    while (found > most * (1 + 1e-9)).any():
        full |= found > most
        rest = np.where(full, 0.0, shares)
        found = np.where(full, most, rest / rest.sum() * (1 - most * full.sum()))
    return found


def with_copies(samples: Sequence[Sample], settings: Augment) -> list[Sample]:
    """The originals, each followed by its augmented copies (none where the preset is `none`)."""
    copies = settings.copies if settings.preset != "none" else 0
    return [replace(sample, copy=copy) for sample in samples for copy in range(copies + 1)]


def network_inputs(cells: LabelledCells, preparation: Preparation) -> np.ndarray:
    """Cells as the network meets them in scoring, without augmentation: float32 (n, channels, size, size)."""
    inputs = []
    for index, um in enumerate(cells.pixel_sizes):
        crops: dict[Channel, np.ndarray] = {channel: cells.crop(index, channel) for channel in preparation.channels}
        inputs.append(preparation.network_input(crops, um))
    return np.stack(inputs)
