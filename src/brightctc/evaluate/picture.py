"""`figure.png` and `figure.svg`: ROC, precision-recall, scores by class and calibration, on one page."""

import math
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from brightctc.bundle import RESEARCH_USE
from brightctc.evaluate.evaluation import Evaluation
from brightctc.evaluate.panels import ALARM, MUTED, STYLE, calibration, histogram, precision_recall, roc
from brightctc.metrics import Interval

WIDTH, HEIGHT, DPI = 7.2, 7.6, 300  # inches; a journal's two columns


def draw_picture(evaluation: Evaluation, folder: Path) -> None:
    """Write figure.png (300 dpi) and figure.svg into `folder`; the same result gives the same bytes."""
    with matplotlib.rc_context({**STYLE, "svg.hashsalt": "brightctc"}):
        figure = picture_of(evaluation)
        figure.savefig(folder / "figure.png", dpi=DPI, metadata={"Software": None})
        figure.savefig(folder / "figure.svg", metadata={"Date": None, "Creator": None})


def picture_of(evaluation: Evaluation) -> Figure:
    """The page as a figure with an Agg canvas of its own: no window, no state shared with other figures."""
    figure = Figure(figsize=(WIDTH, HEIGHT))
    FigureCanvasAgg(figure)
    stamped = bool(evaluation.claim.stamps)
    grid = figure.add_gridspec(
        2, 2, left=0.085, right=0.975, bottom=0.105, top=0.79 if stamped else 0.81, hspace=0.42, wspace=0.27
    )
    panels = (roc, precision_recall, histogram, calibration)
    for draw, cell, letter in zip(panels, grid, "abcd", strict=True):
        axes = figure.add_subplot(cell)
        draw(axes, evaluation)
        axes.text(-0.15, 1.04, letter, transform=axes.transAxes, fontsize=11, fontweight="bold")
    _heading(figure, evaluation)
    figure.text(0.085, 0.022, RESEARCH_USE, fontsize=7, color=MUTED)
    figure.text(0.975, 0.022, evaluation.intervals.meaning.partition(": ")[0], fontsize=6, color=MUTED, ha="right")
    return figure


def _heading(figure: Figure, evaluation: Evaluation) -> None:
    classes, claim = evaluation.classes, evaluation.claim
    figure.text(0.085, 0.957, f"{classes.positive} against {classes.negative}", fontsize=13, fontweight="bold")
    figure.text(0.085, 0.93, _cells(evaluation), fontsize=8, color=MUTED)
    figure.text(0.085, 0.893, _headline(evaluation), fontsize=9)
    figure.text(0.085, 0.87, _baseline(evaluation), fontsize=8, color=MUTED)
    if claim.stamps:
        figure.text(0.085, 0.843, "; ".join(claim.stamps), fontsize=9, fontweight="bold", color=ALARM)


def _cells(evaluation: Evaluation) -> str:
    claim, counts = evaluation.claim, evaluation.counts
    parts = [f"{claim.part} part", f"n = {counts.cells:,} cells ({evaluation.class_ratio})"]
    if claim.unit != "cell":
        units, with_positives = evaluation.holders
        parts.append(f"{units} {claim.unit}s, {with_positives} with {evaluation.classes.positive}")
    return "  ·  ".join([*parts, f"split by {claim.split_by}"])


def _headline(evaluation: Evaluation) -> str:
    figures = evaluation.figures
    return "     ".join(
        [
            f"{shown(figures['false_calls_per_1000'], '.3g')} false calls per 1,000 {evaluation.classes.negative}",
            f"{shown(figures['looks_per_true'], '.3g')} looks per true {evaluation.classes.positive}",
        ]
    )


def _baseline(evaluation: Evaluation) -> str:
    constant = evaluation.constant.f1
    always = "undefined" if math.isnan(constant) else f"{constant:.3f}"
    return (
        f"F1 {shown(evaluation.figures['f1'])} at this class ratio; calling every cell "
        f"{evaluation.classes.positive} gives {always}"
    )


def shown(figure: Interval, form: str = ".3f") -> str:
    """A figure with its interval, such as "0.912 (0.87 to 0.94)"; "–" where undefined."""
    if figure.value is None:
        return "–"
    if figure.low is None and figure.high is None:
        return f"{figure.value:{form}}"
    ends = ("…" if end is None else f"{end:{form}}" for end in (figure.low, figure.high))
    return f"{figure.value:{form}} ({' to '.join(ends)})"
