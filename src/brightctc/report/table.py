"""A table of the page: columns with what they hold, rows of values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from brightctc.evaluate.wording import in_digits
from brightctc.metrics import Interval

Kind = Literal["text", "id", "number"]
NOTHING, NO_BOUND = "–", "no bound"
SCORE = "score"  # in place of a format: as `scored` writes it


@dataclass(frozen=True)
class Column:
    """A heading, and what stands below it: words, ids (which may hold a donor's), or numbers in a format."""

    name: str
    kind: Kind = "text"
    form: str = ",d"


@dataclass(frozen=True)
class Table:
    """rows: per column a str, a number, an Interval or None. left_out: rows that are not shown."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    left_out: int = 0

    @property
    def total(self) -> int:
        """How many rows there are, shown or not."""
        return len(self.rows) + self.left_out


def table(caption: str, columns: Sequence[Column], rows: Sequence[Sequence[Any]], most: int | None = None) -> Table:
    """With `most` rows at most."""
    kept = [tuple(row) for row in rows[:most]]
    return Table(caption, tuple(columns), tuple(kept), len(rows) - len(kept))


def written(value: Any, form: str = ".3f") -> str:
    """A value as it stands in a table; what is undefined is a dash."""
    number = value.value if isinstance(value, Interval) else value
    if number is None or (isinstance(number, float) and math.isnan(number)):
        return NOTHING
    if isinstance(number, str):
        return number
    if isinstance(number, float) and math.isinf(number):
        return NO_BOUND
    return _formatted(number, form if isinstance(number, float) or form.endswith("d") else ",d")


def scored(score: float) -> str:
    """A score with four digits, never rounded to a certain 0 or 1."""
    least = 1e-4
    if score > 1 - least / 2:
        return "> 0.9999"
    return f"{score:.4f}" if score >= least / 2 else "< 0.0001"


def ends(figure: Interval, form: str = ".3f") -> str:
    """`0.870 to 0.940`; empty where there is no interval."""
    if figure.low is None and figure.high is None:
        return ""
    bounds = [end if end is not None and math.isfinite(end) else None for end in (figure.low, figure.high)]
    return " to ".join(NO_BOUND if end is None else _formatted(end, form) for end in bounds)


def _formatted(number: float, form: str) -> str:
    """With the minus sign of typography, which is as wide as a plus."""
    if form == SCORE:
        return scored(number)
    return in_digits(number, form).replace("-", "−")


def order(value: Any) -> str | float:
    """What a cell is sorted by: its number, or its text; nothing sorts last."""
    number = value.value if isinstance(value, Interval) else value
    return "" if number is None or (isinstance(number, float) and math.isnan(number)) else number


def reasons(shown: Table) -> list[str]:
    """Why intervals of the table are missing or come from no resamples, each once."""
    found = [value.reason for row in shown.rows for value in row if isinstance(value, Interval) and value.reason]
    return list(dict.fromkeys(found))
