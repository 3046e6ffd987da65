"""Always the same answer: what F1 and precision are worth at this class ratio before anything is looked at."""

from dataclasses import dataclass

import numpy as np

from brightctc.baselines.model import Cells, Model, Training


@dataclass(frozen=True)
class Constant:
    """One score for every cell."""

    value: float

    def score(self, cells: Cells) -> np.ndarray:
        """float64 (n,), all the same."""
        return np.full(len(cells), self.value)


def fit(training: Training) -> Model:
    """The log-odds of the positive class among the training cells, for every cell.

    With a threshold chosen for F1 every cell is called positive: F1 = 2P / (2P + N) for P positives, N negatives.
    """
    share = float(training.positive.mean())
    return Constant(float(np.log(share / (1 - share))))
