"""Curves over one number: a line a variant with its band, told apart by colour, marker and dashes."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from brightctc.evaluate.panels import GRID, MUTED
from brightctc.report import lettering, scale
from brightctc.report.document import Curves, Line
from brightctc.report.key import Key
from brightctc.report.svg import HUES, MARGIN, blank

WIDTH, HEIGHT = 3.5, 2.15  # inches; of the whole, and of the axes in it
AXIS, KEY, TICK = 0.22, 0.12, 0.09  # numbers of the axis; above the key; beside numbers
SIZE, SMALL = 8.5, 7.5  # points
MARKED = 15  # points of a line that all have markers
_MARKERS = {"o": 4.6, "s": 4.4, "^": 5.2, "D": 4.2, "v": 5.2, "P": 6.2, "X": 6.2, "p": 5.6}  # and their sizes
_DASHES: tuple[Any, ...] = (
    "-",
    (0, (6, 1.6)),
    (0, (2.4, 1.2)),
    (0, (7, 1.6, 1.2, 1.6)),
    (0, (1, 1)),
    (0, (7, 1.4, 1.2, 1.4, 1.2, 1.4)),
    (0, (4, 1, 4, 3)),
    (0, (10, 3)),
)


def curves_figure(curves: Curves, head: float = 0.0, edge: float = 0.0) -> Figure:
    """As wide as half a page; the key below makes it higher. head: inches left free at the top; edge: all around."""
    left = edge + _margin(curves)
    across = WIDTH - left - edge - _right(curves)
    marked = lettering.wrapped(curves.mark_words, across, SMALL) if curves.mark is not None else ()
    top = edge + head + max(lettering.height(len(marked), SMALL) + 0.05, TICK)
    bottom = _foot(curves, across) + _key(curves).height + edge
    high = top + HEIGHT + bottom
    figure = blank(WIDTH, high)
    draw_curves(figure.add_axes((left / WIDTH, bottom / high, across / WIDTH, HEIGHT / high)), curves)
    return figure


def draw_curves(axes: Axes, curves: Curves) -> None:
    """Lines inside the axes, which may have any size; the key stands below, the words of `mark` above."""
    limits = _limits(curves)
    if curves.logarithmic:
        axes.set_xscale("log", nonpositive="mask")
    axes.set(xlim=limits[0], ylim=limits[1])
    across, high = lettering.inches(axes)
    scale.set_ticks(axes.xaxis, scale.ticks_across(limits[0], across, logarithmic=curves.logarithmic))
    scale.set_ticks(axes.yaxis, _upright_ticks(limits[1], high))
    style: dict[str, Any] = {"fontsize": SIZE, "linespacing": lettering.LINE}
    axes.set_xlabel("\n".join(lettering.wrapped(curves.x_label, across, SIZE)), **style)
    axes.set_ylabel("\n".join(lettering.wrapped(curves.y_label, high, SIZE)), **style)
    axes.grid(color=GRID, lw=0.6)
    axes.set_axisbelow(True)
    if curves.level is not None:
        axes.axhline(curves.level, **_level())
    if curves.mark is not None:
        lettering.dashed_across(axes, curves.mark, curves.mark_words, SMALL)
    for index, line in enumerate(curves.lines):
        _draw_line(axes, line, index)
    _key(curves).draw(axes, left=_margin(curves), below=_foot(curves, across))


def _limits(curves: Curves) -> tuple[scale.Range, scale.Range]:
    """Of x and of y: all that is drawn, with a margin."""
    lines = curves.lines
    across = [*(x for line in lines for x in line.x), curves.mark]
    upright = [y for line in lines for each in (line.y, line.low, line.high, *line.seeds) for y in each]
    return (
        scale.around(across, 0.05, logarithmic=curves.logarithmic),
        scale.around([*upright, curves.level], 0.07),
    )


def _draw_line(axes: Axes, line: Line, index: int) -> None:
    x, y = np.asarray(line.x, dtype=np.float64), _numbers(line.y)
    look = _look(index)
    for seed in line.seeds:
        axes.plot(x, _numbers(seed), zorder=2, **_seed(look["color"]))
    if line.low and line.high:
        low, high = _numbers(line.low), _numbers(line.high)
        axes.fill_between(x, low, high, **_band(look["color"]))
        alone = _alone(low + high)
        axes.vlines(x[alone], low[alone], high[alone], color=look["color"], alpha=0.3, lw=4, zorder=1.2)
    every = max(1, -(-len(x) // MARKED))
    axes.plot(x, y, zorder=3 + index / 100, markevery=every, clip_on=False, **look)


def _numbers(values: tuple[float | None, ...]) -> np.ndarray:
    """float64; not-a-number where there is none, which leaves a gap."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _alone(values: np.ndarray) -> np.ndarray:
    """Points without a neighbour, which a band does not show."""
    there = np.pad(np.isfinite(values), 1)
    return there[1:-1] & ~there[:-2] & ~there[2:]


def _look(index: int) -> dict[str, Any]:
    """After eight lines colours return, with other dashes."""
    hue = HUES[index % len(HUES)]
    round_again = index // len(HUES)
    marker, size = list(_MARKERS.items())[(index + round_again) % len(_MARKERS)]
    dashes = _DASHES[(index + round_again) % len(_DASHES)]
    return {"color": hue, "marker": marker, "ls": dashes, "lw": 1.5, "ms": size, "mec": "#ffffff", "mew": 0.5}


def _seed(colour: str) -> dict[str, Any]:
    return {"color": colour, "lw": 0.7, "alpha": 0.55}


def _band(colour: str) -> dict[str, Any]:
    return {"color": colour, "alpha": 0.16, "lw": 0, "zorder": 1.2}


def _level() -> dict[str, Any]:
    return {"color": MUTED, "lw": 0.9, "ls": lettering.DASHES, "zorder": 1.5}


def _margin(curves: Curves) -> float:
    """Left of the axes: the label and the numbers."""
    label = lettering.height(len(lettering.wrapped(curves.y_label, HEIGHT, SIZE)), SIZE)
    numbers = scale.in_numbers(_upright_ticks(_limits(curves)[1], HEIGHT))
    return label + max((lettering.width(number, scale.NUMBERS) for number in numbers), default=0.0) + TICK + 0.05


def _right(curves: Curves) -> float:
    """Right of the axes: half of the last number below them."""
    ticks = scale.ticks_across(_limits(curves)[0], WIDTH - _margin(curves), logarithmic=curves.logarithmic)
    return max(TICK, lettering.width(scale.in_numbers(ticks)[-1], scale.NUMBERS) / 2 if ticks else 0.0)


def _upright_ticks(limits: scale.Range, high: float) -> list[float]:
    return scale.round_ticks(limits, max(3, int(high / 0.36)))


def _foot(curves: Curves, across: float) -> float:
    """From the axes down to the key."""
    return AXIS + lettering.height(len(lettering.wrapped(curves.x_label, across, SIZE)), SIZE) + KEY


def _key(curves: Curves) -> Key:
    """Every line by name, then what bands, thin lines and dashes are."""
    lines = curves.lines
    entries: list[tuple[Any, str]] = [
        (Line2D([], [], **_look(n)), line.name) for n, line in enumerate(lines) if line.name
    ]
    if any(line.low and line.high for line in lines):
        entries.append((Rectangle((0, 0), 1, 1, **_band(MUTED)), "95 % interval"))
    if any(line.seeds for line in lines):
        entries.append((Line2D([], [], **_seed(MUTED)), "one seed"))
    if curves.level is not None and curves.level_words:
        entries.append((Line2D([], [], **_level()), curves.level_words))
    return Key(tuple(entries), WIDTH - 2 * MARGIN)
