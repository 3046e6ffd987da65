"""Where few validation cells put the line: the F1 that is lost on new cells, by the rule and by what these cells like.

    python benchmarks/thresholds.py [--work build/few_cells]      (or: make bench-thresholds)

Takes the networks that benchmarks/few_cells.py has trained and kept, with bright field alone and with DAPI, on real and
made cells, and the cells of their test parts. Writes docs/results/thresholds.md.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brightctc import Bundle, files
from brightctc.cohort import Cohort
from brightctc.metrics import choose_threshold, confusion
from brightctc.predict import score_cells
from brightctc.preprocess import Channel
from few_cells_rows import TRAINED
from few_cells_tasks import TASKS
from jurkat import DATA, ROOT, say
from jurkat_page import CITATION
from machine import command, machine, versions

PAGE = ROOT / "docs/results/thresholds.md"
RECIPES = ("default", "accurate")
SIZES = (20, 40, 100, 200, 400)
REPEATS = 20
LEAST = 4  # positive cells that are expected among those that choose
INTRODUCTION = """# The threshold, measured

A threshold is chosen on validation cells and kept. With few positive cells among them, the line that gives these few
the largest F1 is a matter of chance. brightctc puts it where the largest F1 is expected (docs/decisions/0032). Here
both rules choose on the same cells and are tested on others: F1 that is lost beside the best line for the tested
cells, which nobody knows. Smaller is better.

The networks are those of [few cells](few-cells.md), tested on its test parts. The rule's two numbers were chosen on
some of these cells: development.
"""


def liked_best(logit: np.ndarray, positive: np.ndarray) -> float:
    """The line with the largest F1 on these cells; of several the middle of the widest gap."""
    order = np.argsort(-logit)
    found, called = np.cumsum(positive[order]), np.arange(1, logit.size + 1)
    f1 = 2 * found / (called + positive.sum())
    gap = -np.diff(logit[order], append=logit.min() - 0.02)
    index = max(np.flatnonzero(f1 == f1.max()), key=lambda at: gap[at])
    return float(logit[order][index] - gap[index] / 2)


def expected(logit: np.ndarray, positive: np.ndarray) -> float:
    """Ours."""
    return choose_threshold(logit, positive).logit


RULES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "what these cells like best": liked_best,
    "largest expected F1 (the product's)": expected,
    "a score of 0.5": lambda _logit, _positive: 0.0,
}


@dataclass(frozen=True)
class Tested:
    """Logits and labels of a network's test part and validation part."""

    task: str
    row: str
    logit: np.ndarray
    positive: np.ndarray
    own_logit: np.ndarray
    own_positive: np.ndarray


def networks(work: Path) -> Iterator[Tested]:
    """Those that are trained; logits are kept beside them."""
    for key, task in TASKS.items():
        for draw in range(task.draws):
            for row in RECIPES:
                root = work / "cohorts" / f"{key}-{draw}-{task.hash}"
                run = work / "runs" / f"{root.name}-{row}-{TRAINED[row].hash}"
                if not run.with_name(f"{run.name}.seconds").is_file():
                    continue
                bundle, cohort = Bundle.read(run / "bundle"), Cohort.read(root)
                rows, kept = cohort.part("test"), run.with_name(f"{run.name}.logits.npy")
                if not kept.is_file():
                    paths: dict[Channel, list[Path | None]] = {"bright_field": cohort.paths(rows, "bright_field")}
                    chunks = [chunk.logit for chunk in score_cells(bundle, paths, workers=1, threads=1)]
                    np.save(kept, np.concatenate(chunks))
                    say(f"scored {run.name}")
                own = bundle.validation
                yield Tested(key, row, np.load(kept).astype(float), cohort.positive(rows).to_numpy(),
                             np.array(own.logit), np.array(own.positive))  # fmt: skip


def f1(line: float, logit: np.ndarray, positive: np.ndarray) -> float:
    """Of the cells at or above a line."""
    return confusion(positive, logit >= line).f1


def best(logit: np.ndarray, positive: np.ndarray) -> float:
    """The largest F1 that a line gives these cells."""
    return f1(liked_best(logit, positive), logit, positive)


def lost(found: list[Tested], size: int, prepare: Callable[[Tested, np.random.Generator], Tested]) -> list[float]:
    """Mean loss by each rule, chosen on `size` cells of a test part and tested on the others; none where they lack."""
    losses = []
    for each in found:
        rng = np.random.default_rng(size)
        for _ in range(REPEATS):
            drawn = prepare(each, rng)
            order = rng.permutation(drawn.logit.size)
            one, other = order[:size], order[size:]
            new = drawn.logit[other], drawn.positive[other]
            expected_there = size * drawn.positive.mean()
            if other.size < size / 2 or expected_there < LEAST or drawn.positive[one].sum() < 2 or new[1].sum() < 5:
                continue
            lines = [rule(drawn.logit[one], drawn.positive[one]) for rule in RULES.values()]
            losses.append([best(*new) - f1(line, *new) for line in lines])
    return np.mean(losses, axis=0).tolist() if len(losses) > REPEATS else []


def changed(shift: float, stretch: float, negatives: int | None) -> Callable[[Tested, np.random.Generator], Tested]:
    """Logits of a network that believes otherwise; so many negatives for each positive cell."""

    def prepare(each: Tested, rng: np.random.Generator) -> Tested:
        kept = np.arange(each.logit.size)
        if negatives is not None:
            few = rng.choice(np.flatnonzero(each.positive), (~each.positive).sum() // negatives, replace=False)
            kept = np.append(np.flatnonzero(~each.positive), few)
        return Tested(each.task, each.row, stretch * each.logit[kept] + shift, each.positive[kept],
                      each.own_logit, each.own_positive)  # fmt: skip

    return prepare


CASES = {
    "as they are": (0.0, 1.0, None),
    "logits 2 higher": (2.0, 1.0, None),
    "logits 2 lower": (-2.0, 1.0, None),
    "logits three times as large": (0.0, 3.0, None),
    "logits a twentieth as large": (0.0, 0.05, None),
    "20 negative cells for each positive": (0.0, 1.0, 20),
    "50 negative cells for each positive": (0.0, 1.0, 50),
}


def page(found: list[Tested]) -> Iterator[str]:
    """The lines of thresholds.md."""
    yield INTRODUCTION
    yield "## By a network's own validation cells\n"
    yield "F1 on the test part, mean of networks. Validation cells are a fifth of the labelled ones.\n"
    yield head("task", "networks", "positive validation cells", *RULES, "best line there is")
    for key in TASKS:
        own = [each for each in found if each.task == key]
        if own:
            cells = np.median([each.own_positive.sum() for each in own])
            rules = [[f1(rule(each.own_logit, each.own_positive), each.logit, each.positive) for each in own]
                     for rule in RULES.values()]  # fmt: skip
            rules.append([best(each.logit, each.positive) for each in own])
            yield f"| {key} | {len(own)} | {cells:.0f} | {' | '.join(f'{np.mean(rule):.3f}' for rule in rules)} |"
    yield "\n## By cells of the test part, tested on the others\n"
    yield f"F1 that is lost; {REPEATS} draws for each of {len(found)} networks, without those in which"
    yield f"fewer than {LEAST} positive cells are expected to choose.\n"
    yield head("cells", "validation cells", *RULES)
    for words, how in CASES.items():
        for size in SIZES:
            if means := lost(found, size, changed(*how)):
                yield f"| {words} | {size} | {' | '.join(f'{mean:.3f}' for mean in means)} |"
    yield f"\n{machine()}. {versions()}. Made by `{command()}`.\n"
    yield CITATION


def head(*names: str) -> str:
    """The first two lines of a table."""
    return f"| {' | '.join(names)} |\n|{' --- |' * len(names)}"


def main() -> None:
    """Score what is not scored yet, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=ROOT / "build/few_cells", help="where few_cells.py keeps its runs")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    if not DATA.is_file():
        raise SystemExit(f"{DATA.name} is missing: put it into {DATA.parent}, or set BRIGHTCTC_DATA")
    found = list(networks(options.work))
    if not found:
        raise SystemExit(f"no trained network in {options.work}: run make bench-few-cells first")
    files.write_text(options.page, "\n".join(page(found)) + "\n")
    print(f"wrote {options.page}")


if __name__ == "__main__":
    main()
