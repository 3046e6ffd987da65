"""Which cells of the pool nothing may learn from, not even without their labels."""

from dataclasses import replace

import polars as pl

from brightctc.cohort.expressions import select
from brightctc.cohort.folder import Cohort
from brightctc.errors import UserError, typed

POOL = "part = 'pool'"
"""The rule that sets aside all of the pool."""


def set_aside(cohort: Cohort) -> pl.Series:
    """Bool (n,): cells that `split --pool`, or a study, keeps out of training; the rest of the pool may teach.

    Raises UserError where the condition does not hold for the table any more.
    """
    rule = None if cohort.split is None else cohort.split.set_aside or cohort.split.settings.get("pool")
    if rule is None:
        return pl.Series([False]).new_from_index(0, cohort.cells.height)
    try:
        return select(cohort.cells, rule, "set_aside")
    except UserError as error:
        again = f"split again: {typed('split', cohort.root, '--pool', 'SQL', '--overwrite')}"
        raise UserError(f"what is set aside can't be told: {error.what}", cohort.root / "splits.json", again) from None


def open_cells(cohort: Cohort) -> Cohort:
    """The cohort without what is sealed or set aside: what may be divided anew."""
    if "part" not in cohort.cells.columns:
        return cohort
    kept = (cohort.cells["part"] != "sealed").fill_null(value=True) & ~set_aside(cohort)
    return replace(cohort, cells=cohort.cells.filter(kept))
