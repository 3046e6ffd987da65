"""docs/results/few-cells.md and its figure, from the rows of few-cells.csv."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from scipy import stats

from brightctc import files
from brightctc.metrics.resampling import resampled_figures
from brightctc.metrics.units import members_of
from few_cells_results import Result
from few_cells_rows import REFERENCES, ROWS, settings_of
from few_cells_tasks import TASKS, labels
from jurkat_page import CITATION
from machine import command, machine, versions

TITLES = {"mitotic": "mitotic among interphase", "prophase": "prophase among G2", "made": "made cells: patients' CTCs"}
PARTS = {"sealed": "Sealed parts, scored once", "test": "Test parts, on which recipes were chosen"}
AP = "average_precision"
RESAMPLES = 1000
GAINS = ("gain over plain", "gain over `default`")

INTRODUCTION = """# Few labelled cells

What each way to learn from few labelled cells brings, tested on bright field alone. Real cells: Jurkat cells of an
imaging flow cytometer, with a nuclear stain in place of DAPI; mitotic among interphase, and prophase among G2. The
phases were gated with that stain, so it nearly holds the label: teachers learn more from it here than DAPI would tell
of CTCs. Made cells: two lines and volunteers' leukocytes in training, patients in testing; samples of 20 further
patients, stained but not labelled, are among the cells without a label. **No figure here says anything about real
CTCs.**

- Average precision: mean of the draws of training cells that are done (last column). A row of fewer draws compares with
  others by its gains alone, which are of the same draws. A fifth of a draw's cells only choose the threshold; simple
  models and the plain fine-tune learn from these as well.
- *Plain*: the same network and first weights with timm and torchvision: 224 px, 30 epochs of batches of 16, flips,
  rotations, brightness and contrast, one orientation.
- Gains are paired: the same draws, the same tested cells. In brackets: 95 % intervals by the spread of 1,000 resamples
  of cells (made cells: of patients) and of the draws together; for other cells and draws like these, not for other
  instruments. One draw has no interval: how far trainings lie apart is not known of it. It is not little: the very
  same training (`mix`, prophase, 100 cells, draw 0) ended at 0.856 and at 0.876 on two processors, which round
  otherwise.
- Cells without a label: all others of the training donors and the pool, whose labels are not used.
- How teachers learn was chosen on labels of pool cells ([0027](../decisions/0027-teachers-of-numbers.md)). Chosen on
  the test parts: how often cells without a label come
  ([0029](../decisions/0029-cells-as-often-as-their-class.md)), how much of a crop is seen
  ([0030](../decisions/0030-as-much-of-the-crop-as-cells-take.md)), and recipes.
- Nothing was chosen on the sealed parts. What each model answers to their cells is written down when it is trained;
  their labels are looked at once, when all is chosen. What is missing has not been trained yet.
- `default` learns from bright field alone, in 600 steps. Rows with … are this recipe with one thing changed, in about
  the same time: where a step costs more, or teachers or first steps come on top, in fewer of them.
- One orientation: the same networks, asked once a cell at an eighth of the arithmetic, in place of the mean of a cell's
  eight orientations.
- Seconds: median of the draws, of several machines, some beside other work: no comparison of speed.
"""

NOTES = {
    "mix": "`mix` was worse than bright field alone at 917 cells and equal steps ([ablation](ablation.md)).",
    "folds": "Folds see whole crops, of made cells mostly background: one width would tell each network of the donors "
    "that judge it.",
    "student": "Asked once a cell, taught: students of these bundles; their seconds come on top of their teachers'.",
}
"""Lines of the introduction that belong to a row, where the row is there."""


@dataclass(frozen=True)
class Gain:
    """Differences of average precision, one a draw; low, high: the paired 95 % interval of their mean, NaN of one."""

    values: np.ndarray
    low: float
    high: float

    def __str__(self) -> str:
        ends = "" if np.isnan(self.low) else f" ({self.low:+.3f} to {self.high:+.3f})"
        return f"{self.values.mean():+.3f}{ends}"

    @property
    def shown(self) -> bool:
        """The interval lies above 0 or below it."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Line:
    """One row on one task and part: its draws, and what it gains on the same draws over each reference."""

    name: str
    results: list[Result]
    gains: dict[str, Gain]

    @property
    def mean(self) -> float:
        """Average precision over the draws."""
        return float(np.mean([result.average_precision for result in self.results]))


def write_page(results: list[Result], out: Path, work: Path) -> None:
    """Write few-cells.md and few-cells.svg into `out`; work: where the cohorts lie, whose labels are asked for."""
    found = {}
    for part in ("sealed", "test"):
        for key in TASKS:
            if of_task := lines(key, part, results, work):
                found[part, key] = of_task
    files.write_text(out / "few-cells.md", "\n".join(page(found)) + "\n")
    picture(found, out / "few-cells.svg")


def lines(key: str, part: str, results: list[Result], work: Path) -> list[Line]:
    """In the order of ROWS; of the latest settings alone, so maybe none."""
    own: dict[str, dict[int, Result]] = {}
    for result in results:
        if (
            (result.task, result.part) == (key, part)
            and result.is_judged
            and result.row in ROWS
            and result.settings == settings_of(key, result.row)
        ):
            own.setdefault(result.row, {})[result.draw] = result
    if not own:
        return []
    positive, groups = labels(key, part, work)
    return [
        Line(
            name,
            [own[name][draw] for draw in sorted(own[name])],
            {
                other: gain(key, own[name], own[other], positive, groups)
                for other in REFERENCES
                if other in own and other != name and own[name].keys() & own[other].keys()
            },
        )
        for name in ROWS
        if name in own
    ]


def gain(
    key: str, first: dict[int, Result], second: dict[int, Result], positive: np.ndarray, groups: list[str] | None
) -> Gain:
    """On the draws that both have: other cells would give other figures, and so would other draws and trainings.

    Student's t with the variances of both added, and Satterthwaite's degrees of freedom (Biometrics Bulletin 2:110,
    1946). One draw says nothing of how far draws lie apart, so it has no interval.
    """
    draws = sorted(first.keys() & second.keys())
    values = np.array([first[draw].average_precision - second[draw].average_precision for draw in draws])
    if len(draws) < 2:
        return Gain(values, np.nan, np.nan)
    members = members_of(positive.size, TASKS[key].unit, groups)
    apart = [_resampled(positive, first[draw], members) - _resampled(positive, second[draw], members) for draw in draws]
    variances = np.array([np.mean(apart, axis=0).var(ddof=1), values.var(ddof=1) / len(draws)])
    freedom = np.array([members.max(), len(draws) - 1])
    reach = stats.t.ppf(0.975, variances.sum() ** 2 / (variances**2 / freedom).sum()) * np.sqrt(variances.sum())
    return Gain(values, values.mean() - reach, values.mean() + reach)


def _resampled(positive: np.ndarray, result: Result, members: np.ndarray) -> np.ndarray:
    return resampled_figures(positive, [result.scored], members, RESAMPLES, 0, [AP])[AP]


def page(found: dict[tuple[str, str], list[Line]]) -> Iterator[str]:
    """The lines of few-cells.md."""
    there = {line.name for lines in found.values() for line in lines}
    yield INTRODUCTION + "".join(f"- {words}\n" for name, words in NOTES.items() if name in there)
    for part in ("sealed", "test"):
        tasks = [key for side, key in found if side == part]
        if tasks:
            yield f"## {PARTS[part]}\n"
            yield from summary({key: found[part, key] for key in tasks})
        for key in tasks:
            yield from table(key, found[part, key])
    yield "![Average precision by row and task](few-cells.svg)\n"
    beside = "two trainings at a time, one thread each, some beside other work"
    yield f"{machine()}; {beside}. {versions()}. Made by `{command()}`.\n"
    yield CITATION


def summary(found: dict[str, list[Line]]) -> Iterator[str]:
    """What each recipe gains over the default one, bright field alone: a column a task."""
    yield "### Gains over `default`, bright field alone\n"
    yield "Average precision, in about the same time. **Bold**: the interval does not hold 0; all others show neither a"
    yield "gain nor that there is none. Not corrected for the number of rows. In square brackets: in how many draws it"
    yield "was better, of how many. (In the tables below, bold is the highest of rows with all draws.)\n"
    heads = ["", *(f"{TASKS[key].name}, {TASKS[key].cells}" for key in found)]
    yield f"| {' | '.join(heads)} |\n| --- {'| ---: ' * len(found)}|"
    for name, row in ROWS.items():
        if row.is_recipe and not row.upright_of and name not in REFERENCES:
            cells = [_gained(line) for lines in found.values() for line in [_named(name, lines)]]
            if any(cells):
                yield f"| {' | '.join([row.words, *cells])} |"
    yield ""


def _named(name: str, found: list[Line]) -> Line | None:
    return next((line for line in found if line.name == name), None)


def _gained(line: Line | None) -> str:
    gained = None if line is None else line.gains.get("default")
    if line is None or gained is None:
        return ""
    words = f"**{gained}**" if gained.shown else str(gained)
    return f"{words} [{int((gained.values > 0).sum())}/{len(gained.values)}]"


def table(key: str, found: list[Line]) -> Iterator[str]:
    """One task."""
    task, some = TASKS[key], found[0].results[0]
    yield f"### {TITLES[task.name]}, {task.cells} labelled cells\n"
    yield f"Tested on {some.positives} positive and {some.cells - some.positives} negative cells.\n"
    heads = ["row", "average precision", "lowest, highest", "ROC-AUC", "F1", *GAINS, "seconds", "draws"]
    yield f"| {' | '.join(heads)} |\n| --- {'| ---: ' * (len(heads) - 1)}|"
    whole = [line for line in found if len(line.results) == task.draws] or found
    best = max(line.mean for line in whole)
    for line in found:
        precision = [result.average_precision for result in line.results]
        words = f"**{line.mean:.3f}**" if line in whole and line.mean == best else f"{line.mean:.3f}"
        f1 = float(np.mean([result.f1 for result in line.results]))
        cells = [
            ROWS[line.name].words,
            words,
            f"{min(precision):.3f}, {max(precision):.3f}" if len(precision) > 1 else "—",
            f"{np.mean([result.roc_auc for result in line.results]):.3f}",
            "—" if np.isnan(f1) else f"{f1:.3f}",
            *(str(line.gains.get(other, "")) for other in REFERENCES),
            f"{np.median([result.seconds for result in line.results]):.0f}",
            f"{len(line.results)} of {task.draws}",
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""


def picture(found: dict[tuple[str, str], list[Line]], path: Path) -> None:
    """A panel a task: every draw a dot, their mean a stroke."""
    shown = {key: found.get(("sealed", key)) or lines for (part, key), lines in found.items() if part == "test"}
    figure, axes = plt.subplots(
        1, len(shown), figsize=(3.1 * len(shown), 1.6 + 0.24 * len(ROWS)), sharey=True, squeeze=False
    )
    there = {line.name for lines in shown.values() for line in lines}
    order = [name for name in reversed(ROWS) if name in there]
    for axis, (key, found_lines) in zip(axes[0], shown.items(), strict=True):
        for line in found_lines:
            y = order.index(line.name)
            colour = "#b5532a" if line.name == "accurate" else "#35618f" if ROWS[line.name].is_recipe else "#8a8a8a"
            whole = len(line.results) == TASKS[key].draws
            if whole:
                axis.plot([line.mean] * 2, [y - 0.32, y + 0.32], color=colour, lw=2.5)
            axis.scatter(
                [result.average_precision for result in line.results],
                [y] * len(line.results),
                s=14,
                edgecolors=colour,
                facecolors=colour if whole else "none",
            )
        means = [result.average_precision for line in found_lines for result in line.results]
        axis.set_xlim(max(0, min(means) - 0.05), min(1, max(means) + 0.02))
        axis.set_title(f"{TITLES[TASKS[key].name]}\n{TASKS[key].cells} labelled cells", fontsize=9)
        axis.tick_params(labelsize=8)
        axis.grid(axis="x", alpha=0.3)
    axes[0][0].set_yticks(range(len(order)), [ROWS[name].words.replace("`", "") for name in order])
    figure.supxlabel(
        "average precision (dots: draws; strokes: their mean; hollow: some draws alone, not to be compared by eye)",
        fontsize=9,
    )
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
