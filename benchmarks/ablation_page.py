"""docs/results/ablation.md and its figure, from the studies."""

from pathlib import Path

from brightctc.evaluate.wording import shown
from brightctc.metrics import Interval
from brightctc.report.drawing import save_drawing
from brightctc.study.comparing import Pair
from brightctc.study.measuring import Row
from brightctc.study.studying import StudyResult
from brightctc.study.tables import forest
from brightctc.study.wording import NAMES, form_of, verdict
from machine import command, machine, versions

FIGURES = ("average_precision", "f1", "roc_auc", "recall", "false_calls_per_1000")
PAPER = {"AUG1": 0.709, "AUG2": 0.757, "AUG3": 0.777, "AUG3+DAPI": 0.798}  # F1, arXiv 2503.03410
EXAMS = {"test": "Test part", "sealed": "Sealed part, scored once", "dapi": "Tested on images of the stain"}


def write_page(whole: tuple[StudyResult, float], papers: tuple[StudyResult, float], steps: int, out: Path) -> None:
    """Every figure on the page is computed from the studies' results."""
    result, minutes = whole
    test = [row for row in result.rows if row.exam.name == "test"]
    save_drawing(
        forest(test, "average_precision"),
        out,
        "ablation",
        stamps=test[0].claim.stamps,
    )
    lines = [*_head(result, minutes, steps, test[0])]
    for exam, title in EXAMS.items():
        rows = [row for row in result.rows if row.exam.name == exam]
        if rows:
            lines += ["", f"## {title}: {rows[0].class_ratio}", "", *_table(rows)]
    lines += ["", "![Average precision of each row](ablation.svg)", "", "## Declared pairs", "", *_pairs(result)]
    lines += ["", "## Beside the paper", "", *_beside(result), "", *_HALF, "", *_slow(papers[0], papers[1])]
    lines += ["", f"{machine()}. {versions()}. Made by `{command()}`.", "", _SOURCE, ""]
    (out / "ablation.md").write_text("\n".join(lines), encoding="utf-8")


def _head(result: StudyResult, minutes: float, steps: int, row: Row) -> list[str]:
    seeds = len(row.seeds)
    runs = 0 if result.results is None else len({(v, s) for v, s, k in result.results.select(
        "variant", "seed", "kind").iter_rows() if k != "baseline"})  # fmt: skip
    return [
        "# Which augmentations help, and does DAPI in training? (real cells)",
        "",
        "Mitotic among interphase Jurkat cells, with a nuclear stain in place of DAPI. These are not tumour cells and",
        "leukocytes: no figure here says anything about CTCs. The phases were gated with that stain, so its image",
        "nearly holds the label: a gain by it would be no surprise here.",
        "",
        f"- `brightctc study ablation`, default network and recipe, {steps} steps of 32 images in every row,",
        f"  {seeds} seeds a row; bright field alone in validation and test.",
        "- 917 cells (300 mitotic) for training and validation. No donors: **cells and seeds only; not for new",
        "  patients.**",
        f"- {runs} runs in {minutes:.0f} minutes, simple models and the sealed part included; two at a time, one",
        "  thread each.",
        f"- Declared before the first run: hash `{result.declared['hash']}`, primary figure average precision.",
    ]


def _table(rows: list[Row]) -> list[str]:
    lines = [
        f"| row | seeds | {' | '.join(NAMES[name] for name in FIGURES)} |",
        "| --- | ---: |" + " ---: |" * len(FIGURES),
    ]
    for row in rows:
        figures = [shown(row.figures[name], form_of(name)) for name in FIGURES]
        lines.append(f"| {row.shown} | {len(row.seeds)} | {' | '.join(figures)} |")
    return [*lines, "", f"Means over seeds; in brackets: {rows[0].meaning}."]


def _pairs(result: StudyResult) -> list[str]:
    lines = []
    for exam, title in EXAMS.items():
        pairs = [pair for pair in result.pairs if pair.primary and pair.first.exam.name == exam]
        if pairs:
            lines += [f"{title}:", "", *(f"- {verdict(pair).text}" for pair in pairs), ""]
    primary = [pair for pair in result.pairs if pair.primary and pair.first.exam.name == "test"]
    lines += ["Over seeds alone (description, the noise of training):", ""]
    return lines + [f"- {pair.first.name} − {pair.second.name}: {pair.over_seeds.words}" for pair in primary]


def _beside(result: StudyResult) -> list[str]:
    """The paper's steps in F1 beside ours, in words."""
    ours = {(p.first.name, p.second.name): p for p in result.pairs if p.figure == "f1" and p.first.exam.name == "test"}
    lines = [
        "| step | F1 in the paper (CTCs, 52 positives) | F1 here (95 % interval) | |",
        "| --- | ---: | ---: | --- |",
    ]
    for first, second in (("AUG2", "AUG1"), ("AUG3", "AUG2"), ("AUG3+DAPI", "AUG3")):
        pair = ours[(first, second)]
        gain = PAPER[first] - PAPER[second]
        told = f"{gain:+.3f} ({PAPER[second]} to {PAPER[first]})"
        lines.append(f"| {first} against {second} | {told} | {_signed(pair)} | {_agrees(gain, pair.difference)} |")
    dapi = next((row for row in result.rows if row.exam.name == "dapi"), None)
    if dapi is not None:
        constant = dapi.constant.f1
        lines += ["", f"Tested on images of the stain, the network that was trained with them reaches F1 "
                  f"{shown(dapi.figures['f1'], '.3f')}; calling every cell reaches {constant:.3f}. The paper "
                  "gives 0.510 for its own."]  # fmt: skip
    return lines


def _signed(pair: Pair) -> str:
    return shown(pair.difference, "+.3f")


def _agrees(gain: float, ours: Interval) -> str:
    if ours.low is None or ours.high is None:
        return ""
    if ours.low <= gain <= ours.high:
        holds = "and no gain either" if ours.low <= 0 <= ours.high else "and excludes no gain"
        return f"the interval holds the paper's gain, {holds}"
    if ours.high < 0:
        return "contradicts the paper: worse here"
    return "contradicts the paper: " + ("no gain is shown, and one as large as that is excluded" if ours.high < gain
                                        else "a larger gain here")  # fmt: skip


def _slow(result: StudyResult, minutes: float) -> list[str]:
    """The paper's learning rate at the same steps."""
    rows = [row for row in result.rows if row.exam.name == "test"]
    return [
        "## The paper's learning rate, 1e-7",
        "",
        f"The same rows and steps at a learning rate of 1e-7, one seed each ({minutes:.0f} minutes):",
        "",
        *_table(rows),
        "",
        "AdamW moves a weight by about the learning rate a step, so that at 1e-7 so few steps leave every row near",
        "chance. There, rows with more steps move further: that is why rows are compared at equal steps here.",
    ]


_HALF = (
    "At equal steps the rows with DAPI show each bright-field image half as often. Where AUG3+DAPI is worse than AUG3",
    "and no different from AUG3+permuted, the labels of the stain's images taught nothing that bright field could use,",
    "and the loss may come from the halved share of bright field alone: AUG3+repeat, which keeps it, loses less or",
    "nothing.",
)
_SOURCE = (
    "Cells: github.com/minh-doan/MLCP (commit 4b4d936), BSD 3-Clause; living Jurkat cells of an imaging flow "
    "cytometer, 40 × 40 px."
)
