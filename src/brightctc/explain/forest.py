"""`features.png`: which features differ between the classes, and beside it between cell lines and patients."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brightctc.evaluate.panels import GRID, LINE, MUTED, POSITIVE
from brightctc.explain.differing import Difference
from brightctc.explain.finding import Explanation

MOST = 20
_ROW = 0.2  # inches


def draw_features(found: Explanation) -> Figure:
    """The features that differ most in the first pair of kinds, a column of dots for every pair."""
    kinds = list(dict.fromkeys(row.kinds for row in found.differences))
    first = [row for row in found.differences if row.kinds == kinds[0]][:MOST]
    figure = Figure(figsize=(3.6 + 2.6 * len(kinds), 0.8 + _ROW * len(first)), layout="constrained")
    panels = figure.subplots(1, len(kinds), sharey=True, squeeze=False)[0]
    order = [row.feature for row in reversed(first)]
    for axes, name in zip(panels, kinds, strict=True):
        by_feature = {row.feature: row for row in found.differences if row.kinds == name}
        _column(axes, [by_feature[feature] for feature in order], name, name.partition(" against ")[0])
    names = [f"{row.feature}  ({row.group})" for row in reversed(first)]
    panels[0].set_yticks(range(len(order)), names, fontsize=6.5)
    return figure


def _column(axes: Axes, rows: list[Difference], name: str, first: str) -> None:
    axes.axvline(0, color=MUTED, lw=0.8, ls=(0, (4, 3)))
    for height, row in enumerate(rows):
        sure = row.p_holm is not None and row.p_holm < 0.05
        color = POSITIVE if (row.delta.value or 0) > 0 else LINE
        if row.delta.low is not None and row.delta.high is not None:
            axes.plot([row.delta.low, row.delta.high], [height, height], color=color, lw=2.2, alpha=0.4)
        axes.plot([row.delta.value or 0], [height], "o", color=color, ms=4.5, mfc=color if sure else "white")
    axes.set_title(name, loc="left", fontsize=8.5, fontweight="bold")
    axes.set(
        xlim=(-1.05, 1.05),
        ylim=(-0.7, len(rows) - 0.3),
        xlabel=f"Cliff's δ (right: larger in {first})\nfilled: p < 0.05 after Holm",
    )
    axes.grid(axis="x", color=GRID, lw=0.5)
    axes.set_axisbelow(True)
