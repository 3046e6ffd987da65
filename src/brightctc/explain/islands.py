"""`maps.png`: UMAP of features and of embeddings, coloured by class, donor, site and cartridge."""

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brightctc.evaluate.panels import MUTED, NEGATIVE, POSITIVE
from brightctc.explain.finding import Explanation

NAMED = ("class", "site")  # a donor's or cartridge's id may name a person
BY = {"donor_id": "donor", "site": "site", "cartridge_id": "cartridge"}
TITLES = {"features": "features", "embedding": "the network's embedding"}
_PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D31", "#6E6E6E")


def draw_maps(found: Explanation) -> Figure:
    """A row a map, a column a colouring; where there is one colouring, the maps side by side."""
    rows = found.cells.rows
    ways = ["class", *(name for name in BY if name in rows.columns and rows[name].drop_nulls().n_unique() > 1)]
    lines, columns = (len(found.maps), len(ways)) if len(ways) > 1 else (1, len(found.maps))
    figure = Figure(figsize=(max(5.6, 2.4 * columns), 2.3 * lines + 0.3), layout="constrained")
    panels = figure.subplots(lines, columns, squeeze=False).reshape(len(found.maps), len(ways))
    for line, (name, places) in zip(panels, found.maps.items(), strict=True):
        for axes, way in zip(line, ways, strict=True):
            _map(axes, places, _values(found, way), _colours(found, way))
            if way in NAMED:
                axes.legend(fontsize=5.5, markerscale=1.6, handletextpad=0.1, loc="best")
            first = name == next(iter(found.maps)) or len(ways) == 1
            axes.set_title(f"by {BY.get(way, way)}" if first else "", fontsize=8)
        line[0].set_ylabel(TITLES[name], fontsize=8)
    return figure


def _values(found: Explanation, way: str) -> pl.Series:
    if way != "class":
        return found.cells.rows[way].cast(pl.String)
    classes = found.cells.bundle.classes
    return pl.Series([classes.positive if one else classes.negative for one in found.cells.positive])


def _colours(found: Explanation, way: str) -> dict[str, str]:
    """Of the most frequent values; all others are grey."""
    if way == "class":
        classes = found.cells.bundle.classes
        return {classes.positive: POSITIVE, classes.negative: NEGATIVE}
    values = _values(found, way).drop_nulls()
    frequent = values.value_counts(sort=True).to_series(0).head(len(_PALETTE)).to_list()
    return dict(zip(sorted(frequent), _PALETTE, strict=False))


def _map(axes: Axes, places: np.ndarray, values: pl.Series, colours: dict[str, str]) -> None:
    held = values.to_list()
    others = np.array([value not in colours for value in held])
    axes.scatter(*places[others].T, s=4, color=MUTED, alpha=0.35, linewidths=0)
    for name, colour in colours.items():
        kept = np.array([value == name for value in held])
        axes.scatter(*places[kept].T, s=5, color=colour, alpha=0.8, linewidths=0, label=name)
    axes.set(xticks=[], yticks=[])
