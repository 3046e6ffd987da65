"""Validation cells as a bundle keeps them, and the threshold that is chosen on them alone."""

from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from brightctc.bundle.calibration import Calibration, score_of
from brightctc.bundle.frozen import Frozen
from brightctc.bundle.processor import Precision
from brightctc.metrics import ConformalSets, Threshold, choose_threshold, conformal_sets


class ValidationCells(Frozen):
    """Logits and labels of the validation cells, sorted by logit, so that other thresholds can be derived.

    No ids. donor: 0, 1, 2 … stand for the donors in order of first appearance, None where unknown.
    samples: number of samples they came from (looks per sample), at least 1. folds: 1: the logits are the bundle's own;
    more: it averages so many networks, and each cell's logit is that of the one that has not met its donor.
    """

    logit: tuple[float, ...]
    positive: tuple[bool, ...]
    donor: tuple[int | None, ...]
    samples: int = Field(default=1, ge=1)
    folds: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _one_of_each_per_cell(self) -> Self:
        if not len(self.logit) == len(self.positive) == len(self.donor):
            raise ValueError("logit, positive and donor differ in length")
        return self

    @classmethod
    def of(cls, logit: Any, positive: Any, donor: Any, samples: int = 1, folds: int = 1) -> Self:
        """From n logits, n booleans and n donor ids (or Nones), in any order."""
        rows = sorted(zip(map(float, logit), map(bool, positive), donor, strict=True), key=lambda row: row[:2])
        numbers: dict[str, int] = {}
        for _, _, name in rows:
            if name is not None:
                numbers.setdefault(name, len(numbers))
        return cls(
            logit=tuple(row[0] for row in rows),
            positive=tuple(row[1] for row in rows),
            donor=tuple(None if row[2] is None else numbers[row[2]] for row in rows),
            samples=samples,
            folds=folds,
        )

    @property
    def donors(self) -> list[str | None]:
        """The donor numbers as text, as `metrics.choose_threshold` takes them."""
        return [None if number is None else str(number) for number in self.donor]

    def sets(self, alpha: float) -> ConformalSets | None:
        """Conformal sets that these cells draw; None where a class has too few of them."""
        return conformal_sets(np.array(self.logit), np.array(self.positive, dtype=bool), alpha)

    def line(self, policy: str) -> Threshold:
        """The threshold that a policy gives on these cells. UserError for an unknown policy."""
        positive = np.array(self.positive, dtype=bool)
        return choose_threshold(np.array(self.logit), positive, policy, donors=self.donors, samples=self.samples)


class BundleThreshold(Frozen):
    """A cell is called positive where its logit is at least `logit`; `score` is the same level as a score.

    policy: how it was chosen on validation cells (`f1`, `recall=0.95`, …). precision: of the network it was
    chosen with; it holds for no other.
    """

    policy: str
    logit: float
    score: float
    precision: Precision = "float32"
    warnings: tuple[str, ...] = ()

    @classmethod
    def chosen(
        cls, cells: ValidationCells, policy: str, calibration: Calibration | None, precision: Precision = "float32"
    ) -> Self:
        """By a policy, on the logits that these cells have in a precision. UserError for an unknown policy."""
        line = cells.line(policy)
        score = float(score_of(np.array(line.logit), calibration))
        return cls(policy=policy, logit=line.logit, score=score, precision=precision, warnings=line.warnings)
