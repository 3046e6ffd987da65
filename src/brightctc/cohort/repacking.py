"""Take cells out of a packed cohort: its shards are written again without them, and then put in place at once."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl

from brightctc import files
from brightctc.cohort.packed import Pack
from brightctc.cohort.shard import Shard
from brightctc.cohort.shard_writing import parquet
from brightctc.cohort.shards import write_shards


@dataclass(frozen=True)
class Rest:
    """A packed cohort without some cells, before it takes its place. folder: where; gone: the ids of these cells."""

    folder: Path
    gone: frozenset[str]


@contextmanager
def without_cells(root: Path, column: str, value: str) -> Iterator[Rest]:
    """Yield the packed cohort without the cells whose `column` has this value; on success it replaces the old one.

    Everything else in the folder is as it was; images of other cells are neither decoded nor changed. On any error the
    old cohort stays whole. Raises UserError where it can't be read or written.
    """
    pack = Pack.open(root)
    going = {name: _going(shard, column, value) for name, shard in pack.shards.items()}
    target = Path(os.path.realpath(root))  # a link would be replaced, and the cells would stay behind it
    with files.new_folder(target, overwrite=True) as folder:
        _keep(target, folder, {name for name, cells in going.items() if cells.any()})
        for name, cells in going.items():
            if cells.any():
                _rewrite(pack.shards[name], folder / name, ~cells)
        left = (
            entry.model_copy(update={"cells": int((~going[entry.file]).sum())}) for entry in pack.entries
        )  # fmt: skip
        write_shards(folder, tuple(left))
        yield Rest(folder, frozenset(_ids(pack, going)))


def _going(shard: Shard, column: str, value: str) -> pl.Series:
    """Which rows of a shard go: Boolean, without nulls."""
    if column not in shard.schema:
        return pl.Series([False], dtype=pl.Boolean).new_from_index(0, shard.rows)
    return (shard.cells(columns=(column,))[column].cast(pl.String) == value).fill_null(False)


def _ids(pack: Pack, going: dict[str, pl.Series]) -> Iterator[str]:
    for entry in pack.entries:
        if going[entry.file].any():
            ids = pack.shards[entry.file].cells(columns=("cell_id",))["cell_id"].filter(going[entry.file])
            yield from (entry.id_prefix + each for each in ids.drop_nulls())


def _keep(root: Path, folder: Path, rewritten: set[str]) -> None:
    """Everything but these shards into the new folder: as a second name of the same file where that can be."""

    def left_out(here: str, _: list[str]) -> set[str]:
        return {*rewritten, ".lock"} if Path(here) == root else set()

    shutil.copytree(root, folder, symlinks=True, ignore=left_out, copy_function=_linked, dirs_exist_ok=True)


def _linked(source: str, target: str) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # another file system, or one without links
        shutil.copy2(source, target, follow_symlinks=False)


def _rewrite(shard: Shard, path: Path, kept: pl.Series) -> None:
    """The shard's rows that are kept, row group by row group."""
    import pyarrow as pa

    schema = shard.metadata.schema.to_arrow_schema()
    with parquet(path, schema) as writer:
        for group, (start, end) in enumerate(pairwise(shard.starts)):
            rows = kept.slice(int(start), int(end - start))
            if rows.any():
                table = shard.whole(group).filter(pa.array(rows.to_list(), pa.bool_()))
                writer.write_table(table, row_group_size=max(1, table.num_rows))
