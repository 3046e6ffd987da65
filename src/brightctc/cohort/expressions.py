"""Which rows a user means: one SQL condition over the columns of a table, never `eval`."""

import re

import polars as pl

from brightctc.cohort.folder import TEXT_COLUMNS
from brightctc.errors import UserError

_QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"")
_REFUSED = re.compile(r";|--|/\*|\bselect\b|\b(?:read|scan)_\w+\s*\(", re.IGNORECASE)
_MOST_COLUMNS = 30  # listed in an error: one screen


def select(table: pl.DataFrame, expression: str, option: str) -> pl.Series:
    """Which rows fulfil `expression`: a Boolean series, one value a row of `table`, without nulls.

    expression: what follows WHERE in SQL (polars' dialect), such as `origin = 'patient' AND x > 10`. Where it is
    null (the column has no value there) the row is not chosen, as in SQL. Further columns whose text is all plain
    numbers are compared as such.
    option: the option it was given to, for the error, e.g. `--where`.

    Raises UserError, listing the columns, for what is not a condition over them: unknown columns, bad syntax,
    queries (SELECT, several statements), functions that read files, aggregates, or a result that is not true or
    false.
    """
    where = f"{option} {expression!r}"
    columns = _listed(table.columns)
    refused = _REFUSED.search(_QUOTED.sub("''", expression))
    if refused:
        raise UserError(
            f"an expression is one condition, and may not hold {refused.group()!r}",
            where,
            f"write what would follow WHERE, such as \"origin = 'patient'\"; columns: {columns}",
        )
    try:
        condition = pl.sql_expr(expression)
        numbers = _as_numbers(table, condition.meta.root_names())
        found = table.with_columns(numbers).select(condition.alias("chosen"))["chosen"]
    except pl.exceptions.ColumnNotFoundError as error:
        name = re.search(r'column "?([^"]*)"?', str(error))
        raise UserError(
            f"there is no column {name.group(1) if name else 'of this name'!r}",
            where,
            f"columns: {columns}. Text goes in single quotes: \"origin = 'patient'\"",
        ) from None
    except pl.exceptions.PolarsError as error:
        raise UserError(
            f"this is not a condition that can be read: {str(error).strip().splitlines()[0]}",
            where,
            f"such as \"origin = 'patient' AND x > 10\" (text in single quotes); columns: {columns}",
        ) from None
    return _per_row(found, table.height, where, columns)


def _as_numbers(table: pl.DataFrame, names: list[str]) -> list[pl.Series]:
    return [plain_numbers(table[name]) for name in set(names) - set(TEXT_COLUMNS) if name in table.columns]


def plain_numbers(column: pl.Series) -> pl.Series:
    """A text column as Float64 where all of its text is plain numbers (007 is a name); else as it is."""
    if column.dtype != pl.String or column.null_count() == column.len():
        return column
    numbers, is_code = column.cast(pl.Float64, strict=False), column.str.contains(r"^[+-]?0\d")
    return column if numbers.null_count() > column.null_count() or is_code.any() else numbers


def _per_row(found: pl.Series, rows: int, where: str, columns: str) -> pl.Series:
    """The condition's value for each row, or a UserError where it has none."""
    if found.dtype not in (pl.Boolean, pl.Null):
        raise UserError(
            "this gives a value, not true or false", where, f'compare it: "column = value"; columns: {columns}'
        )
    if found.len() != rows:
        raise UserError(
            "this gives one answer for the whole table, not one a cell",
            where,
            f"compare a column with a value; columns: {columns}",
        )
    return found.cast(pl.Boolean).fill_null(False)


def _listed(columns: list[str]) -> str:
    more = len(columns) - _MOST_COLUMNS
    return ", ".join(columns[:_MOST_COLUMNS]) + (f" and {more} more" if more > 0 else "")
