"""The verb `pack`: a cohort's cells with their images in a few Parquet files."""

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from brightctc import files
from brightctc.cohort.aside import set_aside
from brightctc.cohort.faults import ImageFault
from brightctc.cohort.folder import SHARDS, Cohort, read_table, write_about
from brightctc.cohort.images import decode, image_bytes, image_suffix
from brightctc.cohort.sealed import merge_openings
from brightctc.cohort.shard import Stored
from brightctc.cohort.shard_writing import ShardWriter
from brightctc.cohort.shards import CHANNELS, bytes_column, fault_column, write_shards
from brightctc.cohort.threads import in_threads
from brightctc.engine import cores
from brightctc.errors import UserError, plural, typed

SHARD_CELLS = 100_000
_EVERY = 256  # cells between progress reports
_COPIED = ("splits.csv", "splits.json")
_NOWHERE = ("", ".", "..")
_OWN_NAME = re.compile(r"(cells-\d+\.parquet|cells\.csv|[a-z]+\.(json|yaml)|splits\.csv)$")


@dataclass(frozen=True)
class PackResult:
    """What was packed. images: files stored; image_bytes: their size; written_bytes: that of the shards.

    faults: kind → images that can't be read: each is stored as its fault.
    """

    cohort: Path
    packed: Path
    cells: int
    images: int
    faults: dict[str, int]
    shards: int
    image_bytes: int
    written_bytes: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of it."""
        if not self.faults:
            return ()
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in self.faults.items())
        lost = plural(sum(self.faults.values()), "image")
        return (f"{lost} can't be read ({kinds}): packed as errors; see {typed('check', self.packed)}",)

    def summary(self) -> dict[str, Any]:
        """JSON-able."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return values | {"cohort": str(self.cohort), "packed": str(self.packed), "warnings": list(self.warnings)}


def pack(
    cohort: Path,
    packed: Path,
    *,
    shard_cells: int = SHARD_CELLS,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Callable[..., None] | None = None,
) -> PackResult:
    """Write a cohort's cells with the bytes of their image files into a folder of Parquet shards, whole or not at all.

    cohort: plain or packed. packed: a new folder, itself a cohort that every command takes; names such as
        `cells.parquet` are usual. The split and the list of openings of the sealed part go along.
    shard_cells: of a shard, at most. workers: threads that read and decode.

    Every image is decoded once; one that can't be read is stored as its fault. The same cohort gives the same bytes.
    At most a row group (16 MiB of images) and some images ahead are in memory. Raises UserError where there is no
    cohort, a column of it has the name of a shard's own, or the folder is there already or can't be written.
    """
    cohort, packed = Path(cohort), Path(packed)
    if shard_cells < 1:
        raise UserError("a shard has 1 cell or more", f"--shard-cells {shard_cells}", "such as 100000")
    held = Cohort.read(cohort)
    cells = read_table(cohort)
    channels = [name for name in CHANNELS if name in cells.columns]
    _refuse(held, packed, overwrite, [name(channel) for channel in CHANNELS for name in (bytes_column, fault_column)])
    named = _named(cells, channels)
    _refuse_rule_of_names(held, named)
    told = _Told(cells.height, progress)
    with files.new_folder(packed, overwrite=overwrite) as folder:
        images = in_threads(_stored_cell, _files(held, cells, channels), workers or min(8, cores()))
        entries = ShardWriter(folder, named, channels, shard_cells).write(told.of(images))
        write_shards(folder, entries)
        write_about(folder, held.about)
        for name in _COPIED:
            if held.split is not None:
                shutil.copyfile(cohort / name, folder / name)
        merge_openings([cohort, packed], folder)
        written = sum((folder / entry.file).stat().st_size for entry in entries)
    return PackResult(
        cohort, packed, cells.height, told.images, dict(told.faults), len(entries), told.bytes, written
    )  # fmt: skip


class _Told:
    """Counts what goes by."""

    def __init__(self, cells: int, progress: Callable[..., None] | None):
        self._cells, self._progress = cells, progress
        self.images = self.bytes = 0
        self.faults: Counter[str] = Counter()

    def of(self, images: Iterator[tuple[Stored, ...]]) -> Iterator[tuple[Stored, ...]]:
        """The same, counted."""
        for done, cell in enumerate(images, start=1):
            stored = [image for image in cell if isinstance(image, bytes)]
            self.images += len(stored)
            self.bytes += sum(map(len, stored))
            self.faults.update(image.kind for image in cell if isinstance(image, ImageFault))
            if self._progress is not None and (done % _EVERY == 0 or done == self._cells):
                self._progress("packing cells", done, self._cells)
            yield cell


def _refuse(held: Cohort, packed: Path, overwrite: bool, own: list[str]) -> None:
    """Raise UserError for a place that may not be written, or columns that a shard has for itself."""
    files.refuse_other_things(packed, SHARDS)
    files.refuse_existing(packed, overwrite)
    if packed.resolve() in held.root.resolve().parents:
        raise UserError("the cohort lies in the folder that would be replaced", packed, "choose another folder")
    taken = [name for name in own if name in held.cells.columns]
    if taken:
        raise UserError(
            f"a shard has a column {taken[0]!r} of its own", held.table, "rename this column, and import again"
        )


def _files(held: Cohort, cells: pl.DataFrame, channels: list[str]) -> Iterator[tuple[Path | None, ...]]:
    """Per cell its image of each channel; a generator, since a million paths take 0.3 GB."""
    values = ((None if value is None else held.path(value) for value in cells[channel]) for channel in channels)
    return zip(*values, strict=True)


def _stored_cell(paths: tuple[Path | None, ...]) -> tuple[Stored, ...]:
    return tuple(None if path is None else _stored(path) for path in paths)


def _stored(path: Path) -> Stored:
    """A file's bytes, where they are an image that can be read; else why not."""
    try:
        data = image_bytes(path)
        decode(data)
    except ImageFault as fault:
        return fault
    return data


def _refuse_rule_of_names(held: Cohort, named: pl.DataFrame) -> None:
    """What is set aside must be the same cells by the names that images have in the pack."""
    there = held.cells.with_columns(named[channel] for channel in CHANNELS if channel in named.columns)
    if not set_aside(held).equals(set_aside(replace(held, cells=there))):
        raise UserError(
            "what is set aside is told by the images' paths, and a pack has other ones",
            held.root / "splits.json",
            f"split by another column: {typed('split', held.root, '--pool', 'SQL', '--overwrite')}",
        )


def _named(cells: pl.DataFrame, channels: list[str]) -> pl.DataFrame:
    """The table with images' paths as names below the packed folder: each once, none that leads out."""
    given = [value for channel in channels for value in cells[channel] if value is not None]
    absolute = [os.path.dirname(value) for value in given if value.startswith("/")]  # noqa: PTH120  text, by the million
    machine = os.path.commonpath(absolute).rstrip("/") + "/" if absolute else ""
    used: dict[str, int] = {}
    return cells.with_columns(
        pl.Series(
            channel,
            [None if value is None else _unique(_safe(value, machine), used) for value in cells[channel]],
            pl.String,
        )
        for channel in channels
    )


def _safe(value: str, machine: str) -> str:
    """machine: the folder of all absolute paths, which is left out: it is this machine's."""
    text = value.removeprefix(machine) if value.startswith("/") else value
    parts = [part for part in re.sub(r"^[A-Za-z]:", "", text).replace("\0", "_").split("/") if part not in _NOWHERE]
    name = "/".join(parts) or "image"
    return f"images/{name}" if _OWN_NAME.match(parts[0] if parts else "") else name


def _unique(name: str, used: dict[str, int]) -> str:
    """used: names given, with how many were made of each."""
    suffix = image_suffix(name)
    stem, unique = name[: len(name) - len(suffix)], name
    while unique in used:
        used[name] += 1
        unique = f"{stem}-{used[name]}{suffix}"
    used[unique] = 1
    return unique
