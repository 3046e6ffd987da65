"""`figure.png` and `figure.svg` of `baselines`: each model's areas with their intervals, best first."""

import warnings
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from brightctc.baselines.record import NETWORK
from brightctc.bundle import RESEARCH_USE
from brightctc.evaluate.evaluation import Evaluation
from brightctc.evaluate.panels import ALARM, GRID, LINE, MUTED, POSITIVE, STYLE

NAMES = {
    NETWORK: "network",
    "constant": "constant (all called)",
    "size": "size alone",
    "intensity": "intensity statistics",
    "border": "border, cell erased",
    "hand_features": "hand features + boosting",
    "hog_linear": "HOG + linear SVM",
    "hog_rbf": "HOG + RBF SVM",
}
PANELS = {"roc_auc": "ROC-AUC", "average_precision": "average precision", "f1": "F1"}
DPI = 300
WIDTH, ROW, HEAD, FOOT = 7.2, 0.29, 0.95, 0.98  # inches


def draw_picture(found: dict[str, Evaluation], folder: Path) -> None:
    """Write figure.png (300 dpi) and figure.svg into `folder`; the same result gives the same bytes."""
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a class name in a script that the font lacks
        figure = picture_of(found)
        figure.savefig(folder / "figure.png", dpi=DPI, metadata={"Software": None})
        figure.savefig(folder / "figure.svg", metadata={"Date": None, "Creator": None})


def picture_of(found: dict[str, Evaluation]) -> Figure:
    """A row a model, a panel a figure; the dashed line is the constant classifier."""
    height = HEAD + ROW * len(found) + FOOT
    figure = Figure(figsize=(WIDTH, height))
    FigureCanvasAgg(figure)
    order = sorted(found, key=lambda name: _value(found[name], "average_precision"))
    left, gap, width = 1.72, 0.22, 1.6
    for index, (key, words) in enumerate(PANELS.items()):
        place = (left + index * (width + gap), FOOT, width, ROW * len(found))
        axes = figure.add_axes((place[0] / WIDTH, place[1] / height, place[2] / WIDTH, place[3] / height))
        _panel(axes, {name: found[name] for name in order}, key)
        axes.set_title(words, loc="left", fontsize=8.5, fontweight="bold")
        axes.set_yticks(range(len(order)), [NAMES.get(name, name) for name in order] if index == 0 else [])
    first = next(iter(found.values()))
    lines = [(height - 0.3, f"{first.classes.positive} against {first.classes.negative}: what simple models reach", 12)]
    lines += [(height - 0.52, f"{first.claim.part} part, {first.class_ratio}; split by {first.claim.split_by}", 8)]
    for at, text, size in lines:
        figure.text(0.3 / WIDTH, at / height, text, fontsize=size, fontweight="bold" if size > 10 else "normal")
    if first.claim.stamps:
        stamp = "; ".join(first.claim.stamps)
        figure.text(1 - 0.3 / WIDTH, (height - 0.52) / height, stamp, ha="right", fontsize=8, fontweight="bold",
                    color=ALARM)  # fmt: skip
    figure.text(
        0.3 / WIDTH, 0.5 / height, "dashed: what calling every cell positive reaches", fontsize=6.5, color=MUTED
    )
    figure.text(0.3 / WIDTH, 0.34 / height, first.meaning, fontsize=6.5, color=MUTED)
    figure.text(0.3 / WIDTH, 0.16 / height, RESEARCH_USE, fontsize=7, fontweight="bold", color=MUTED)
    return figure


def _panel(axes: Axes, found: dict[str, Evaluation], key: str) -> None:
    axes.axvline(_constant(next(iter(found.values())), key), color=MUTED, lw=0.8, ls=(0, (4, 3)))
    for height, (name, evaluation) in enumerate(found.items()):
        figure = evaluation.figures[key]
        if figure.value is None:
            continue
        color = POSITIVE if name == NETWORK else LINE
        if figure.low is not None and figure.high is not None:
            axes.plot([figure.low, figure.high], [height, height], color=color, lw=2.4, alpha=0.45)
        axes.plot([figure.value], [height], "o", color=color, ms=4.5, zorder=4)
        style = {"textcoords": "offset points", "ha": "center", "fontsize": 6, "color": MUTED, "zorder": 3}
        style["bbox"] = {
            "boxstyle": "square,pad=0.1",
            "facecolor": "white",
            "edgecolor": "none",
        }  # over the dashed line
        axes.annotate(f"{figure.value:.3f}", (figure.value, height), xytext=(0, 4.5), **style)
    axes.set(xlim=(0, 1.05), ylim=(-0.6, len(found) - 0.4))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "", "0.5", "", "1"])
    axes.grid(axis="x", color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)


def _constant(evaluation: Evaluation, key: str) -> float:
    """The figure of the classifier that calls every cell positive."""
    counts = evaluation.counts
    share = counts.positives / max(1, counts.cells)
    return {"roc_auc": 0.5, "average_precision": share, "f1": evaluation.constant.f1}[key]


def _value(evaluation: Evaluation, key: str) -> float:
    value = evaluation.figures[key].value
    return -1.0 if value is None else value
