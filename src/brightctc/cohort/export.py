"""An export, read: which cells the file names of an instrument's folder tell of. Nothing is opened."""

import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from brightctc.cohort.images import find_images
from brightctc.cohort.pattern import FilePattern
from brightctc.errors import UserError, plural

_EXAMPLES = 3
_MOST_CHANNELS = 12  # listed: a pattern that takes something else for the channel finds thousands


@dataclass(frozen=True)
class Export:
    """The cells of an export.

    cells: a row a cell with a bright-field image, sorted by its path. Text columns: the pattern's fields (without
           `channel`) and `folder`, `bright_field` and `dapi` (paths below `folder_path`; dapi null where there is
           none). `cell_id` is the instrument's, not yet unique: see `qualify`.
    files: image files found; matched: those that fit the pattern; unmatched: examples of those that don't.
    channels: text of `{channel}` → files, the most frequent.  without_bright_field: cells left out for want of one.
    """

    folder_path: Path
    cells: pl.DataFrame
    files: int
    matched: int
    unmatched: tuple[str, ...]
    channels: dict[str, int]
    without_bright_field: int
    warnings: tuple[str, ...] = ()


@dataclass
class _Found:
    """What is gathered file by file."""

    cells: dict[tuple[str, ...], dict[str, dict[str, str]]] = field(default_factory=dict)
    channels: Counter[str] = field(default_factory=Counter)
    unmatched: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    not_text: int = 0


def read_export(
    folder: Path, pattern: str, bright_field: str | None = None, dapi: str | None = None, *, without: Path | None = None
) -> Export:
    """Find the cells of an export by its file names.

    folder: where the image files lie, at any depth.  pattern: see FilePattern.
    bright_field, dapi: the channels' texts as they stand for `{channel}` in the names, such as `BF`; not needed
    where the pattern has no `{channel}`: then every file is a bright-field image.
    without: a folder to leave out (the cohort that is being written).

    Raises UserError where there is no folder, no image, none that fits, no bright field, no DAPI though asked for,
    or two files for one cell and channel.
    """
    folder = Path(folder)
    names = FilePattern(pattern)
    _refuse_tokens(names, bright_field, dapi)
    paths = _paths(folder, without)
    found = _gather(folder, paths, names)
    _refuse_unfit(found, len(paths), pattern, folder)
    bright = bright_field if names.holds_channel else ""
    _refuse_absent(found, bright, dapi, folder)
    rows = [_row(channels, str(bright), dapi) for channels in found.cells.values() if bright in channels]
    if dapi is not None and not any(row["dapi"] for row in rows):
        raise UserError(
            f"no cell has both a {bright!r} and a {dapi!r} image",
            folder,
            "let --pattern give both files of a cell the same fields, apart from {channel}",
        )
    cells = pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String)).sort("bright_field")
    matched = found.channels.total()
    warnings = _warnings(found, len(paths) - matched, len(found.cells) - len(rows), bright)
    return Export(
        folder, cells, len(paths), matched, tuple(found.unmatched[:_EXAMPLES]),
        dict(found.channels.most_common(_MOST_CHANNELS)), len(found.cells) - len(rows), warnings,
    )  # fmt: skip


def qualify(cells: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """Make `cell_id` unique, and keep the instrument's id as `instrument_cell_id`.

    `<sample_id>/<id>` where the cell's sample is known; else the id itself; or, where ids restart from folder to
    folder and the pattern holds `{folder}`, `<folder>/<id>`. Ids that stay double are left to `refuse_doubles`.
    """
    ids = pl.col("cell_id")
    cells = cells.with_columns(ids.alias("instrument_cell_id"))
    if "sample_id" in cells.columns:
        return cells.with_columns(pl.coalesce(pl.concat_str("sample_id", ids, separator="/"), ids).alias("cell_id"))
    if cells["cell_id"].is_duplicated().any() and FilePattern(pattern).holds_folder:
        return cells.with_columns(pl.concat_str("folder", ids, separator="/").str.strip_prefix("/").alias("cell_id"))
    return cells


def refuse_doubles(cells: pl.DataFrame) -> None:
    """UserError where two cells have one id."""
    double = cells.filter(pl.col("cell_id").is_duplicated())
    if double.is_empty():
        return
    first = double["cell_id"][0]
    files = double.filter(pl.col("cell_id") == first)["bright_field"].head(2)
    raise UserError(
        f"{plural(double['cell_id'].n_unique(), 'cell id')} would stand for several cells, such as "
        f"{_some(double['cell_id'].unique(maintain_order=True).to_list())}",
        " and ".join(files),
        "ids restart from tube to tube: put {sample_id} (or {folder}) into --pattern where the files tell them apart",
    )


def _paths(folder: Path, without: Path | None) -> list[Path]:
    if not folder.is_dir():
        is_file = folder.is_file()
        raise UserError(
            "the export is a file, not a folder" if is_file else "there is no such folder",
            folder,
            "give the folder that holds the image files",
        )
    if not _is_text(str(folder.absolute())):
        raise UserError("the folder's name is not UTF-8, so no table can hold it", folder, "rename the folder")
    try:
        paths = find_images(folder, without)
    except OSError as error:
        raise UserError(f"this folder can't be listed: {error.strerror}", error.filename, "ask its owner") from None
    if not paths:
        raise UserError("this folder holds no image files", folder, "endings read: .tif .tiff .ome.tif .png")
    return paths


def _gather(folder: Path, paths: list[Path], names: FilePattern) -> _Found:
    found = _Found()
    start = len(os.fspath(folder).rstrip("/")) + 1 if folder != Path() else 0
    for path in paths:
        relative = os.fspath(path)[start:]
        if not _is_text(relative):
            found.not_text += 1
            continue
        name = names.read(relative)
        if name is None:
            found.unmatched.append(relative)
            continue
        channel = name.channel or ""
        found.channels[channel] += 1
        images = found.cells.setdefault(name.cell, {})
        if channel in images:
            found.twice.append(relative)
        images[channel] = name.fields | {"path": relative}
    return found


def _is_text(name: str) -> bool:
    """False for a name with bytes that are no UTF-8, which no table could hold."""
    return name.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in name)


def _row(channels: dict[str, dict[str, str]], bright: str, dapi: str | None) -> dict[str, str | None]:
    fields = dict(channels[bright])
    path = fields.pop("path")
    fields.pop("channel", None)
    stain = channels.get(dapi) if dapi is not None else None
    return {**fields, "bright_field": path, "dapi": stain["path"] if stain else None}


def _refuse_tokens(names: FilePattern, bright_field: str | None, dapi: str | None) -> None:
    if names.holds_channel:
        if dapi is not None and bright_field == dapi:
            raise UserError("bright field and DAPI can't be the same channel", f"--dapi {dapi}", "give two of them")
        return
    unknown = [token for token in (bright_field, dapi) if token is not None and token not in names.text]
    if unknown or dapi is not None:
        raise UserError(
            "the pattern has no {channel}, so one channel can't be told from another",
            f"--pattern {names.text!r}",
            "put {channel} where the names tell the channel, such as '{cell_id}_{channel}.tif'",
        )


def _refuse_unfit(found: _Found, files: int, pattern: str, folder: Path) -> None:
    if found.twice:
        raise UserError(
            f"{plural(len(found.twice), 'second image')} of one cell and channel, such as {_some(found.twice)}",
            folder,
            "put what tells them apart into --pattern, or move the doubles away",
        )
    if not found.cells:
        raise UserError(
            f"none of the {plural(files, 'image file')} fits the pattern, such as {_some(found.unmatched)}",
            f"--pattern {pattern!r}",
            "write the pattern after these names: {sample_id}, {cell_id} and {channel} where they stand",
        )


def _refuse_absent(found: _Found, bright: str | None, dapi: str | None, folder: Path) -> None:
    channels = ", ".join(f"{name} ({n:,})" for name, n in found.channels.most_common(_MOST_CHANNELS))
    for option, token in (("--bright-field", bright), ("--dapi", dapi)):
        if token is None and option == "--bright-field":
            raise UserError("which channel is the bright field?", folder, f"say --bright-field with one of: {channels}")
        if token is not None and token not in found.channels:
            raise UserError(
                f"no file has the channel {token!r} ({option})", folder, f"channels found, with files: {channels}"
            )


def _warnings(found: _Found, unmatched: int, without_bright_field: int, bright: str | None) -> tuple[str, ...]:
    told = []
    if found.unmatched:
        left_out = plural(unmatched - found.not_text, "image file")
        told.append(f"left out, since the pattern doesn't fit: {left_out}, such as {_some(found.unmatched)}")
    if found.not_text:
        told.append(f"left out: {plural(found.not_text, 'image file')} with a name that is not UTF-8; rename them")
    if without_bright_field:
        told.append(f"left out: {plural(without_bright_field, 'cell')} without a {bright!r} image")
    return tuple(told)


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return ", ".join(repr(name) for name in listed[:_EXAMPLES])
