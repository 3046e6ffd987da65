"""What a careful user writes with timm: the same first weights, the usual transforms, AdamW, the last epoch."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional
from torchvision.transforms import v2

from brightctc import files
from brightctc.learn import backbones
from brightctc.recipe import Backbone

SIZE, EPOCHS, BATCH, RATE = 224, 30, 16, 3e-4  # ImageNet's size for this network, and usual choices
_TO_UNIT = (0.1, 99.9)  # percentiles of the training cells' grey levels
_CHANGES = v2.Compose(
    [v2.RandomHorizontalFlip(), v2.RandomVerticalFlip(), v2.RandomRotation([-180, 180]), v2.ColorJitter(0.1, 0.1)]
)
_IMAGENET = v2.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])


@dataclass(frozen=True)
class Plain:
    """A fine-tuned network. black, white: the grey levels that became 0 and 1. seconds: of its training."""

    network: nn.Module
    black: float
    white: float
    seconds: float = 0

    @torch.inference_mode()
    def logits(self, crops: list[np.ndarray]) -> np.ndarray:
        """float64 (n,)."""
        self.network.eval()
        found = []
        for start in range(0, len(crops), BATCH):
            outputs = self.network(_channels_last(_IMAGENET(self.images(crops[start : start + BATCH]))))
            found.append(outputs[:, 1] - outputs[:, 0])
        return torch.cat(found).double().numpy()

    def images(self, crops: list[np.ndarray]) -> Tensor:
        """float32 (n, 3, size, size), from 0 to 1."""
        units = [torch.from_numpy((crop - self.black) / (self.white - self.black)).float() for crop in crops]
        resized = [
            functional.interpolate(unit[None, None], (SIZE, SIZE), mode="bilinear", antialias=True) for unit in units
        ]
        return torch.cat(resized).clamp(0, 1).expand(-1, 3, -1, -1)


def kept(path: Path, crops: list[np.ndarray], positive: np.ndarray, seed: int) -> Plain:
    """Train on all these cells, or read what was trained before: the sealed parts are asked at the end."""
    if path.is_file():
        state = load_file(path)
        scale = state.pop("scale").tolist()
        plain = Plain(backbones.build(Backbone(weights="none"), 3), *scale)
        plain.network.load_state_dict(state)
        return plain
    start = time.perf_counter()
    plain = fine_tuned(crops, positive, seed)
    plain = replace(plain, seconds=time.perf_counter() - start)
    path.parent.mkdir(parents=True, exist_ok=True)
    scale = torch.tensor([plain.black, plain.white, plain.seconds], dtype=torch.float64)
    state = {name: value.contiguous() for name, value in plain.network.state_dict().items()}
    with files.new_file(path) as new:
        new.write_bytes(save({**state, "scale": scale}))
    return plain


def _channels_last(images: Tensor) -> Tensor:
    """The order in memory in which a step takes two thirds of the time."""
    return images.contiguous(memory_format=torch.channels_last)


def fine_tuned(crops: list[np.ndarray], positive: np.ndarray, seed: int) -> Plain:
    """Train on all these cells."""
    torch.manual_seed(seed)
    black, white = np.percentile(np.concatenate([crop.ravel() for crop in crops]), _TO_UNIT)
    plain = Plain(backbones.build(Backbone(), 3), float(black), float(white))
    images, labels = plain.images(crops), torch.from_numpy(positive.astype(np.int64))
    steps = EPOCHS * max(1, len(crops) // BATCH)
    optimiser = torch.optim.AdamW(plain.network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    plain.network.to(memory_format=torch.channels_last).train()
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(crops))[: BATCH * max(1, len(crops) // BATCH)].split(BATCH):
            inputs = torch.stack([_IMAGENET(_CHANGES(images[index])) for index in chosen])
            loss = functional.cross_entropy(plain.network(_channels_last(inputs)), labels[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return plain
