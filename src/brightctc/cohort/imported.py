"""What an import found and left out, counted."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from brightctc.cohort.export import Export
from brightctc.cohort.joining import Joined
from brightctc.cohort.labels import LabelMap

_MOST_VALUES = 50  # of an unlabelled column, listed; free text would fill the cohort's file


@dataclass(frozen=True)
class Group:
    """Cells of one label (None: unlabelled) and origin (None: not known)."""

    label: str | None
    origin: str | None
    cells: int
    with_dapi: int
    samples: int
    donors: int


@dataclass(frozen=True)
class ImportResult:
    """What was imported, and what was left out.

    classes: class → cells, positive first; unlabelled_values: value of the label column → cells without a class
             (`''`: the column was empty).
    files: image files found; unmatched_files: those that fit no pattern; channels: channel → files.
    left_out: cells that the condition left out; without_row: cells without a row of the table; unused_rows: rows of
    the table without a cell. samples, donors: how many are named; 0 where the column is absent.
    """

    cohort: Path
    cells: int
    classes: dict[str, int]
    unlabelled: int
    unlabelled_values: dict[str, int]
    with_dapi: int
    samples: int
    donors: int
    groups: tuple[Group, ...]
    files: int
    unmatched_files: int
    channels: dict[str, int]
    without_bright_field: int
    left_out: int
    without_row: int
    unused_rows: int
    warnings: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        values = asdict(self)
        return values | {"cohort": str(self.cohort), "groups": list(values["groups"]), "warnings": list(self.warnings)}

    def counts(self) -> dict[str, Any]:
        """The numbers alone, for the cohort's provenance."""
        left_out = ("cohort", "groups", "warnings")
        return {name: value for name, value in self.summary().items() if name not in left_out}


def counted(
    cohort: Path,
    cells: pl.DataFrame,
    found: Export,
    joined: Joined | None,
    labels: LabelMap | None,
    left_out: int,
    warnings: tuple[str, ...],
) -> ImportResult:
    """Count the cells of a cohort (columns as of `cells.csv`)."""
    label = _column(cells, "label")
    names = () if labels is None else (labels.classes.positive, labels.classes.negative)
    without_row, unused = (joined.without_row, joined.unused_rows) if joined else (0, 0)
    return ImportResult(
        cohort=cohort,
        cells=cells.height,
        classes={name: int((label == name).sum()) for name in names},
        unlabelled=label.null_count(),
        unlabelled_values={} if labels is None else _unlabelled(cells, labels),
        with_dapi=_column(cells, "dapi").count(),
        samples=_column(cells, "sample_id").drop_nulls().n_unique(),
        donors=_column(cells, "donor_id").drop_nulls().n_unique(),
        groups=_groups(cells, names),
        files=found.files,
        unmatched_files=found.files - found.matched,
        channels=found.channels,
        without_bright_field=found.without_bright_field,
        left_out=left_out,
        without_row=without_row,
        unused_rows=unused,
        warnings=warnings,
    )


def _unlabelled(cells: pl.DataFrame, labels: LabelMap) -> dict[str, int]:
    source = "label_value" if labels.column == "label" else labels.column
    rest = cells.filter(pl.col("label").is_null())[source].cast(pl.String).fill_null("")
    counts = rest.value_counts(sort=True)
    others = counts[_MOST_VALUES:]["count"].sum()
    return dict(counts.head(_MOST_VALUES).iter_rows()) | ({"…": int(others)} if others else {})


def _groups(cells: pl.DataFrame, names: tuple[str, ...]) -> tuple[Group, ...]:
    """By class (in this order, unlabelled last) and origin."""
    facts = pl.DataFrame(
        [_column(cells, name).alias(name) for name in ("label", "origin", "dapi", "sample_id", "donor_id")]
    )
    table = facts.group_by("label", "origin", maintain_order=True).agg(
        pl.len().alias("cells"),
        pl.col("dapi").count().alias("with_dapi"),
        pl.col("sample_id").drop_nulls().n_unique().alias("samples"),
        pl.col("donor_id").drop_nulls().n_unique().alias("donors"),
    )
    order = pl.col("label").replace_strict(dict(zip(names, range(len(names)), strict=True)), default=len(names))
    return tuple(Group(**row) for row in table.sort(order, "origin", nulls_last=True).iter_rows(named=True))


def _column(cells: pl.DataFrame, name: str) -> pl.Series:
    return cells[name] if name in cells.columns else pl.Series(name, [None] * cells.height, pl.String)
