"""Fit baselines on the train part of a cohort, take their thresholds from validation, and measure them on a part."""

from collections.abc import Callable, Sequence
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

Progress = Callable[..., None]


@dataclass(frozen=True)
class Exam:
    """What baselines learn from and are measured on.

    learned: the labelled rows of the train and validation parts. rows: of `part`, as `cells_of` gives them.
    claim: what may be said of the figures. seed: of the folds in which settings are chosen.
    """

    cohort: Cohort
    learned: dict[str, pl.DataFrame]
    part: str
    rows: pl.DataFrame
    claim: Claim
    seed: int

    @classmethod
    def of(cls, cohort: Cohort, rows: pl.DataFrame, part: str, by: str | None, seed: int) -> "Exam":
        """Raises UserError where a part has no labelled cells, or where train and validation hold cells of `rows`."""
        learned = {name: labelled_rows(cohort, name) for name in ("train", "validation")}
        claim = claim_of(seen_by(learned, seed), cohort, rows, part, "bright_field", by)
        return cls(cohort, learned, part, rows, claim, seed)


def measured(
    names: Sequence[str], exam: Exam, drawn: Resampling, progress: Progress | None = None
) -> dict[str, Evaluation]:
    """Each baseline of `names` on the exam's rows, in that order. A UserError where a training image can't be read."""
    cohort = exam.cohort
    parts = {name: read_whole(cohort, cells, name, progress) for name, cells in exam.learned.items()}
    judged = read_rows(cohort, exam.rows, exam.part, progress)
    found: dict[str, Evaluation] = {}
    for done, name in enumerate(names):
        if progress is not None:
            progress("fitting baselines", done, len(names), name)
        scored, line = _scored(name, cohort, parts, judged, exam.seed)
        found[name] = evaluation_of(scored, exam.claim, cohort.classes, line, drawn)
    if progress is not None:
        progress("fitting baselines", len(names), len(names))
    return found


def _scored(
    name: str, cohort: Cohort, parts: dict[str, Part], judged: Part, seed: int
) -> tuple[ScoredCells, BundleThreshold]:
    """The cells of the judged part, scored and called by one baseline."""
    train, validation = parts["train"], parts["validation"]
    model = fit(name, train.cells(), train.positive(), seed=seed, donors=train.donors())
    line = threshold(model, validation.cells(), validation.positive())
    logit = _logits(model, judged)
    score = 0.5 * (1 + np.tanh(logit / 2))
    scored = ScoredCells(
        rows=judged.rows,
        positive=cohort.positive(judged.rows).fill_null(False).to_numpy(),
        labelled=labelled(cohort, judged.rows),
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
