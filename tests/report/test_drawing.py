"""Drawings: axes that fit the data, rows and lines as they are meant, the page's colours, and files on white."""

import math
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes

from brightctc.metrics import Interval
from brightctc.report.document import Curves, Forest, ForestRow, Line
from brightctc.report.drawing import draw_curves, draw_forest, panel_of, save_drawing
from brightctc.report.forest import forest_figure
from brightctc.report.key import Key
from brightctc.report.lettering import width, wrapped
from brightctc.report.lines import curves_figure
from brightctc.report.pseudonyms import Pseudonyms
from brightctc.report.scale import around, in_numbers, round_ticks, ticks_across
from brightctc.report.svg import blank

NOBODY = Pseudonyms([])


def axes_of(drawing: Forest | Curves) -> Axes:
    """Drawn by themselves, without the frame of a page."""
    axes = blank(6, 4).add_axes((0.3, 0.3, 0.4, 0.5))
    draw_forest(axes, drawing) if isinstance(drawing, Forest) else draw_curves(axes, drawing)
    return axes


def one(*rows: ForestRow, reference: float | None = None, form: str = ".3f") -> Forest:
    return Forest("title", "F1", rows, "alt", reference, "words", form)


def words_of(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize(
    ("forest", "low", "high"),
    [
        pytest.param(one(ForestRow("a", Interval(0.95, 0.93, 0.96))), 0.92, 0.97, id="interval"),
        pytest.param(one(ForestRow("a", Interval(0.95), (0.9, 0.99))), 0.88, 1.0, id="seeds"),
        pytest.param(one(ForestRow("a", Interval(0.95)), reference=0.5), 0.47, 0.98, id="reference"),
        pytest.param(one(ForestRow("a", Interval(250.0, 100, None))), 90, 260, id="no upper end"),
        pytest.param(one(ForestRow("a", Interval(-0.02, -0.05, 0.01))), -0.055, 0.015, id="below zero"),
        pytest.param(one(ForestRow("a", Interval(math.inf, 2.0, math.inf)), ForestRow("b", Interval(3.0))), 1.9, 3.1,
                     id="no bound"),
    ],
)  # fmt: skip
def test_the_axis_of_a_forest_fits_its_data(forest: Forest, low: float, high: float) -> None:
    left, right = axes_of(forest).get_xlim()
    assert low <= left < right <= high
    shown = [row.figure.value for row in forest.rows if row.figure.value and math.isfinite(row.figure.value)]
    assert all(left < value < right for value in shown)


def test_rows_stand_in_order_with_simple_models_below(forest: Forest) -> None:
    axes = axes_of(forest)
    heights = {text.get_text(): text.xy[1] for text in axes.texts if text.xy[0] == 0}
    names = ["AUG3 + DAPI", "ensemble", "never ended", "no upper end", "left out: P012", "size alone"]
    assert [heights[name] for name in names] == sorted(heights[name] for name in names)
    assert heights["size alone"] == max(heights.values())
    styles = {text.get_text(): text.get_fontstyle() for text in axes.texts}
    assert (styles["ensemble"], styles["AUG3 + DAPI"]) == ("italic", "normal")


def test_numbers_stand_beside_their_rows(forest: Forest) -> None:
    heights: dict[float, list[str]] = {}
    for text in axes_of(forest).texts:
        heights.setdefault(round(text.xy[1], 4), []).append(text.get_text())
    by_name = {texts[0]: texts[-2:] for texts in heights.values() if len(texts) > 2}
    assert by_name["AUG3 + DAPI"] == ["0.790", "(0.740 to 0.830)"]
    assert by_name["never ended"] == ["–", ""]
    assert by_name["no upper end"] == ["0.800", "(0.700 to no bound)"]
    assert words_of(axes_of(one(ForestRow("a", Interval(math.inf, 2.0, math.inf)))))[1:3] == [
        "no bound",
        "(2.000 to no bound)",
    ]
    assert words_of(axes_of(one(ForestRow("a", Interval(-0.01, -0.02, 0.5)), form="+.2f")))[1:3] == [
        "−0.01",
        "(−0.02 to +0.50)",
    ]


def test_kinds_are_told_apart_without_colour(forest: Forest) -> None:
    marks = {
        round(float(line.get_ydata()[0]), 3): (line.get_marker(), line.get_markerfacecolor())
        for line in axes_of(forest).lines
        if line.get_marker() in ("o", "D", "s") and line.get_markersize() > 4
    }
    assert len(set(marks.values())) == 4
    bars = {(patch.get_fill(), patch.get_linestyle() == "solid") for patch in axes_of(forest).patches}
    assert (False, False) in bars, "a control: hollow and dashed"


@pytest.mark.parametrize("rows", [0, 1, 40])
def test_a_forest_is_as_high_as_its_rows(rows: int) -> None:
    forest = one(*(ForestRow(f"row {n}", Interval(0.5)) for n in range(rows)))
    wide, high = forest_figure(forest).get_size_inches()
    assert wide == 7
    assert high == pytest.approx(0.28 * max(rows, 1) + 0.55, abs=0.2)


def test_a_missing_point_is_a_gap_and_lonely_ones_keep_their_band(curves: Curves) -> None:
    axes = axes_of(curves)
    drawn = [line for line in axes.lines if line.get_marker() == "o"]
    assert np.isnan(np.asarray(drawn[0].get_ydata())[2])
    lonely = Line("lonely", (1, 2, 3), (0.1, None, 0.3), (0.0, None, 0.2), (0.2, None, 0.4))
    (segments,) = (
        each for each in axes_of(replace(curves, lines=(lonely,))).collections if hasattr(each, "get_segments")
    )
    assert len(segments.get_segments()) == 2


def test_lines_are_told_apart_without_colour(curves: Curves) -> None:
    drawn = [line for line in axes_of(curves).lines if line.get_marker() != "None"]
    assert len(drawn) == len({line.get_marker() for line in drawn}) == 8
    panel = panel_of(curves, "name", NOBODY)
    assert len(set(re.findall(r"stroke-dasharray: ([\d., ]+)", panel.svg))) >= 7, "beside the one that is not dashed"


def test_the_key_stands_below_all_data(curves: Curves, forest: Forest) -> None:
    for drawing, figure in ((curves, curves_figure(curves)), (forest, forest_figure(forest))):
        figure.canvas.draw()
        (axes,) = figure.axes
        legend = axes.get_legend()
        assert legend is not None
        assert legend.get_window_extent().y1 < axes.get_window_extent().y0, drawing.title
        assert legend.get_window_extent().y0 > -2, "px: it is not cut off"
    words = [text.get_text() for text in axes_of(curves).get_legend().get_texts()]
    assert words == ["bright field", "P012", *(f"n{n}" for n in range(6)), "95 % interval", "one seed", "all called"]


def test_every_colour_is_one_of_the_page(forest: Forest, curves: Curves) -> None:
    for drawing in (forest, curves):
        panel = panel_of(drawing, "name", NOBODY)
        tags = " ".join(re.findall(r"<[^<>]*>", panel.svg))
        assert not re.findall(r"#[0-9a-fA-F]{6}\b|\brgb\(", tags)
        assert "var(--" in tags
        assert not re.findall(r'(?:id="|href="#|url\(#)(?!name-)', tags)
        assert "#0072B2 id=" in panel.svg or drawing is curves, "texts stay as they are"


def test_a_file_is_complete_and_on_white(forest: Forest, curves: Curves, tmp_path: Path) -> None:
    for name, drawing in (("forest", forest), ("curves", curves)):
        path = save_drawing(drawing, tmp_path, name, stamps=("made cells",))
        assert path == tmp_path / f"{name}.svg"
        first = path.read_bytes()
        assert save_drawing(drawing, tmp_path, name, stamps=("made cells",)).read_bytes() == first
        assert ElementTree.fromstring(first).tag.endswith("svg")
        assert b"fill: #ffffff" in first
        assert b"var(--" not in first
        assert b"<text" not in first, "letters are outlines: every machine shows the same"
    assert save_drawing(forest, tmp_path, "plain").read_bytes() != (tmp_path / "forest.svg").read_bytes()


@pytest.mark.parametrize(
    ("text", "within", "lines"),
    [
        pytest.param("one two", 5.0, ("one two",), id="fits"),
        pytest.param("one  \n two\t", 5.0, ("one two",), id="blanks"),
        pytest.param("", 1.0, ("",), id="nothing"),
    ],
)
def test_short_words_stay_in_a_line(text: str, within: float, lines: tuple[str, ...]) -> None:
    assert wrapped(text, within, 8.0) == lines


@pytest.mark.parametrize("text", ["word " * 50, "x" * 300, "a " + "y" * 40, "日本" * 30, "W" * 13])
@pytest.mark.filterwarnings("ignore:Glyph")
def test_no_line_is_wider_than_its_column(text: str) -> None:
    lines = wrapped(text, 1.0, 8.0)
    assert len(lines) <= 3
    assert all(width(line, 8.0) <= 1.0 for line in lines)
    letters = "".join(text.split())
    assert letters.startswith("".join(lines).replace(" ", "").rstrip("…"))


@pytest.mark.parametrize(
    ("limits", "most", "logarithmic", "numbers"),
    [
        pytest.param((0.0, 1.0), 6, False, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], id="unit"),
        pytest.param((0.45, 0.86), 5, False, ["0.5", "0.6", "0.7", "0.8"], id="F1"),
        pytest.param((-0.012, 0.054), 4, False, ["0.00", "0.02", "0.04"], id="difference"),
        pytest.param((-0.4, 0.1), 3, False, ["−0.4", "−0.2", "0.0"], id="minus"),
        pytest.param((900, 5200), 5, False, ["1,000", "2,000", "3,000", "4,000", "5,000"], id="thousands"),
        pytest.param((45, 1000), 6, True, ["50", "100", "200", "500", "1,000"], id="1, 2, 5"),
        pytest.param((0.001, 1000), 4, True, ["0.001", "0.1", "10", "1,000"], id="many powers"),
        pytest.param((3, 4.5), 4, True, ["3.0", "3.5", "4.0", "4.5"], id="less than a power"),
    ],
)
def test_ticks_are_round(limits: tuple[float, float], most: int, logarithmic: bool, numbers: list[str]) -> None:
    assert in_numbers(round_ticks(limits, most, logarithmic=logarithmic)) == numbers


@pytest.mark.parametrize("limits", [(0.94121, 0.94189), (1e6, 9e6), (0.0, 1e-6), (-2e5, 3e5)])
def test_numbers_of_an_axis_have_room(limits: tuple[float, float]) -> None:
    ticks = ticks_across(limits, 2.0)
    assert len(ticks) > 1
    assert all(limits[0] <= tick <= limits[1] for tick in ticks)
    assert sum(width(number, 7.5) for number in in_numbers(ticks)) < 2.0


@pytest.mark.parametrize(
    ("values", "logarithmic", "limits"),
    [
        pytest.param([0.2, None, 0.7, math.nan], False, (0.15, 0.75), id="known ones"),
        pytest.param([], False, (0, 1), id="none"),
        pytest.param([5.0], False, (4.4, 5.6), id="one"),
        pytest.param([0.0], False, (-0.6, 0.6), id="zero"),
        pytest.param([0, 10, 1000], True, (10**0.8, 10**3.2), id="no zero on a logarithmic axis"),
    ],
)
def test_a_range_has_a_margin(values: list[float | None], logarithmic: bool, limits: tuple[float, float]) -> None:
    assert around(values, 0.1, logarithmic=logarithmic) == pytest.approx(limits)


def test_a_key_takes_as_many_columns_as_have_room() -> None:
    short, long = tuple((None, f"n{n}") for n in range(4)), ((None, "long " * 12), (None, "b"))
    assert len(Key(short, 3.4).columns) == 4
    assert len(Key(short, 1.0).columns) == 1
    assert len(Key(long, 3.4).columns) == 1
    assert Key((), 3.4).height == 0


@pytest.mark.parametrize(
    ("name", "told"),
    [
        pytest.param("P012", "donor-1", id="an id alone"),
        pytest.param(" 12 ", "donor-2", id="a number alone"),
        pytest.param("12 cells", "12 cells", id="a count"),
        pytest.param("without p012", "without donor-1", id="in words"),
    ],
)
def test_names_in_drawings(name: str, told: str) -> None:
    assert Pseudonyms(["P012", "12"]).in_name(name) == told
    assert Pseudonyms(["P012", "12"], shown=True).in_name(name) == name


def test_an_unknown_kind_of_row_is_no_row() -> None:
    with pytest.raises(KeyError):
        axes_of(one(ForestRow("a", Interval(0.5), kind="other")))
