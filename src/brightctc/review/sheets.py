"""What leaves the review: the pick sheet as CSV and XLSX, and its crops as ZIP."""

import csv
import io
import math
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter
from sqlalchemy import Connection

from brightctc.review.images import Asked, Pictures
from brightctc.review.picking import Pick
from brightctc.review.samples import Sample
from brightctc.review.store import now

COLUMNS = (
    "status", "use", "container", "cell_id", "instrument_cell_id", "cartridge_id", "x", "y", "scan_time", "warning",
    "readers_say", "grades", "picked_by", "picked_at", "second_look_by",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_NUMBERS = ("x", "y")
_MOST_NAME = 80


def rows_of(sheet: Sequence[Pick]) -> Iterator[dict[str, Any]]:
    """A row a cell: ids as the instrument wrote them, texts as texts, numbers as numbers."""
    for one in sheet:
        further = one.further
        yield {
            "status": one.status,
            "use": one.use,
            "container": one.container,
            "cell_id": one.row.cell_id,
            **{name: further.get(name, "") for name in ("instrument_cell_id", "cartridge_id", "x", "y", "scan_time")},
            "readers_say": str(one.judged.verdict) + ("" if one.judged.settled is None else ", settled"),
            "grades": "; ".join(f"{name}: {grade}" for name, grade in one.judged.grades.items()),
            "warning": one.warning,
            "picked_by": one.by,
            "picked_at": one.at,
            "second_look_by": one.second or "",
        }


def as_csv(sheet: Sequence[Pick], foot: str) -> bytes:
    """The sheet, and below it `foot`. A text that a spreadsheet would take for a formula follows an apostrophe."""
    memory = io.StringIO()
    writer = csv.writer(memory)
    writer.writerow(COLUMNS)
    for row in rows_of(sheet):
        writer.writerow([_harmless(row[name]) for name in COLUMNS])
    writer.writerow([])
    writer.writerow([_harmless(foot)])
    return memory.getvalue().encode("utf-8")


def as_xlsx(sheet: Sequence[Pick], title: str, foot: str) -> bytes:
    """The same as a workbook; texts are never formulas or links there, so that ids stand as they are."""
    memory = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with xlsxwriter.Workbook(memory, options) as book:
        page = book.add_worksheet("picks")
        bold = book.add_format({"bold": True})
        page.write_string(0, 0, title, bold)
        for at, name in enumerate(COLUMNS):
            page.write_string(2, at, name, bold)
        for number, row in enumerate(rows_of(sheet), start=3):
            for at, name in enumerate(COLUMNS):
                value = row[name]
                if name in _NUMBERS and isinstance(value, int | float) and math.isfinite(value):
                    page.write_number(number, at, value)
                else:
                    page.write_string(number, at, str(value))
        page.write_string(len(sheet) + 4, 0, foot)
        page.set_column(0, len(COLUMNS) - 1, 16)
        page.freeze_panes(3, 3)
    return memory.getvalue()


def as_zip(connection: Connection, pictures: Pictures, sheet: Sequence[Pick], foot: str) -> bytes:
    """The sheet with pictures of each cell's channels, numbered as on the sheet; what is missing is told in it."""
    memory, missing = io.BytesIO(), []
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("picks.csv", as_csv(sheet, foot))
        for number, one in enumerate(sheet, start=1):
            for channel in ("bright_field", "dapi"):
                if channel == "dapi" and one.row.dapi is None:
                    continue
                found = pictures.picture(connection, Asked(one.row.id, channel))
                if isinstance(found, bytes):
                    archive.writestr(f"{number:03d}_{_file_name(one.row.cell_id)}_{channel}.png", found)
                else:
                    missing.append(f"{one.row.cell_id} {channel}: {found}")
        if missing:
            archive.writestr("missing.txt", "\n".join(missing) + "\n")
    return memory.getvalue()


def foot(sample: Sample, head: str, who: str, at: str) -> str:
    """What every export says of itself."""
    about = sample.about
    return (
        f"{sample.name} · {about['file']} · bundle {about['bundle_name']} {about['bundle_hash'][:12]} · "
        f"exported {at} by {who} · head of the chain {head}"
    )


def file_name(sample: Sample) -> str:
    """Of an export, without its ending: the sample's name and the day (UTC)."""
    return f"picks-{_file_name(sample.name)}-{now()[:10]}"


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _file_name(text: str) -> str:
    """A cell's id as part of a file's name: nothing in it leads to another folder."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", Path(text).name or text)[:_MOST_NAME].strip(".") or "cell"
