"""Thumbnails: one contrast for all crops, small files, and a reason where there is no image."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from brightctc.cohort import ImageFault
from brightctc.report.thumbnails import LARGEST, thumbnail


def pixels(uri: str) -> np.ndarray:
    head, _, data = uri.partition(",")
    assert head == "data:image/webp;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L")).astype(int)


@pytest.mark.parametrize(
    ("level", "dtype"),
    [(100, np.uint8), (2000, np.uint16), (40_000, np.uint16), (0.5, np.float32)],
)
def test_contrast_follows_the_background_whatever_the_depth(level: float, dtype: type) -> None:
    crop = np.full((40, 40), level, dtype)
    crop[10:30, 10:20] = level * 0.6
    crop[10:30, 20:30] = level * 1.4
    shown = thumbnail(crop)
    assert shown.uri is not None
    grey = pixels(shown.uri)
    assert abs(grey[2, 2] - 128) < 6
    assert grey[20, 14] < 12
    assert grey[20, 25] > 243


def test_large_crops_are_shrunk_and_shapes_kept() -> None:
    shown = thumbnail(np.full((400, 200), 1000, np.uint16))
    assert (shown.height, shown.width) == (LARGEST, LARGEST // 2)


def test_a_crop_without_background_is_grey() -> None:
    shown = thumbnail(np.zeros((24, 24), np.uint16))
    assert shown.uri is not None
    assert abs(pixels(shown.uri) - 128).max() < 3


def test_a_fault_is_told_instead() -> None:
    shown = thumbnail(ImageFault("missing", "there is no such file"))
    assert shown.uri is None
    assert shown.fault == "missing: there is no such file"
