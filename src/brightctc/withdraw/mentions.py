"""Texts of any kind that hold a donor's id as a word of its own: label tables, notes, settings."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path

_TEXTS = {".csv", ".json", ".yaml", ".yml", ".md", ".txt", ".html", ".tsv", ".h5ad"}
_PIECE = 2**22
"""Bytes that are searched at a time."""


def find_mentions(
    donor: str, folders: Iterable[Path], tables: Iterable[Path], known: set[Path], warnings: list[str]
) -> Iterator[Path]:
    """Texts that lie in these folders, and .csv files among the tables, that hold the id; but for `known` ones."""
    found = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix.lower() in _TEXTS]
    for path in dict.fromkeys([*found, *(table for table in tables if table.suffix == ".csv")]):
        if path in known or path.is_symlink() or not path.is_file():
            continue
        try:
            if _holds(path, donor.encode()):
                yield path
        except OSError as error:
            warnings.append(f"not searched: {path}: {error.strerror}")


def _holds(path: Path, word: bytes) -> bool:
    """Read piece by piece, each with the end of the one before: a word and its two neighbours are in one of them."""
    alone = re.compile(rb"(?<=[^\w-])" + re.escape(word) + rb"(?=[^\w-])")
    end = b"\n"
    with path.open("rb") as file:
        for piece in chain(iter(partial(file.read, _PIECE), b""), [b"\n"]):
            text = end + piece
            if alone.search(text):
                return True
            end = text[-len(word) - 1 :]
    return False
