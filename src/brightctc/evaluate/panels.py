"""The four panels of the picture. Colours are Okabe and Ito's, told apart by every kind of colour vision."""

import math
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from brightctc.evaluate.evaluation import Evaluation
from brightctc.evaluate.wording import shown
from brightctc.metrics import clopper_pearson, precision_recall_curve, reliability, roc_curve

POSITIVE, NEGATIVE, LINE, ALARM = "#D55E00", "#56B4E9", "#0072B2", "#B03A00"
MUTED, GRID = "#5A5A5A", "#E4E4E4"
STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.edgecolor": "#404040",
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.fontsize": 7.5,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "brightctc",
    "text.parse_math": False,  # a class may be called "CD45$-$"
}
_SCORE_TICKS = (1e-6, 1e-4, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999, 1 - 1e-6)


def roc(axes: Axes, evaluation: Evaluation) -> None:
    """Recall over the false-positive rate, with the frozen threshold's point."""
    _title(axes, "ROC", f"area {shown(evaluation.figures['roc_auc'])}")
    counts = evaluation.counts
    if not counts.positives or not counts.negatives:
        return _empty(axes, "needs cells of both classes")
    curve = roc_curve(evaluation.positive, evaluation.scored.logit)
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls=(0, (4, 3)))
    axes.plot(curve.x, curve.y, color=LINE, lw=1.6, solid_joinstyle="round")
    _point(axes, 1 - counts.specificity, counts.recall, leftward=counts.specificity < 0.3)
    return _unit_axes(axes, "1 − specificity", "recall")


def precision_recall(axes: Axes, evaluation: Evaluation) -> None:
    """Precision over recall, with the level that calling every cell positive reaches."""
    _title(axes, "Precision and recall", f"average precision {shown(evaluation.figures['average_precision'])}")
    counts = evaluation.counts
    if not counts.positives:
        return _empty(axes, f"needs {evaluation.classes.positive} cells")
    curve = precision_recall_curve(evaluation.positive, evaluation.scored.logit)
    share = counts.positives / counts.cells
    axes.plot([0, 1], [share, share], color=MUTED, lw=0.8, ls=(0, (4, 3)))
    words = f"every cell called {evaluation.classes.positive}: {share:.2g}"
    above = share < 0.85
    place = {"va": "bottom" if above else "top", "fontsize": 7, "color": MUTED}
    left = not counts.tp or counts.recall > 0.5  # the side where the threshold's point is not
    axes.text(
        0.01 if left else 0.99, share + (0.015 if above else -0.015), words, ha="left" if left else "right", **place
    )
    axes.step(curve.x, curve.y, where="pre", color=LINE, lw=1.6)
    if counts.tp + counts.fp:
        _point(axes, counts.recall, counts.precision, leftward=counts.recall > 0.35)
    return _unit_axes(axes, "recall", "precision")


def histogram(axes: Axes, evaluation: Evaluation) -> None:
    """Scores of both classes, each as a share of its class, on a logit axis with the threshold."""
    _title(axes, "Scores by class", _unread(evaluation))
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
            axes.hist(logit[chosen], histtype="step", lw=1.3, **style)
            axes.hist(logit[chosen], histtype="stepfilled", alpha=0.4, label=f"{name} ({chosen.sum():,})", **style)
    axes.margins(x=0.01)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.3)
    _score_axis(axes, evaluation, bins)
    axes.set_ylabel("cells of the class (%)")
    at = (evaluation.threshold.logit - bins[0]) / (bins[-1] - bins[0])
    _threshold_line(axes, evaluation, leftward=at > 0.6)
    axes.legend(
        loc="upper right" if at < 0.4 else "upper left", bbox_to_anchor=(float(at < 0.4), 0.95), handlelength=1.2
    )
    return None


def calibration(axes: Axes, evaluation: Evaluation) -> None:
    """The positives' share in ten bins of equal mass over their mean score, with exact 95 % bars."""
    figures = evaluation.figures
    _title(axes, "Calibration at this class ratio", f"calibration error {shown(figures['calibration_error'])}")
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
    return _unit_axes(axes, "mean score of a bin", f"share of {evaluation.classes.positive}")


def _point(axes: Axes, x: float, y: float, *, leftward: bool) -> None:
    """The frozen threshold's point; its label stands on the side where the curve does not go."""
    axes.plot([x], [y], "o", ms=6.5, color=POSITIVE, mec="white", mew=1.0, clip_on=False, zorder=5)
    side, gap = ("right", -7) if leftward else ("left", 7)
    style = {"fontsize": 7, "color": ALARM, "ha": side, "va": "top"}
    axes.annotate("at the threshold", (x, y), xytext=(gap, -9), textcoords="offset points", **style)


def _threshold_line(axes: Axes, evaluation: Evaluation, *, leftward: bool) -> None:
    at, words = evaluation.threshold.logit, f"threshold {evaluation.threshold.score:.3g}"
    axes.axvline(at, color="#202020", lw=1.0)
    style = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "va": "top", "fontsize": 7}
    axes.annotate(words, (at, 1), xytext=(-3 if leftward else 3, -2), ha="right" if leftward else "left", **style)


def _unit_axes(axes: Axes, x: str, y: str) -> None:
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), xlabel=x, ylabel=y)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)


def _title(axes: Axes, title: str, below: str) -> None:
    axes.text(0, 1.115, title, transform=axes.transAxes, fontsize=9, fontweight="bold")
    axes.text(0, 1.04, below, transform=axes.transAxes, fontsize=7.5, color=MUTED)


def _unread(evaluation: Evaluation) -> str:
    unread = int(np.isnan(evaluation.scored.score).sum())
    return f"{unread} unreadable cells are not drawn" if unread else "each class as a share of its own"


def _bins(logit: np.ndarray, threshold: float) -> np.ndarray:
    """About thirty bins; one edge lies on the threshold, so that no bar straddles it."""
    low, high = min(logit.min(), threshold), max(logit.max(), threshold)
    width = max(high - low, 1e-3) / 30
    below, above = math.ceil((threshold - low) / width) or 1, math.floor((high - threshold) / width) + 1
    return threshold + width * np.arange(-below, above + 1)


def _score_axis(axes: Axes, evaluation: Evaluation, bins: np.ndarray) -> None:
    """Logits on the axis, scores on its ticks."""
    named = [f"{score:g}" if score <= 0.9999 else "1−10⁻⁶" for score in _SCORE_TICKS]
    ticks = list(zip(_at_scores(evaluation).tolist(), named, strict=True))
    inside = [(at, text) for at, text in ticks if bins[0] <= at <= bins[-1]]
    if len(inside) >= 2:
        axes.set_xticks([at for at, _ in inside], [text for _, text in inside])
        axes.set_xlabel("score (logit scale)")
    else:
        axes.set_xlabel("logit")


def _at_scores(evaluation: Evaluation) -> np.ndarray:
    """The logits at _SCORE_TICKS, between those of the cells; NaN beyond them."""
    scored = evaluation.scored
    known = (scored.score > 0) & (scored.score < 1)
    odds, logit = _log_odds(scored.score[known]), scored.logit[known]
    if not odds.size:
        return np.full(len(_SCORE_TICKS), np.nan)
    order = np.argsort(odds)
    return np.interp(_log_odds(np.array(_SCORE_TICKS)), odds[order], logit[order], left=np.nan, right=np.nan)


def _log_odds(score: np.ndarray) -> np.ndarray:
    return np.log(score) - np.log1p(-score)


def _empty(axes: Axes, words: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=MUTED)
