"""`figure.png` and `figure.svg`: ROC, precision-recall, scores by class and calibration, on one page."""

import math
import warnings
from pathlib import Path

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from brightctc.bundle import RESEARCH_USE
from brightctc.evaluate.evaluation import Evaluation
from brightctc.evaluate.panels import ALARM, MUTED, STYLE, calibration, histogram, precision_recall, roc
from brightctc.evaluate.wording import shown

DPI = 300
# inches; two journal columns wide, four square panels, a heading above and two lines below
WIDTH, HEIGHT, PANEL = 7.2, 8.55, 2.55
LEFT, RIGHT, LOWER, UPPER = 0.72, 4.28, 0.98, 4.42


def draw_picture(evaluation: Evaluation, folder: Path) -> None:
    """Write figure.png (300 dpi) and figure.svg into `folder`; the same result gives the same bytes."""
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a class name in a script that the font lacks
        figure = picture_of(evaluation)
        figure.savefig(folder / "figure.png", dpi=DPI, metadata={"Software": None})
        figure.savefig(folder / "figure.svg", metadata={"Date": None, "Creator": None})


def picture_of(evaluation: Evaluation) -> Figure:
    """The page as a figure with an Agg canvas of its own: no window, no state shared with other figures."""
    figure = Figure(figsize=(WIDTH, HEIGHT))
    FigureCanvasAgg(figure)
    places = (
        (LEFT, UPPER, roc),
        (RIGHT, UPPER, precision_recall),
        (LEFT, LOWER, histogram),
        (RIGHT, LOWER, calibration),
    )
    for letter, (x, y, draw) in zip("abcd", places, strict=True):
        axes = figure.add_axes((x / WIDTH, y / HEIGHT, PANEL / WIDTH, PANEL / HEIGHT))
        draw(axes, evaluation)
        axes.text(-0.137, 1.115, letter, transform=axes.transAxes, fontsize=11, fontweight="bold")
    _heading(figure, evaluation)
    _line(figure, 0.36, evaluation.meaning, fontsize=6.5, color=MUTED)
    _line(figure, 0.18, RESEARCH_USE, fontsize=7, fontweight="bold", color=MUTED)
    return figure


def _heading(figure: Figure, evaluation: Evaluation) -> None:
    classes, stamps = evaluation.classes, evaluation.claim.stamps
    _line(figure, 8.22, f"{classes.positive} against {classes.negative}", fontsize=13, fontweight="bold")
    _line(figure, 8.0, _cells(evaluation), fontsize=8, color=MUTED)
    _line(figure, 7.73, _headline(evaluation), fontsize=9)
    _line(figure, 7.53, _baseline(evaluation), fontsize=8, color=MUTED)
    if stamps:
        _line(figure, 8.22, "; ".join(stamps), at=WIDTH - 0.37, ha="right", fontsize=8, fontweight="bold", color=ALARM)


def _line(figure: Figure, inches: float, text: str, at: float = LEFT - 0.35, **style: object) -> None:
    figure.text(at / WIDTH, inches / HEIGHT, text, **style)  # pyright: ignore[reportArgumentType]


def _cells(evaluation: Evaluation) -> str:
    claim, counts = evaluation.claim, evaluation.counts
    parts = [f"{claim.part} part", f"n = {counts.cells:,} cells ({evaluation.class_ratio})"]
    if claim.unit != "cell":
        units, with_positives = evaluation.holders
        parts.append(f"{units} {claim.unit}s, {with_positives} with {evaluation.classes.positive}")
    return "  ·  ".join([*parts, f"split by {claim.split_by}"])


def _headline(evaluation: Evaluation) -> str:
    figures, classes = evaluation.figures, evaluation.classes
    false_calls, looks = shown(figures["false_calls_per_1000"], ".1f"), shown(figures["looks_per_true"], ".2f")
    return f"false calls per 1,000 {classes.negative}: {false_calls}     looks per true {classes.positive}: {looks}"


def _baseline(evaluation: Evaluation) -> str:
    constant = evaluation.constant.f1
    always = "undefined" if math.isnan(constant) else f"{constant:.3f}"
    f1 = shown(evaluation.figures["f1"])
    return f"F1 at this class ratio: {f1}; of calling every cell {evaluation.classes.positive}: {always}"
