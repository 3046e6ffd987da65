"""Which cells of the pool nothing may learn from, not even without their labels."""

import polars as pl

from brightctc.cohort.expressions import select
from brightctc.cohort.folder import Cohort

POOL = "part = 'pool'"
"""The rule that sets aside all of the pool."""


def set_aside(cohort: Cohort) -> pl.Series:
    """Bool (n,): cells that `split --pool`, or a study, keeps out of training; the rest of the pool may teach."""
    rule = None if cohort.split is None else cohort.split.set_aside
    if rule is None:
        return pl.Series([False]).new_from_index(0, cohort.cells.height)
    return select(cohort.cells, rule, "splits.json: set_aside")
