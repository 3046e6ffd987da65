"""Is this the cohort, and the split, that a run was trained on?"""

import hashlib

import polars as pl

from brightctc.cohort.folder import Cohort

_COLUMNS = ("cell_id", "bright_field", "dapi", "label", "pixel_size_um", "part")


def fingerprint(cohort: Cohort) -> str:
    """16 hex digits of which labelled cells are in the train and validation parts, with their images' paths."""
    if "part" not in cohort.cells.columns:
        return ""
    return fingerprint_of(cohort.cells.filter(pl.col("part").is_in(["train", "validation"])))


def fingerprint_of(rows: pl.DataFrame) -> str:
    """16 hex digits of these cells, with their images' paths, labels and parts."""
    chosen = rows.select(name for name in _COLUMNS if name in rows.columns)
    return hashlib.sha256(chosen.write_csv().encode()).hexdigest()[:16]
