"""How wide words are in a drawing, and where they break, so that nothing overlaps whatever a name is."""

from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from brightctc.evaluate.panels import MUTED

LINE, MIDDLE = 1.22, 0.36  # height of a line of text; of the middle of its capitals; in sizes of its font
DASHES = (0, (4, 3))
MOST_LINES = 3
_POINTS = 72  # an inch


def width(text: str, size: float, **style: Any) -> float:
    """In inches, in the font of drawings, which is wider than those of most pages."""
    font = FontProperties(family="DejaVu Sans", size=size, **style)
    return text_to_path.get_text_width_height_descent(text, font, ismath=False)[0] / _POINTS


def height(lines: int, size: float) -> float:
    """Of so many lines, in inches."""
    return lines * size * LINE / _POINTS


def wrapped(text: str, within: float, size: float, *, most: int = MOST_LINES, **style: Any) -> tuple[str, ...]:
    """In lines of at most `within` inches; a word that is longer is cut, and so is what comes after `most` lines."""
    lines = [""]
    for piece in _pieces(text, within, size, style):
        joined = f"{lines[-1]} {piece}".strip()
        if width(joined, size, **style) <= within:
            lines[-1] = joined
        else:
            lines.append(piece)
    if len(lines) > most:
        last = lines[most - 1]
        while last and width(f"{last}…", size, **style) > within:
            last = last[:-1]
        lines[most - 1 :] = [f"{last.rstrip()}…"]
    return tuple(lines)


def dashed_across(axes: Axes, at: float, words: str, size: float = 7.0) -> None:
    """An upright dashed line at x, and its words above the axes, no further out than these."""
    axes.axvline(at, color=MUTED, lw=0.9, ls=DASHES, zorder=1.5)
    lines = words_above(axes, words, size)
    if not lines:
        return
    wide = max(width(line, size) for line in lines) / inches(axes)[0]
    place = float(axes.transAxes.inverted().transform(axes.transData.transform((at, 0)))[0])
    place = min(max(place, wide / 2), 1 - wide / 2)
    style = {"ha": "center", "va": "bottom", "fontsize": size, "color": MUTED, "linespacing": LINE}
    axes.annotate(
        "\n".join(lines), (place, 1), xycoords="axes fraction", xytext=(0, 3), textcoords="offset points", **style
    )


def words_above(axes: Axes, words: str, size: float = 7.0) -> tuple[str, ...]:
    """The lines that `dashed_across` writes."""
    return wrapped(words, inches(axes)[0], size) if words else ()


def inches(axes: Axes) -> tuple[float, float]:
    """Width and height of axes."""
    box = axes.get_window_extent()
    return box.width / axes.figure.dpi, box.height / axes.figure.dpi


def _pieces(text: str, within: float, size: float, style: dict[str, Any]) -> Iterator[str]:
    """Words; of one that is longer than a line, its parts."""
    for word in text.split():
        rest = word
        while width(rest, size, **style) > within:
            end = next(n for n in range(len(rest) - 1, 0, -1) if n == 1 or width(rest[:n], size, **style) <= within)
            yield rest[:end]
            rest = rest[end:]
            if len(rest) == 1:
                break
        yield rest
