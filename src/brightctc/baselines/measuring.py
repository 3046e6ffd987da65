"""Fit baselines on the train part of a cohort, take their thresholds from validation, and measure them on a part."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from brightctc.baselines.fitting import fit
from brightctc.baselines.model import Model, threshold
from brightctc.baselines.parts import Part, labelled_rows, read_rows, read_whole, seen_by
from brightctc.bundle import BundleThreshold
from brightctc.cohort import Cohort
from brightctc.evaluate.cells import ScoredCells, labelled
from brightctc.evaluate.claim import Claim, claim_of
from brightctc.evaluate.evaluation import Evaluation, Resampling, evaluation_of
from brightctc.metrics import Threshold

Progress = Callable[..., None]


@dataclass(frozen=True)
class Exam:
    """What baselines learn from and are measured on.

    cohort: of the cells that are learned from; judged: of those that are measured on, mostly the same one.
    learned: the labelled rows of the train and validation parts. rows: of `part`, as `cells_of` gives them.
    claim: what may be said of the figures. seed: of the folds in which settings are chosen.
    """

    cohort: Cohort
    judged: Cohort
    learned: dict[str, pl.DataFrame]
    part: str
    rows: pl.DataFrame
    claim: Claim
    seed: int

    @classmethod
    def of(
        cls, cohort: Cohort, rows: pl.DataFrame, part: str, by: str | None, seed: int, judged: Cohort | None = None
    ) -> "Exam":
        """Raises UserError where a part has no labelled cells, or where train and validation hold cells of `rows`."""
        learned = {name: labelled_rows(cohort, name) for name in ("train", "validation")}
        claim = claim_of(seen_by(learned, seed), judged or cohort, rows, part, "bright_field", by)
        return cls(cohort, judged or cohort, learned, part, rows, claim, seed)


def measured(
    names: Sequence[str], exam: Exam, drawn: Resampling, progress: Progress | None = None
) -> dict[str, Evaluation]:
    """Each baseline of `names` on the exam's rows, in that order. A UserError where a training image can't be read."""
    return {
        name: evaluation_of(scored, exam.claim, exam.cohort.classes, line, drawn)
        for name, [(scored, line)] in scored_by(names, [exam], progress)
    }


def scored_by(
    names: Sequence[str], exams: Sequence[Exam], progress: Progress | None = None
) -> Iterator[tuple[str, list[tuple[ScoredCells, BundleThreshold]]]]:
    """Each baseline of `names`, fitted once, with the cells of every exam as it scores and calls them, and its line.

    exams: all of the same cohort to learn from. A UserError where a training image can't be read.
    """
    first = exams[0]
    parts = {name: read_whole(first.cohort, cells, name, progress) for name, cells in first.learned.items()}
    judged = [read_rows(exam.judged, exam.rows, exam.part, progress) for exam in exams]
    train, validation = parts["train"], parts["validation"]
    for done, name in enumerate(names):
        if progress is not None:
            progress("fitting baselines", done, len(names), name)
        model = fit(name, train.cells(), train.positive(), seed=first.seed, donors=train.donors())
        line = threshold(model, validation.cells(), validation.positive())
        yield name, [_scored(model, line, exam, part) for exam, part in zip(exams, judged, strict=True)]
    if progress is not None:
        progress("fitting baselines", len(names), len(names))


def _scored(model: Model, line: Threshold, exam: Exam, judged: Part) -> tuple[ScoredCells, BundleThreshold]:
    """The cells of the judged part, scored and called by one baseline."""
    logit = _logits(model, judged)
    score = 0.5 * (1 + np.tanh(logit / 2))
    scored = ScoredCells(
        rows=judged.rows,
        positive=exam.judged.positive(judged.rows).fill_null(False).to_numpy(),
        labelled=labelled(exam.judged, judged.rows),
        logit=logit,
        score=score,
        called=logit >= line.logit,
        error=judged.errors,
        flags=[()] * judged.rows.height,
        warnings=(),
    )
    return scored, BundleThreshold(policy=line.policy, logit=line.logit, score=line.score, warnings=line.warnings)


def _logits(model: Model, part: Part) -> np.ndarray:
    """float64 (n,): decision values; NaN where unreadable."""
    logit = np.full(part.rows.height, np.nan)
    if part.read.any():
        logit[part.read] = model.score(part.cells())
    return logit
