"""docs/results/jurkat.md and its figure, from the draws that benchmarks/jurkat.py kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

from brightctc import files
from brightctc.baselines.picture import NAMES
from brightctc.metrics import Intervals, Scored, figures, intervals
from machine import command, machine, versions

FIGURES = {
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "f1": "F1",
    "recall": "recall",
    "false_calls_per_1000": "false calls per 1,000 negatives",
}
CITATION = (
    "Cells: github.com/minh-doan/MLCP (commit 4b4d936), BSD 3-Clause; living Jurkat cells of an imaging flow "
    "cytometer, 40 × 40 px."
)


@dataclass(frozen=True)
class Row:
    """One model's answers for the test cells: logit, called, score (arrays of n), and what they cost.

    seconds: of training. new_false_calls: per 1,000 cells of Experiment_2, all of them negative.
    """

    logit: np.ndarray
    called: np.ndarray
    score: np.ndarray
    seconds: float
    new_false_calls: float

    @property
    def scored(self) -> Scored:
        """For the metrics."""
        return Scored(self.logit, self.called, self.score)


@dataclass(frozen=True)
class Draw:
    """One draw of training cells. learned: cells and positives among them; rows: by the model's name."""

    cells: list[str]
    positive: np.ndarray
    learned: tuple[int, int]
    rows: dict[str, Row]

    def write(self, path: Path) -> None:
        """Keep the draw as arrays."""
        arrays = {"cells": np.array(self.cells), "positive": self.positive, "learned": np.array(self.learned)}
        for name, row in self.rows.items():
            arrays |= {f"{name}/logit": row.logit, f"{name}/called": row.called, f"{name}/score": row.score}
            arrays[f"{name}/costs"] = np.array([row.seconds, row.new_false_calls])
        with files.new_file(path) as beside:
            np.savez_compressed(beside, allow_pickle=False, **arrays)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what `write` kept."""
        with np.load(path) as kept:
            names = [key.removesuffix("/costs") for key in kept.files if key.endswith("/costs")]
            rows = {
                name: Row(*(kept[f"{name}/{part}"] for part in ("logit", "called", "score")), *kept[f"{name}/costs"])
                for name in names
            }
            return cls(kept["cells"].tolist(), kept["positive"], tuple(kept["learned"].tolist()), rows)


def write_page(draws: list[Draw], phases: dict[str, str], out: Path) -> None:
    """Write jurkat.md and jurkat.svg into `out`; phases: of each cell id."""
    assert all(draw.cells == draws[0].cells for draw in draws), "every draw is tested on the same cells"
    found = {
        name: intervals(draws[0].positive, [draw.rows[name].scored for draw in draws], unit="cell")
        for name in draws[0].rows
    }
    out.mkdir(parents=True, exist_ok=True)
    files.write_text(out / "jurkat.md", "\n".join(page(draws, found, phases)) + "\n")
    picture(draws, found, out / "jurkat.svg")


def page(draws: list[Draw], found: dict[str, Intervals], phases: dict[str, str]) -> Iterator[str]:
    """The lines of jurkat.md."""
    positive, (learned, learned_positive) = draws[0].positive, draws[0].learned
    negatives = int((~positive).sum())
    yield "# Mitotic among interphase Jurkat cells, bright field only\n"
    yield "These are not tumour cells and leukocytes: no figure here says anything about CTCs. The task stands in for"
    yield "rare cells among common ones, with few hundred positives; phases were gated with a DNA stain.\n"
    yield f"- Learning: {learned} cells ({learned_positive} mitotic) of Experiment_1 for training and validation, drawn"
    yield f"  {len(draws)} times (seed 0, draws 0 to {len(draws) - 1}). Thresholds: largest F1 on validation cells."
    yield f"- Test: {positive.size} other cells of Experiment_1, the same in every draw: {int(positive.sum())} mitotic,"
    yield f"  {negatives} interphase (1 to {negatives / positive.sum():.1f})."
    yield "- Two cells stand in Experiment_1 twice, as `brightctc check` found; each was left out once."
    yield "- New sample: Experiment_2, another day, cells in G1 alone: every call is false."
    yield "- **No donors: cells and draws only; not for new patients.**\n"
    heads = ["", *FIGURES.values(), "false calls per 1,000 in the new sample", "seconds of training"]
    yield f"| {' | '.join(heads)} |\n| --- {'| ---: ' * (len(heads) - 1)}|"
    for name in found:
        rows = [draw.rows[name] for draw in draws]
        costs = [spread([row.new_false_calls for row in rows], 1), spread([row.seconds for row in rows], 1)]
        yield f"| {' | '.join([NAMES.get(name, f'**{name}**'), *cells_of(rows, positive, found[name]), *costs])} |"
    yield "\nEach cell: mean of the draws [lowest, highest]; below it the 95 % interval of that mean"
    yield f"({found[next(iter(found))].meaning}); a seed is a draw here.\n\n![Figures by model](jurkat.svg)\n"
    yield "The network's false calls by phase, per 1,000 test cells of it, mean of the draws:"
    yield f"{by_phase(draws, phases)}. Cells in G2 are about to divide; those in G1, as all of the new sample,"
    yield "have just divided. Border pixels alone, with the cell and 7 px around it erased, still tell a little more"
    yield "than chance: the background of mitotic cells' crops is a third of a grey level (of 677) brighter, also 10 px"
    yield "away from any object. Whether that is light from the cell or how the set was made is not known.\n"
    yield f"{machine()}. {versions()}. Made by `{command()}`.\n\n{CITATION}"


def by_phase(draws: list[Draw], phases: dict[str, str]) -> str:
    """False calls of the first row, per 1,000 cells of each phase among the negatives."""
    network = next(iter(draws[0].rows))
    called = np.mean([draw.rows[network].called for draw in draws], axis=0)
    phase = np.array([phases[cell] for cell in draws[0].cells])
    rates = {name: 1000 * called[(phase == name) & ~draws[0].positive].mean() for name in ("G1", "S_phase", "G2")}
    return ", ".join(f"{name.removesuffix('_phase')} {rate:.1f}" for name, rate in rates.items())


def cells_of(rows: list[Row], positive: np.ndarray, found: Intervals) -> Iterator[str]:
    """The table cells of one model: mean [lowest, highest], and the interval of the mean."""
    each = [figures(positive, row.scored) for row in rows]
    for name in FIGURES:
        digits = 1 if name == "false_calls_per_1000" else 3
        interval = found.figures[name]
        ends = [f"{end:.{digits}f}" for end in (interval.low, interval.high) if end is not None]
        yield f"{spread([values[name] for values in each], digits)}<br>{' to '.join(ends) or 'no interval'}"


def spread(values: list[float], digits: int) -> str:
    """Mean [lowest, highest]."""
    return f"{np.mean(values):.{digits}f} [{min(values):.{digits}f}, {max(values):.{digits}f}]"


def picture(draws: list[Draw], found: dict[str, Intervals], path: Path) -> None:
    """ROC-AUC and average precision of each model: a point a draw, the mean and its interval."""
    mpl.rcParams["svg.hashsalt"] = "brightctc"  # the same figures give the same file
    names = list(found)[::-1]
    figure, axes = plt.subplots(1, 2, figsize=(9, 0.45 * len(names) + 1), sharey=True, layout="constrained")
    for axis, key in zip(axes, ("roc_auc", "average_precision"), strict=True):
        for height, name in enumerate(names):
            interval = found[name].figures[key]
            points = [figures(draw.positive, draw.rows[name].scored)[key] for draw in draws]
            axis.plot(points, [height] * len(points), "o", color="0.6", markersize=4)
            if interval.low is not None:
                axis.plot([interval.low, interval.high], [height, height], color="C0", linewidth=2)
            axis.plot([interval.value], [height], "|", color="C0", markersize=14, markeredgewidth=2)
        axis.set(xlabel=FIGURES[key], yticks=range(len(names)), yticklabels=[NAMES.get(n, n) for n in names])
        axis.grid(axis="x", color="0.9")
    figure.suptitle("grey: draws; blue: their mean with the 95 % interval over test cells", fontsize=9)
    with files.new_file(path) as beside:
        figure.savefig(beside, format="svg", metadata={"Date": None})
    plt.close(figure)
