"""`groups.csv`: counts and figures of each donor, sample, origin, site and cancer type."""

import numpy as np
import polars as pl

from brightctc.evaluate.evaluation import Evaluation
from brightctc.evaluate.record import finite
from brightctc.metrics import clopper_pearson, confusion, roc_auc

COLUMNS = ("donor_id", "sample_id", "origin", "site", "cancer_type")
EVERYTHING = "all"
_SCHEMA = {
    "group_by": pl.String,
    "group": pl.String,
    **dict.fromkeys(("cells", "positive", "negative", "unreadable", "tp", "fp", "tn", "fn"), pl.Int64),
    **dict.fromkeys(("f1", "precision", "recall", "recall_low", "recall_high"), pl.Float64),
    **dict.fromkeys(("specificity", "specificity_low", "specificity_high", "roc_auc"), pl.Float64),
    "stamp": pl.String,
}


def groups_table(evaluation: Evaluation) -> pl.DataFrame:
    """A row for all labelled cells, then one for each value of each known column; null values last, group empty.

    recall_low … specificity_high: exact (Clopper-Pearson) 95 % intervals that take the group's cells as
    independent: within one donor they speak of this donor. Undefined figures are empty.
    """
    rows = evaluation.cells.rows.filter(evaluation.cells.labelled)
    found = [_row(evaluation, EVERYTHING, EVERYTHING, np.ones(rows.height, dtype=bool))]
    for column in COLUMNS:
        if column not in rows.columns or rows[column].null_count() == rows.height:
            continue
        for value in rows[column].unique().sort(nulls_last=True):
            inside = rows[column].eq_missing(pl.Series([value], dtype=pl.String)).to_numpy()
            found.append(_row(evaluation, column, value, inside))
    return pl.DataFrame(found, schema=_SCHEMA)


def _row(evaluation: Evaluation, group_by: str, group: str | None, inside: np.ndarray) -> dict[str, object]:
    positive, scored = evaluation.positive[inside], evaluation.scored
    counts = confusion(positive, scored.called[inside])
    recall_low, recall_high = _exact(counts.tp, counts.positives)
    specificity_low, specificity_high = _exact(counts.tn, counts.negatives)
    return {
        "group_by": group_by,
        "group": group,
        "cells": counts.cells,
        "positive": counts.positives,
        "negative": counts.negatives,
        "unreadable": int(np.isnan(scored.score[inside]).sum()),
        "tp": counts.tp,
        "fp": counts.fp,
        "tn": counts.tn,
        "fn": counts.fn,
        "f1": finite(counts.f1),
        "precision": finite(counts.precision),
        "recall": finite(counts.recall),
        "recall_low": recall_low,
        "recall_high": recall_high,
        "specificity": finite(counts.specificity),
        "specificity_low": specificity_low,
        "specificity_high": specificity_high,
        "roc_auc": finite(roc_auc(positive, scored.logit[inside])),
        "stamp": "; ".join(evaluation.claim.stamps) or None,
    }


def _exact(count: int, total: int) -> tuple[float, float] | tuple[None, None]:
    return clopper_pearson(count, total) if total else (None, None)
