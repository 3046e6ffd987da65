"""The key below a drawing: what its lines and marks stand for, in as many columns as have room."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.legend_handler import HandlerTuple

from brightctc.report import lettering

SIZE = 7.2  # points
HANDLE, PAD, BETWEEN, SPACING = 2.8, 0.6, 1.5, 0.45  # in sizes of the font
_INCH = 72 / SIZE


@dataclass(frozen=True)
class Key:
    """Entries in order: an artist (or several, one upon the other) and its words, within so many inches."""

    entries: tuple[tuple[Any, str], ...]
    within: float

    @property
    def columns(self) -> list[list[tuple[str, ...]]]:
        """The words of each column, top to bottom: the largest number of columns that has room."""
        words = [lettering.wrapped(text, self.within - (HANDLE + PAD) / _INCH, SIZE) for _, text in self.entries]
        counts = range(len(words), 1, -1)
        return next((found for n in counts if _wide(found := list(_split(words, n))) <= self.within), [words])

    @property
    def height(self) -> float:
        """In inches."""
        lines = max((sum(map(len, column)) for column in self.columns), default=0)
        rows = max(map(len, self.columns), default=0)
        return lettering.height(lines, SIZE) + rows * SPACING / _INCH

    def draw(self, axes: Axes, *, left: float, below: float) -> None:
        """Its upper left corner stands so many inches left of the axes' and below them."""
        if not self.entries:
            return
        across, high = lettering.inches(axes)
        columns = self.columns
        legend = axes.legend(
            [handle for handle, _ in self.entries],
            ["\n".join(words) for column in columns for words in column],
            handler_map={tuple: HandlerTuple(ndivide=1)},
            ncols=len(columns),
            loc="upper left",
            bbox_to_anchor=(-left / across, -below / high),
            fontsize=SIZE,
            handlelength=HANDLE,
            handletextpad=PAD,
            columnspacing=BETWEEN,
            labelspacing=SPACING,
            borderpad=0,
            borderaxespad=0,
        )
        for text in legend.get_texts():
            text.set_linespacing(lettering.LINE)


def _split(words: list[tuple[str, ...]], columns: int) -> Iterator[list[tuple[str, ...]]]:
    """As matplotlib fills columns."""
    for indices in np.array_split(np.arange(len(words)), columns):
        yield [words[index] for index in indices]


def _wide(columns: list[list[tuple[str, ...]]]) -> float:
    widest = [max(lettering.width(line, SIZE) for words in column for line in words) for column in columns]
    return sum(widest) + (len(columns) * (HANDLE + PAD) + (len(columns) - 1) * BETWEEN) / _INCH
