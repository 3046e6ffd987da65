"""docs/results/morphology.md and its figure."""

import statistics
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib import pyplot as plt

from brightctc import files
from brightctc.baselines.picture import NAMES
from brightctc.evaluate.panels import STYLE
from brightctc.metrics import Interval, Intervals, figures, intervals
from jurkat_page import CITATION, Draw, spread
from machine import command, machine, versions

STAIN = "nucleus (DAPI)"
SHOWN = 20  # features in the table and the figure
COLOURS = {
    "size and shape": "#D55E00",
    "edge": "#0072B2",
    "intensity": "#E69F00",
    "texture": "#009E73",
    "granularity": "#CC79A7",
    "rings and symmetry": "#56B4E9",
}
FIGURES = {"roc_auc": "ROC-AUC", "average_precision": "average precision", "f1": "F1"}


@dataclass(frozen=True)
class Separation:
    """One feature: Cliff's δ between the classes, medians of the positive and the negative class."""

    column: str
    group: str
    meaning: str
    delta: Interval
    medians: tuple[float, ...]


@dataclass(frozen=True)
class Outlined:
    """Dice of cells and nuclei at one objective and defocus (µm), and the found over the true diameter of the cells."""

    objective: str
    defocus: float
    cells: list[float]
    nuclei: list[float]
    ratios: list[float]


@dataclass(frozen=True)
class Speed:
    """Cells a second in each round."""

    words: str
    cells: int
    per_second: list[float]


def write_page(
    *,
    draws: list[Draw],
    separations: list[Separation],
    counts: tuple[int, int],
    doublets: dict[str, float],
    outlined: list[Outlined],
    speeds: list[Speed],
    out: Path,
) -> None:
    """Write morphology.md and morphology.svg into `out`."""
    found = {
        name: intervals(draws[0].positive, [draw.rows[name].scored for draw in draws], unit="cell")
        for name in draws[0].rows
    }
    lines = [
        *_features(separations, counts),
        *_doublets(doublets),
        *_models(draws, found),
        *_outlines(outlined),
        *_speeds(speeds),
        f"{machine()}. {versions()}. Made by `{command()}`.\n\n{CITATION}",
    ]
    files.write_text(out / "morphology.md", "\n".join(lines) + "\n")
    picture([each for each in separations if each.group != STAIN][:SHOWN], out / "morphology.svg")


def _prose(*parts: str) -> str:
    """A paragraph in lines of up to 120 characters."""
    return textwrap.fill(" ".join(parts), 120, break_long_words=False, break_on_hyphens=False)


def _features(separations: list[Separation], counts: tuple[int, int]) -> Iterator[str]:
    bright = [each for each in separations if each.group != STAIN]
    alike = sum(abs(each.delta.value or 0) < 0.1 for each in bright)
    yield "# Morphology: what separates the classes, and what simple models reach\n"
    yield _prose(
        "Mitotic among interphase Jurkat cells. **These are not tumour cells and leukocytes: no figure here",
        "says anything about CTCs.** No donors are known: cells only; not for new patients.",
    )
    yield "\n## Which features differ\n"
    yield _prose(
        f"Cliff's δ between {counts[0]:,} mitotic and {counts[1]:,} interphase cells: P(mitotic larger) −",
        "P(mitotic smaller), 0: no difference, ±1: no overlap; with the 95 % interval of 1,000 resamples of",
        "cells. Many features tell much the same: neighbours in the list are not independent. δ describes this",
        "set; no test part was set aside.",
    )
    yield f"\n![The {SHOWN} bright-field features with the largest effect](morphology.svg)\n"
    yield from _table(bright[:SHOWN])
    yield ""
    yield _prose(
        f"Of {len(bright)} bright-field features {alike} have |δ| under 0.1. The stain's largest (phases were",
        "gated with it, so they are nearly the label):",
    )
    yield ""
    yield from _table([each for each in separations if each.group == STAIN][:5])


def _table(rows: list[Separation]) -> Iterator[str]:
    yield "| feature | group | δ | mitotic: median | interphase: median | what it is |"
    yield "| --- | --- | ---: | ---: | ---: | --- |"
    for each in rows:
        delta = each.delta
        ends = "" if delta.low is None else f" ({delta.low:+.2f} to {delta.high:+.2f})"
        medians = " | ".join(f"{value:.3g}" for value in each.medians)
        yield f"| `{each.column}` | {each.group} | {delta.value:+.2f}{ends} | {medians} | {each.meaning} |"


def _doublets(doublets: dict[str, float]) -> Iterator[str]:
    shares = ", ".join(f"{phase.removesuffix('_phase')} {100 * share:.1f} %" for phase, share in doublets.items())
    yield ""
    yield _prose(
        f"Cells flagged `touching_cells` (two bodies), by phase: {shares}. In telophase two daughters are in",
        "contact. The rule was made on this set, so this is no test of it.",
    )


def _models(draws: list[Draw], found: dict[str, Intervals]) -> Iterator[str]:
    yield "\n## What each baseline reaches beside the network\n"
    yield _prose(
        f"The splits and test cells of [the other page](jurkat.md): {len(draws)} draws of {draws[0].learned[0]}",
        f"cells ({draws[0].learned[1]} mitotic) to learn from, {draws[0].positive.size:,} test cells; bright",
        "field alone; thresholds from validation cells. Mean of the draws [lowest, highest]; below it the 95 %",
        "interval of that mean over test cells.",
    )
    yield f"\n| model | {' | '.join(FIGURES.values())} |\n| --- {'| ---: ' * len(FIGURES)}|"
    order = sorted(found, key=lambda name: -(found[name].figures["average_precision"].value or 0))
    for name in order:
        each = [figures(draw.positive, draw.rows[name].scored) for draw in draws]
        values = []
        for key in FIGURES:
            ends = found[name].figures[key]
            told = "no interval" if ends.low is None else f"{ends.low:.3f} to {ends.high:.3f}"
            values.append(f"{spread([draw[key] for draw in each], 3)}<br>{told}")
        yield f"| {NAMES.get(name, f'**{name}**')} | {' | '.join(values)} |"


def _outlines(outlined: list[Outlined]) -> Iterator[str]:
    yield "\n## Outlines against the truth\n"
    yield _prose(
        "Cells and nuclei imaged by calculation: partially coherent bright field through a textured phase",
        "object of 3.3 to 7.5 µm radius, DAPI slices of nuclei of 2.3 to 6 µm through the widefield point",
        f"spread function; noise 1 %, tilted light; {len(outlined[0].cells)} cells a row. Dice: twice the shared",
        "area over the sum of both. A positive defocus is past the cell. They were made for this check and are",
        "simpler than life.",
    )
    heads = (
        "objective",
        "defocus, µm",
        "cells: median Dice",
        "lowest",
        "diameter found / true",
        "nuclei: median Dice",
        "lowest",
    )
    yield f"\n| {' | '.join(heads)} |\n| --- {'| ---: ' * (len(heads) - 1)}|"
    for row in outlined:
        cells = (statistics.median(row.cells), min(row.cells), statistics.median(row.ratios))
        nuclei = (statistics.median(row.nuclei), min(row.nuclei))
        values = [row.objective, f"{row.defocus:+g}", *(f"{value:.2f}" for value in (*cells, *nuclei))]
        yield f"| {' | '.join(values)} |"


def _speeds(speeds: list[Speed]) -> Iterator[str]:
    yield "\n## Speed\n"
    yield "The command `brightctc measure`, to a Parquet file, from its start to its end.\n"
    yield "| images | cells | cells/s: median | lowest | highest |\n| --- | ---: | ---: | ---: | ---: |"
    for each in speeds:
        rates = (statistics.median(each.per_second), min(each.per_second), max(each.per_second))
        yield f"| {each.words} | {each.cells:,} | {' | '.join(f'{rate:.0f}' for rate in rates)} |"
    yield ""


def picture(rows: list[Separation], path: Path) -> None:
    """The largest effects with their intervals, coloured by group."""
    style = {key: value for key, value in STYLE.items() if key != "text.parse_math"}
    with mpl.rc_context(style):
        figure, axes = plt.subplots(figsize=(7.2, 0.24 * len(rows) + 0.9), layout="constrained")
        for height, each in enumerate(rows[::-1]):
            colour = COLOURS[each.group]
            axes.plot([each.delta.low, each.delta.high], [height, height], color=colour, lw=2.4, alpha=0.5)
            axes.plot([each.delta.value], [height], "o", color=colour, ms=4.5)
        axes.axvline(0, color="0.4", lw=0.8)
        axes.set_yticks(range(len(rows)), [each.column for each in rows[::-1]])
        axes.set(xlim=(-1, 1), xlabel="Cliff's δ:  smaller in mitotic cells  ←  0  →  larger in mitotic cells")
        axes.grid(axis="x", color="0.9")
        axes.set_axisbelow(True)
        groups = dict.fromkeys(each.group for each in rows)
        handles = [plt.Line2D([], [], marker="o", ls="", color=COLOURS[group], label=group) for group in groups]
        axes.legend(handles=handles, loc="center left", bbox_to_anchor=(1.0, 0.5))
        with files.new_file(path) as beside:
            figure.savefig(beside, format="svg", metadata={"Date": None})
        plt.close(figure)
