"""Tables of cells (scores, evaluations, features): which rows are a donor's, and writing them without these."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import polars as pl

from brightctc import files
from brightctc.errors import UserError

_OF_SCORES = {"cell_id", "score"}
_OF_FEATURES = {"cell_id", "flags", "focus", "centre_distance"}
_OF_CHART = {"scores", "sample_id", "unlike", "centre", "limit", "concern"}


@dataclass(frozen=True)
class DonorCells:
    """The donor, and what the cohorts know of them.

    ids: of their cells, (cell_id, sample_id). samples: those of which each cell is theirs.
    """

    donor: str
    ids: frozenset[tuple[str, str | None]]
    samples: frozenset[str]

    @classmethod
    def of(cls, donor: str, cohorts: Iterable[pl.DataFrame]) -> Self:
        """From the tables of some cohorts."""
        ids: set[tuple[str, str | None]] = set()
        own: set[str] = set()
        others: set[str] = set()
        for table in cohorts:
            theirs = donor_mask(table, donor)
            rows = table.filter(theirs)
            ids.update(zip(rows["cell_id"], _samples(rows), strict=True))
            own.update(_samples(rows).drop_nulls())
            others.update(_samples(table.filter(~theirs)).drop_nulls())
        return cls(donor, frozenset(ids), frozenset(own - others))


def has_cells(path: Path) -> bool:
    """May this .csv or .parquet file be a table of scores or features? Only its head is read; True where it can't be.

    A label table is the user's own source, like the images: it is named to them, and never edited.
    """
    columns = _columns(path)
    return columns is None or _of_cells(columns, path)  # reading it whole then says why it can't be searched


def has_samples(path: Path) -> bool:
    """Is this file the table of a control chart, as `drift` writes it? Only its head is read."""
    return path.suffix == ".csv" and (_columns(path) or set()) >= _OF_CHART


def _columns(path: Path) -> set[str] | None:
    """Those that the head of a table names; None where it can't be read."""
    try:
        if path.suffix == ".parquet":
            with path.open("rb") as file:  # a path would be taken for a pattern
                return set(pl.read_parquet_schema(file))
        with path.open("rb") as file:
            head = file.readline(65536).decode("utf-8-sig", "replace")
        return set(head.replace('"', "").strip().split(","))
    except (OSError, pl.exceptions.PolarsError):
        return None


def has_features(table: pl.DataFrame) -> bool:
    """Was this table written by `measure`?"""
    return set(table.columns) >= _OF_FEATURES


def result_of(scores: Path) -> Path | None:
    """The file of figures beside a result folder's scores.csv; None where the table stands by itself."""
    beside = (scores.parent / name for name in ("metrics.json", "baselines.json"))
    return next((path for path in beside if scores.name == "scores.csv" and path.is_file()), None)


def _of_cells(columns: set[str], path: Path) -> bool:
    return columns >= _OF_SCORES or columns >= _OF_FEATURES or ("cell_id" in columns and result_of(path) is not None)


def read_rows(path: Path) -> pl.DataFrame:
    """A table with every value of a .csv as the text that stands there, so that writing it again changes none."""
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path, glob=False)
        return pl.read_csv(path, infer_schema=False, glob=False)
    except (OSError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        raise UserError(f"this table can't be read: {str(error).splitlines()[0]}", path, "restore it") from None


def donor_mask(table: pl.DataFrame, donor: str) -> pl.Series:
    """Which rows are the donor's, by the column donor_id; none of a table without it."""
    if "donor_id" not in table.columns:
        return pl.repeat(False, table.height, dtype=pl.Boolean, eager=True)
    return (table["donor_id"].cast(pl.String) == donor).fill_null(False)


def own_samples(table: pl.DataFrame, theirs: pl.Series) -> set[str]:
    """Samples of which every row is the donor's."""
    samples = _samples(table)
    return set(samples.filter(theirs).drop_nulls()) - set(samples.filter(~theirs))


def donor_rows(table: pl.DataFrame, cells: DonorCells) -> pl.Series:
    """Which rows are the donor's: by donor_id; in a table without donors by the cohorts' cell ids (and samples)."""
    if "donor_id" in table.columns:
        return donor_mask(table, cells.donor)
    known = {cell for cell, _ in cells.ids}
    of_any_sample = {cell for cell, sample in cells.ids if sample is None}
    return pl.Series(
        [
            cell in of_any_sample or (cell, sample) in cells.ids or (sample is None and cell in known)
            for cell, sample in zip(table["cell_id"].cast(pl.String), _samples(table), strict=True)
        ],
        dtype=pl.Boolean,
    )


def _samples(table: pl.DataFrame) -> pl.Series:
    if "sample_id" not in table.columns:
        return pl.repeat(None, table.height, dtype=pl.String, eager=True)
    return table["sample_id"].cast(pl.String)


def write_rows(path: Path, table: pl.DataFrame) -> None:
    """Replace the table, whole or not at all."""
    with files.new_file(path) as beside:
        if path.suffix == ".parquet":
            table.write_parquet(beside)
        else:
            table.write_csv(beside)
