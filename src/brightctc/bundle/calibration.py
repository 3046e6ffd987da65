"""How a bundle makes scores of logits."""

from itertools import pairwise
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from brightctc.bundle.frozen import Frozen
from brightctc.metrics import log_odds


class Calibration(Frozen):
    """Learned on the validation cells. temperature: logits are divided by it.

    knots: pairs of logit and log-odds; straight pieces between them take the temperature's place, whose slope goes on
    beyond the outermost. None where they say no more.
    """

    temperature: float = Field(gt=0)
    knots: tuple[tuple[float, float], ...] = ()

    @model_validator(mode="after")
    def _knots_rise(self) -> Self:
        if any(before[axis] >= after[axis] for before, after in pairwise(self.knots) for axis in (0, 1)):
            raise ValueError("the knots must rise")
        return self

    @property
    def words(self) -> str:
        """Such as `a temperature of 1.31`."""
        return (
            f"isotonic regression of {len(self.knots)} blocks"
            if self.knots
            else f"a temperature of {self.temperature:.2f}"
        )


def score_of(logit: np.ndarray, calibration: Calibration | None) -> np.ndarray:
    """Logits (any shape) → scores in [0, 1], float64: the sigmoid of calibrated log-odds; NaN stays NaN."""
    odds = np.asarray(logit, dtype=np.float64)
    if calibration is not None:
        odds = log_odds(odds, calibration.temperature, calibration.knots)
    return 0.5 * (1.0 + np.tanh(0.5 * odds))  # the sigmoid, without overflow
