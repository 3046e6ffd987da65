"""A packed cohort as an input: row group by row group, so that no number of cells fills the memory."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from brightctc.bundle import Bundle
from brightctc.cohort import Cohort, Pack
from brightctc.cohort.folder import SHARDS
from brightctc.errors import UserError
from brightctc.predict.blocks import Block, Image, Loaded, Source
from brightctc.preprocess import Channel


@dataclass(frozen=True)
class PackedBlock:
    """Cells of one row group, from its cell `begin` on. It can be pickled, and holds no more than where they are."""

    root: Path
    group: int
    begin: int
    channels: tuple[Channel, ...]

    def load(self) -> Loaded:
        """Read the row group. Raises UserError where it is damaged."""
        pack = _opened(self.root)
        group = pack.group(self.group, self.channels)
        sizes = Cohort(self.root, group.cells, pack.about).pixel_sizes(group.cells)
        images: dict[Channel, Sequence[Image]] = {channel: group.images[channel] for channel in self.channels}
        return Loaded(group.first, images, sizes, group.cells).part(self.begin, group.cells.height)


@dataclass(frozen=True)
class PackedSource(Source):
    """Cells of a packed cohort, which are read when their turn comes."""

    def blocks(self, start: int) -> Iterator[Block]:
        """The cells from `start` on."""
        for number, place in enumerate(_opened(self.root).groups):
            if start < place.first + place.rows:
                yield PackedBlock(self.root, number, max(0, start - place.first), self.channels)


def read_packed(folder: Path, bundle: Bundle) -> Source:
    """The cells of a packed cohort. Raises UserError where it is damaged or has none."""
    root = folder.resolve()
    pack = _opened(root)
    if not pack.cells:
        raise UserError("this cohort has no cells", folder, "pack it again")
    channels: tuple[Channel, ...] = tuple(name for name in bundle.about.channels if _holds(pack, name))
    return PackedSource("cohort", root, pack.cells, channels, _identity(pack), ())


def _opened(root: Path) -> Pack:
    """As its list of shards is now; read once, since a million cells have thousands of blocks."""
    state = (root / SHARDS).stat()
    return _open(root, state.st_mtime_ns, state.st_ino)


@lru_cache(maxsize=2)
def _open(root: Path, _changed: int, _file: int) -> Pack:
    return Pack.open(root)


def _holds(pack: Pack, channel: Channel) -> bool:
    """Has any cell such an image? As the footers tell; True where they don't."""
    for shard in pack.shards.values():
        for number in range(shard.metadata.num_row_groups):
            group = shard.metadata.row_group(number)
            for index in range(group.num_columns if channel in shard.channels else 0):
                column = group.column(index)
                if column.path_in_schema == channel:
                    told = column.statistics
                    if told is None or not told.has_null_count or told.null_count < group.num_rows:
                        return True
    return False


def _identity(pack: Pack) -> str:
    """A hash of the folder, the list of shards, each one's table without images, and the cohort's pixel size."""
    digest = hashlib.sha256(str(pack.root).encode("utf-8", "surrogateescape"))
    digest.update(f"\0{pack.about.pixel_size_um}\n".encode())
    for entry in pack.entries:
        digest.update(f"{entry.file}\0{entry.cells}\0{entry.id_prefix}\n".encode())
    for shard in pack.shards.values():
        for group in range(shard.metadata.num_row_groups):
            digest.update(shard.cells(group).write_csv().encode())
    return digest.hexdigest()
