"""A packed cohort, read as a stream: row group by row group, in constant memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self

import polars as pl

from brightctc.cohort.folder import SHARDS, CohortFile, read_about
from brightctc.cohort.shard import Shard, Stored
from brightctc.cohort.shards import CHANNELS, Entry, mend, read_shards
from brightctc.errors import UserError

_MOST_CHUNKS = 256  # of a table: few cost nothing, and to join them takes the memory of a second table


class Place(NamedTuple):
    """Where some cells are. shard: its number in `shards.json`. first, rows: of the cohort's cells."""

    shard: int
    row_group: int
    first: int
    rows: int


@dataclass(frozen=True)
class Group:
    """The cells first … first + n − 1 of a cohort.

    cells: their rows, as `Cohort.read` has them (no `part`). images: of each channel that was asked for n image files'
    bytes, or faults; None where a cell has none. `read_or_fault` takes each as it is.
    """

    first: int
    cells: pl.DataFrame
    images: dict[str, list[Stored]]


@dataclass(frozen=True)
class Pack:
    """A packed cohort, opened. It holds no file open; threads may share it, and it can be pickled.

    entries: the shards as they are listed. shards: each distinct file once. groups: in the order of the cells.
    """

    root: Path
    entries: tuple[Entry, ...]
    shards: dict[str, Shard]
    groups: tuple[Place, ...]
    schema: dict[str, Any]

    @classmethod
    def open(cls, root: Path) -> Self:
        """Read the list of shards and each distinct file's footer.

        Raises UserError where one is missing, leads out of the folder, is cut short or not a shard, or has other cells
        than the list says.
        """
        root = Path(root)
        entries = read_shards(root)
        shards = {file: Shard.open(root / file) for file in dict.fromkeys(entry.file for entry in entries)}
        groups: list[Place] = []
        first = 0
        for number, entry in enumerate(entries):
            starts = shards[entry.file].starts
            if entry.cells != starts[-1]:
                raise UserError(
                    f"{SHARDS} says {entry.cells:,} cells of this shard, and it has {starts[-1]:,}",
                    root / entry.file,
                    mend(root),
                )
            groups += [
                Place(number, group, first + int(start), int(end - start))
                for group, (start, end) in enumerate(pairwise(starts))
            ]
            first += entry.cells
        return cls(root, entries, shards, tuple(groups), _common([shard.schema for shard in shards.values()], root))

    @property
    def cells(self) -> int:
        """How many cells it has."""
        return sum(entry.cells for entry in self.entries)

    @cached_property
    def about(self) -> CohortFile:
        """Its `cohort.yaml`."""
        return read_about(self.root)

    def group(self, index: int, channels: Sequence[str] = ("bright_field",)) -> Group:
        """The cells of `groups[index]` and their images of these channels; reads one row group.

        Raises UserError, naming the shard and its rows, where the row group is damaged.
        """
        place = self.groups[index]
        entry = self.entries[place.shard]
        shard = self.shards[entry.file]
        cells = self._listed(shard.cells(place.row_group), entry)
        return Group(place.first, cells, {name: shard.images(place.row_group, name) for name in channels})

    def read_cells(self) -> pl.DataFrame:
        """The whole table, without images: a row a cell, in order. Raises UserError where it can't be read.

        Refuses two images of one name, in one shard or in two: then a path would not tell which.
        """
        tables = {name: shard.cells() for name, shard in self.shards.items()}
        for file, shard in self.shards.items():
            _refuse_double_names(pl.concat(tables[file][channel] for channel in shard.channels), shard)
        listed = (self._listed(tables[entry.file], entry) for entry in self.entries)
        cells = pl.concat(listed, rechunk=len(self.entries) > _MOST_CHUNKS)
        unprefixed = {entry.file for entry in self.entries if not entry.id_prefix}
        if len(unprefixed) > 1:
            self._refuse_one_name(tables, unprefixed)
        return cells

    def _listed(self, cells: pl.DataFrame, entry: Entry) -> pl.DataFrame:
        """A shard's rows as the cohort has them: with the columns of all, and the prefix before ids.

        Where ids restart, file names do, so that the shard's own name comes before these.
        """
        cells = cells.select(
            (pl.col(name).cast(kind) if name in cells.columns else pl.lit(None, kind)).alias(name)
            for name, kind in self.schema.items()
        )
        if not entry.id_prefix:
            return cells
        before = {"cell_id": entry.id_prefix} | {name: f"{entry.file}/" for name in CHANNELS if name in cells.columns}
        return cells.with_columns((pl.lit(text) + pl.col(name)).alias(name) for name, text in before.items())

    def _refuse_one_name(self, tables: dict[str, pl.DataFrame], unprefixed: set[str]) -> None:
        names = pl.concat(
            tables[file].select(name=pl.col(channel), file=pl.lit(file)).drop_nulls()
            for file in sorted(unprefixed)
            for channel in self.shards[file].channels
        )
        double = names.group_by("name").agg(pl.col("file").n_unique()).filter(pl.col("file") > 1)["name"].sort()
        if double.len():
            raise UserError(
                f"two shards name an image {double[0]!r}, so that it can't be told which is meant",
                self.root / SHARDS,
                'give each shard an "id_prefix" of its own',
            )


def _refuse_double_names(names: pl.Series, shard: Shard) -> None:
    double = names.drop_nulls()
    double = double.filter(double.is_duplicated()).sort()
    if double.len():
        raise UserError(
            f"this shard names an image {double[0]!r} more than once, so that it can't be told which is meant",
            shard.path,
            "write it again with a name of its own for each image, of both channels",
        )


def _common(schemas: list[dict[str, Any]], root: Path) -> dict[str, Any]:
    """The columns of all shards, with types that hold the values of each."""
    try:
        return dict(pl.concat([pl.DataFrame(schema=schema) for schema in schemas], how="diagonal_relaxed").schema)
    except pl.exceptions.PolarsError as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"a column is not of one type in all shards: {reason}", root / SHARDS, mend(root)) from None
