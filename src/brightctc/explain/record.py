"""What an explanation says: explain.json and its tables."""

import math
from typing import Any

import numpy as np
import polars as pl

from brightctc.bundle import Bundle, Shown
from brightctc.cohort import Cohort
from brightctc.evaluate.claim import Claim
from brightctc.explain.faithful import STEPS
from brightctc.explain.finding import Explanation
from brightctc.explain.gallery import drawn_cells
from brightctc.explain.words import mean_known, sentences

FORMAT_VERSION = 1


def record_of(found: Explanation, claim: Claim, bundle: Bundle, unread: int) -> dict[str, Any]:
    """explain.json without its warnings."""
    cells, erased = found.cells, found.erased
    positives = int(cells.positive.sum())
    empty = erased.called_empty(bundle.threshold.logit)
    return {
        "format_version": FORMAT_VERSION,
        "bundle": {"name": bundle.about.name, "hash": bundle.hash},
        "classes": {"positive": bundle.classes.positive, "negative": bundle.classes.negative},
        "part": claim.part,
        "by": claim.by,
        "stamps": list(claim.stamps),
        "n": {
            "cells": len(cells.seen) + unread,
            "positive": positives,
            "negative": len(cells.seen) - positives,
            "unread": unread,
            "without_outline": int((~found.outlined).sum()),
            "between_zero_and_threshold": int((~cells.plain).sum()),
            "described": found.morphology.rows.height,
            "attributed": len(found.attributed),
        },
        "sentences": list(sentences(found, bundle)),
        "background": {
            "verdict": erased.verdict,
            "roc_auc": erased.whole.as_dict(),
            "roc_auc_cell_alone": erased.alone.as_dict(),
            "roc_auc_without_cell": erased.without.as_dict(),
            "roc_auc_lost": erased.lost.as_dict(),
            "kept_without_cell": erased.kept,
            "calls_changed_cell_alone": _number(erased.changed),
            "called_without_cell": empty[0],
            "of_crops_without_cell": empty[1],
        },
        "attribution": {
            "inside_outline": _number(mean_known(found.inside)),
            "outline_share_of_input": _number(mean_known(found.area[found.outlined])),
            "methods": {name: _method(found, name) for name in found.attributions},
        },
        "neighbours": _neighbours(found),
        "score_predicted_by": [
            {"features": each.name, "count": each.features, "share_of_variance": each.share.as_dict()}
            for each in found.predicted
        ],
    }


def _neighbours(found: Explanation) -> dict[str, Any] | None:
    if found.neighbours is None:
        return None
    sides = zip(("positive", "negative"), found.neighbours.agreeing, found.neighbours.learned.shares, strict=True)
    return {name: {"same_label": _number(own), "of_training_cells": share} for name, own, share in sides}


def _method(found: Explanation, name: str) -> dict[str, Any]:
    of = found.curves[name]
    likeness = found.likeness.get(name)
    return {
        "deletion_gain": of.deletion_gain.as_dict(),
        "insertion_gain": of.insertion_gain.as_dict(),
        "better_than_random_order": of.faithful,
        "deletion": [_number(value) for value in _over_cells(of.deletion)],
        "insertion": [_number(value) for value in _over_cells(of.insertion)],
        "likeness_to_random_weights": None if likeness is None else _number(mean_known(likeness)),
    }


def shown_in(found: Explanation, cohort: Cohort, bundle: Bundle) -> dict[str, Any]:
    """Whose cells it shows or counts, as salted hashes, for `withdraw`."""
    tables = [found.morphology.rows, *([] if found.neighbours is None else [found.neighbours.learned.rows])]
    donors: list[str | None] = []
    cells: list[str] = []
    for rows in tables:
        own = rows["donor_id"].cast(pl.String).to_list() if "donor_id" in rows.columns else [None] * rows.height
        donors += own
        cells += [cell for cell, donor in zip(rows["cell_id"], own, strict=True) if donor is None]
    name = cohort.about.name
    return Shown.of("explanation", cohort=name, bundles=[bundle.hash], donors=donors, cells=cells).to_json()


def cells_table(found: Explanation, rows: pl.DataFrame, error: list[str | None]) -> pl.DataFrame:
    """A row an asked-for cell, also one that could not be read. picture_row: its row in cells.png."""
    cells, erased = found.cells, found.erased
    picture_row = {int(found.attributed[at]): number for number, at in enumerate(drawn_cells(found), start=1)}
    own = pl.DataFrame(
        {
            "cell_id": cells.rows["cell_id"],
            "logit": cells.outputs.logit.astype(np.float64),
            "score": cells.bundle.score(cells.outputs.logit),
            "called": [cells.bundle.classes.positive if one else cells.bundle.classes.negative for one in cells.called],
            "logit_cell_alone": erased.logit_alone,
            "logit_without_cell": erased.logit_without,
            "inside_outline": found.inside,
            "outline_share": found.area,
            "picture_row": pl.Series([picture_row.get(index) for index in range(len(cells.seen))], dtype=pl.Int64),
            "flags": [";".join(each.quality.seen) for each in cells.seen],
        }
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
    kept = [name for name in ("cell_id", "label", "donor_id", "sample_id") if name in rows.columns]
    asked = rows.select(kept).with_columns(error=pl.Series(error, dtype=pl.String))
    return asked.join(own, on="cell_id", how="left", maintain_order="left").select(
        *kept, *(name for name in own.columns if name != "cell_id"), "error"
    )


def differences_table(found: Explanation) -> pl.DataFrame:
    """A row a feature and pair of kinds."""
    return pl.DataFrame(
        [
            {
                "kinds": row.kinds,
                "feature": row.feature,
                "group": row.group,
                "meaning": found.morphology.meanings[row.feature],
                "median_first": _number(row.first_median),
                "median_second": _number(row.second_median),
                "delta": row.delta.value,
                "delta_low": row.delta.low,
                "delta_high": row.delta.high,
                "p": row.p,
                "p_holm": row.p_holm,
                "test": row.test,
            }
            for row in found.differences
        ],
        infer_schema_length=None,
    )


def _over_cells(curve: np.ndarray) -> list[float]:
    return curve.mean(axis=0).tolist() if len(curve) else [math.nan] * (STEPS + 1)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
