"""Joins a label table to the cells of an export, and refuses a join that could label the wrong cell."""

import re
from dataclasses import dataclass, replace

import polars as pl

from brightctc.cohort.tables import Table
from brightctc.errors import UserError

_GLUE = "\x1f"  # between the parts of a key: in no file name and no table
_RESERVED = ("bright_field", "dapi", "instrument_cell_id", "part")  # the import's own columns
_EXAMPLES = 3


@dataclass(frozen=True)
class Joined:
    """cells: with the table's columns; null where no row fits. without_row: cells; unused_rows: of the table."""

    cells: pl.DataFrame
    on: str
    without_row: int
    unused_rows: int
    warnings: tuple[str, ...]


def join_table(cells: pl.DataFrame, table: Table, key: str | None = None) -> Joined:
    """Add the table's columns to the cells.

    cells: text columns, among them `cell_id` (the instrument's) and the pattern's other fields.
    key:   `COLUMN={template}`, such as `file_stem={folder}/{cell_id}`: the table's column that equals the template
           filled with a cell's fields. Without it, (sample_id, cell_id), or the one of them that both sides have.
           A key without `{cell_id}` joins facts of samples or folders: one row to many cells.

    Raises UserError, with three keys of each side, where nothing meets, where two rows meet one cell, or where one
    row meets two cells by their id.
    """
    ours, theirs, on, per_cell = _keys(cells, table, key)
    if not theirs.is_in(ours.drop_nulls().implode()).any():
        _, theirs, _, _ = _keys(cells, _whole_numbers(table), key)
    _refuse_empty(ours, theirs, on, table)
    _refuse_ambiguous(ours, theirs, on, table, per_cell)
    rows, warnings = _free_columns(cells, table)
    left = cells.with_columns(ours.alias(_GLUE))
    right = rows.with_columns(theirs.alias(_GLUE)).unique(maintain_order=True).filter(pl.col(_GLUE).is_not_null())
    right = right.unique(_GLUE, keep="first", maintain_order=True)  # doubles that no cell meets
    joined = left.join(right, on=_GLUE, how="left", maintain_order="left").drop(_GLUE)
    without_row = ours.len() - ours.is_in(theirs.drop_nulls().implode()).fill_null(False).sum()
    unused = theirs.len() - theirs.is_in(ours.drop_nulls().implode()).fill_null(False).sum()
    agreed, told = _settle(joined, cells.columns, table)
    return Joined(agreed, on, int(without_row), int(unused), (*table.warnings, *warnings, *told))


def _keys(cells: pl.DataFrame, table: Table, key: str | None) -> tuple[pl.Series, pl.Series, str, bool]:
    """Both sides' keys, the words for them, and whether a key means one cell."""
    if key is None:
        shared = [name for name in ("sample_id", "cell_id") if name in cells.columns and name in table.rows.columns]
        if not shared:
            raise UserError(
                "the table has no column cell_id or sample_id to join on",
                table.path,
                f"say --key COLUMN='{{cell_id}}'; its columns: {_listed(table.rows.columns)}; "
                f"fields: {_listed(cells.columns)}",
            )
        glued = pl.concat_str(shared, separator=_GLUE).alias("key")
        return cells.select(glued)["key"], table.rows.select(glued)["key"], " and ".join(shared), "cell_id" in shared
    column, template = _parsed_key(key)
    if column not in table.rows.columns:
        raise UserError(
            f"the table has no column {column!r}", table.path, f"its columns: {_listed(table.rows.columns)}"
        )
    ours = _filled(template, cells)
    return ours, table.rows[column], f"{column} = {template}", "{cell_id}" in template


def _whole_numbers(table: Table) -> Table:
    """The table with 12.0 as 12: ids that a spreadsheet or a data frame took for numbers."""
    return replace(table, rows=table.rows.with_columns(pl.all().str.replace(r"^(\d+)\.0+$", "$1")))


def _parsed_key(key: str) -> tuple[str, str]:
    column, equals, template = key.partition("=")
    template = template.strip().strip("'\"")
    if not equals or not column.strip() or not re.search(r"\{\w+\}", template):
        raise UserError(
            "this key can't be read",
            f"--key {key!r}",
            "write COLUMN='{template}', such as file_stem='{folder}/{cell_id}'",
        )
    return column.strip(), template


def _filled(template: str, cells: pl.DataFrame) -> pl.Series:
    pieces = re.split(r"\{(\w+)\}", template)
    unknown = [name for name in pieces[1::2] if name not in cells.columns]
    if unknown:
        raise UserError(
            f"the pattern has no field {{{unknown[0]}}}", f"--key {template!r}", f"fields: {_listed(cells.columns)}"
        )
    parts = [pl.col(piece) if index % 2 else pl.lit(piece) for index, piece in enumerate(pieces) if piece]
    filled = cells.select(pl.concat_str(parts).alias("key"))["key"]
    return filled.str.strip_prefix("/") if template.startswith("{folder}/") else filled  # a file at the top


def _refuse_empty(ours: pl.Series, theirs: pl.Series, on: str, table: Table) -> None:
    if theirs.is_in(ours.drop_nulls().implode()).any():
        return
    hint = "make both sides alike with --key COLUMN='{template}'"
    if _bare(theirs).is_in(_bare(ours).drop_nulls().implode()).any():
        hint = "the table's ids lost their leading zeros, as in a spreadsheet: store that column as text"
    raise UserError(
        f"no row of the table fits a cell (join on {on}). Cells have {_shown(ours)}; the table has {_shown(theirs)}",
        table.path,
        hint,
    )


def _refuse_ambiguous(ours: pl.Series, theirs: pl.Series, on: str, table: Table, per_cell: bool) -> None:
    rows = table.rows.with_columns(theirs.alias(_GLUE)).unique(maintain_order=True)[_GLUE]
    double = rows.filter(rows.is_duplicated() & rows.is_in(ours.drop_nulls().implode()).fill_null(False))
    if double.len():
        raise UserError(
            f"{double.n_unique():,} keys stand in several rows of the table that differ (join on {on}), "
            f"such as {_shown(double)}; cells have {_shown(ours)}",
            table.path,
            "keep one row a cell, or join on more: a column sample_id beside cell_id, or --key",
        )
    shared = ours.filter(ours.is_duplicated() & ours.is_in(theirs.drop_nulls().implode()).fill_null(False))
    if per_cell and shared.len():
        raise UserError(
            f"{shared.n_unique():,} rows of the table fit several cells each (join on {on}), such as {_shown(shared)}: "
            "ids restart from sample to sample",
            table.path,
            "put the sample into the join: a column sample_id in the table and {sample_id} in --pattern, or --key",
        )


def _free_columns(cells: pl.DataFrame, table: Table) -> tuple[pl.DataFrame, list[str]]:
    """The table's rows with names that don't meet the cells'; its own doubles get the ending `_table`."""
    clash = [name for name in table.rows.columns if name in (*cells.columns, *_RESERVED)]
    taken = {*cells.columns, *table.rows.columns}
    wrong = [name for name in clash if f"{name}_table" in taken]
    if wrong:
        raise UserError(f"the table's column {wrong[0]!r} is also a field of the file names", table.path, "rename it")
    warnings = [
        f"{table.path.name}: its column {name!r} is kept as '{name}_table', since the import writes {name!r} itself"
        for name in clash
        if name in _RESERVED
    ]
    return table.rows.rename({name: f"{name}_table" for name in clash}), warnings


def _settle(joined: pl.DataFrame, ours: list[str], table: Table) -> tuple[pl.DataFrame, list[str]]:
    """Drop the table's doubles where they agree with the file names'; keep and tell of those that don't."""
    warnings = []
    for name in [name for name in ours if f"{name}_table" in joined.columns]:
        theirs = joined[f"{name}_table"]
        differ = int((theirs.is_not_null() & theirs.ne_missing(joined[name])).sum())
        if differ:
            warnings.append(
                f"{table.path.name}: its {name} differs from the file names' (or --constant) in {differ:,} cells; "
                f"those of the table stand in '{name}_table'"
            )
        else:
            joined = joined.drop(f"{name}_table")
    return joined, warnings


def _bare(keys: pl.Series) -> pl.Series:
    return keys.str.replace_all(r"(^|[^\d])0+(\d)", "$1$2")


def _shown(keys: pl.Series) -> str:
    some = keys.drop_nulls().unique(maintain_order=True).head(_EXAMPLES)
    return ", ".join(repr(key.replace(_GLUE, " + ")) for key in some) or "none"


def _listed(names: list[str]) -> str:
    return ", ".join(name for name in names)
