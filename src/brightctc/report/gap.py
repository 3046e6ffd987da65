"""From cell lines to patients: the same networks on held-out cells of spiked lines and on the patients' cells."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from brightctc.cohort import Cohort
from brightctc.errors import UserError, typed
from brightctc.evaluate.evaluation import Evaluation, Resampling
from brightctc.evaluate.wording import in_digits
from brightctc.metrics import Interval, expected_precision
from brightctc.metrics.curves import Order, weighted_areas
from brightctc.report.runs import Measured, Task, on_part
from brightctc.report.source import Runs

Progress = Callable[..., None]
LINES_PART = "pool"
NO_RATIO = {"recall": "recall", "false_calls_per_1000": "false calls per 1,000", "roc_auc": "ROC-AUC"}


@dataclass(frozen=True)
class Side:
    """One side of the gap. figures: at the part's own ratio; f1, average_precision: as they were at the test part's."""

    name: str
    part: str
    ratio: str
    stamps: tuple[str, ...]
    figures: dict[str, Interval]
    f1: float | None
    average_precision: float | None


@dataclass(frozen=True)
class Gap:
    """Both sides and their difference in words, or in words why there are none.

    ratio: of the patients' part. notes: why a side has no intervals, or some that come from no resamples.
    """

    sides: tuple[Side, ...]
    words: tuple[str, ...]
    ratio: str = ""
    notes: tuple[str, ...] = ()


def of_patients(runs: Runs, rows: pl.DataFrame) -> bool:
    """Are all labelled positives of these rows patients' cells?"""
    return _origins(runs.cohort, rows) == {"patient"}


def measure_gap(runs: Runs, test: Measured, drawn: Resampling, progress: Progress | None) -> Gap:
    """Measure the cells of lines that were set aside; what is missing is said in one line."""
    if not of_patients(runs, test.first.cells.rows):
        return Gap(
            (), ("The positive cells of this part are not (all) known to be patients': there is no gap to show.",)
        )
    try:
        task = Task.of(runs, LINES_PART)
    except UserError as error:
        return Gap((), (f"No cells of lines were set aside to compare with: {error.what}. {_how(runs.cohort)}",))
    if _origins(runs.cohort, task.rows) != {"cell_line"} or _one_class(runs.cohort, task.rows):
        return Gap((), (f"The pool does not hold cells of lines and negatives alone. {_how(runs.cohort)}",))
    seeds, figures, _ = on_part(runs, task, drawn, progress)
    ratio = test.first.counts.negatives / test.first.counts.positives
    lines = _side("cell lines", seeds, figures.figures, ratio)
    patients = _side("patients", test.seeds, test.figures.figures, ratio)
    notes = [f"{side.name}: {figure.reason}" for side in (lines, patients) for figure in _shown(side) if figure.reason]
    return Gap((lines, patients), _words(lines, patients), test.first.class_ratio, tuple(dict.fromkeys(notes)))


def at_ratio(evaluation: Evaluation, negatives_per_positive: float) -> tuple[float, float]:
    """F1 and average precision as they were with so many negatives a positive.

    Recall and the false-positive rate don't depend on the ratio; precision follows from them by Bayes' rule. For the
    average precision each negative counts as many times as the ratio asks for.
    """
    counts, scored = evaluation.counts, evaluation.scored
    precision = expected_precision(counts.recall, 1 - counts.specificity, negatives_per_positive)
    f1 = 2 * precision * counts.recall / (precision + counts.recall) if counts.tp else 0.0
    weight = negatives_per_positive * counts.positives / counts.negatives
    weights = np.where(evaluation.positive, 1.0, weight)[None]
    return f1, float(weighted_areas(evaluation.positive, Order.of(scored.logit), weights)[1][0])


def _side(name: str, seeds: tuple[Evaluation, ...], figures: dict[str, Interval], ratio: float) -> Side:
    f1, precision = np.mean([at_ratio(seed, ratio) for seed in seeds], axis=0) if ratio else (None, None)
    first = seeds[0]
    return Side(name, first.claim.part, first.class_ratio, first.claim.stamps, figures, f1, precision)


def _shown(side: Side) -> list[Interval]:
    return [side.figures[name] for name in (*NO_RATIO, "f1", "average_precision")]


def _words(lines: Side, patients: Side) -> tuple[str, ...]:
    """The difference, one sentence a figure that does not depend on the class ratio."""
    found = []
    for key, name in NO_RATIO.items():
        one, other = lines.figures[key].value, patients.figures[key].value
        if one is None or other is None:
            continue
        form = ".1f" if key == "false_calls_per_1000" else ".3f"
        change = "the same" if one == other else "lower" if other < one else "higher"
        by = "" if change == "the same" else f" by {in_digits(abs(other - one), form)}"
        sides = (in_digits(value, form) for value in (one, other))
        found.append("{}: {} on cell lines, {} on patients ({}{})".format(name, *sides, change, by))
    return tuple(found)


def _origins(cohort: Cohort, rows: pl.DataFrame) -> set[str | None]:
    """Origins of the labelled positives; None among them where one is unknown."""
    positives = rows.filter(cohort.positive(rows).fill_null(False))
    if "origin" not in positives.columns:
        return {None}
    return set(positives["origin"])


def _one_class(cohort: Cohort, rows: pl.DataFrame) -> bool:
    return cohort.positive(rows).drop_nulls().n_unique() < 2


def _how(cohort: Cohort) -> str:
    command = typed("split", cohort.root.name, "--pool", "donor_id IN ('…', '…')", "--overwrite")
    return f"To measure the gap, set donors of spiked blood aside before training: {command}"
