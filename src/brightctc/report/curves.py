"""Curves as SVG inside the page, in colours of its theme."""

import io
import math
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import matplotlib
import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from brightctc.evaluate import panels
from brightctc.evaluate.evaluation import Evaluation

WIDTH, HEIGHT = 3.5, 3.3  # inches
BOX = (0.16, 0.14, 0.8, 0.68)  # left, bottom, width, height of the axes within it
_STYLE = panels.STYLE | {"svg.fonttype": "none", "axes.facecolor": "none", "figure.facecolor": "none"}
_INKS = {
    panels.POSITIVE: "--positive",
    panels.NEGATIVE: "--negative",
    panels.LINE: "--line",
    panels.ALARM: "--alarm",
    panels.MUTED: "--muted",
    panels.GRID: "--rule",
    "#404040": "--muted",
    "#202020": "--ink",
    "#000000": "--ink",
    "#ffffff": "--paper",
}  # every colour of the panels → the page's variable


@dataclass(frozen=True)
class Panel:
    """A drawing and the words for who can't see it."""

    svg: Markup
    alt: str


def panels_of(evaluation: Evaluation, name: str) -> list[Panel]:
    """ROC, precision-recall, scores by class, calibration. name: a word that is unique on the page."""
    positive = evaluation.classes.positive
    drawn: dict[str, tuple[Callable[[Axes, Evaluation], None], str]] = {
        "roc": (panels.roc, "ROC curve: recall over false-positive rate, with the point of the frozen threshold"),
        "pr": (panels.precision_recall, f"Precision over recall, with the level of calling every cell {positive}"),
        "scores": (panels.histogram, "Histogram of the scores of each class, with the threshold"),
        "calibration": (panels.calibration, f"Share of {positive} over the mean score, in ten bins"),
    }
    return [
        Panel(_svg(lambda axes, draw=draw: draw(axes, evaluation), f"{name}-{key}"), alt)
        for key, (draw, alt) in drawn.items()
    ]


def score_histogram(score: np.ndarray, threshold: float | None) -> Panel:
    """How many cells have which score (float64, no NaN), on a scale that spreads both ends, with the threshold."""

    def draw(axes: Axes) -> None:
        logit = _logit(score)
        low, high = min(float(logit.min()), -4.0), max(float(logit.max()), 4.0)
        width = (high - low) / 40
        if threshold is not None:  # an edge lies on it, so that no bar holds both candidates and others
            low -= width - (float(_logit(threshold)) - low) % width
        bins = low + width * np.arange(math.ceil((high - low) / width) + 1)
        axes.hist(logit, bins=bins.tolist(), color=panels.LINE, alpha=0.75)
        ticks = [at for at in (1e-6, 1e-4, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999) if bins[0] <= _logit(at) <= bins[-1]]
        axes.set_xticks([float(_logit(at)) for at in ticks], [f"{at:g}" for at in ticks])
        axes.set(xlabel="score (logit scale)", ylabel="cells", yscale="log")
        axes.set_ylim(bottom=0.7)
        powers = [10**n for n in range(8) if 10**n <= axes.get_ylim()[1]]
        axes.set_yticks(powers, [f"{power:,}" for power in powers])
        axes.set_title("Scores of all cells read", loc="left", fontsize=9, fontweight="bold")
        if threshold is not None:
            axes.axvline(float(_logit(threshold)), color=panels.ALARM, lw=1.4)

    return Panel(_svg(draw, "all-scores", width=7.0), "Histogram of the scores of all cells read, with the threshold")


def _logit(score: np.ndarray | float) -> np.ndarray:
    clipped = np.clip(score, 1e-7, 1 - 1e-7)
    return np.log(clipped) - np.log1p(-clipped)


def _svg(draw: Callable[[Axes], None], name: str, width: float = WIDTH) -> Markup:
    memory = io.StringIO()
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a class name in a script that the font lacks
        figure = Figure(figsize=(width, HEIGHT))
        FigureCanvasAgg(figure)
        draw(figure.add_axes((BOX[0] * WIDTH / width, BOX[1], 1 - (1 - BOX[2]) * WIDTH / width, BOX[3])))
        figure.savefig(memory, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return Markup(_themed(memory.getvalue(), name))  # noqa: S704 - written by matplotlib, which escapes texts


def _themed(svg: str, name: str) -> str:
    """matplotlib's file as an element of the page: no prologue, ids of its own, colours as variables."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style type=.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    for colour, variable in _INKS.items():
        svg = re.sub(rf"{colour}\b", f"var({variable})", svg, flags=re.IGNORECASE)
    svg = re.sub(r"font: ([\d.]+px)[^;\"]*'[^;\"]*", r"font-size: \1", svg)
    svg = re.sub(r"font: (bold|700) ([\d.]+px)[^;\"]*", r"font-weight: 700; font-size: \2", svg)
    return re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2).strip()
