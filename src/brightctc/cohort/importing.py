"""`import_export`: an instrument's export and a label table → a cohort."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from brightctc.cohort.copying import copy_images
from brightctc.cohort.export import Export, qualify, read_export, refuse_doubles
from brightctc.cohort.expressions import select
from brightctc.cohort.folder import NUMBER_COLUMNS, TEXT_COLUMNS, CohortFile, write_cohort
from brightctc.cohort.imported import ImportResult, counted
from brightctc.cohort.joining import Joined, join_table
from brightctc.cohort.labels import LabelMap, keep_as_value
from brightctc.cohort.origins import refuse_misspelled_origins
from brightctc.cohort.tables import read_table, typed_facts
from brightctc.cohort.target import Target
from brightctc.errors import UserError, plural

Progress = Callable[..., None]
_OWN = ("cell_id", "instrument_cell_id", "bright_field", "dapi", "label", "label_value", "part", "folder", "channel")
_FIRST = ("cell_id", "bright_field", "dapi", "label")


@dataclass(frozen=True)
class _Wanted:
    """The options of an import, as given."""

    pattern: str
    bright_field: str | None
    dapi: str | None
    table: Path | None
    key: str | None
    labels: LabelMap | None
    where: str | None
    constants: dict[str, str]
    copy: bool
    subtract: int


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

    `cell_id` becomes `<sample_id>/<id>` where samples are known (see qualify); the instrument's own id stays in
    `instrument_cell_id`. The cohort is written whole or not at all. Raises UserError (see the parts named above).
    """
    if subtract < 0 or (subtract and not copy):
        raise UserError(
            "subtract takes a number off copies of the images", f"--subtract {subtract}", "a number > 0, and --copy"
        )
    labels = LabelMap.choose(label, positive, negative, classes)
    wanted = _Wanted(
        pattern, bright_field, dapi, table, key, labels, where, dict(constants or {}), copy, subtract
    )  # fmt: skip
    export, cohort = Path(export), Path(cohort)
    target = Target.choose(export, cohort, copy=copy, overwrite=overwrite)
    found = read_export(export, pattern, bright_field, dapi, without=None if target.in_place else cohort)
    cells, joined = _with_facts(found, wanted)
    chosen = _chosen(cells, where)
    refuse_doubles(chosen)
    labelled, told = _labelled(chosen, labels)
    told += target.warnings()
    with target.writing() as folder:
        if copy:
            tokens = {"bright_field": bright_field or "BF"} | ({} if dapi is None else {"dapi": dapi})
            copies = copy_images(labelled, export, folder, tokens, subtract, progress)
            placed, told = copies.cells, (*told, *copies.warnings())
        else:
            placed = labelled.with_columns(pl.lit(target.prefix).add(pl.col("bright_field", "dapi")).name.keep())
        warnings = (*found.warnings, *(joined.warnings if joined else ()), *told)
        placed = _ordered(placed, dapi is not None)
        result = counted(cohort, placed, found, joined, labels, cells.height - placed.height, warnings)
        write_cohort(folder, placed, _about(cohort, export, placed, wanted, result))
    return result


def _with_facts(found: Export, wanted: _Wanted) -> tuple[pl.DataFrame, Joined | None]:
    """The export's cells with constants, the table's columns and ids that are unique across samples."""
    cells, joined = _with_constants(found.cells, wanted.constants), None
    if wanted.table is not None:
        joined = join_table(cells, read_table(wanted.table), wanted.key)
        cells = joined.cells
    elif wanted.key is not None:
        raise UserError("a key joins a table, and there is none", f"--key {wanted.key!r}", "say --table FILE, too")
    where = wanted.table or "--constant or --pattern"
    cells = typed_facts(qualify(cells, wanted.pattern), where)
    refuse_misspelled_origins(cells, where)
    return cells, joined


def _with_constants(cells: pl.DataFrame, constants: Mapping[str, str]) -> pl.DataFrame:
    for name, value in constants.items():
        if name in _OWN:
            raise UserError(
                f"{name!r} can't be a constant", f"--constant {name}={value}", "the import makes this column"
            )
        if name in cells.columns:
            raise UserError(
                f"{name!r} is a field of the pattern already", f"--constant {name}={value}", "leave one of them out"
            )
        if not name.isidentifier() or not str(value).strip():
            raise UserError(
                "a constant is a column name and a value", f"--constant {name}={value}", "such as donor_id=D1"
            )
        cells = cells.with_columns(pl.lit(str(value).strip()).alias(name))
    return cells


def _chosen(cells: pl.DataFrame, where: str | None) -> pl.DataFrame:
    """The rows that fulfil the condition."""
    if where is None:
        return cells
    rows = cells.filter(select(cells, where, "--where"))
    if rows.is_empty():
        values = [
            f"{name} has {', '.join(map(repr, cells[name].drop_nulls().unique(maintain_order=True).head(5)))}"
            for name in pl.sql_expr(where).meta.root_names()
        ]
        raise UserError(
            f"none of the {plural(cells.height, 'cell')} fulfils this", f"--where {where!r}", "; ".join(values)
        )
    return rows


def _labelled(cells: pl.DataFrame, labels: LabelMap | None) -> tuple[pl.DataFrame, tuple[str, ...]]:
    if labels is not None:
        return labels.apply(cells)
    if "label" not in cells.columns:
        return cells, ()
    warning = "the column 'label' was not used (kept as 'label_value'): say --label label --positive … --negative …"
    return keep_as_value(cells), (warning,)


def _ordered(cells: pl.DataFrame, has_dapi: bool) -> pl.DataFrame:
    """Columns in the documented order, further ones behind; without those that say nothing."""
    known = dict.fromkeys((*_FIRST, *TEXT_COLUMNS, *NUMBER_COLUMNS))
    names = [name for name in known if name in cells.columns]
    names += [name for name in cells.columns if name not in known]
    empty = {"dapi"} if not has_dapi else set()
    folder = cells["folder"]
    if (folder == "").all() or ("sample_id" in names and folder.eq_missing(cells["sample_id"]).all()):
        empty.add("folder")
    return cells.select(name for name in names if name not in empty)


def _about(cohort: Path, export: Path, cells: pl.DataFrame, wanted: _Wanted, result: ImportResult) -> CohortFile:
    """What `cohort.yaml` says: how to do it again, without the machine's paths."""
    labels = wanted.labels
    sizes = cells["pixel_size_um"].unique().to_list() if "pixel_size_um" in cells.columns else []
    provenance: dict[str, Any] = {
        "export": export.resolve().name,
        "pattern": wanted.pattern,
        "bright_field": wanted.bright_field,
        "dapi": wanted.dapi,
        "table": None if wanted.table is None else Path(wanted.table).name,
        "key": wanted.key,
        "label": None if labels is None else labels.column,
        "positive": [] if labels is None else list(labels.positive),
        "negative": [] if labels is None else list(labels.negative),
        "where": wanted.where,
        "constants": wanted.constants,
        "copied": wanted.copy,
        "subtracted": wanted.subtract,
        "counts": result.counts(),
    }
    return CohortFile(
        name=cohort.resolve().name,
        classes=None if labels is None else labels.classes,
        channels=("bright_field",) if wanted.dapi is None else ("bright_field", "dapi"),
        pixel_size_um=sizes[0] if len(sizes) == 1 else None,
        provenance=provenance,
    )
