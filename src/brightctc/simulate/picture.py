"""A picture of made cells: some of every kind, bright field above DAPI."""

import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import polars as pl
import tifffile
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from brightctc import files
from brightctc.simulate.people import kinds_in
from brightctc.simulate.settings import Settings

COLUMNS = 12
DPI = 140
DARK, BRIGHT = 0.45, 1.55  # of the background's level, shown as black and white
NAMES = {"a549": "A549", "calu3": "Calu-3", "patient_ctc": "patients' CTCs", "red_cell": "red cells", "ghost": "ghosts"}
CELL, GAP, LEFT, TOP = 0.78, 0.04, 1.25, 0.62  # inches
STYLE: Any = {"font.family": "DejaVu Sans", "font.size": 8}


def draw_montage(target: Path, folder: Path, truth: pl.DataFrame, settings: Settings, *, overwrite: bool) -> None:
    """Write a PNG with the first cells of each kind. folder: of the images; all crops share one contrast."""
    kinds = kinds_in(settings.kinds, truth["kind"].to_list())
    with_dapi = any(folder.glob("*/*_DAPI.tif"))
    rows = 2 if with_dapi else 1
    brightest = 1.4 * settings.camera.dapi_peak * settings.camera.gain
    width, height = LEFT + COLUMNS * (CELL + GAP) + 0.1, TOP + len(kinds) * (rows * CELL + 0.1) + 0.1
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        side = settings.optics.size * settings.optics.pixel_size_um
        figure.text(0.012, 1 - 0.2 / height, "Made cells", fontsize=12, fontweight="bold", va="center")
        words = f"calculated, nobody's; each crop {side:.0f} µm wide, all at one contrast; bar 10 µm"
        figure.text(0.012, 1 - 0.42 / height, words, color="#5A5A5A", va="center")
        for number, kind in enumerate(kinds):
            top = TOP + number * (rows * CELL + 0.1)
            cells = truth.filter(pl.col("kind") == kind).head(COLUMNS)
            _kind(figure, folder, cells, (width, height, top), with_dapi, brightest)
            name = NAMES.get(kind, f"{kind}s" if not kind.endswith("s") else kind)
            figure.text(0.012, 1 - (top + rows * CELL / 2) / height, name, va="center", fontsize=9)
        _bar(figure, 10 / side)
        drawn = BytesIO()
        figure.savefig(drawn, format="png", dpi=DPI, metadata={"Software": None})
    with files.new_file(target, overwrite=overwrite) as path:
        Image.open(drawn).convert("L").save(path, format="PNG", optimize=True)  # grey: a quarter of the bytes


def _kind(
    figure: Figure,
    folder: Path,
    cells: pl.DataFrame,
    place: tuple[float, float, float],
    with_dapi: bool,
    brightest: float,
) -> None:
    """A row of crops, or two. place: the picture's width and height, and the row's top, in inches."""
    width, height, top = place
    for column, (sample, cell) in enumerate(cells.select("sample_id", "cell_id").iter_rows()):
        for row, channel in enumerate(("BF", "DAPI")[: 2 if with_dapi else 1]):
            left, upper = LEFT + column * (CELL + GAP), top + row * CELL
            axes = figure.add_axes(
                (left / width, 1 - (upper + CELL) / height, CELL / width, CELL / height), xticks=[], yticks=[]
            )
            image = tifffile.imread(folder / sample / f"{cell}_{channel}.tif")
            axes.imshow(_shown(image, channel, brightest), "gray", vmin=0, vmax=1)
            axes.axis("off")


def _shown(image: np.ndarray, channel: str, brightest: float) -> np.ndarray:
    """0 to 1: bright field relative to its background; DAPI above its background, up to `brightest`."""
    edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]).astype(float)
    background = float(np.median(edge))
    if channel == "BF":
        return np.clip((image / background - DARK) / (BRIGHT - DARK), 0, 1)
    return np.clip((image - background) / brightest, 0, 1) ** 0.7


def _bar(figure: Figure, share: float) -> None:
    """A bar of this share of a crop's width, on the first crop."""
    axes = figure.axes[0]
    axes.plot(
        [0.06, 0.06 + share], [0.08, 0.08], transform=axes.transAxes, color="white", lw=1.6, solid_capstyle="butt"
    )
