"""Whose a cell is: what may not be divided, and is resampled as one."""

from collections.abc import Hashable

import polars as pl

_COLUMNS = {"donor_id": ("donor_id", "sample_id"), "sample_id": ("sample_id",), "cell_id": ("cell_id",)}
NOBODY = None  # the owner of all cells of which neither donor nor sample is known


def owners_of(rows: pl.DataFrame, by: str = "donor_id") -> list[Hashable]:
    """Per cell (column, value): its donor; where unknown its sample; where both are unknown NOBODY.

    by: `donor_id`; by `sample_id` donors are not looked at, by `cell_id` each cell is its own. Cells of NOBODY may be
    of one person or of many: they are one owner, since as many as they are they would be taken for patients.
    """
    known = [column for column in _COLUMNS[by] if column in rows.columns]
    return [
        next(((column, value) for column, value in zip(known, row, strict=True) if value is not None), NOBODY)
        for row in rows.select(known).iter_rows()
    ]
