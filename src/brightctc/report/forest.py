"""A forest plot: a row a variant, its figure with the interval, what each seed reached, and the numbers beside it."""

import math
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from brightctc.evaluate.panels import GRID, LINE, MUTED
from brightctc.report import lettering, scale
from brightctc.report.document import Forest, ForestRow
from brightctc.report.key import Key
from brightctc.report.svg import FAINT, MARGIN, blank
from brightctc.report.table import ends, written

WIDTH = 7.0  # inches, and all lengths below
NAMES, GAP, AIR = 2.1, 0.16, 0.07  # widest column of names; between columns; above and below the words of a row
ROW, BAR, BELOW = 0.28, 0.1, 0.09  # lowest row; height of its bar; how far below its middle the seeds stand
AXIS, KEY, TOP = 0.22, 0.12, 0.05  # numbers of the axis; above the key; above the axes
SIZE, SMALL = 8.0, 7.0  # points


@dataclass(frozen=True)
class _Look:
    """How a kind of row is drawn, so that it is told apart without colour, too; words: in the key."""

    colour: str
    marker: str
    words: str
    hollow: bool = False
    italic: bool = False


_LOOKS = {
    "network": _Look(LINE, "o", "mean of the seeds, 95 % interval"),
    "control": _Look(LINE, "o", "control", hollow=True),
    "unranked": _Look(FAINT, "D", "not ranked", italic=True),
    "baseline": _Look(MUTED, "s", "simple model"),
}


@dataclass(frozen=True)
class _Placed:
    """A row with its words; at: of its middle, from the top."""

    row: ForestRow
    look: _Look
    name: tuple[str, ...]
    value: str
    ends: str
    at: float


@dataclass(frozen=True)
class _Layout:
    """Rows from the top down, and how wide their columns are. rule: where a line stands above the simple models."""

    rows: tuple[_Placed, ...]
    height: float
    names: float
    values: float
    ends: float
    rule: float | None

    @property
    def left(self) -> float:
        """Of the axes, where the names need room."""
        return self.names + GAP

    @property
    def right(self) -> float:
        """Of the axes, where the numbers need room."""
        return self.values + self.ends + 1.5 * GAP


def forest_figure(forest: Forest, head: float = 0.0, edge: float = 0.0) -> Figure:
    """Seven inches wide and as high as its rows ask for. head: inches left free at the top; edge: all around."""
    layout = _layout(forest)
    across = WIDTH - 2 * edge - layout.left - layout.right
    words = lettering.wrapped(forest.reference_words, across, SMALL) if _referred(forest) else ()
    top = edge + head + lettering.height(len(words), SMALL) + TOP
    bottom = _foot(forest, across) + _key(forest).height + edge
    high = top + layout.height + bottom
    figure = blank(WIDTH, high)
    place = ((edge + layout.left) / WIDTH, bottom / high, across / WIDTH, layout.height / high)
    draw_forest(figure.add_axes(place), forest)
    return figure


def draw_forest(axes: Axes, forest: Forest) -> None:
    """Rows inside the axes, from the top down; names left of them, numbers right of them, the key below.

    The axes may have any size; `forest_figure` makes them with the room that the words need.
    """
    layout = _layout(forest)
    limits = _limits(forest)
    axes.set(xlim=limits, ylim=(layout.height, 0), yticks=[])
    axes.spines["left"].set_visible(False)
    across = lettering.inches(axes)[0]
    scale.set_ticks(axes.xaxis, scale.ticks_across(limits, across))
    axes.set_xlabel("\n".join(lettering.wrapped(forest.label, across, SIZE)), fontsize=SIZE, linespacing=lettering.LINE)
    axes.grid(axis="x", color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    if forest.reference is not None and _referred(forest):
        lettering.dashed_across(axes, forest.reference, forest.reference_words, SMALL)
    for placed in layout.rows:
        _draw_row(axes, placed, limits)
        _write_row(axes, placed, layout)
    if layout.rule is not None:
        _rule(axes, layout, layout.rule)
    _key(forest).draw(axes, left=layout.left, below=_foot(forest, across))


def _foot(forest: Forest, across: float) -> float:
    """From the axes down to the key."""
    return AXIS + lettering.height(len(lettering.wrapped(forest.label, across, SIZE)), SIZE) + KEY


def _layout(forest: Forest) -> _Layout:
    rows, at = [], 0.0
    ordered = sorted(forest.rows, key=lambda row: row.kind == "baseline")
    for row in ordered:
        look = _LOOKS[row.kind]
        name = lettering.wrapped(row.name, NAMES, SIZE, **_slope(look))
        high = max(ROW, lettering.height(len(name), SIZE) + 2 * AIR)
        interval = f"({ends(row.figure, forest.form)})" if ends(row.figure, forest.form) else ""
        rows.append(_Placed(row, look, name, written(row.figure, forest.form), interval, at + high / 2))
        at += high
    names = [lettering.width(line, SIZE, **_slope(each.look)) for each in rows for line in each.name]
    simple = [each for each in rows if each.row.kind == "baseline"]
    rule = simple[0].at - max(ROW, lettering.height(len(simple[0].name), SIZE) + 2 * AIR) / 2 if simple else None
    return _Layout(
        tuple(rows),
        max(at, ROW),
        max(names, default=0.0),
        max((lettering.width(each.value, SIZE) for each in rows), default=0.0),
        max((lettering.width(each.ends, SMALL) for each in rows), default=0.0),
        rule or None,
    )


def _limits(forest: Forest) -> scale.Range:
    """All that is drawn, with a margin."""
    figures = [row.figure for row in forest.rows]
    shown = [end for figure in figures if figure.value is not None for end in (figure.value, figure.low, figure.high)]
    return scale.around([*shown, *(seed for row in forest.rows for seed in row.seeds), forest.reference], 0.05)


def _referred(forest: Forest) -> bool:
    return forest.reference is not None and bool(scale.known([forest.reference]))


def _slope(look: _Look) -> dict[str, Any]:
    return {"style": "italic"} if look.italic else {}


def _draw_row(axes: Axes, placed: _Placed, limits: scale.Range) -> None:
    figure, look = placed.row.figure, placed.look
    axes.axhline(placed.at, color=GRID, lw=0.6, zorder=0.5)
    seeds = scale.known(placed.row.seeds)
    axes.plot(seeds, [placed.at + BELOW] * len(seeds), ls="", zorder=3, clip_on=False, **_seed(look.colour))
    if figure.value is None or not math.isfinite(figure.value):
        return
    if figure.low is not None or figure.high is not None:
        start, end = _end(figure.low, limits[0]), _end(figure.high, limits[1])
        axes.add_patch(Rectangle((start, placed.at - BAR / 2), end - start, BAR, **_bar(look)))
        arrows = [(at, mark) for at, mark, bound in zip((start, end), "<>", limits, strict=True) if at == bound]
        for at, mark in arrows:  # it goes on beyond the axes
            axes.plot([at], [placed.at], mark, color=look.colour, ms=4, mew=0, zorder=2, clip_on=False)
    axes.plot([figure.value], [placed.at], look.marker, zorder=4, clip_on=False, **_mean(look))


def _end(value: float | None, bound: float) -> float:
    """Where a bar ends: at the bound of the axes where there is no end."""
    return value if value is not None and math.isfinite(value) else bound


def _seed(colour: str) -> dict[str, Any]:
    return {"marker": "o", "ms": 3.0, "mew": 0.8, "mfc": "#ffffff", "mec": colour}


def _mean(look: _Look) -> dict[str, Any]:
    return {"ms": 5.0, "mec": look.colour, "mew": 1.2, "mfc": "#ffffff" if look.hollow else look.colour}


def _bar(look: _Look) -> dict[str, Any]:
    if look.hollow:
        return {"fill": False, "ec": look.colour, "ls": (0, (3, 2)), "lw": 0.9, "zorder": 2}
    return {"fc": look.colour, "alpha": 0.35, "lw": 0, "zorder": 2}


def _write_row(axes: Axes, placed: _Placed, layout: _Layout) -> None:
    """Name, value and interval, each in a column."""
    colour = MUTED if placed.look.colour == FAINT else "#202020"
    for number, line in enumerate(placed.name):
        down = number - (len(placed.name) - 1) / 2
        style = {"ha": "left", "color": colour, **_slope(placed.look)}
        _write(axes, line, (0, placed.at), (-layout.left, down), SIZE, **style)
    values = GAP + layout.values
    _write(axes, placed.value, (1, placed.at), (values, 0), SIZE, ha="right", color=colour)
    _write(axes, placed.ends, (1, placed.at), (values + GAP / 2, 0), SMALL, ha="left", color=MUTED)


def _write(axes: Axes, text: str, at: tuple[float, float], off: tuple[float, float], size: float, **style: Any) -> None:
    """at: a side of the axes and a height; off: so many inches to the right and lines down.

    By the baseline, since matplotlib's middle of a text depends on its letters.
    """
    points = (72 * off[0], -(off[1] * lettering.LINE + lettering.MIDDLE) * size)
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "va": "baseline"}
    axes.annotate(text, at, xytext=points, fontsize=size, **place, **style)


def _rule(axes: Axes, layout: _Layout, at: float) -> None:
    """Between networks and simple models, over all columns."""
    across = lettering.inches(axes)[0]
    ends_at = (-layout.left / across, 1 + layout.right / across)
    style = {"color": MUTED, "lw": 0.7, "clip_on": False, "transform": axes.get_yaxis_transform()}
    axes.plot(ends_at, (at, at), **style)


def _key(forest: Forest) -> Key:
    """What marks that occur stand for."""
    seeded = any(row.seeds for row in forest.rows)
    entries: list[tuple[Any, str]] = []
    for kind, look in _LOOKS.items():
        if any(row.kind == kind for row in forest.rows):
            entries.append((_handle(look), look.words if seeded or kind != "network" else "95 % interval"))
    if seeded:
        entries.insert(1, (Line2D([], [], ls="", color=MUTED, **_seed(MUTED)), "one seed"))
    return Key(tuple(entries), WIDTH - 2 * MARGIN)


def _handle(look: _Look) -> tuple[Any, ...]:
    return Rectangle((0, 0), 1, 1, **_bar(look)), Line2D([], [], ls="", marker=look.marker, **_mean(look))
