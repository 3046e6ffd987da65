"""Which cells must stay together in one part: those of one donor, or, where none are known, of one sample."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from brightctc.cohort.components import components
from brightctc.errors import UserError

FALLBACKS = ("donor_id", "sample_id", "cell_id")
_WORDS = {"donor_id": "donor", "sample_id": "sample", "cell_id": "cell"}
_NOT_NEW_PATIENTS = "figures are not for new patients"


@dataclass(frozen=True)
class Groups:
    """by: the column whose values stay together; of: int (n,), the group of each of n cells, from 0."""

    by: str
    of: np.ndarray
    warnings: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many groups there are."""
        return int(self.of.max()) + 1 if len(self.of) else 0

    @property
    def single(self) -> bool:
        """Is every cell a group of its own?"""
        return self.by == "cell_id"


def group_cells(cells: pl.DataFrame, by: str | None = None) -> Groups:
    """Group cells by `by`, or else by donor; by sample, then cell, where the column is absent or has one value.

    Split by donor, donors that share a sample are one group (spiked blood: the volunteer's leukocytes and the line's
    cells are in one tube), and cells without a donor follow their sample. By another column (a site), its values,
    donors and samples stay whole together. Raises UserError for an unknown column.
    """
    if by is not None and by not in cells.columns:
        raise UserError(f"there is no column {by!r}", "--by", f"columns: {', '.join(cells.columns)}")
    chosen, warnings = _usable(cells, by or FALLBACKS[0])
    if chosen == "cell_id":
        return Groups(chosen, np.arange(cells.height), warnings)
    if chosen == "sample_id":
        columns = ["sample_id"]
    else:
        columns = [name for name in dict.fromkeys((chosen, *FALLBACKS[:2])) if _values(cells, name) > 1]
    of, alone = _joined(cells, columns)
    following = cells[chosen].null_count() - alone
    if following:
        warnings += (f"{following:,} cells without {chosen} fall back to their sample",)
    if alone:
        warnings += (f"{alone:,} cells without {chosen} stand alone: their owners may be in another part",)
    return Groups(chosen, of, warnings)


def _usable(cells: pl.DataFrame, by: str) -> tuple[str, tuple[str, ...]]:
    """The column to split by, and why it is not the one that was asked for."""
    chain = [by, *FALLBACKS[FALLBACKS.index(by) + 1 :]] if by in FALLBACKS else [by, *FALLBACKS]
    reasons = []
    for name in chain:
        if name == "cell_id" or _values(cells, name) > 1:
            break
        known = _values(cells, name)
        reasons.append(f"{name} has one value" if known else f"no {name} is known")
    else:
        name = "cell_id"
    if name in ("sample_id", "cell_id"):
        if _values(cells, "donor_id") > 1:
            reasons = ["although donors are known"]
        because = f" ({', '.join(reasons)})" if reasons else ""
        return name, (f"split by {_WORDS[name]}{because}: {_NOT_NEW_PATIENTS}",)
    return name, (f"split by {name}: {', '.join(reasons)}",) if reasons else ()


def _values(cells: pl.DataFrame, column: str) -> int:
    return cells[column].drop_nulls().n_unique() if column in cells.columns else 0


def _joined(cells: pl.DataFrame, columns: Sequence[str]) -> tuple[np.ndarray, int]:
    """Groups of cells that share a value of any of the columns: int (n,); how many cells have none of them.

    A cell without any falls back to its sample even where that has one value, and else stands alone.
    """
    values: dict[tuple[str, object], int] = {}  # each value is a thing beside the cells, linked to those that have it
    pairs: list[tuple[int, int]] = []
    alone = 0
    fallback = cells["sample_id"] if "sample_id" in cells.columns else pl.Series([None] * cells.height)
    for row, (sample, *known) in enumerate(zip(fallback, *(cells[name] for name in columns), strict=True)):
        own = [pair for pair in zip(columns, known, strict=True) if pair[1] is not None]
        if not own and sample is not None:
            own = [("sample_id", sample)]
        alone += not own
        pairs += [(row, cells.height + values.setdefault(pair, len(values))) for pair in own]
    return components(np.array(pairs, int), cells.height + len(values))[: cells.height], alone
