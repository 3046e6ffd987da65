"""The cells of an input, some hundreds at a time: what travels to whoever scores them, here or on another machine."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import polars as pl

from brightctc.cohort import ImageFault
from brightctc.preprocess import Channel

CELLS = 512
"""Cells in a block, at most: enough to keep many cores busy, few enough to be held several times over."""

Image = Path | bytes | ImageFault | None
"""Where a crop is: a file, the bytes of one, why there is none; None: the cell has no image of this channel."""


@dataclass(frozen=True)
class Loaded:
    """The cells start … start + n − 1 of an input.

    images: per channel n images. pixel_sizes: n times µm per pixel, None where unknown. cells: n rows of what is known
    of them; None where nobody asked.
    """

    start: int
    images: Mapping[Channel, Sequence[Image]]
    pixel_sizes: Sequence[float | None]
    cells: pl.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.pixel_sizes)

    def load(self) -> "Loaded":
        """Itself: files are read one by one, when their turn comes."""
        return self

    def part(self, begin: int, end: int) -> "Loaded":
        """Its cells begin … end − 1, counted from its own first."""
        return Loaded(
            self.start + begin,
            {channel: images[begin:end] for channel, images in self.images.items()},
            self.pixel_sizes[begin:end],
            None if self.cells is None else self.cells[begin:end],
        )


class Block(Protocol):
    """Some cells of an input, not necessarily in memory. Blocks can be pickled, and loaded in any process."""

    def load(self) -> Loaded:
        """Bring what is known of the cells, and the bytes of packed ones, into memory."""
        ...


@dataclass(frozen=True)
class Source(ABC):
    """The cells to score, in the order of the scores.

    root: what the column `bright_field` is relative to. cells: how many. channels: those that the bundle takes and the
    input has at all. identity: a hash that tells this input from others. warnings: what was left out, or guessed.
    """

    kind: Literal["cohort", "folder", "file"]
    root: Path
    cells: int
    channels: tuple[Channel, ...]
    identity: str
    warnings: tuple[str, ...]

    @abstractmethod
    def blocks(self, start: int) -> Iterator[Block]:
        """The cells from `start` on."""


def of_files(
    paths: Mapping[Channel, Sequence[Image]],
    pixel_sizes: Sequence[float | None],
    cells: pl.DataFrame | None = None,
    start: int = 0,
) -> Iterator[Loaded]:
    """Blocks of n cells from the cell `start` on: per channel n files, n pixel sizes, n rows."""
    whole = Loaded(0, paths, pixel_sizes, cells)
    for begin in range(start, len(pixel_sizes), CELLS):
        yield whole.part(begin, min(begin + CELLS, len(pixel_sizes)))
