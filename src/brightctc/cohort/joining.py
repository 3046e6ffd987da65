"""Joins a label table to the cells of an export, and refuses a join that could label the wrong cell."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

from brightctc.cohort.tables import Table
from brightctc.errors import UserError, plural

_GLUE = "\x1f"  # between the parts of a key: in no file name and no table
_RESERVED = ("bright_field", "dapi", "instrument_cell_id", "part")  # the import's own columns
_EXAMPLES = 3
_TWO = "--key 'TUBE={sample_id},CELL={cell_id}', with the names of your columns"


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
           filled with a cell's fields; several, separated by commas, must all be equal (`Tube={sample_id},Cell=…`).
           Without it, (sample_id, cell_id), or the one of them that both sides have. A key without `{cell_id}`
           joins facts of samples or folders: one row to many cells.

    Raises UserError, with three keys of each side, where nothing meets, where two rows meet one cell, or where one
    row meets two cells by their id.
    """
    pairs = _default_pairs(cells, table) if key is None else _parsed_key(key)
    columns = [column for column, _ in pairs]
    ours, theirs = _filled(pairs, cells), _glued(table, columns)
    if not _among(theirs, ours).any():
        table = _whole_numbers(table, columns)
        theirs = _glued(table, columns)
    on = " and ".join(column if template == f"{{{column}}}" else f"{column} = {template}" for column, template in pairs)
    _refuse_empty(ours, theirs, on, table)
    _refuse_ambiguous(ours, theirs, on, table, any("{cell_id}" in template for _, template in pairs))
    rows, warnings = _free_columns(cells, table)
    left = cells.with_columns(ours.alias(_GLUE))
    right = rows.with_columns(theirs.alias(_GLUE)).unique(maintain_order=True).filter(pl.col(_GLUE).is_not_null())
    right = right.unique(_GLUE, keep="first", maintain_order=True)  # doubles that no cell meets
    joined = left.join(right, on=_GLUE, how="left", maintain_order="left").drop(_GLUE)
    without_row = ours.filter(~_among(ours, theirs))
    unused = theirs.filter(~_among(theirs, ours))
    agreed, told = _settle(joined, cells.columns, table)
    return Joined(
        agreed, on, without_row.len(), unused.len(),
        (*table.warnings, *warnings, *told, *_partial(table, on, without_row, unused)),
    )  # fmt: skip


def _default_pairs(cells: pl.DataFrame, table: Table) -> list[tuple[str, str]]:
    shared = [name for name in ("sample_id", "cell_id") if name in cells.columns and name in table.rows.columns]
    if not shared:
        raise UserError(
            "the table has no column cell_id or sample_id to join on",
            table.path,
            f"say --key COLUMN='{{cell_id}}', or {_TWO}; its columns: {_listed(table.rows.columns)}; "
            f"fields of the names: {_listed(name for name in cells.columns if name not in _RESERVED)}",
        )
    return [(name, f"{{{name}}}") for name in shared]


def _glued(table: Table, columns: list[str]) -> pl.Series:
    """The rows' keys; null where a part is empty."""
    absent = [column for column in columns if column not in table.rows.columns]
    if absent:
        raise UserError(
            f"the table has no column {absent[0]!r}", table.path, f"its columns: {_listed(table.rows.columns)}"
        )
    return table.rows.select(pl.concat_str(columns, separator=_GLUE).alias("key"))["key"]


def _whole_numbers(table: Table, columns: list[str]) -> Table:
    """The table with 12.0 as 12 in these columns: ids that a spreadsheet or a data frame took for numbers."""
    return replace(table, rows=table.rows.with_columns(pl.col(columns).str.replace(r"^(\d+)\.0+$", "$1")))


def _parsed_key(key: str) -> list[tuple[str, str]]:
    """Columns and their templates. A comma only separates where each part is a column and a template."""
    parts = key.split(",") if all(re.search(r"=.*\{\w+\}", part) for part in key.split(",")) else [key]
    pairs = []
    for part in parts:
        column, equals, template = part.partition("=")
        template = template.strip().strip("'\"")
        if not equals or not column.strip() or not re.search(r"\{\w+\}", template):
            raise UserError(
                "this key can't be read",
                f"--key {key!r}",
                "write COLUMN='{template}', such as file_stem='{folder}/{cell_id}'",
            )
        pairs.append((column.strip(), template))
    return pairs


def _filled(pairs: list[tuple[str, str]], cells: pl.DataFrame) -> pl.Series:
    """The cells' keys: each template filled with their fields."""
    parts = []
    for _, template in pairs:
        pieces = re.split(r"\{(\w+)\}", template)
        unknown = [name for name in pieces[1::2] if name not in cells.columns]
        if unknown:
            raise UserError(
                f"the pattern has no field {{{unknown[0]}}}", f"--key {template!r}", f"fields: {_listed(cells.columns)}"
            )
        filled = pl.concat_str(
            [pl.col(piece) if index % 2 else pl.lit(piece) for index, piece in enumerate(pieces) if piece]
        )
        # a file at the export's top has no folder to put before the slash
        parts.append(filled.str.strip_prefix("/") if template.startswith("{folder}/") else filled)
    return cells.select(pl.concat_str(parts, separator=_GLUE).alias("key"))["key"]


def _refuse_empty(ours: pl.Series, theirs: pl.Series, on: str, table: Table) -> None:
    if _among(theirs, ours).any():
        return
    hint = "make both sides alike with --key COLUMN='{template}'"
    if _among(_bare(theirs), _bare(ours)).any():
        hint = "the table's ids lost their leading zeros, as in a spreadsheet: store that column as text"
    raise UserError(
        f"no row of the table fits a cell (join on {on}). Cells have {_shown(ours)}; the table has {_shown(theirs)}",
        table.path,
        hint,
    )


def _refuse_ambiguous(ours: pl.Series, theirs: pl.Series, on: str, table: Table, per_cell: bool) -> None:
    rows = table.rows.with_columns(theirs.alias(_GLUE)).unique(maintain_order=True)[_GLUE]
    double = rows.filter(rows.is_duplicated() & _among(rows, ours))
    if double.len():
        raise UserError(
            f"{plural(double.n_unique(), 'key')} in several rows of the table that differ (join on {on}), "
            f"such as {_shown(double)}; cells have {_shown(ours)}",
            table.path,
            f"keep one row a cell, or join on two columns: {_TWO}",
        )
    shared = ours.filter(ours.is_duplicated() & _among(ours, theirs))
    if per_cell and shared.len():
        raise UserError(
            f"{plural(shared.n_unique(), 'row')} of the table would fit several cells each (join on {on}), such as "
            f"{_shown(shared)}: ids restart from sample to sample",
            table.path,
            f"put the sample into the join: {{sample_id}} in --pattern and {_TWO}",
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
        if name not in cells.columns
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
                f"{table.path.name}: its {name} differs from the file names' (or --constant) in "
                f"{plural(differ, 'cell')}; those of the table stand in '{name}_table'"
            )
        else:
            joined = joined.drop(f"{name}_table")
    return joined, warnings


def _partial(table: Table, on: str, without_row: pl.Series, unused: pl.Series) -> list[str]:
    warnings = []
    tubes = table.rows["sample_id"].n_unique() if on == "cell_id" and "sample_id" in table.rows.columns else 1
    if tubes > 1:
        warnings.append(
            f"{table.path.name} tells of {tubes:,} samples and was joined on cell_id alone: if ids restart from tube "
            "to tube, a label may be another tube's. Put {sample_id} into --pattern or --constant"
        )
    if without_row.len():
        warnings.append(
            f"{table.path.name} has no row for {plural(without_row.len(), 'cell')}, such as {_shown(without_row)}"
        )
    if unused.len():
        warnings.append(
            f"{table.path.name} has {plural(unused.len(), 'row')} that fit no cell, such as {_shown(unused)}"
        )
    return warnings


def _among(keys: pl.Series, others: pl.Series) -> pl.Series:
    return keys.is_in(others.drop_nulls().implode()).fill_null(False)


def _bare(keys: pl.Series) -> pl.Series:
    return keys.str.replace_all(r"(^|[^\d])0+(\d)", "$1$2")


def _shown(keys: pl.Series) -> str:
    some = keys.drop_nulls().unique(maintain_order=True).head(_EXAMPLES)
    return ", ".join(repr(key.replace(_GLUE, " + ")) for key in some) or "none"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
