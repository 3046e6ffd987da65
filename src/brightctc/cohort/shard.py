"""One Parquet file of a packed cohort: its table, and its images a row group at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, get_args

import numpy as np
import polars as pl

from brightctc.cohort.faults import FaultKind, ImageFault
from brightctc.cohort.folder import NUMBER_COLUMNS, TEXT_COLUMNS
from brightctc.cohort.shards import CHANNELS, bytes_column, fault_column, mend
from brightctc.errors import UserError

Stored = bytes | ImageFault | None  # an image file's bytes, or why there are none; None: the cell has no such image
_MOST_GROUP = 2**30  # bytes of a row group, unpacked: it is held in memory whole
_KINDS = get_args(FaultKind)
_LEADS_OUT = r"^/|(^|/)\.\.(/|$)"


@dataclass(frozen=True)
class Shard:
    """A shard, opened: its footer is in memory, nothing else, and no file is held open. It can be pickled.

    metadata: Parquet's own. starts: int64 (row groups + 1,), the first row of each, and the number of rows.
    schema: the columns of cells, without those of images; known columns are text or Float64, whatever the file says.
    """

    path: Path
    metadata: Any
    starts: np.ndarray
    schema: dict[str, Any]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the footer. Raises UserError where it can't be read, or is not of a shard."""
        import pyarrow.parquet as pq

        if not os.path.isfile(path):  # noqa: PTH113  Path.is_file raises for long names
            raise UserError("this shard is missing", path, mend(path.parent))
        with _explained(path, "this shard is cut short or not Parquet"):
            metadata = pq.read_metadata(path)
            schema = metadata.schema.to_arrow_schema()
            groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
            sizes = [(group.num_rows, group.total_byte_size) for group in groups]
        if any(size > _MOST_GROUP for _, size in sizes):
            raise UserError("a row group of this shard is over 1 GiB", path, "write it with smaller row groups")
        starts = np.cumsum([0, *(rows for rows, _ in sizes)], dtype=np.int64)
        if starts[-1] != metadata.num_rows or (np.diff(starts) < 0).any():
            raise UserError("this shard is damaged: its row groups don't make up its rows", path, mend(path.parent))
        return cls(path, metadata, starts, _cell_schema(schema, path))

    @property
    def rows(self) -> int:
        """How many cells it has."""
        return int(self.starts[-1])

    @property
    def channels(self) -> tuple[str, ...]:
        """`bright_field`, and `dapi` where it has such a column."""
        return tuple(name for name in CHANNELS if name in self.schema)

    def cells(self, row_group: int | None = None, columns: tuple[str, ...] | None = None) -> pl.DataFrame:
        """The table without images, of one row group or all. Raises UserError where it is damaged."""
        names = list(self.schema if columns is None else columns)
        with _explained(self.path, f"this shard is damaged in {self._rows(row_group)}"):
            found = _polars(self._text(row_group, names))
            cells = found.cast({name: self.schema[name] for name in names})
        for name in set(CHANNELS) & set(names):
            if cells[name].str.contains(_LEADS_OUT).any():
                raise UserError(f"a value of {name} leads out of the packed folder", self.path, mend(self.path.parent))
        return cells

    def images(self, row_group: int, channel: str) -> list[Stored]:
        """A row group's image files. Raises UserError, naming shard and rows, where they are damaged."""
        if channel not in self.schema:
            return [None] * int(self.starts[row_group + 1] - self.starts[row_group])
        with _explained(self.path, f"this shard is damaged in {self._rows(row_group)}"):
            text = self._text(row_group, [channel, fault_column(channel)])
            named, faults = text.column(channel).is_valid().to_pylist(), text.column(fault_column(channel)).to_pylist()
            stored = self._arrow(row_group, [bytes_column(channel)]).column(0).to_pylist()
        return [_stored(*each) for each in zip(named, stored, faults, strict=True)]

    def whole(self, row_group: int) -> Any:
        """A row group as it is, images and all: a pyarrow Table. Raises UserError where it is damaged."""
        with _explained(self.path, f"this shard is damaged in {self._rows(row_group)}"):
            return self._arrow(row_group, self.metadata.schema.to_arrow_schema().names)

    def _arrow(self, row_group: int | None, columns: list[str]) -> Any:
        import pyarrow.parquet as pq

        # a file of its own each time: pyarrow's readers are not for several threads at once
        file = pq.ParquetFile(self.path, metadata=self.metadata, page_checksum_verification=True, pre_buffer=False)
        with file:
            read = (
                file.read(columns, use_threads=False)
                if row_group is None
                else file.read_row_group(row_group, columns, use_threads=False)
            )
        return read.select(columns)  # asked for `a`, pyarrow also gives a column `a.b`

    def _text(self, row_group: int | None, columns: list[str]) -> Any:
        table = self._arrow(row_group, columns)
        table.validate(full=True)  # what is text there must be text here
        return table

    def _rows(self, row_group: int | None) -> str:
        if row_group is None:
            return "its table"
        return f"rows {self.starts[row_group] + 1:,} to {self.starts[row_group + 1]:,}"


def _stored(named: bool, data: bytes | None, fault: str | None) -> Stored:
    if not named:
        return None
    if fault is not None:
        kind, _, words = fault.partition(": ")
        return ImageFault(kind, words) if kind in _KINDS else ImageFault("unreadable", fault)  # pyright: ignore[reportArgumentType] - one of them
    return ImageFault("unreadable", "the shard has neither the image nor why not") if data is None else data


def _cell_schema(schema: Any, path: Path) -> dict[str, Any]:
    """The columns of cells, in order, with their types; a UserError for what is not a shard's."""
    names = schema.names
    channels = [name for name in CHANNELS if name == CHANNELS[0] or {name, bytes_column(name)} & set(names)]
    images = {bytes_column(name): _is_bytes for name in channels} | {fault_column(name): _is_text for name in channels}
    missing = [name for name in ("cell_id", *channels, *images) if name not in names]
    if missing:
        raise UserError(f"this is no shard of cells: column {missing[0]!r} is missing", path, mend(path.parent))
    double = [name for index, name in enumerate(names) if name in names[:index]]
    if double:
        raise UserError(f"two columns of this shard are called {double[0]!r}", path, mend(path.parent))
    for name in names:
        kind = schema.field(name).type
        if not images.get(name, _is_value)(kind):
            raise UserError(f"column {name!r} is of a type that no shard has: {kind}", path, mend(path.parent))
    empty = _polars(schema.empty_table().select([name for name in names if name not in images]))
    known: dict[str, Any] = {**dict.fromkeys(TEXT_COLUMNS, pl.String), **dict.fromkeys(NUMBER_COLUMNS, pl.Float64)}
    return {name: known.get(name, kind) for name, kind in empty.schema.items()}


def _polars(table: Any) -> pl.DataFrame:
    """A table of values as polars has it, with the types that a CSV could give; other types are text.

    Without metadata: polars would take it on trust.
    """
    import pyarrow as pa

    columns = [table.column(name).cast(_value_type(table.column(name).type)) for name in table.column_names]
    return pl.DataFrame(pl.from_arrow(pa.Table.from_arrays(columns, names=table.column_names)))


def _value_type(kind: Any) -> Any:
    """The type in which values are kept; None for what no table of cells holds."""
    import pyarrow as pa

    is_a = pa.types
    if is_a.is_boolean(kind) or is_a.is_null(kind) or is_a.is_integer(kind) or is_a.is_float32(kind):
        return kind
    if is_a.is_floating(kind):
        return pa.float64()
    text = (is_a.is_string, is_a.is_large_string, is_a.is_dictionary, is_a.is_date, is_a.is_timestamp, is_a.is_decimal)
    return pa.large_string() if any(test(kind) for test in text) else None


def _is_value(kind: Any) -> bool:
    return _value_type(kind) is not None


def _is_bytes(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind)


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)


@contextmanager
def _explained(path: Path, what: str) -> Iterator[None]:
    """Whatever pyarrow says of a file's bytes, as what to do about it."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, pl.exceptions.PolarsError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UserError(f"{what}: {reason}", path, mend(path.parent)) from None
