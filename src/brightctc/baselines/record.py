"""What `baselines` writes: baselines.json and its two tables."""

from typing import Any

import numpy as np
import polars as pl

from brightctc.evaluate.claim import Claim
from brightctc.evaluate.evaluation import Evaluation
from brightctc.metrics import differences

FORMAT_VERSION = 1
NETWORK = "network"
FIGURES = (
    "roc_auc",
    "average_precision",
    "f1",
    "precision",
    "recall",
    "specificity",
    "false_calls_per_1000",
    "looks_per_true",
)
COMPARED = ("roc_auc", "average_precision", "f1")


def record_of(found: dict[str, Evaluation], claim: Claim, warnings: tuple[str, ...]) -> dict[str, Any]:
    """The content of baselines.json: no paths, times or hosts."""
    first = next(iter(found.values()))
    return {
        "format_version": FORMAT_VERSION,
        "part": claim.part,
        "classes": {"positive": first.classes.positive, "negative": first.classes.negative},
        "n": {"cells": first.counts.cells, "positive": first.counts.positives, "negative": first.counts.negatives},
        "class_ratio": first.class_ratio,
        "split_by": claim.split_by,
        "stamps": list(claim.stamps),
        "interval": {"level": 0.95, "unit": claim.unit, "meaning": first.meaning},
        "models": {name: _model_record(name, found) for name in found},
        "warnings": list(warnings),
    }


def _model_record(name: str, found: dict[str, Evaluation]) -> dict[str, Any]:
    evaluation = found[name]
    counts = evaluation.counts
    line = evaluation.threshold
    record: dict[str, Any] = {
        "threshold": line.score if name == NETWORK else line.logit,
        "confusion": {"tp": counts.tp, "fp": counts.fp, "tn": counts.tn, "fn": counts.fn},
        **{figure: evaluation.figures[figure].as_dict() for figure in FIGURES},
    }
    if NETWORK in found and name != NETWORK:
        network = found[NETWORK]
        found_differences = differences(
            network.positive,
            [network.scored],
            [evaluation.scored],
            COMPARED,
            unit=evaluation.claim.unit,
            groups=evaluation.members,
            resamples=evaluation.resampling.resamples,
            seed=evaluation.resampling.seed,
        )
        record["network_minus_this"] = {name: each.as_dict() for name, each in found_differences.items()}
    return record


def table_of(record: dict[str, Any]) -> pl.DataFrame:
    """A row a model: each figure, its low and its high end; with a network, its difference to this model."""
    rows = []
    for name, values in record["models"].items():
        row: dict[str, Any] = {"model": name, "threshold": values["threshold"]}
        figures = {figure: values[figure] for figure in FIGURES}
        figures |= {f"network_minus_this_{k}": v for k, v in values.get("network_minus_this", {}).items()}
        for figure, ends in figures.items():
            row |= {figure: ends["value"], f"{figure}_low": ends["low"], f"{figure}_high": ends["high"]}
        rows.append(row)
    return pl.DataFrame(rows, infer_schema_length=None)


def scores_of(found: dict[str, Evaluation]) -> pl.DataFrame:
    """A row a cell: id and label, each model's value and call; empty where it could not be read.

    A network's value is its score, from 0 to 1, a baseline's its decision value; each on the scale of its threshold.
    """
    first = next(iter(found.values()))
    rows = first.cells.rows
    columns = [name for name in ("cell_id", "sample_id", "donor_id", "label") if name in rows.columns]
    made = {}
    for name, evaluation in found.items():
        names = np.where(evaluation.cells.called, evaluation.classes.positive, evaluation.classes.negative)
        unread = evaluation.cells.unread
        values = evaluation.cells.score if name == NETWORK else evaluation.cells.logit
        made[name] = pl.Series(values, dtype=pl.Float64, nan_to_null=True)
        made[f"{name}_call"] = pl.Series([None if lost else str(n) for lost, n in zip(unread, names, strict=True)])
    return rows.select(columns).with_columns(series.alias(name) for name, series in made.items())
