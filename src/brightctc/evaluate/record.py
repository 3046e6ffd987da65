"""`metrics.json`: every figure with its interval, in names that scripts may rely on."""

import math
from typing import Any

import numpy as np

from brightctc.bundle import Bundle
from brightctc.evaluate.evaluation import Evaluation
from brightctc.metrics import FIGURES

FORMAT_VERSION = 1


def metrics_record(evaluation: Evaluation, bundle: Bundle) -> dict[str, Any]:
    """JSON-able; what is undefined is null, with a reason beside it. No paths, times or hosts.

    bundle: as it scored, in its precision.
    """
    claim, counts, drawn = evaluation.claim, evaluation.counts, evaluation.resampling
    return {
        "format_version": FORMAT_VERSION,
        "part": claim.part,
        "channel": claim.channel,
        "classes": {"positive": evaluation.classes.positive, "negative": evaluation.classes.negative},
        "n": _numbers(evaluation),
        "class_ratio": evaluation.class_ratio,
        "split_by": claim.split_by,
        "stamps": list(claim.stamps),
        "interval": {
            "level": 0.95,
            "unit": claim.unit,
            "resamples": drawn.resamples,
            "seed": drawn.seed,
            "meaning": evaluation.meaning,
        },
        "bundle": bundle.hash,
        "arithmetic": {"precision": bundle.precision, "processor": bundle.processor},
        "threshold": {key: getattr(evaluation.threshold, key) for key in ("policy", "logit", "score", "precision")},
        "confusion": {"tp": counts.tp, "fp": counts.fp, "tn": counts.tn, "fn": counts.fn},
        **_figures(evaluation),
        "constant_classifier": _constant(evaluation),
        "precision_at_prevalence": _rare(evaluation),
        "unreadable": _unreadable(evaluation),
        "flagged_positives": _flagged(evaluation),
        "warnings": list(evaluation.warnings),
    }


def _figures(evaluation: Evaluation) -> dict[str, dict[str, Any]]:
    """One entry a figure; the stamps stand in each, since figures are copied one by one."""
    found = {name: dict(evaluation.figures[name].as_dict()) for name in FIGURES}
    for name in ("f1", "precision", "average_precision", "looks_per_true"):
        found[name]["class_ratio"] = evaluation.class_ratio
    unlabelled = int((evaluation.cells.called & ~evaluation.cells.labelled).sum())
    found["looks_per_true"]["looks_at_unlabelled"] = unlabelled
    if evaluation.claim.stamps:
        for figure in found.values():
            figure["stamp"] = "; ".join(evaluation.claim.stamps)
    return found


def _numbers(evaluation: Evaluation) -> dict[str, Any]:
    cells, counts = evaluation.cells, evaluation.counts
    numbers: dict[str, Any] = {
        "cells": counts.cells,
        "positive": counts.positives,
        "negative": counts.negatives,
        "unlabelled": int((~cells.labelled).sum()),
        "unlabelled_called": int((cells.called & ~cells.labelled).sum()),
        "unreadable": int((cells.unread & cells.labelled).sum()),
    }
    if evaluation.claim.unit != "cell":
        units, with_positives = evaluation.holders
        numbers |= {f"{evaluation.claim.unit}s": units, f"{evaluation.claim.unit}s_with_positives": with_positives}
    if "label_source" in cells.rows.columns:
        sources = cells.rows["label_source"].filter(cells.labelled).fill_null("not known").value_counts(sort=True)
        numbers["label_source"] = dict(sources.iter_rows())
    return numbers


def _constant(evaluation: Evaluation) -> dict[str, Any]:
    """The constant classifier's figures; all its scores are equal, so its areas are chance's.

    It, too, has every cell without a label looked at.
    """
    counts = evaluation.constant
    unlabelled = int((~evaluation.cells.labelled).sum())
    names = ("f1", "precision", "recall", "specificity", "balanced_accuracy", "false_calls_per_1000")
    both = counts.positives > 0 and counts.negatives > 0
    return {
        "meaning": "calls every cell positive",
        **{name: finite(getattr(counts, name)) for name in names},
        "looks_per_true": finite((counts.cells + unlabelled) / counts.tp) if counts.tp else None,
        "roc_auc": 0.5 if both else None,
        "average_precision": finite(counts.precision) if counts.positives else None,
    }


def _rare(evaluation: Evaluation) -> list[dict[str, Any]]:
    return [
        {
            "prevalence": f"1:{row.k}",
            "value": row.value,
            "low": row.low,
            "high": row.high,
            "negatives_needed": row.negatives_needed,
            "text": row.text,
        }
        for row in evaluation.rare
    ]


def _unreadable(evaluation: Evaluation) -> dict[str, Any]:
    cells = evaluation.cells
    unread = cells.unread & cells.labelled
    kinds: dict[str, int] = {}
    for index in np.flatnonzero(unread):
        kind = str(cells.error[index]).partition(":")[0]
        kinds[kind] = kinds.get(kind, 0) + 1
    return {
        "positive": int((unread & cells.positive).sum()),
        "negative": int((unread & ~cells.positive).sum()),
        "kinds": dict(sorted(kinds.items())),
        "meaning": "an unreadable positive is missed, an unreadable negative is not called; both rank below all "
        "other cells, and have no part in the Brier score and the calibration error; scores.csv lists them",
    }


def _flagged(evaluation: Evaluation) -> dict[str, Any]:
    """How many true positives carry a flag: whoever hid flagged cells would lose these."""
    cells = evaluation.cells
    positive = cells.positive & cells.labelled & ~cells.unread
    flagged = int(sum(bool(cells.flags[index]) for index in np.flatnonzero(positive)))
    read = int(positive.sum())
    return {"flagged": flagged, "of": read, "share": flagged / read if read else None}


def finite(value: float) -> float | None:
    """None for what JSON can't hold."""
    return value if math.isfinite(value) else None
