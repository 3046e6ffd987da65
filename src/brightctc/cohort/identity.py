"""Is this the cohort, and the split, that a run was trained on?"""

import hashlib

import polars as pl

from brightctc.cohort.folder import Cohort


def fingerprint(cohort: Cohort) -> str:
    """16 hex digits of which labelled cells are in the train and validation parts, with their images' paths."""
    if "part" not in cohort.cells.columns:
        return ""
    columns = [
        c for c in ("cell_id", "bright_field", "dapi", "label", "pixel_size_um", "part") if c in cohort.cells.columns
    ]
    rows = cohort.cells.filter(pl.col("part").is_in(["train", "validation"])).select(columns)
    return hashlib.sha256(rows.write_csv().encode()).hexdigest()[:16]
