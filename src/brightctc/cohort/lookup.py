"""An image of a packed cohort by its path, as if it were a file: for all that know an image by its path alone."""

import functools
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from brightctc.cohort.faults import ImageFault
from brightctc.cohort.folder import SHARDS, is_packed
from brightctc.cohort.packed import Pack
from brightctc.cohort.shard import Shard, Stored
from brightctc.errors import UserError

_Key = tuple[Path, int, str]  # shard, row group, channel
_Read = tuple[list[str | None], list[Stored]]  # names and images
_MOST_FOLDERS = 4096  # that are known to lie in packed cohorts
_MOST_PACKS = 4  # kept open
_MOST_BYTES = 96 * 2**20  # of row groups kept, beside the one that was read last
_packs: OrderedDict[str, tuple[Any, "_Images"]] = OrderedDict()
_lock = threading.Lock()


def packed_image(path: Path) -> Stored:
    """The image file that a packed cohort has under a path below its folder; None where there is no such thing.

    Its bytes, or the fault that it was packed with, or why the shard can't be read. Reads the row group that it lies
    in, and keeps a few of them: neighbours are read once.
    """
    real = os.path.realpath(path)
    root = _root_of(os.path.dirname(real))  # noqa: PTH120  text: pathlib would take longer than the look-up
    if root is None:
        return None
    try:
        return _images(root).get(real[len(root) :].lstrip("/"))
    except FileNotFoundError:  # it was moved away since
        _known_root.cache_clear()
        return packed_image(path)
    except UserError as error:
        return ImageFault("unreadable", f"{error.what}; in {os.path.basename(error.where or root)}")  # noqa: PTH119


@functools.lru_cache(_MOST_FOLDERS)
def _known_root(folder: str) -> str:
    """The packed cohort at or above a folder. Raises LookupError where there is none, which is not remembered."""
    root = folder
    while not is_packed(root):
        above = os.path.dirname(root)  # noqa: PTH120
        if above == root:
            raise LookupError(folder)
        root = above
    return root


def _root_of(folder: str) -> str | None:
    try:
        return _known_root(folder)
    except LookupError:
        return None


def _images(root: str) -> "_Images":
    """The packed cohort's images as its list of shards now is: one that was packed anew is opened anew."""
    status = os.stat(os.path.join(root, SHARDS))  # noqa: PTH116, PTH118
    state = (status.st_mtime_ns, status.st_ino, status.st_size)
    with _lock:
        known = _packs.pop(root, None)
        if known is None or known[0] != state:
            known = (state, _Images(Pack.open(Path(root))))
        _packs[root] = known
        while len(_packs) > _MOST_PACKS:
            _packs.popitem(last=False)
        return known[1]


class _Images:
    """Names → where the images are, as sorted hashes: 1,000,000 names take 32 MB, a dictionary of them 200."""

    def __init__(self, pack: Pack):
        unprefixed = {entry.file for entry in pack.entries if not entry.id_prefix}
        prefixed = {entry.file for entry in pack.entries if entry.id_prefix}
        self._names: list[tuple[Shard, str, str]] = []  # of each table of names: its shard, channel, what is before
        hashes, places = [], []
        for file, shard in pack.shards.items():
            for channel in shard.channels:
                names = shard.cells(columns=(channel,))[channel].to_list()
                for before in [""] * (file in unprefixed) + [f"{file}/"] * (file in prefixed):
                    rows = [row for row, name in enumerate(names) if name is not None]
                    hashes.append(np.fromiter((hash(before + names[row]) for row in rows), np.int64, len(rows)))
                    places.append(np.array(rows, np.int64) + (len(self._names) << 32))
                    self._names.append((shard, channel, before))
        order = np.argsort(np.concatenate(hashes), kind="stable")
        self._hashes, self._places = np.concatenate(hashes)[order], np.concatenate(places)[order]
        self._groups = _RowGroups()

    def get(self, name: str) -> Stored:
        """The image of this name, its fault, or None: there is no such name. Raises UserError for a damaged shard."""
        first, end = np.searchsorted(self._hashes, hash(name)), np.searchsorted(self._hashes, hash(name), "right")
        found: list[Stored] = []
        shards = set()
        for place in self._places[first:end].tolist():
            shard, channel, before = self._names[place >> 32]
            row = place & 0xFFFFFFFF
            group = int(np.searchsorted(shard.starts, row, "right")) - 1
            names, images = self._groups.get(shard, group, channel)
            within = row - int(shard.starts[group])
            if before + (names[within] or "") == name:
                found.append(images[within])
                shards.add(shard.path)
        if len(shards) > 1:
            return ImageFault("unreadable", "two shards have an image of this name: give each an id_prefix")
        if len(found) > 1:
            return ImageFault("unreadable", "two images of the shard have this name: give each one of its own")
        return found[0] if found else None


class _RowGroups:
    """Row groups that were read last, by shard, group and channel; threads that want the same one wait for it."""

    def __init__(self):
        self._held: OrderedDict[_Key, _Read | UserError] = OrderedDict()
        self._bytes: dict[_Key, int] = {}
        self._lock = threading.Lock()
        self._reading = [threading.Lock() for _ in range(16)]

    def get(self, shard: Shard, group: int, channel: str) -> _Read:
        """Names and images of a row group. Raises UserError where it is damaged, also when asked again."""
        key = (shard.path, group, channel)
        with self._reading[hash(key) % len(self._reading)]:
            with self._lock:
                held = self._held.get(key)
                if held is not None:
                    self._held.move_to_end(key)
            if held is None:
                held = _read(shard, group, channel)
                self._keep(key, held)
        if isinstance(held, UserError):
            raise UserError(held.what, held.where, held.fix)
        return held

    def _keep(self, key: _Key, read: _Read | UserError) -> None:
        """Forget the oldest, so that no more than so many bytes are kept beside the newest."""
        images = [] if isinstance(read, UserError) else read[1]
        with self._lock:
            self._held[key] = read
            self._bytes[key] = sum(len(image) for image in images if isinstance(image, bytes))
            while len(self._held) > 1 and sum(self._bytes.values()) - self._bytes[key] > _MOST_BYTES:
                del self._bytes[self._held.popitem(last=False)[0]]


def _read(shard: Shard, group: int, channel: str) -> _Read | UserError:
    try:
        return shard.cells(group, (channel,))[channel].to_list(), shard.images(group, channel)
    except UserError as error:
        return error
