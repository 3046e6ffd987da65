"""The curves of a run and the histogram of a sample's scores, for the page."""

import math
from collections.abc import Callable

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from brightctc.evaluate import panels
from brightctc.evaluate.evaluation import Evaluation
from brightctc.report.svg import Panel, blank, on_page

WIDTH, HEIGHT = 3.5, 3.3  # inches
BOX = (0.16, 0.14, 0.8, 0.68)  # left, bottom, width, height of the axes within it


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
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set_title("Scores of all cells read", loc="left", fontsize=9, fontweight="bold")
        if threshold is not None:
            axes.axvline(float(_logit(threshold)), color=panels.ALARM, lw=1.4)

    alt = "Histogram of the scores of all cells read, with the threshold"
    return Panel(_svg(draw, "all-scores", width=7.0), alt, wide=True)


def _logit(score: np.ndarray | float) -> np.ndarray:
    clipped = np.clip(score, 1e-7, 1 - 1e-7)
    return np.log(clipped) - np.log1p(-clipped)


def _svg(draw: Callable[[Axes], None], name: str, width: float = WIDTH) -> Markup:
    def build() -> Figure:
        figure = blank(width, HEIGHT)
        draw(figure.add_axes((BOX[0] * WIDTH / width, BOX[1], 1 - (1 - BOX[2]) * WIDTH / width, BOX[3])))
        return figure

    return on_page(build, name)
