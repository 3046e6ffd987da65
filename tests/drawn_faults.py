"""Crops with something wrong, drawn: empty, two cells, a bead, specks, blurred, unevenly lit. All uint16, 12 bits."""

import numpy as np
from scipy import ndimage


def even(size: int = 24, seed: int = 0) -> np.ndarray:
    """Background and noise alone."""
    return _levels(np.ones((size, size)), seed)


def round_cell(size: int = 40, radius: float = 10.0, at: tuple[float, float] = (0, 0), seed: int = 0) -> np.ndarray:
    """A bright body with a dark rim, `at` px from the middle (down, right)."""
    return _levels(1 + _body(size, radius, at), seed)


def pair(size: int = 40, seed: int = 0) -> np.ndarray:
    """Two bodies that touch, the middle of the crop between them."""
    radius = size * 0.2
    return _levels(1 + _body(size, radius, (0, -radius)) + _body(size, radius, (0, radius)), seed)


def neighbours(size: int = 64, seed: int = 0) -> np.ndarray:
    """A body in the middle, and another apart from it."""
    return _levels(1 + _body(size, size / 8, (0, 0)) + _body(size, size / 8, (size / 3, size / 3)), seed)


def bead(size: int = 24, seed: int = 0) -> np.ndarray:
    """A small dark bead in the middle."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return _levels(1 - 0.4 * np.exp(-(x**2 + y**2) / 2), seed)


def with_speck(crop: np.ndarray) -> np.ndarray:
    """The crop with a dark speck in its corner."""
    y, x = np.mgrid[: crop.shape[0], : crop.shape[1]]
    return (crop * (1 - 0.4 * np.exp(-((x - 3) ** 2 + (y - 3) ** 2) / 1.5))).astype(np.uint16)


def blurred(crop: np.ndarray, sd: float = 2.5) -> np.ndarray:
    """The crop as a lens far out of focus would show it, with the camera's noise."""
    sharp = crop.astype(float)
    noise = np.random.default_rng(0).normal(0, 0.002 * np.median(sharp), crop.shape)
    return (ndimage.gaussian_filter(sharp, sd) + noise).astype(np.uint16)


def tilted(crop: np.ndarray, by: float = 0.4) -> np.ndarray:
    """The crop with light that falls from one side to the other."""
    return (crop * np.linspace(1 - by / 2, 1 + by / 2, crop.shape[1])).astype(np.uint16)


def _body(size: int, radius: float, at: tuple[float, float]) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    distance = np.hypot(y - at[0], x - at[1])
    return 0.15 * (distance < radius - 1) - 0.3 * np.exp(-(((distance - radius) / 1.2) ** 2))


def _levels(unit: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.01, unit.shape)
    return np.clip(2000 * (unit + noise), 0, 4095).astype(np.uint16)
