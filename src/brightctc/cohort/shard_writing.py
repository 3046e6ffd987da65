"""Write shards: image files beside what is known of their cells, in row groups of a size to be read as a stream."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from brightctc.cohort.faults import ImageFault
from brightctc.cohort.shard import Stored
from brightctc.cohort.shards import CHANNELS, Entry, bytes_column, fault_column, shard_name

GROUP_BYTES = 16 * 2**20  # of a channel's images in a row group: some 380 crops of 148 px at 16 bits
GROUP_CELLS = 4096  # and no more than so many cells, where images are tiny


@contextmanager
def parquet(path: Path, schema: Any) -> Iterator[Any]:
    """Yield a pyarrow ParquetWriter with a shard's settings; `schema` is a pyarrow Schema.

    Pages have checksums: a damaged one is an error, never other pixels. Image files are large and all different: a
    dictionary or statistics of them would take space and time, and tell nothing.
    """
    import pyarrow.parquet as pq

    images = {column(name) for name in CHANNELS for column in (bytes_column, fault_column)}
    told: Any = [name for name in schema.names if name not in images]  # pyarrow's stubs know only True and False
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=told,
        write_statistics=told,
        write_page_checksum=True,
    ) as writer:
        yield writer


class ShardWriter:
    """Writes cells one after the other into shards of at most `shard_cells`; holds one row group in memory."""

    def __init__(self, folder: Path, cells: pl.DataFrame, channels: Sequence[str], shard_cells: int):
        """cells: their whole table. channels: those of which each cell brings an image."""
        self._folder, self._cells, self._channels, self._shard_cells = folder, cells, tuple(channels), shard_cells
        self._schema = _schema(cells, self._channels)
        self._waiting: list[tuple[Stored, ...]] = []
        self._bytes = [0] * len(self._channels)  # of images in `_waiting`
        self._written = 0  # cells
        self._entries: list[Entry] = []

    def write(self, images: Iterator[tuple[Stored, ...]]) -> tuple[Entry, ...]:
        """Write all cells; images: for each the image of each channel. Returns the shards.

        A cohort without cells is one shard without rows.
        """
        while not self._entries or self._written < self._cells.height:
            start, end = self._written, min(self._written + self._shard_cells, self._cells.height)
            name = shard_name(len(self._entries))
            with parquet(self._folder / name, self._schema) as writer:
                for _ in range(start, end):
                    self._waiting.append(cell := next(images))
                    for index, image in enumerate(cell):
                        self._bytes[index] += len(image) if isinstance(image, bytes) else 0
                    if max(self._bytes) >= GROUP_BYTES or len(self._waiting) >= GROUP_CELLS:
                        self._flush(writer)
                self._flush(writer)
            self._entries.append(Entry(file=name, cells=end - start))
        return tuple(self._entries)

    def _flush(self, writer: Any) -> None:
        if not self._waiting:
            return
        import pyarrow as pa

        count = len(self._waiting)
        table = _arrow(self._cells.slice(self._written, count))
        for channel, images in zip(self._channels, zip(*self._waiting, strict=True), strict=True):
            data = [image if isinstance(image, bytes) else None for image in images]
            faults = [str(image) if isinstance(image, ImageFault) else None for image in images]
            table = table.append_column(bytes_column(channel), pa.array(data, pa.binary()))
            table = table.append_column(fault_column(channel), pa.array(faults, pa.string()))
        writer.write_table(table.cast(self._schema), row_group_size=count)
        self._written += count
        self._waiting, self._bytes = [], [0] * len(self._channels)


def _schema(cells: pl.DataFrame, channels: Sequence[str]) -> Any:
    import pyarrow as pa

    fields = [
        field.with_type(pa.string()) if pa.types.is_large_string(field.type) else field
        for field in _arrow(cells.clear()).schema
    ]
    for channel in channels:
        fields += [pa.field(bytes_column(channel), pa.binary()), pa.field(fault_column(channel), pa.string())]
    return pa.schema(fields)


def _arrow(cells: pl.DataFrame) -> Any:
    return cells.to_arrow(compat_level=pl.CompatLevel.oldest())
