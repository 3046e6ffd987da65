"""What an explanation says: explain.json, its tables, and its sentences."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from brightctc.bundle import Bundle, Shown
from brightctc.cohort import Cohort
from brightctc.errors import plural
from brightctc.evaluate.claim import Claim
from brightctc.explain.faithful import STEPS
from brightctc.explain.finding import ACTIVATION, Explanation
from brightctc.explain.predicting import ALL, BORDER, SIZE
from brightctc.metrics import Interval

FORMAT_VERSION = 1
MOST_SAID = 6
"""Features that are named in words."""


def record_of(found: Explanation, claim: Claim, bundle: Bundle, unread: int) -> dict[str, Any]:
    """explain.json without its warnings."""
    cells, erased = found.cells, found.erased
    positives = int(cells.positive.sum())
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
        },
        "attribution": {
            "inside_outline": _number(_mean(found.inside)),
            "outline_share_of_input": _number(_mean(found.area[found.outlined])),
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
        "likeness_to_random_weights": None if likeness is None else _number(_mean(likeness)),
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


def sentences(found: Explanation, bundle: Bundle) -> Iterator[str]:
    """What it comes to, in words."""
    yield _background(found, bundle)
    yield from _maps(found)
    if found.neighbours is not None:
        classes = (bundle.classes.positive, bundle.classes.negative)
        told = [
            f"{own:.0%} for {name} cells ({share:.0%} of all training cells are {name})"
            for name, own, share in zip(
                classes, found.neighbours.agreeing, found.neighbours.learned.shares, strict=True
            )
            if math.isfinite(own)
        ]
        yield f"Of the nearest training cells of others, those with the cell's own label are {', '.join(told)}."
    shares = {each.name: each for each in found.predicted}
    if shares:
        yield (
            f"Of the logit's variance, size alone predicts {_percent(shares[SIZE].share.value)}, all "
            f"{shares[ALL].features} features of bright field {_percent(shares[ALL].share.value)}, the border's pixels "
            f"{_percent(shares[BORDER].share.value)}."
        )
    yield from _differing(found)


def _background(found: Explanation, bundle: Bundle) -> str:
    classes, erased = bundle.classes, found.erased
    if erased.without.value is None:
        return "Whether the network looks at the background can't be told: a class is missing, or no cell was outlined."
    told = f"with the cell erased, ROC-AUC is {_shown(erased.without)}; as it is {_shown(erased.whole)}"
    match erased.verdict:
        case "background":
            return (
                f"THE NETWORK READS THE BACKGROUND: {told}. What is left without the cell still tells "
                f"{classes.positive} from {classes.negative}, so scores may be of how cells were imaged, not of what "
                "they are. See brightctc check, and image both classes alike."
            )
        case "partly":
            return (
                f"Part of the score is left without the cell ({_percent(erased.kept)} of what it has above chance): "
                f"{told}. It may be light that the cell throws around it, or the background: look at the column “cell "
                "erased” of cells.png, and at what brightctc check says of the border."
            )
        case "cell":
            return f"The network looks at the cell: {told}; with the cell alone {_shown(erased.alone)}."
    return (
        f"Undecided whether the network looks at the cell: {told}. These cells are too few, or scored too badly, to "
        "tell; explain more cells."
    )


def _maps(found: Explanation) -> Iterator[str]:
    if not len(found.attributed):
        return
    good = [name for name in found.attributions if found.curves[name].faithful]
    bad = [f"{name} ({found.curves[name].failed})" for name in found.attributions if name not in good]
    if good:
        yield f"Maps that are better than a random order, by deletion and by insertion: {', '.join(good)}."
    if bad:
        yield f"Maps not shown to be better than a random order, not to be read as explanations: {', '.join(bad)}."
    if ACTIVATION in good:
        inside, area = _mean(found.inside), _mean(found.area[found.outlined])
        yield (
            f"{inside:.0%} of the activation map that speaks for the call lies inside the cell's outline, which takes "
            f"{area:.0%} of the crop."
        )
    between = int((~found.cells.plain).sum())
    if between:
        yield (
            f"{plural(between, 'cell')} whose logit lies between 0 and the threshold have no map: no place speaks for "
            "their call."
        )


def _differing(found: Explanation) -> Iterator[str]:
    for kinds in dict.fromkeys(row.kinds for row in found.differences):
        rows = [row for row in found.differences if row.kinds == kinds]
        sure = [row for row in rows if row.p_holm is not None and row.p_holm < 0.05]
        tested = sum(row.p_holm is not None for row in rows)
        largest = ", ".join(f"{row.feature} (δ {row.delta.value or 0.0:+.2f})" for row in rows[:MOST_SAID])
        after = (
            f"{len(sure)} of {tested} features are shown to differ, after Holm's correction"
            if tested
            else "too few donors for a test"
        )
        yield f"{kinds}, largest differences: {largest}; {after}. features.csv says what each of them is."


def cells_table(found: Explanation, rows: pl.DataFrame, error: list[str | None]) -> pl.DataFrame:
    """A row an asked-for cell, also one that could not be read."""
    cells, erased = found.cells, found.erased
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


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else math.nan


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{max(value, 0.0):.0%}"


def _shown(interval: Interval) -> str:
    if interval.value is None:
        return "undefined"
    ends = "" if interval.low is None or interval.high is None else f" ({interval.low:.2f} to {interval.high:.2f})"
    return f"{interval.value:.2f}{ends}"
