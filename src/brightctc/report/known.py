"""What the run and the cohort know of each item of the reporting checklists; None where they don't."""

import polars as pl

from brightctc.evaluate.claim import BOTH, SEEN_PARTS
from brightctc.report.runs import Measured
from brightctc.report.source import Runs


def known_of(runs: Runs, found: Measured) -> dict[str, str | None]:
    """By the keys of `checklists`; sentences."""
    bundle, claim, first = runs.bundles[0], found.claim, found.first
    learned = bundle.about.calibration
    calibrated = "not calibrated" if learned is None else f"calibrated on validation cells, by {learned.words}"
    recipe, counts = bundle.about.recipe, first.counts
    units, with_positives = first.holders
    met = f"cells of the {claim.part} part, which it has seen" if claim.part in SEEN_PARTS else "cells it has not seen"
    images = "bright-field and DAPI" if claim.channel == BOTH else "bright-field"
    whose = "" if claim.unit == "cell" else f" of {units} {claim.unit}s, {with_positives} with positive cells"
    return {
        "question": f"a network that tells {first.classes.positive} from {first.classes.negative} in {images} "
        f"crops of single cells: developed, and evaluated on {met}",
        "model": f"bundle {bundle.about.name}; hashes of bundle and recipe, and the commands, under Provenance",
        "data": _data(runs),
        "reference": _reference(runs),
        "network": f"{recipe['backbone']['name']} at {recipe['preprocess']['size']} px, intensity "
        f"{recipe['preprocess']['intensity']}; every setting under Provenance",
        "threshold": f"a cell is called where its score reaches {bundle.threshold.score:.4g}, chosen by "
        f"{bundle.threshold.policy} on validation cells alone, then frozen",
        "partition": f"by {claim.split_by}; see Cohort",
        "missing": f"{int((first.cells.unread & first.cells.labelled).sum())} unreadable cells stay in the "
        "count: a positive one is missed, a negative one not called; unlabelled cells are counted as looks alone",
        "numbers": f"{counts.cells:,} cells of the {claim.part} part ({first.class_ratio}){whose}; tables under Cohort",
        "results": f"calls against truth: {counts.tp} found, {counts.fn} missed, {counts.fp} false calls, "
        f"{counts.tn} left alone (first run); {found.meaning}",
        "groups": "per donor, sample, origin, site and cancer type, where these are known; see Groups",
        "errors": "the worst cells are shown under Cells",
        "limits": "; ".join(found.warnings) or None,
        "predictors": " and ".join(bundle.about.channels).replace("_", " ") + " of one cell",
        "imbalance": f"class weights {recipe['train']['class_weights']}; "
        f"scores {calibrated}",
        "shift": _shift(runs, claim.part),
        "use": "grey single-cell crops; unreadable ones are named, unlike ones flagged, none is hidden",
    }  # fmt: skip


def _data(runs: Runs) -> str:
    cells = runs.cohort.cells
    kinds = ("donor_id", "sample_id", "cartridge_id", "site", "instrument")
    held = [name for name in kinds if name in cells.columns and cells[name].null_count() < cells.height]
    counts = [f"{cells[name].drop_nulls().n_unique()} {name.removesuffix('_id')}(s)" for name in held]
    return f"cohort {runs.cohort.about.name}: {cells.height:,} cells, {', '.join(counts) or 'of unknown samples'}"


def _reference(runs: Runs) -> str | None:
    """How labels are known, where the column label_source says it."""
    cells = runs.cohort.cells
    if "label_source" not in cells.columns or cells["label_source"].null_count() == cells.height:
        return None
    sources = cells.filter(pl.col("part") != "sealed")["label_source"].drop_nulls().value_counts(sort=True)
    return "labels by " + ", ".join(f"{name} ({count:,})" for name, count in sources.iter_rows())


def _shift(runs: Runs, part: str) -> str | None:
    """Where the cells of the training and of the measured part come from."""
    cells = runs.cohort.cells
    if "origin" not in cells.columns:
        return None

    def origins(name: str) -> str:
        found = cells.filter(pl.col("part") == name)["origin"].drop_nulls().unique().sort()
        return ", ".join(found).replace("_", " ") or "unknown"

    return f"origins of the training cells: {origins('train')}; of the {part} part: {origins(part)}"
