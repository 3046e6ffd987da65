"""Whose a cell is: what may not be divided, and is resampled as one."""

from collections.abc import Hashable

import polars as pl

_COLUMNS = {"donor_id": ("donor_id", "sample_id"), "sample_id": ("sample_id",), "cell_id": ()}


def owners_of(rows: pl.DataFrame, by: str = "donor_id") -> list[Hashable]:
    """Per cell its donor; where unknown its sample; where unknown the cell itself.

    by: `donor_id`; from `sample_id` or `cell_id` on, what comes before is not looked at.
    """
    known = [column for column in (*_COLUMNS[by], "cell_id") if column in rows.columns]
    return [
        next((column, value) for column, value in zip(known, row, strict=True) if value is not None)
        for row in rows.select(known).iter_rows()
    ]
