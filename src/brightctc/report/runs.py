"""Runs → figures: each seed on the same cells as `evaluate` measures it, simple models beside them, differences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from brightctc.baselines import Exam, measured
from brightctc.evaluate.cells import cells_of, scored_cells
from brightctc.evaluate.claim import Claim, claim_of, fed, opening_warnings
from brightctc.evaluate.evaluation import Evaluation, Resampling, evaluation_of, intervals_of, meaning_of
from brightctc.metrics import Interval, Intervals, differences
from brightctc.report.source import Runs

Progress = Callable[..., None]
BESIDE = ("constant", "size", "border")
COMPARED = ("roc_auc", "average_precision")


@dataclass(frozen=True)
class Task:
    """Cells to measure on, and what may be said of each run there. rows: as `cells_of` gives them."""

    part: str
    rows: pl.DataFrame
    claims: tuple[Claim, ...]
    warnings: tuple[str, ...]

    @classmethod
    def of(cls, runs: Runs, part: str) -> "Task":
        """Raises UserError where the part has no labelled cells, or where a bundle has seen some of them."""
        rows, left_out = cells_of(runs.bundles[0].classes, runs.cohort, part)
        claims = [claim_of(bundle.seen, runs.cohort, rows, part, fed(bundle), None) for bundle in runs.bundles]
        hashes = ",".join(bundle.hash for bundle in runs.bundles)
        left_out += opening_warnings(runs.cohort, part, "report", hashes)
        return cls(part, rows, tuple(claims), left_out)


@dataclass(frozen=True)
class Measured:
    """What runs reached on a part.

    seeds: an evaluation a run. figures: of one run its own, of several the mean over them; meaning: what the intervals
    are of. baselines: by name. differences: the network minus each of them, in pairs.
    """

    seeds: tuple[Evaluation, ...]
    figures: Intervals
    meaning: str
    baselines: dict[str, Evaluation]
    differences: dict[str, dict[str, Interval]]
    warnings: tuple[str, ...]

    @property
    def first(self) -> Evaluation:
        """Of the run that was given first: the one whose cells and curves are shown."""
        return self.seeds[0]

    @property
    def claim(self) -> Claim:
        """What the figures may claim; the same for every seed."""
        return self.first.claim

    def standing(self, names: Sequence[str]) -> dict[str, dict[str, Interval]]:
        """The network (of several seeds their mean) and each baseline: name → figure → interval."""
        rows = {"network": self.figures.figures, **{name: each.figures for name, each in self.baselines.items()}}
        return {name: {figure: row[figure] for figure in names} for name, row in rows.items()}

    def __getitem__(self, name: str) -> Interval:
        """A figure of the network."""
        return self.figures.figures[name]


def measure_runs(runs: Runs, task: Task, drawn: Resampling, progress: Progress | None) -> Measured:
    """Score the part with every bundle, fit and measure the baselines on it, and compare in pairs."""
    exam = Exam.of(runs.cohort, task.rows, task.part, None, drawn.seed)
    seeds, figures, meaning = on_part(runs, task, drawn, progress)
    beside = measured(BESIDE, exam, drawn, progress)
    compared = {name: _difference(seeds, other, drawn) for name, other in beside.items()}
    return Measured(seeds, figures, meaning, beside, compared, _warnings(runs, task, seeds, figures))


def on_part(
    runs: Runs, task: Task, drawn: Resampling, progress: Progress | None
) -> tuple[tuple[Evaluation, ...], Intervals, str]:
    """An evaluation a run; the figures (of several runs their mean); and what their intervals mean."""
    seeds = []
    for bundle, claim in zip(runs.bundles, task.claims, strict=True):
        cells = scored_cells(bundle, runs.cohort, task.rows, "bright_field", progress)
        seeds.append(evaluation_of(cells, claim, bundle.classes, bundle.threshold, drawn))
    if len(seeds) == 1:
        return tuple(seeds), seeds[0].intervals, seeds[0].meaning
    figures = intervals_of([seed.cells for seed in seeds], task.claims[0], drawn)
    return tuple(seeds), figures, meaning_of(figures, task.claims[0])


def _difference(seeds: tuple[Evaluation, ...], other: Evaluation, drawn: Resampling) -> dict[str, Interval]:
    return differences(
        seeds[0].positive,
        [seed.scored for seed in seeds],
        [other.scored],
        COMPARED,
        unit=seeds[0].claim.unit,
        groups=seeds[0].members,
        resamples=drawn.resamples,
        seed=drawn.seed,
    )


def _warnings(runs: Runs, task: Task, seeds: tuple[Evaluation, ...], figures: Intervals) -> tuple[str, ...]:
    """As `evaluate` gives them, each once; of several seeds those that hold for all of them together come first."""
    of_seeds = [warning for seed in seeds for warning in seed.warnings]
    of_bundles = [warning for bundle in runs.bundles for warning in bundle.warnings]
    return tuple(dict.fromkeys((*task.warnings, *figures.warnings, *of_seeds, *of_bundles)))
