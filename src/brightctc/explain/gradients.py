"""Attributions that need the network itself: integrated gradients and Grad-CAM, by captum (extra `train`).

Integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365), from a crop of background alone. Grad-CAM (Selvaraju
et al. 2017, arXiv 1610.02391), of the last feature maps. And the test of Adebayo et al. (2018, arXiv 1810.03292): a
network whose weights are drawn at random must not give the same maps.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerGradCam
from scipy.stats import rankdata
from torch import Tensor, nn

from brightctc.bundle import Bundle
from brightctc.evaluate.cells import Progress
from brightctc.explain.places import enlarged, in_blocks
from brightctc.learn.export import Exported
from brightctc.learn.rebuilding import rebuilt
from brightctc.preprocess import border_median

GRAD_CAM = "Grad-CAM"
_POINTS = 16  # on the way from background to the crop
_AT_ONCE = 8


@dataclass(frozen=True)
class Attributions:
    """maps: name → float32 (n, size, size), positive where a place speaks for the positive class; no Grad-CAM where the
    score doesn't hang on the places of the last feature maps, as of networks that score a class token.

    likeness: name → float64 (n,): rank correlation of a cell's map with that of a network with random weights.
    networks: how many the bundle averages; the maps are of the first one, in the crop's own orientation.
    """

    maps: dict[str, np.ndarray]
    likeness: dict[str, np.ndarray]
    networks: int


def attributions(bundle: Bundle, inputs: np.ndarray, seed: int, progress: Progress | None) -> Attributions:
    """inputs: float32 (n, 1, size, size). seed: of the random weights."""
    networks = rebuilt(bundle)
    trained = _maps(networks[0], inputs, progress, "attributing")
    _randomise(networks[0], seed)
    random = _maps(networks[0], inputs, progress, "attributing with random weights")
    if len(inputs) and not trained[GRAD_CAM].any():
        del trained[GRAD_CAM]
    likeness = {name: _likeness(trained[name], random[name]) for name in trained}
    return Attributions(trained, likeness, len(networks))


def _maps(network: Exported, inputs: np.ndarray, progress: Progress | None, words: str) -> dict[str, np.ndarray]:
    """Grad-CAM and integrated gradients, float32 (n, size, size) each."""
    plain = _Contrast(network.network).eval()
    size = inputs.shape[-1]
    gradients, grad_cam = IntegratedGradients(plain), LayerGradCam(plain, plain.features)
    found: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for start in range(0, len(inputs), _AT_ONCE):
        batch = inputs[start : start + _AT_ONCE]
        nothing = np.stack([np.full_like(image, border_median(image[0])) for image in batch])
        crops = torch.from_numpy(batch).requires_grad_()
        fine = gradients.attribute(crops, torch.from_numpy(nothing), n_steps=_POINTS, internal_batch_size=_AT_ONCE)
        found[0].append(fine.detach().sum(dim=1).numpy())
        grid = grad_cam.attribute(crops)
        assert isinstance(grid, Tensor), "of one layer"
        found[1].append(np.stack([enlarged(each, size) for each in grid.detach().sum(dim=1).numpy()]))
        if progress is not None:
            progress(words, min(start + _AT_ONCE, len(inputs)), len(inputs))
    empty = np.zeros((0, size, size), np.float32)
    by_pixel, coarse = (np.concatenate([empty, *parts]).astype(np.float32) for parts in found)
    return {GRAD_CAM: coarse, "integrated gradients": by_pixel}


class _Contrast(nn.Module):
    """The logit of the positive class less that of the negative one; its last feature maps pass through `features`."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network: Any = network
        self.features = nn.Identity()

    def forward(self, crops: Tensor) -> Tensor:
        """Crops float32 (n, 1, size, size) → float32 (n,)."""
        features = self.network.forward_features(crops)
        grid = self.features(as_grid(features, self.network))
        outputs = self.network.forward_head(as_given(grid, features, self.network))
        return outputs[:, 1] - outputs[:, 0]


def as_grid(features: Tensor, network: Any) -> Tensor:
    """Last feature maps, (n, channels, h, w), of a network whose maps come last, or that has tokens in their place."""
    if features.ndim == 3:
        places = features[:, getattr(network, "num_prefix_tokens", 0) :]
        side = round(places.shape[1] ** 0.5)
        return places.transpose(1, 2).unflatten(2, (side, side))
    return features if features.shape[1] == network.num_features else features.permute(0, 3, 1, 2)


def as_given(grid: Tensor, features: Tensor, network: Any) -> Tensor:
    """The same in the network's own order; tokens of no place are those of `features`."""
    if features.ndim == 3:
        first = features[:, : getattr(network, "num_prefix_tokens", 0)]
        return torch.cat([first, grid.flatten(2).transpose(1, 2)], dim=1)
    return grid if features.shape[1] == network.num_features else grid.permute(0, 2, 3, 1)


def _randomise(network: nn.Module, seed: int) -> None:
    """Draw every weight anew, as before any training."""
    torch.manual_seed(seed)
    for module in network.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()  # type: ignore[operator]


def _likeness(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman's correlation of the blocks of two maps a cell, without sign: float64 (n,), NaN of an even map."""
    found = np.full(len(one), np.nan)
    for index, pair in enumerate(zip(one, other, strict=True)):
        first, second = (rankdata(np.abs(in_blocks(image)), axis=None) for image in pair)
        if first.std() and second.std():
            found[index] = np.corrcoef(first, second)[0, 1]
    return found
