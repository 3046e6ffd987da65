"""Augmentation: draw the changes of each crop, then apply them to the whole batch at once.

A draw depends on (seed, epoch, cell, image, copy) alone: not on the batch a crop falls into, the number of
workers, or what was drawn before. So any draw of any run can be made again by itself.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from brightctc.preprocess import Channel
from brightctc.recipe import Augment

ROTATING = ("AUG1", "AUG2", "AUG3")
FLIPPING = ("AUG2", "AUG3")
BRIGHTENING = ("AUG3",)


@dataclass(frozen=True)
class Sample:
    """One training image: a cell, the channels that make its input, and which copy of it this is.

    cell:     index into the training cells.
    channels: ("bright_field",), ("dapi",) or both.
    copy:     0 is the original; 1, 2, … are augmented copies.
    label_of: index of the cell whose label the image is given; None: its own.
    twin:     true for the same image once more, which is augmented by draws of its own.
    """

    cell: int
    channels: tuple[Channel, ...]
    copy: int = 0
    label_of: int | None = None
    twin: bool = False

    @property
    def labelled_by(self) -> int:
        """Index of the cell whose label this image has."""
        return self.cell if self.label_of is None else self.label_of


@dataclass(frozen=True)
class Draws:
    """What was drawn for n crops; arrays of length n. Neutral values change nothing.

    angle: degrees; flip_x, flip_y: bool (left-right, up-down); scale: factor of size; shift_x, shift_y: share of
    the width; brightness, contrast: factors; blur: sigma in px; noise: sd in units of the training contrast;
    noise_seed: seeds the noise field of each crop.
    """

    angle: np.ndarray
    flip_x: np.ndarray
    flip_y: np.ndarray
    scale: np.ndarray
    shift_x: np.ndarray
    shift_y: np.ndarray
    brightness: np.ndarray
    contrast: np.ndarray
    blur: np.ndarray
    noise: np.ndarray
    noise_seed: np.ndarray

    def moves(self) -> "Draws":
        """The same turns, flips, scales and shifts, without any change of brightness, contrast, focus or noise."""
        nothing, same = np.zeros_like(self.blur), np.ones_like(self.brightness)
        return replace(self, brightness=same, contrast=same, blur=nothing, noise=nothing)


def cell_key(cell_id: str) -> int:
    """64 bits that stand for the cell in every draw, whatever its place in the table."""
    return int.from_bytes(hashlib.blake2b(cell_id.encode(), digest_size=8).digest(), "little")


def draw(settings: Augment, samples: Sequence[Sample], keys: Sequence[int], seed: int, epoch: int) -> Draws:
    """Draw the changes of each sample; `keys` are the samples' cell keys.

    With copies, copy 0 stays as it is. With `fixed` draws every epoch repeats the first one's.
    """
    epoch = 0 if settings.draws == "fixed" else epoch
    uniform = np.empty((len(samples), 11))
    for row, (sample, key) in enumerate(zip(samples, keys, strict=True)):
        image = 1 if sample.channels == ("dapi",) else 2 if sample.twin else 0
        source = np.random.Philox(key=[seed % 2**64, key], counter=[epoch, sample.copy, image, 0])
        uniform[row] = np.random.Generator(source).random(11)
    changed = np.array([_is_changed(settings, sample) for sample in samples])
    signed = np.where(changed[:, None], 2 * uniform - 1, 0.0)
    positive = np.where(changed[:, None], uniform, 0.0)
    rotation = settings.rotation if settings.preset in ROTATING else 0.0
    flip = settings.flip if settings.preset in FLIPPING else 0.0
    bright = settings.brightness if settings.preset in BRIGHTENING else 0.0
    contrast = settings.contrast if settings.preset in BRIGHTENING else 0.0
    return Draws(
        angle=rotation * signed[:, 0],
        flip_x=changed & (uniform[:, 1] < flip),
        flip_y=changed & (uniform[:, 2] < flip),
        scale=1 + settings.scale * signed[:, 3],
        shift_x=settings.shift * signed[:, 4],
        shift_y=settings.shift * signed[:, 5],
        brightness=1 + bright * signed[:, 6],
        contrast=1 + contrast * signed[:, 7],
        blur=settings.blur * positive[:, 8],
        noise=settings.noise * positive[:, 9],
        noise_seed=(uniform[:, 10] * 2**53).astype(np.uint64),
    )


def apply(units: Tensor, draws: Draws, noise_sd: Tensor | float = 1.0) -> Tensor:
    """Apply drawn changes to unit images, float32 (n, channels, size, size), on their device.

    Geometry first (one bilinear resampling; what lies outside is reflected), then blur, contrast about each
    crop's own mean, brightness, noise. noise_sd: the unit of `noise`, the training cells' sd of unit images; one for
    all, or (n, channels, 1, 1).
    """
    images = _moved(units, draws)
    if draws.blur.any():
        images = _blurred(images, draws.blur)
    if (draws.contrast != 1).any():
        mean = images.mean(dim=(2, 3), keepdim=True)
        images = mean + (images - mean) * _per_crop(draws.contrast, images)
    if (draws.brightness != 1).any():
        images = images * _per_crop(draws.brightness, images)
    if draws.noise.any():
        fields = [np.random.default_rng(int(s)).standard_normal(tuple(images.shape[1:])) for s in draws.noise_seed]
        noise = torch.from_numpy(np.stack(fields)).to(images)
        images = images + noise * noise_sd * _per_crop(draws.noise, images)
    return images


def _is_changed(settings: Augment, sample: Sample) -> bool:
    return sample.copy > 0 if settings.copies > 0 else True


def _per_crop(values: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(values).to(like)[:, None, None, None]


def _moved(units: Tensor, draws: Draws) -> Tensor:
    """Rotate, flip, scale and shift by one affine resampling."""
    still = ~(draws.angle.any() or draws.flip_x.any() or draws.flip_y.any())
    if still and (draws.scale == 1).all() and not (draws.shift_x.any() or draws.shift_y.any()):
        return units
    angle = np.deg2rad(draws.angle)
    cos, sin = np.cos(angle) / draws.scale, np.sin(angle) / draws.scale
    x, y = np.where(draws.flip_x, -1.0, 1.0), np.where(draws.flip_y, -1.0, 1.0)
    rows = [[cos * x, -sin * y, -2 * draws.shift_x], [sin * x, cos * y, -2 * draws.shift_y]]
    theta = torch.from_numpy(np.transpose(np.array(rows), (2, 0, 1))).to(units)
    grid = functional.affine_grid(theta, list(units.shape), align_corners=False)
    return functional.grid_sample(units, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _blurred(images: Tensor, sigmas: np.ndarray) -> Tensor:
    """Gaussian blur, each crop by its own sigma; the kernel reaches three times the largest sigma."""
    reach = max(1, int(np.ceil(3 * sigmas.max())))
    reach = min(reach, images.shape[-1] - 1)
    x = np.arange(-reach, reach + 1)
    kernels = np.exp(-0.5 * (x / np.maximum(sigmas, 1e-3)[:, None]) ** 2)
    kernels = torch.from_numpy(kernels / kernels.sum(axis=1, keepdims=True)).to(images)
    n, channels, height, width = images.shape
    weights = kernels.repeat_interleave(channels, dim=0)
    planes = functional.pad(images, [reach] * 4, mode="reflect").reshape(1, n * channels, height + 2 * reach, -1)
    planes = functional.conv2d(planes, weights[:, None, :, None], groups=n * channels)
    planes = functional.conv2d(planes, weights[:, None, None, :], groups=n * channels)
    return planes.reshape(n, channels, height, width)
