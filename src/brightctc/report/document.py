"""What a page of any question is made of: sections of sentences, tables and drawings, in order.

`Document` is plain data: the one who answers a question fills it, `writing.write_document` makes the page.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from brightctc.metrics import Interval
from brightctc.report.provenance import Provenance
from brightctc.report.table import Table
from brightctc.report.words import Verdict


@dataclass(frozen=True)
class ForestRow:
    """A row of a forest plot. seeds: the value of each seed, drawn as small dots; kind: decides colour and place."""

    name: str
    figure: Interval
    seeds: tuple[float, ...] = ()
    kind: str = "network"  # network, control, unranked or baseline


@dataclass(frozen=True)
class Forest:
    """Rows of one figure with their intervals, in the order given, first on top.

    reference: a dashed line (what the constant classifier reaches), with its words. alt: for who can't see it.
    form: of the numbers beside the rows, as in a table's column.
    """

    title: str
    label: str
    rows: tuple[ForestRow, ...]
    alt: str
    reference: float | None = None
    reference_words: str = ""
    form: str = ".3f"


@dataclass(frozen=True)
class Line:
    """One curve: x ascending; low and high: its band (None where there is none); seeds: curves of single seeds."""

    name: str
    x: tuple[float, ...]
    y: tuple[float | None, ...]
    low: tuple[float | None, ...] = ()
    high: tuple[float | None, ...] = ()
    seeds: tuple[tuple[float | None, ...], ...] = ()


@dataclass(frozen=True)
class Curves:
    """Curves over one number. level: a horizontal dashed line with its words; mark: a vertical one."""

    title: str
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    alt: str
    logarithmic: bool = False
    level: float | None = None
    level_words: str = ""
    mark: float | None = None
    mark_words: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page. words: paragraphs; points: verdicts as a list; notes: in small print, at the end.

    folded: drawn behind a summary that opens on a press.
    """

    title: str
    words: tuple[str, ...] = ()
    points: tuple[Verdict, ...] = ()
    drawings: tuple[Forest | Curves, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    folded: bool = False


@dataclass(frozen=True)
class Document:
    """A whole page.

    kind: above the title, in a few words; asked: the question in one sentence. stamps: words that stand beside every
    figure. warnings: shown at a glance, before everything else but the first section.
    donors: of all cells behind the page, cells: ids of those whose donor is not known: both only as salted hashes.
    people: donors' ids that texts may hold, replaced by pseudonyms.
    """

    kind: str
    title: str
    asked: str
    stamps: tuple[str, ...]
    warnings: tuple[str, ...]
    sections: tuple[Section, ...]
    provenance: Provenance
    cohort: str | None
    bundles: tuple[str, ...] = ()
    people: Iterable[str | None] = field(default=(), repr=False)
    donors: Iterable[str | None] = field(default=(), repr=False)
    cells: Iterable[str] = field(default=(), repr=False)
