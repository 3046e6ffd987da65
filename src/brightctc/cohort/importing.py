"""`import_export`: an instrument's export and a label table → a cohort."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from brightctc import files
from brightctc.cohort.copying import copy_images
from brightctc.cohort.export import Export, qualify, read_export, refuse_doubles
from brightctc.cohort.expressions import select
from brightctc.cohort.folder import NUMBER_COLUMNS, TEXT_COLUMNS, CohortFile, write_cohort
from brightctc.cohort.joining import Joined, join_table
from brightctc.cohort.labels import LabelMap, keep_as_value
from brightctc.cohort.tables import read_table, typed_facts
from brightctc.cohort.target import Target
from brightctc.errors import UserError

Progress = Callable[..., None]
_OWN = ("cell_id", "instrument_cell_id", "bright_field", "dapi", "label", "label_value", "part", "folder", "channel")


@dataclass(frozen=True)
class Group:
    """Cells of one label (None: unlabelled) and origin (None: not known)."""

    label: str | None
    origin: str | None
    cells: int
    samples: int
    donors: int
    with_dapi: int


@dataclass(frozen=True)
class ImportResult:
    """What was imported, and what was left out.

    classes: class → cells, positive first; unlabelled_values: value of the label column → cells without a class.
    files: image files found; unmatched_files: those that fit no pattern; channels: channel → files.
    left_out: cells that --where left out; without_row: cells without a row of the table; unused_rows: of the table.
    samples, donors: how many are named; 0 where the column is absent.
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
    left_out: int
    without_row: int
    unused_rows: int
    copied: bool
    warnings: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        return asdict(self) | {"cohort": str(self.cohort), "warnings": list(self.warnings)}


def import_export(
    export: Path,
    cohort: Path,
    *,
    pattern: str,
    bright_field: str | None = None,
    dapi: str | None = None,
    table: Path | None = None,
    key: str | None = None,
    label: str | None = None,
    positive: Sequence[str] = (),
    negative: Sequence[str] = (),
    classes: Sequence[str] | None = None,
    where: str | None = None,
    constants: Mapping[str, str] | None = None,
    copy: bool = False,
    subtract: int = 0,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ImportResult:
    """Make a cohort of an export: its cells, where their images lie, and what a table says of them.

    export:   folder of image files, at any depth. Images are listed, not opened, and stay where they are.
    pattern:  file names, such as `{sample_id}/{cell_id}_{channel}.tif` (see FilePattern); its fields become columns.
    bright_field, dapi: the channels' texts in the names. A cell without bright field is left out and counted.
    table, key: label table (CSV, .xlsx) and what it is joined on (see join_table).
    label, positive, negative, classes: the column, its values of either class, and the classes' names, positive
              first (see LabelMap). Other values leave a cell unlabelled. The source column is kept.
    where:    SQL condition over all columns; cells that don't fulfil it are left out.
    constants: columns that have one value for all cells, such as `donor_id`.
    copy:     copy the images into the cohort; subtract: with it, a constant to take off every pixel (32768).

    `cell_id` becomes `<sample_id>/<id>` where samples are known; the instrument's id stays in
    `instrument_cell_id`. The cohort is written whole or not at all. Raises UserError (see the parts named above).
    """
    if subtract and not copy:
        raise UserError("subtract changes pixels, so it needs copies", "--subtract", "say --copy, too")
    labels = LabelMap.choose(label, positive, negative, classes)
    target = Target.choose(Path(export), Path(cohort), copy=copy, overwrite=overwrite)
    found = read_export(Path(export), pattern, bright_field, dapi, without=None if target.in_place else target.folder)
    cells, joined = _facts(found, table, key, constants or {})
    cells = typed_facts(qualify(cells, pattern), table or pattern)
    cells, left_out = _chosen(cells, where)
    refuse_doubles(cells)
    cells, label_warnings = (keep_as_value(cells), _unused_label(cells)) if labels is None else labels.apply(cells)
    settings = {
        "export": Path(os.path.abspath(export)).name,  # noqa: PTH100  a link keeps its own name
        "pattern": pattern,
        "bright_field": bright_field,
        "dapi": dapi,
        "table": None if table is None else Path(table).name,
        "key": None if joined is None else joined.on,
        "label": label,
        "positive": list(labels.positive) if labels else [],
        "negative": list(labels.negative) if labels else [],
        "where": where,
        "constants": dict(constants or {}),
        "copied": copy,
        "subtracted": subtract,
    }
    with target.writing() as folder:
        if copy:
            tokens = {"bright_field": bright_field or "BF"} | ({} if dapi is None else {"dapi": dapi})
            copies = copy_images(cells, found.folder_path, folder, tokens, subtract, progress)
            cells, label_warnings = copies.cells, (*label_warnings, *copies.warnings())
        else:
            cells = cells.with_columns(pl.lit(target.prefix).add(pl.col("bright_field", "dapi")).name.keep())
        result = _result(cells, found, joined, labels, left_out)
        ...
    return result
