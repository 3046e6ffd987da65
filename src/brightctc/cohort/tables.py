"""Label tables: CSV (comma, semicolon or tab; UTF-8, UTF-16 or Western) and Excel, all as text."""

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import fastexcel
import polars as pl

from brightctc.cohort.folder import NUMBER_COLUMNS, refuse_impossible_sizes
from brightctc.errors import UserError

_EXCEL = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
_SEPARATORS = (",", ";", "\t")
_BLANK = ("NA", "N/A", "#N/A", "NaN", "nan", "null", "None")  # how other programs write "nothing here"
# in these a blank word means nothing; elsewhere (ids, the laboratory's own columns) text is left alone
_FACTS = ("donor_id", "origin", "cell_line", "cancer_type", "site", "instrument", "cartridge_id", "label_source")


@dataclass(frozen=True)
class Table:
    """A label table. rows: text columns, trimmed, composed Unicode (NFC); null where the cell was empty."""

    path: Path
    rows: pl.DataFrame
    warnings: tuple[str, ...] = ()


def read_table(path: Path) -> Table:
    """Read a table by its ending: Excel (.xlsx: first sheet) or delimited text.

    Everything stays text, so that the id `0012` keeps its zeros; whole numbers of a spreadsheet have no `.0`.
    Raises UserError where it is missing, unreadable, empty, or has two columns of one name.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError("there is no such table", path, "check the path given to --table")
    try:
        rows, warnings = _excel(path) if path.suffix.lower() in _EXCEL else _delimited(path)
    except PermissionError:
        raise UserError("no permission to read this table", path, "ask its owner, or copy it") from None
    except (pl.exceptions.PolarsError, fastexcel.FastExcelError, csv.Error) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"this table can't be read: {reason}", path, "save it again as CSV (UTF-8) or .xlsx, one row a cell"
        ) from None
    _refuse_double_columns(rows.columns, path)
    rows = rows.rename(str.strip).with_columns(_tidy(pl.all()))
    rows = rows.filter(~pl.all_horizontal(pl.all().is_null()))
    if rows.is_empty():
        raise UserError("this table has no rows", path, "give the table that holds the labels")
    return Table(path, rows, tuple(warnings))


def typed_facts(cells: pl.DataFrame, where: object) -> pl.DataFrame:
    """Known number columns as Float64 (a decimal comma is understood); blank words in known columns as null.

    Raises UserError for text in a number column, for a pixel size of 0 or less, and for a share above 1.
    """
    for name in [name for name in (*NUMBER_COLUMNS, *_FACTS) if name in cells.columns]:
        text = cells[name]
        text = text.set(text.is_in(_BLANK), None)
        if name in NUMBER_COLUMNS:
            numbers = text.str.replace(r"^([+-]?\d+),(\d+)$", "$1.$2").cast(pl.Float64, strict=False)
            wrong = text.filter(text.is_not_null() & ~numbers.is_finite().fill_null(False))
            if wrong.len():
                raise UserError(
                    f"{wrong[0]!r} in column {name!r} is not a number ({wrong.len():,} of {text.len():,} rows)",
                    where,
                    "write numbers without units, and leave cells without a value empty",
                )
            text = numbers
            if name == "pixel_size_um":
                refuse_impossible_sizes(numbers, where)
            if name == "fraction_imaged" and (numbers > 1).any():
                raise UserError(
                    f"fraction_imaged is {numbers.max():g}, but no more than all of the blood can be imaged",
                    where,
                    "write shares: 0.8 for 80 %",
                )
        cells = cells.with_columns(text.alias(name))
    return cells


def _excel(path: Path) -> tuple[pl.DataFrame, list[str]]:
    book = fastexcel.read_excel(path)
    first, *others = book.sheet_names
    warnings = [f"{path.name}: read the sheet {first!r}, not {', '.join(map(repr, others))}"] if others else []
    sheet = book.load_sheet(0, header_row=None, dtypes="string").to_polars()
    if sheet.is_empty():
        return sheet, warnings
    names = [name or "" for name in sheet.row(0)]
    kept = [index for index, name in enumerate(names) if name.strip()]
    _refuse_double_columns([names[index] for index in kept], path)
    chosen = sheet[1:].select(pl.nth(index).alias(names[index]) for index in kept)
    return chosen, warnings


def _delimited(path: Path) -> tuple[pl.DataFrame, list[str]]:
    text, warnings = _decoded(path)
    first, _, rest = text.partition("\n")
    if first.strip().lower() in ("sep=,", "sep=;", "sep=\t"):  # a line for Excel, not a header
        text, first = rest, rest.partition("\n")[0]
    if not first.strip():
        raise UserError("the first line of this table is empty", path, "begin with the column names")
    separator = max(_SEPARATORS, key=lambda each: len(next(csv.reader([first], delimiter=each))))
    names = next(csv.reader(io.StringIO(text), delimiter=separator))
    _refuse_double_columns(names, path)
    rows = pl.read_csv(io.BytesIO(text.encode()), separator=separator, infer_schema=False)
    kept = [index for index, name in enumerate(names) if name.strip()]
    return rows.select(pl.nth(index).alias(names[index]) for index in kept), warnings


def _decoded(path: Path) -> tuple[str, list[str]]:
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # Excel's "Unicode text"
        return data.decode("utf-16", errors="replace"), []
    if b"\0" in data:
        raise UserError("this is not a text table", path, "save it as CSV or .xlsx")
    try:
        return data.decode("utf-8-sig"), []
    except UnicodeDecodeError:
        warning = f"{path.name}: not UTF-8, so read as Western (Latin-1) text; check names with accents"
    try:
        return data.decode("cp1252"), [warning]
    except UnicodeDecodeError:
        return data.decode("latin-1"), [warning]


def _refuse_double_columns(columns: list[str], path: Path) -> None:
    counts = Counter(name.strip() for name in columns if name.strip())
    double = [name for name, n in counts.items() if n > 1]
    if double:
        raise UserError(f"two columns of this table are called {double[0]!r}", path, "rename or remove one of them")


def _tidy(column: pl.Expr) -> pl.Expr:
    text = column.str.strip_chars()
    return pl.when(text != "").then(text).str.normalize("NFC")
