"""The control chart: a dot a sample, in the order given, with the limit that holds for its number of cells."""

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from brightctc.evaluate.panels import ALARM, GRID, LINE, MUTED

_NAMED = 40  # samples whose names fit below the chart
_DPI = 160


def draw_chart(table: pl.DataFrame, bundle: str, path: Path) -> None:
    """Draw the samples of `drift` as PNG."""
    count = table.height
    figure = Figure(figsize=(min(12, max(6.4, 2.5 + 0.28 * count)), 4.2), layout="constrained")
    axes = figure.subplots()
    place = np.arange(count)
    number, limit = (table[name].to_numpy() for name in ("unlike", "limit"))
    edges = np.concatenate([place - 0.5, [count - 0.5]])
    axes.stairs(limit, edges, color=ALARM, lw=1.2, baseline=None, label="limit for so many cells")
    axes.axhline(table["centre"][0], color=MUTED, lw=1, ls=(0, (5, 3)), label="validation samples")
    axes.plot(place, number, color=MUTED, lw=0.8, zorder=2)
    concern = table["concern"].to_list()
    for name, marker, words in (
        (None, "o", None),
        ("one_side", "s", "eight or more above the centre"),
        ("above_limit", "D", "above the limit"),
    ):
        chosen = np.array([each == name for each in concern])
        if chosen.any():
            colour = LINE if name is None else ALARM
            axes.plot(place[chosen], number[chosen], marker, color=colour, ms=6, mec="white", label=words, zorder=3)
    axes.set_xlim(-0.5, count - 0.5)
    reach = np.concatenate([limit, number, table["centre"].to_numpy()])
    axes.set_ylim(reach.min() - 0.08 * np.ptp(reach), reach.max() + 0.08 * np.ptp(reach))
    names = [sample or scores for sample, scores in table.select("sample_id", "scores").iter_rows()]
    shown = place[:: max(1, -(-count // _NAMED))]
    axes.set_xticks(shown, [names[index] for index in shown], rotation=60, ha="right", fontsize=8)
    axes.set_ylabel("unlike the training cells\n(mean of the sample's cells)")
    axes.set_title(f"Samples scored by “{bundle}”", loc="left", fontsize=11, pad=26)
    axes.grid(axis="y", color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="lower left", bbox_to_anchor=(-0.01, 1.0))
    figure.savefig(path, format="png", dpi=_DPI, metadata={"Software": None})
