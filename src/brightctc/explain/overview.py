"""`figure.png` of an explanation: cell or background, where, whether to believe it, and what predicts the score."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from brightctc.evaluate.panels import ALARM, GRID, LINE, MUTED, NEGATIVE, POSITIVE
from brightctc.explain.faithful import STEPS
from brightctc.explain.finding import Explanation
from brightctc.metrics import Interval

COLOURS = {"activation map": LINE, "Grad-CAM": "#009E73", "integrated gradients": POSITIVE, "random": MUTED}


def draw_overview(found: Explanation) -> Figure:
    """Six panels."""
    figure = Figure(figsize=(9.4, 5.4), layout="constrained")
    panels = figure.subplots(2, 3)
    for letter, axes, draw in zip(
        "abcdef", panels.flat, (_background, _inside, _predicted, _deletion, _insertion, _likeness), strict=True
    ):
        draw(axes, found)
        axes.set_title(f"{letter}   {axes.get_title()}", loc="left", fontsize=8.5, fontweight="bold")
        axes.set_title("")
    return figure


def _background(axes: Axes, found: Explanation) -> None:
    axes.set_title("Cell or background?")
    rows = {"as it is": found.erased.whole, "cell alone": found.erased.alone, "cell erased": found.erased.without}
    axes.axvline(0.5, color=MUTED, lw=0.8, ls=(0, (4, 3)))
    for height, (name, interval) in enumerate(reversed(rows.items())):
        alarm = name == "cell erased" and found.erased.verdict == "background"
        _dot(axes, height, interval, ALARM if alarm else LINE, "{:.2f}")
    axes.set(
        yticks=range(len(rows)), yticklabels=list(reversed(rows)), xlim=(0, 1.02), ylim=(-0.6, 2.7), xlabel="ROC-AUC"
    )


def _inside(axes: Axes, found: Explanation) -> None:
    axes.set_title("Inside the outline?")
    called = found.cells.called
    classes = found.cells.bundle.classes
    bins = np.linspace(0, 1, 21).tolist()
    for kept, color, name in ((called, POSITIVE, classes.positive), (~called, NEGATIVE, classes.negative)):
        values = found.inside[kept & np.isfinite(found.inside)]
        if values.size:
            axes.hist(values, bins, weights=np.full(values.size, 1 / values.size), color=color, alpha=0.55,
                      label=f"called {name}")  # fmt: skip
    area = found.area[found.outlined]
    if area.size:
        axes.axvline(float(area.mean()), color=MUTED, lw=1, ls=(0, (4, 3)), label="area of the outline")
    known = found.inside[np.isfinite(found.inside)]
    most = max([*known.tolist(), float(area.mean()) if area.size else 0.0, 0.2])
    axes.set(xlabel="share of the activation map inside", ylabel="share of cells", xlim=(0, min(1.0, 1.1 * most)))
    axes.legend(loc="upper right", fontsize=6.5, handlelength=1)


def _predicted(axes: Axes, found: Explanation) -> None:
    axes.set_title("What predicts the score?")
    if not found.predicted:
        _empty(axes, "too few cells or donors")
        return
    rows = list(reversed(found.predicted))
    for height, row in enumerate(rows):
        _share(axes, height, row.share, ALARM if "border" in row.name else LINE)
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=6.5)
    axes.set(xlabel="share of the logit's variance", xlim=(-0.04, 1.15))


def _share(axes: Axes, height: int, share: Interval, color: str) -> None:
    """A share below 0 predicts worse than the mean of all cells does: nothing is predicted."""
    ends = [None if end is None else max(end, 0.0) for end in (share.value, share.low, share.high)]
    words = "none" if share.value is not None and share.value <= 0 else "{:.0%}"
    _dot(axes, height, Interval(*ends, reason=share.reason), color, words)


def _deletion(axes: Axes, found: Explanation) -> None:
    axes.set_title("Deletion")
    _curves(axes, found, "deletion")
    axes.set(xlabel="share deleted, most important first", ylabel="logit towards the call")


def _insertion(axes: Axes, found: Explanation) -> None:
    axes.set_title("Insertion")
    _curves(axes, found, "insertion")
    axes.set(xlabel="share inserted, most important first")
    if len(found.attributed):
        axes.legend(loc="upper left", fontsize=6.5, handlelength=1.4)


def _curves(axes: Axes, found: Explanation, kind: str) -> None:
    if not len(found.attributed):
        _empty(axes, "no cells attributed")
        return
    share = np.arange(STEPS + 1) / STEPS
    for name, curves in found.curves.items():
        mean = getattr(curves, kind).mean(axis=0)
        style = (0, (4, 3)) if name == "random" else "-"
        axes.plot(
            share, mean, color=COLOURS[name], lw=1.5, ls=style, label="random order" if name == "random" else name
        )
    axes.grid(color=GRID, lw=0.5)


def _likeness(axes: Axes, found: Explanation) -> None:
    axes.set_title("Random weights")
    if not found.likeness:
        _empty(axes, "needs torch and captum" if len(found.attributed) else "no cells attributed")
        return
    for height, (name, values) in enumerate(found.likeness.items()):
        known = values[np.isfinite(values)]
        if known.size:
            axes.boxplot(known, positions=[height], vert=False, widths=0.5, showfliers=False,
                         boxprops={"color": COLOURS[name]}, medianprops={"color": COLOURS[name]})  # fmt: skip
    axes.axvline(0, color=MUTED, lw=0.8, ls=(0, (4, 3)))
    axes.set_yticks(range(len(found.likeness)), [name.replace(" ", "\n") for name in found.likeness])
    axes.set(xlim=(-1, 1), ylim=(-0.6, len(found.likeness) - 0.4), xlabel="rank correlation of maps")


def _dot(axes: Axes, height: int, interval: Interval, color: str, words: str) -> None:
    if interval.value is None:
        axes.annotate("undefined", (0.5, height), fontsize=6.5, color=MUTED, ha="center", va="center")
        return
    if interval.low is not None and interval.high is not None:
        axes.plot([interval.low, interval.high], [height, height], color=color, lw=2.4, alpha=0.45)
    axes.plot([interval.value], [height], "o", color=color, ms=4.5)
    axes.annotate(words.format(interval.value), (interval.value, height), (0, 5), textcoords="offset points",
                  ha="center", fontsize=6.5, color=MUTED)  # fmt: skip


def _empty(axes: Axes, words: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=MUTED)
