"""Do 95 % intervals of few donors hold the truth in 95 of 100 cohorts? Simulated cohorts, known truth.

    python benchmarks/coverage.py [--cohorts 1000] [--resamples 400]

A cohort is made of donors who differ: in how their positives and negatives score, in how many of their negatives are
called, in how many cells they bring. Two models that make much the same errors score it. Four ways to an interval from
the same resamples of whole donors are compared; the truth is the figure of a very large cohort.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import special

from brightctc.metrics.ends import LEVEL, SCALES, SHARE, Ends, percentile_ends, plain_ends, share_ends
from brightctc.metrics.figures import Scored, weighted_figures
from brightctc.metrics.resampling import resample_weights
from brightctc.metrics.units import holders, weight_of
from machine import command, machine, versions

PAGE = Path(__file__).parents[1] / "docs/results/coverage.md"
FIGURES = ("recall", "false_calls_per_1000", "f1", "roc_auc", "average_precision")
PAIRED = ("roc_auc", "average_precision", "f1")
WAYS = ("percentile", "expanded percentile", "BCa", "chosen")
LINE, SHARED = 1.6, 0.7  # the models' threshold; correlation of the two models' donor effects
LARGE, TIMES = 3000, 30  # donors with positives of a cohort that stands for all, and how many such
BATCH = 50


@dataclass(frozen=True)
class Design:
    """words: for the page. healthy: a donor without positives for each with. size: shape of the negative binomial that
    a donor's number of cells comes from, None where all bring as many. donors: with positives, one cohort size each."""

    words: str
    healthy: bool
    size: float | None
    donors: tuple[int, ...]


DESIGNS = (
    Design("patients: all donors have both classes, cells a donor vary", False, 2.0, (3, 5, 8, 12, 20, 40)),
    Design("half of the donors healthy, cells a donor vary", True, 2.0, (3, 5, 8, 12, 20, 40)),
    Design("patients who bring equal numbers of cells", False, None, (8, 20)),
    Design("patients whose numbers of cells differ very much", False, 0.7, (8, 20)),
)
Cohort = tuple[np.ndarray, np.ndarray, tuple[Scored, Scored]]


def cohort(design: Design, donors: int, rng: np.random.Generator) -> Cohort:
    """positive: bool[n]; members: int[n], the donor; two models' scores."""
    total = 2 * donors if design.healthy else donors
    numbers = np.stack([_numbers(design, total, mean, least, rng) for mean, least in ((8, 1), (30, 8))])
    numbers[0, donors:] = 0
    members = np.concatenate([np.repeat(np.arange(total), each) for each in numbers])
    positive = np.arange(members.size) < numbers[0].sum()
    effects, noise = rng.normal(size=(3, total)), rng.normal(size=members.size)
    other = SHARED * effects + np.sqrt(1 - SHARED**2) * rng.normal(size=(3, total))
    second = 0.6 * noise + 0.8 * rng.normal(size=members.size)
    return (
        positive,
        members,
        (_scored(positive, members, effects, noise, 2.6), _scored(positive, members, other, second, 2.2)),
    )


def _numbers(design: Design, total: int, mean: int, least: int, rng: np.random.Generator) -> np.ndarray:
    if design.size is None:
        return np.full(total, mean + least)
    return least + rng.negative_binomial(design.size, design.size / (design.size + mean), total)


def _scored(
    positive: np.ndarray, members: np.ndarray, effects: np.ndarray, noise: np.ndarray, distance: float
) -> Scored:
    """A donor shifts all cells (sd 0.4 of a cell's), the positives (0.6) and the negatives (0.5: the false calls)."""
    own = np.where(positive, distance + 0.6 * effects[1][members], 0.5 * effects[2][members])
    logit = noise + 0.4 * effects[0][members] + own
    return Scored(logit, logit >= LINE, np.full(logit.size, 0.5))


def measured(found: Cohort, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Figures of the first model, and "Δ …": first − second, under each row of weights."""
    positive, members, models = found
    parts: dict[str, list[np.ndarray]] = defaultdict(list)
    for start in range(0, len(weights), BATCH):
        one, other = (
            weighted_figures(positive, model, members, weights[start : start + BATCH], FIGURES) for model in models
        )
        for name in FIGURES:
            parts[name].append(one[name])
        for name in PAIRED:
            parts[f"Δ {name}"].append(one[name] - other[name])
    return {name: np.concatenate(values) for name, values in parts.items()}


def truth(design: Design) -> dict[str, float]:
    """The figures of very many donors; standard errors are below a hundredth of an interval's width."""
    rng = np.random.default_rng(99)
    drawn = [cohort(design, LARGE, rng) for _ in range(TIMES)]
    found = [measured(each, np.ones((1, int(each[1].max()) + 1))) for each in drawn]
    return {name: float(np.mean([each[name][0] for each in found])) for name in found[0]}


def ends(name: str, values: np.ndarray, found: Cohort) -> dict[str, Ends]:
    """By every way. values: the figure of the cohort, of the cohort without each donor in turn, of the resamples."""
    positive, members, _ = found
    figure, donors = name.removeprefix("Δ "), int(members.max()) + 1
    value, without, drawn = float(values[0]), values[1 : donors + 1], np.sort(values[donors + 1 :])
    held, units = holders(positive, members), weight_of(figure, positive, members, "donor") or np.nan
    fewest = held["negative"] if figure == "false_calls_per_1000" else held["positive"]
    span = SCALES.get(figure, SHARE).span
    chosen = plain_ends(value, drawn, units, -span, span) if figure != name else None
    normal = special.ndtri((1 + LEVEL) / 2)
    wide = np.sqrt(fewest / (fewest - 1)) * special.stdtrit(fewest - 1, (1 + LEVEL) / 2)
    return {
        "percentile": percentile_ends(drawn),
        "expanded percentile": _at(drawn, special.ndtr([-wide, wide])),
        "BCa": _at(drawn, _corrected(value, without, drawn, normal)),
        "chosen": chosen or share_ends(value, drawn, units, SCALES.get(figure, SHARE)),
    }


def _at(ranked: np.ndarray, levels: np.ndarray) -> Ends:
    low, high = ranked[np.rint(levels * (ranked.size - 1)).astype(int)]
    return float(low), float(high)


def _corrected(value: float, without: np.ndarray, drawn: np.ndarray, normal: float) -> np.ndarray:
    """Levels of Efron's BCa (JASA 82:171, 1987)."""
    below = (np.mean(drawn < value) + np.mean(drawn <= value)) / 2
    bias = special.ndtri(np.clip(below, 1 / drawn.size, 1 - 1 / drawn.size))
    pull = without.mean() - without
    acceleration = (pull**3).sum() / (6 * (pull**2).sum() ** 1.5 + 1e-300)
    z = bias + np.array([-normal, normal])
    return special.ndtr(bias + z / (1 - acceleration * z))


Tally = dict[tuple[str, str], np.ndarray]  # (figure, way) → cohorts held, truth below, truth above, summed width


def coverage(design: Design, donors: int, true: dict[str, float], cohorts: int, resamples: int) -> Tally:
    """Over so many cohorts."""
    rng = np.random.default_rng([donors, design.healthy, int(10 * (design.size or 0))])
    tally: Tally = defaultdict(lambda: np.zeros(4))
    for number in range(cohorts):
        found = cohort(design, donors, rng)
        total = int(found[1].max()) + 1
        drawn = resample_weights(found[0], found[1], resamples, number)
        values = measured(found, np.concatenate([np.ones((1, total)), 1 - np.eye(total), drawn]))
        for name, each in values.items():
            for way, (low, high) in ends(name, each, found).items():
                tally[name, way] += (low <= true[name] <= high, true[name] < low, true[name] > high, high - low)
    return {key: each / cohorts for key, each in tally.items()}


def page(found: dict[tuple[Design, int], Tally], options: argparse.Namespace, seconds: float) -> Iterator[str]:
    """The lines of docs/results/coverage.md."""
    noise = 196 * (0.95 * 0.05 / options.cohorts) ** 0.5
    yield "# Do intervals hold what they promise?\n"
    yield "A 95 % interval should hold the truth in 95 of 100 repetitions. Here the truth is known: cohorts are"
    yield "simulated, of donors who differ in how their cells score, in the rate of false calls and in the number of"
    yield "cells; two models that make much the same errors score them. Every way resamples whole donors:\n"
    yield "- **percentile**: the 2.5th and 97.5th percentile of the resamples (what brightctc printed at first);"
    yield "- **expanded percentile**: further out, by Student's t and √(n/(n − 1)) (Hesterberg 2015), n the number of"
    yield "  donors who hold the class that fewer hold;"
    yield "- **BCa**: percentiles moved by bias and skewness (Efron 1987);"
    yield "- **chosen**: what brightctc prints for donors and samples: Student's t with the resamples' standard"
    yield "  deviation and √(n/(n − 1)), n the *effective* number of donors; shares on the logit scale, differences of"
    yield "  two models (Δ) on their own (docs/decisions/0018).\n"
    yield f"{options.cohorts:,} cohorts of each kind and size: ± {noise:.1f} points by chance. Below 6 donors brightctc"
    yield "prints no interval: percentiles are far off there, and the chosen ones are too wide to say much.\n"
    yield "## In short\n"
    yield "Lowest and highest coverage in % over figures and kinds of cohorts:\n"
    yield from _summary(found)
    yield from _tables(found)
    yield "\n## How wide\n"
    yield "Mean width of the chosen intervals over that of percentiles, patients whose numbers of cells vary:\n"
    yield from _widths(found)
    yield f"\n{options.resamples} resamples an interval (2,000 is brightctc's default); {seconds / 60:.0f} minutes."
    yield f"{machine()}. {versions()}. Made by `{command()}`."


def _summary(found: dict[tuple[Design, int], Tally]) -> Iterator[str]:
    yield f"| donors with positives | {' | '.join(WAYS)} |\n| ---: |{' ---: |' * len(WAYS)}"
    for donors in sorted({donors for _, donors in found}):
        tallies = [tally for (_, size), tally in found.items() if size == donors]
        held = [[100 * each[key][0] for each in tallies for key in each if key[1] == way] for way in WAYS]
        yield f"| {donors} | {' | '.join(f'{min(each):.1f} to {max(each):.1f}' for each in held)} |"


def _tables(found: dict[tuple[Design, int], Tally]) -> Iterator[str]:
    for design in dict.fromkeys(key[0] for key in found):
        yield f"\n## {design.words[0].upper()}{design.words[1:]}\n"
        yield "In %; in brackets: of the chosen intervals, % that lay wholly above / below the truth.\n"
        yield f"| donors with positives | figure | {' | '.join(WAYS)} |\n| ---: | --- | ---: | ---: | ---: | ---: |"
        for donors in design.donors:
            tally = found[design, donors]
            for name in dict.fromkeys(key[0] for key in tally):
                held = [f"{100 * tally[name, way][0]:.1f}" for way in WAYS]
                below, above = 100 * tally[name, "chosen"][1:3]
                yield f"| {donors} | {name} | {' | '.join(held)} ({below:.1f} / {above:.1f}) |"


def _widths(found: dict[tuple[Design, int], Tally]) -> Iterator[str]:
    tallies = {donors: found[DESIGNS[0], donors] for donors in DESIGNS[0].donors}
    yield f"| figure | {' | '.join(f'{donors} donors' for donors in tallies)} |\n| --- |{' ---: |' * len(tallies)}"
    for name in dict.fromkeys(key[0] for key in tallies[DESIGNS[0].donors[0]]):
        ratios = [each[name, "chosen"][3] / each[name, "percentile"][3] for each in tallies.values()]
        yield f"| {name} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |"


def main() -> None:
    """Simulate and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cohorts", type=int, default=1000)
    parser.add_argument("--resamples", type=int, default=400)
    parser.add_argument("--out", type=Path, default=PAGE)
    options, start, found = parser.parse_args(), time.perf_counter(), {}
    for design in DESIGNS:
        true = truth(design)
        for donors in design.donors:
            found[design, donors] = coverage(design, donors, true, options.cohorts, options.resamples)
            print(f"{time.perf_counter() - start:.0f} s: {design.words}, {donors} donors", flush=True)
    options.out.write_text("\n".join(page(found, options, time.perf_counter() - start)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
