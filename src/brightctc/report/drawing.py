"""A drawing of a document → a panel of its page, or a file of its own."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from brightctc.evaluate.panels import ALARM
from brightctc.report import lettering
from brightctc.report.document import Curves, Forest
from brightctc.report.forest import WIDTH as FULL
from brightctc.report.forest import draw_forest, forest_figure
from brightctc.report.lines import WIDTH as HALF
from brightctc.report.lines import curves_figure, draw_curves
from brightctc.report.pseudonyms import Pseudonyms
from brightctc.report.svg import MARGIN, Panel, on_page, to_file

__all__ = ["draw_curves", "draw_forest", "panel_of", "save_drawing"]

Drawing = Forest | Curves
TITLE, STAMP = 9.0, 7.0  # points


def panel_of(drawing: Drawing, name: str, names: Pseudonyms) -> Panel:
    """For the page. name: a word that is unique on it; names: who is called what in the words that are drawn."""
    masked = _masked(drawing, names)
    return Panel(
        on_page(lambda: _figure(masked), name), drawing.alt, title=drawing.title, wide=isinstance(drawing, Forest)
    )


def save_drawing(drawing: Drawing, folder: Path, name: str, *, stamps: Sequence[str] = ()) -> Path:
    """Write NAME.svg into the folder, on white, with its title and the stamps above; return the file's path.

    An existing file is replaced; equal drawings give equal bytes. Donors' ids stay as they are.
    """
    path = Path(folder) / f"{name}.svg"
    to_file(lambda: _titled(drawing, stamps), path)
    return path


def _figure(drawing: Drawing, head: float = 0.0, edge: float = 0.0) -> Figure:
    return forest_figure(drawing, head, edge) if isinstance(drawing, Forest) else curves_figure(drawing, head, edge)


def _titled(drawing: Drawing, stamps: Sequence[str]) -> Figure:
    across = (FULL if isinstance(drawing, Forest) else HALF) - 2 * MARGIN
    title = lettering.wrapped(drawing.title, across, TITLE, weight="bold")
    stamp = lettering.wrapped("; ".join(stamps), across, STAMP, weight="bold") if stamps else ()
    first, second = lettering.height(len(title), TITLE), lettering.height(len(stamp), STAMP)
    figure = _figure(drawing, first + second + MARGIN, MARGIN)
    wide, high = figure.get_size_inches()
    style = {"va": "top", "fontweight": "bold", "linespacing": lettering.LINE}
    left, top = MARGIN / wide, 1 - MARGIN / high
    figure.text(left, top, "\n".join(title), fontsize=TITLE, **style)
    figure.text(left, top - first / high, "\n".join(stamp), fontsize=STAMP, color=ALARM, **style)
    return figure


def _masked(drawing: Drawing, names: Pseudonyms) -> Drawing:
    """Under other names; title and alt are not drawn: the page's template replaces theirs."""
    told = names.in_name
    if isinstance(drawing, Forest):
        rows = tuple(replace(row, name=told(row.name)) for row in drawing.rows)
        return replace(drawing, rows=rows, label=told(drawing.label), reference_words=told(drawing.reference_words))
    words = {key: told(getattr(drawing, key)) for key in ("x_label", "y_label", "level_words", "mark_words")}
    return replace(drawing, lines=tuple(replace(line, name=told(line.name)) for line in drawing.lines), **words)
