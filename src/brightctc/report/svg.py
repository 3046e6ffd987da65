"""Drawings as SVG: inside the page in the colours of its theme, or in a file of their own, on white."""

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from markupsafe import Markup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from brightctc import files
from brightctc.evaluate import panels

HUES = (panels.LINE, panels.POSITIVE, "#008A64", "#B8578F", "#9A6A00", "#2E8FC4", "#202020", "#7A7200")
MARGIN = 0.06  # inches around a drawing in a file; on a page there is none
FAINT = "#868D93"  # what is shown and doesn't count
_ON_PAGE = {"svg.fonttype": "none", "axes.facecolor": "none", "figure.facecolor": "none"}
_WITHOUT_DATE = {"Date": None, "Creator": None, "Format": None, "Type": None}
_INKS = {
    panels.POSITIVE: "--positive",
    panels.NEGATIVE: "--negative",
    panels.LINE: "--line",
    panels.ALARM: "--alarm",
    panels.MUTED: "--muted",
    panels.GRID: "--rule",
    FAINT: "--faint",
    **{hue: f"--hue-{number}" for number, hue in enumerate(HUES[2:6] + HUES[7:], start=1)},
    "#404040": "--muted",
    "#202020": "--ink",
    "#000000": "--ink",
    "#ffffff": "--paper",
}  # every colour of a drawing → the page's variable


@dataclass(frozen=True)
class Panel:
    """A drawing and the words for who can't see it. title: for the page to write above it, where it holds none."""

    svg: Markup
    alt: str
    title: str = ""
    wide: bool = False


def blank(width: float, height: float) -> Figure:
    """A figure (inches) with a canvas of its own: no window, no state shared with other figures."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def on_page(build: Callable[[], Figure], name: str) -> Markup:
    """What `build` draws, as an element of the page. name: a word that is unique on the page."""
    memory = io.StringIO()
    with _styled(_ON_PAGE):
        build().savefig(memory, format="svg", metadata=_WITHOUT_DATE)
    return Markup(_themed(memory.getvalue(), name))  # noqa: S704 - written by matplotlib, which escapes texts


def to_file(build: Callable[[], Figure], path: Path) -> None:
    """What `build` draws, as a file that looks the same everywhere; equal drawings give equal bytes."""
    with _styled({}), files.new_file(path) as beside:
        build().savefig(beside, format="svg", metadata=_WITHOUT_DATE)


@contextmanager
def _styled(further: dict[str, Any]) -> Iterator[None]:
    with matplotlib.rc_context(panels.STYLE | further), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a class name in a script that the font lacks
        yield


def _themed(svg: str, name: str) -> str:
    """matplotlib's file as an element of the page: no prologue, ids of its own, colours as variables."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style type=.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    return re.sub(r"<[^<>]*>", lambda tag: _themed_tag(tag[0], name), svg).strip()  # texts stay as they are


def _themed_tag(tag: str, name: str) -> str:
    tag = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", tag)
    for colour, variable in _INKS.items():
        tag = re.sub(rf"{colour}\b", f"var({variable})", tag, flags=re.IGNORECASE)
    return re.sub(r"font: ([^;\"]*?)([\d.]+px)[^;\"]*", _themed_font, tag)


def _themed_font(found: re.Match[str]) -> str:
    """Size, weight and slope; the family is the page's."""
    weight = "font-weight: 700; " if re.search("bold|700", found[1]) else ""
    slope = "font-style: italic; " if "italic" in found[1] or "oblique" in found[1] else ""
    return f"{weight}{slope}font-size: {found[2]}"
