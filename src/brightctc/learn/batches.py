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
from brightctc.recipe import Augment


@dataclass(frozen=True)
class Batches:
    """The training samples of a run, ready to be walked through epoch by epoch."""

    cells: LabelledCells
    samples: Sequence[Sample]
    preparation: Preparation
    settings: Augment
    batch_size: int
    seed: int
    device: torch.device

    @property
    def per_epoch(self) -> int:
        """Batches an epoch: an incomplete last one is left out, unless it is the only one."""
        return max(1, len(self.samples) // self.batch_size)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (inputs float32 (n, channels, size, size), labels int64 (n,)) on the device, in this epoch's order."""
        order = np.random.default_rng([self.seed, number]).permutation(len(self.samples))
        keys = [augment.cell_key(cell_id) for cell_id in self.cells.rows["cell_id"]]
        for start in range(0, self.per_epoch * self.batch_size, self.batch_size):
            batch = [self.samples[index] for index in order[start : start + self.batch_size]]
            draws = augment.draw(self.settings, batch, [keys[sample.cell] for sample in batch], self.seed, number)
            labels = torch.from_numpy(self.cells.positive[[sample.labelled_by for sample in batch]].astype(np.int64))
            yield self._inputs(batch, draws), labels.to(self.device)

    def _inputs(self, batch: Sequence[Sample], draws: augment.Draws) -> Tensor:
        units = torch.from_numpy(np.stack([self._unit(sample) for sample in batch])).to(self.device)
        mean, sd = self._constants(batch)
        augmented = augment.apply(units, draws, noise_sd=float(sd.mean()))
        return ((augmented - mean) / sd).contiguous(memory_format=torch.channels_last)

    def _unit(self, sample: Sample) -> np.ndarray:
        um = self.cells.pixel_sizes[sample.cell] if self.preparation.settings.um_per_pixel else None
        images = []
        for channel in sample.channels:
            images.append(self.preparation.unit_image(self.cells.crop(sample.cell, channel), channel, um))
        return np.stack(images)

    def _constants(self, batch: Sequence[Sample]) -> tuple[Tensor, Tensor]:
        """Each sample's standardising mean and sd per channel, (n, channels, 1, 1)."""
        scales = [[self.preparation.scales[c] for c in sample.channels] for sample in batch]
        values = torch.tensor([[[s.mean, s.sd] for s in row] for row in scales], device=self.device)
        return values[..., 0, None, None], values[..., 1, None, None]


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
