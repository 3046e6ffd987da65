"""The four panels of the picture. Colours are Okabe and Ito's, told apart by every kind of colour vision."""

import math
from collections.abc import Callable

import numpy as np
from matplotlib.axes import Axes

from brightctc.evaluate.evaluation import Evaluation
from brightctc.metrics import Interval, clopper_pearson, precision_recall_curve, reliability, roc_curve

POSITIVE, NEGATIVE, LINE, ALARM = "#D55E00", "#56B4E9", "#0072B2", "#B03A00"
MUTED, GRID = "#5A5A5A", "#E4E4E4"
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#404040",
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "svg.fonttype": "path",
}
_SCORE_TICKS = (1e-6, 1e-4, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999, 1 - 1e-6)


def roc(axes: Axes, evaluation: Evaluation) -> None:
    """Recall over the false-positive rate, with the frozen threshold's point."""
    axes.set_title("ROC")
    counts = evaluation.counts
    if not counts.positives or not counts.negatives:
        return _empty(axes, "needs cells of both classes")
    curve = roc_curve(evaluation.positive, evaluation.scored.logit)
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls=(0, (4, 3)))
    axes.plot(curve.x, curve.y, color=LINE, lw=1.6, solid_joinstyle="round")
    _point(axes, 1 - counts.specificity, counts.recall)
    _unit_axes(axes, "1 − specificity", "recall")
    return _note(axes, [("area", evaluation.figures["roc_auc"])])


def precision_recall(axes: Axes, evaluation: Evaluation) -> None:
    """Precision over recall, with the level that calling every cell positive reaches."""
    axes.set_title("Precision and recall")
    counts = evaluation.counts
    if not counts.positives:
        return _empty(axes, f"needs {evaluation.classes.positive} cells")
    curve = precision_recall_curve(evaluation.positive, evaluation.scored.logit)
    share = counts.positives / counts.cells
    axes.plot([0, 1], [share, share], color=MUTED, lw=0.8, ls=(0, (4, 3)))
    axes.text(
        0.01, share + (0.015 if share < 0.85 else -0.015), f"every cell called: {share:.2g}", fontsize=7, color=MUTED,
        va="bottom" if share < 0.85 else "top",
    )  # fmt: skip
    axes.step(curve.x, curve.y, where="pre", color=LINE, lw=1.6)
    if counts.tp + counts.fp:
        _point(axes, counts.recall, counts.precision)
    _unit_axes(axes, "recall", "precision")
    return _note(axes, [("average precision", evaluation.figures["average_precision"])], low=share < 0.5)


def histogram(axes: Axes, evaluation: Evaluation) -> None:
    """Scores of both classes, each as a share of its class, on a logit axis with the threshold."""
    axes.set_title("Scores by class")
    read = ~np.isnan(evaluation.scored.score)
    if not read.any():
        return _empty(axes, "no cell has a score")
    logit, positive = evaluation.scored.logit[read], evaluation.positive[read]
    bins = _bins(logit, evaluation.threshold.logit)
    sides = [
        (~positive, NEGATIVE, evaluation.classes.negative),
        (positive, POSITIVE, evaluation.classes.positive),
    ]
    for chosen, colour, name in sides:
        if chosen.any():
            weights = np.full(int(chosen.sum()), 100 / chosen.sum())
            style = {"bins": bins, "weights": weights, "color": colour}
            axes.hist(logit[chosen], histtype="stepfilled", alpha=0.35, **style)
            axes.hist(logit[chosen], histtype="step", lw=1.3, label=f"{name} ({chosen.sum():,})", **style)
    axes.axvline(evaluation.threshold.logit, color="#202020", lw=1.0)
    axes.margins(x=0.01)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.3)
    axes.annotate(
        f"threshold {evaluation.threshold.score:.3g}", (evaluation.threshold.logit, 1), xycoords=("data", "axes fraction"),
        xytext=(3, -2), textcoords="offset points", va="top", fontsize=7,
    )  # fmt: skip
    _score_axis(axes, evaluation, bins)
    axes.set_ylabel("cells of the class (%)")
    axes.legend(loc="upper left", bbox_to_anchor=(0, 0.93), handlelength=1.2, borderaxespad=0.2)
    unread = int((~read).sum())
    if unread:
        axes.text(0.99, 0.86, f"{unread} unreadable, not drawn", transform=axes.transAxes, ha="right", fontsize=7)
    return None


def calibration(axes: Axes, evaluation: Evaluation) -> None:
    """The positives' share in ten bins of equal mass over their mean score, with exact 95 % bars."""
    axes.set_title("Calibration at this class ratio")
    read = ~np.isnan(evaluation.scored.score)
    if not read.any():
        return _empty(axes, "no cell has a score")
    positive, score = evaluation.positive[read], evaluation.scored.score[read]
    bins = reliability(positive, score)
    ends = np.array(
        [clopper_pearson(round(share * n), int(n)) for share, n in zip(bins.share, bins.cells, strict=True)]
    )
    bars = np.abs(ends.T - bins.share)
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls=(0, (4, 3)))
    axes.errorbar(bins.score, bins.share, bars, color=LINE, fmt="o", ms=4, lw=1.0, mec="white", mew=0.6, clip_on=False)
    _unit_axes(axes, "mean score", f"share of {evaluation.classes.positive}")
    figures = evaluation.figures
    return _note(axes, [("Brier", figures["brier"]), ("calibration error", figures["calibration_error"])])


def _point(axes: Axes, x: float, y: float) -> None:
    axes.plot([x], [y], "o", ms=6.5, color=POSITIVE, mec="white", mew=1.0, clip_on=False, zorder=5)
    toward = (-7, -9) if x > 0.7 else (7, -9)
    axes.annotate(
        "at the threshold", (x, y), xytext=toward, textcoords="offset points", fontsize=7, color=ALARM,
        ha="right" if x > 0.7 else "left", va="top",
    )  # fmt: skip


def _unit_axes(axes: Axes, x: str, y: str) -> None:
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=x, ylabel=y)
    axes.set_aspect("equal", adjustable="box", anchor="W")
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)


def _note(axes: Axes, figures: list[tuple[str, Interval]], low: bool = True) -> None:
    lines = []
    for name, found in figures:
        if found.value is None:
            lines.append(f"{name}: undefined")
        elif found.low is None or found.high is None:
            lines.append(f"{name} {found.value:.3f}")
        else:
            lines.append(f"{name} {found.value:.3f} ({found.low:.3f} to {found.high:.3f})")
    box = {"boxstyle": "square,pad=0.25", "fc": "white", "ec": "none", "alpha": 0.85}
    axes.text(
        0.98, 0.04 if low else 0.96, "\n".join(lines), transform=axes.transAxes, ha="right",
        va="bottom" if low else "top", fontsize=7.5, bbox=box,
    )  # fmt: skip


def _bins(logit: np.ndarray, threshold: float) -> np.ndarray:
    """About thirty bins; one edge lies on the threshold, so that no bar straddles it."""
    low, high = min(logit.min(), threshold), max(logit.max(), threshold)
    width = max(high - low, 1e-3) / 30
    below, above = math.ceil((threshold - low) / width) or 1, math.floor((high - threshold) / width) + 1
    return threshold + width * np.arange(-below, above + 1)


def _score_axis(axes: Axes, evaluation: Evaluation, bins: np.ndarray) -> None:
    """Logits on the axis, scores on its ticks."""
    scale = _logit_of_score(evaluation)
    ticks = [(scale(score), f"{score:g}" if score <= 0.9999 else "1−10⁻⁶") for score in _SCORE_TICKS]
    inside = [(at, text) for at, text in ticks if bins[0] <= at <= bins[-1]]
    if len(inside) >= 2:
        axes.set_xticks([at for at, _ in inside], [text for _, text in inside])
        axes.set_xlabel("score (logit scale)")
    else:
        axes.set_xlabel("logit")


def _logit_of_score(evaluation: Evaluation) -> Callable[[float], float]:
    """score → logit as the bundle's temperature has it, read off the threshold where it isn't 1."""
    threshold = evaluation.threshold
    plain = math.log(threshold.score) - math.log1p(-threshold.score) if 0 < threshold.score < 1 else 0.0
    temperature = threshold.logit / plain if abs(plain) > 1e-6 else 1.0
    return lambda score: temperature * (math.log(score) - math.log1p(-score))


def _empty(axes: Axes, words: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=MUTED)
