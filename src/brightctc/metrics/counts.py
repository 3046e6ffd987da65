"""What a threshold makes of cells: true and false calls, and the figures that follow from them."""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Counts:
    """Confusion counts; "positive" is the class that is looked for.

    tp: positive cells called positive. fp: negatives called positive. tn: negatives called negative.
    fn: positives called negative (missed). Every figure is NaN where it is undefined (0/0).
    """

    tp: int
    fp: int
    tn: int
    fn: int

    @property
    def cells(self) -> int:
        """All cells counted."""
        return self.tp + self.fp + self.tn + self.fn

    @property
    def positives(self) -> int:
        """Cells that are positive, called so or not."""
        return self.tp + self.fn

    @property
    def negatives(self) -> int:
        """Cells that are negative, called so or not."""
        return self.tn + self.fp

    @property
    def precision(self) -> float:
        """tp / (tp + fp): of the calls, how many are true."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """tp / (tp + fn), also sensitivity: of the positives, how many are called."""
        return _ratio(self.tp, self.positives)

    @property
    def specificity(self) -> float:
        """tn / (tn + fp): of the negatives, how many are left alone."""
        return _ratio(self.tn, self.negatives)

    @property
    def f1(self) -> float:
        """2 tp / (2 tp + fp + fn), NaN without positives; depends on the class ratio: name that beside it."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn) if self.positives else math.nan

    @property
    def balanced_accuracy(self) -> float:
        """(recall + specificity) / 2."""
        return (self.recall + self.specificity) / 2

    @property
    def mcc(self) -> float:
        """Matthews correlation coefficient, −1 to 1; undefined where one class or one call is missing."""
        product = (self.tp + self.fp) * self.positives * self.negatives * (self.tn + self.fn)
        return (self.tp * self.tn - self.fp * self.fn) / math.sqrt(product) if product else math.nan

    @property
    def false_calls_per_1000(self) -> float:
        """1000 fp / negatives: how many of 1,000 negative cells are called positive."""
        return _ratio(1000 * self.fp, self.negatives)

    @property
    def looks_per_true(self) -> float:
        """(tp + fp) / tp: calls that a reader looks at for each true one, at these cells' own class ratio."""
        return _ratio(self.tp + self.fp, self.tp)


def confusion(positive: np.ndarray, called: np.ndarray) -> Counts:
    """Count. positive, called: bool[n], the truth and the model's call of the same cells."""
    positive, called = np.asarray(positive, dtype=bool), np.asarray(called, dtype=bool)
    if positive.shape != called.shape or positive.ndim != 1:
        raise ValueError(f"positive {positive.shape} and called {called.shape} must be of one length")
    tp = int(np.count_nonzero(positive & called))
    fp = int(np.count_nonzero(called)) - tp
    fn = int(np.count_nonzero(positive)) - tp
    return Counts(tp=tp, fp=fp, tn=positive.size - tp - fp - fn, fn=fn)


def constant_classifier(positives: int, negatives: int) -> Counts:
    """Counts of the model that calls every cell positive: F1 = 2P / (2P + N), which any result must beat."""
    return Counts(tp=positives, fp=negatives, tn=0, fn=0)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
