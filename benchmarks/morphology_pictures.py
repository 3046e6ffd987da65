"""docs/images/outlines.png: outlines of calculated cells beside the truth, nuclei in DAPI, and drawn faults."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from brightctc import files
from brightctc.evaluate.panels import STYLE
from brightctc.measure import OutlinedCrop
from brightctc.measure.nucleus import nucleus
from drawn_faults import bead, blurred, even, neighbours, pair, round_cell, with_speck
from drawn_optics import dapi_cell, phase_cell

FOUND, TRUE = "#E69F00", "#3FA7FF"
DEFOCUS = (-10, -5, -2, 0, 2, 5, 10)


def draw_outlines(path: Path) -> None:
    """Four rows of seven: 20×, 10×, DAPI at 20×, faults."""
    style = {key: value for key, value in STYLE.items() if key != "text.parse_math"}
    with mpl.rc_context(style):
        figure, axes = plt.subplots(4, 7, figsize=(7.2, 4.75), layout="constrained")
        for column, defocus in enumerate(DEFOCUS):
            _cell(axes[0, column], "20x", 6.0, defocus, 7, reach=34)
            _cell(axes[1, column], "10x", 7.0, defocus, 9, reach=20)
            _nucleus(axes[2, column], 3.8, defocus, 11, reach=26)
            axes[0, column].set_title("in focus" if not defocus else f"{defocus:+d} µm", fontsize=8)
        for column, (words, crop) in enumerate(_faults().items()):
            _show(axes[3, column], crop, OutlinedCrop.of(crop).outline.cell, None)
            axes[3, column].set_title(words, fontsize=7)
        for row, words in enumerate(("bright field, 20×", "bright field, 10×", "DAPI, 20×", "drawn faults")):
            axes[row, 0].set_ylabel(words, fontsize=8)
        told = "orange: found;  blue: true outline;  calculated and drawn cells, no real ones"
        figure.text(0.5, -0.02, told, ha="center", fontsize=8)
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.new_file(path) as beside:
            figure.savefig(beside, format="png", dpi=200, bbox_inches="tight", metadata={"Software": None})
        plt.close(figure)


def _cell(axes: Axes, objective: str, radius: float, defocus: float, seed: int, reach: int) -> None:
    crop, true = phase_cell(objective, radius, defocus, seed)
    _show(axes, *_cut(reach, crop, OutlinedCrop.of(crop).outline.cell, true))


def _nucleus(axes: Axes, radius: float, defocus: float, seed: int, reach: int) -> None:
    crop, true, cell = dapi_cell("20x", radius, defocus, seed)
    _show(axes, *_cut(reach, crop, nucleus(crop, cell).mask, true))


def _cut(reach: int, *images: np.ndarray) -> list[np.ndarray]:
    middle = len(images[0]) // 2
    return [image[middle - reach : middle + reach, middle - reach : middle + reach] for image in images]


def _faults() -> dict[str, np.ndarray]:
    return {
        "usual": round_cell(),
        "touching_cells": pair(),
        "neighbour": neighbours(48),
        "debris": with_speck(round_cell()),
        "out_of_focus": blurred(round_cell()),
        "small_object": bead(40),
        "no_cell": even(40),
    }


def _show(axes: Axes, crop: np.ndarray, found: np.ndarray, true: np.ndarray | None) -> None:
    middle, spread = np.median(crop), 1.1 * np.abs(crop - np.median(crop)).max()
    dark = crop.mean() > 1.2 * middle  # a stain on a dark background
    low, high = (crop.min(), crop.max()) if dark else (middle - spread, middle + spread)
    axes.imshow(crop, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    if true is not None:
        axes.contour(true, [0.5], colors=TRUE, linewidths=0.9)
    if found.any():
        axes.contour(found, [0.5], colors=FOUND, linewidths=1.1)
    axes.set(xticks=[], yticks=[])
    for side in axes.spines.values():
        side.set_visible(False)
