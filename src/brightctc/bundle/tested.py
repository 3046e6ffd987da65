"""A faster precision's guard: what it changes on the validation cells, and whether that may pass unasked."""

from typing import Literal, Self

import numpy as np
from pydantic import Field

from brightctc.bundle.calibration import Calibration, score_of
from brightctc.bundle.frozen import Frozen
from brightctc.bundle.validation import BundleThreshold, ValidationCells
from brightctc.metrics import average_precision, confusion

LARGEST_CHANGE = 0.005
"""Of average precision, either way. Recall may not fall at all."""


class Arithmetic(Frozen):
    """How a network was made to compute in a precision, and on which class of processor it was tested.

    processor: as `processor.processor_class` names it. way: `hint` is the float32 network, told to compute in
    bfloat16; the others are ways to quantise. overflow_fix: weights use half their range, for processors whose INT8
    products may overflow.
    """

    precision: Literal["bfloat16", "int8"]
    processor: str
    way: Literal["hint", "post_training", "accuracy_aware"]
    overflow_fix: bool = False


class Tested(Arithmetic):
    """A precision beside float32, on the same validation cells.

    cells, positives, donors: how many there were; donors None where unknown. largest_difference: the largest
    |score difference| of a cell. Each precision at its own frozen threshold: calls_gained, calls_lost: cells called in
    this one alone, in float32 alone; recall_change, f1_change and average_precision_change: this − float32.
    passed: it may be used without being asked for by name.
    threshold: chosen by the bundle's policy in this precision. validation: the logits in it, cell by cell in the order
    of `About.validation`.
    """

    cells: int = Field(ge=1)
    positives: int = Field(ge=1)
    donors: int | None
    largest_difference: float = Field(ge=0, le=1)
    calls_gained: int = Field(ge=0)
    calls_lost: int = Field(ge=0)
    recall_change: float
    f1_change: float
    average_precision_change: float
    passed: bool
    threshold: BundleThreshold
    validation: ValidationCells

    @classmethod
    def of(
        cls,
        how: Arithmetic,
        logit: np.ndarray,
        before: ValidationCells,
        threshold: BundleThreshold,
        calibration: Calibration | None,
    ) -> Self:
        """Compare float32 (`before`, at `threshold`) with the logits of the same n cells in the same order.

        logit: float (n,), finite. At least one cell is positive.
        """
        after = before.model_copy(update={"logit": tuple(map(float, logit))})
        own = BundleThreshold.chosen(after, threshold.policy, calibration, how.precision)
        positive, then, now = (np.array(values) for values in (before.positive, before.logit, after.logit))
        called_then, called_now = then >= threshold.logit, now >= own.logit
        counts_then, counts_now = confusion(positive, called_then), confusion(positive, called_now)
        recall = counts_now.recall - counts_then.recall
        precise = average_precision(positive, now) - average_precision(positive, then)
        return cls(
            **how.model_dump(include=set(Arithmetic.model_fields)),
            cells=len(then),
            positives=counts_now.positives,
            donors=len(set(before.donor) - {None}) or None,
            largest_difference=float(np.abs(score_of(now, calibration) - score_of(then, calibration)).max()),
            calls_gained=int((called_now & ~called_then).sum()),
            calls_lost=int((called_then & ~called_now).sum()),
            recall_change=recall,
            f1_change=counts_now.f1 - counts_then.f1,
            average_precision_change=precise,
            passed=passes(recall, precise),
            threshold=own,
            validation=after,
        )

    def again(self, before: ValidationCells, threshold: BundleThreshold, calibration: Calibration | None) -> "Tested":
        """The same logits judged anew, as where the bundle's threshold is another."""
        return Tested.of(self, np.array(self.validation.logit), before, threshold, calibration)

    @property
    def figures(self) -> str:
        """What changed, in words."""
        return (
            f"recall {self.recall_change:+.3f}, F1 {self.f1_change:+.3f}, average precision "
            f"{self.average_precision_change:+.4f}, {self.calls_gained} calls gained and {self.calls_lost} lost of "
            f"{self.cells} validation cells, scores by up to {self.largest_difference:.2g}"
        )


def passes(recall_change: float, average_precision_change: float) -> bool:
    """Recall does not fall, and the average precision is within LARGEST_CHANGE of float32's, above or below.

    A change upwards is no gain: it is noise of the same size, and of a network that ranks cells otherwise.
    """
    return recall_change >= 0 and abs(average_precision_change) <= LARGEST_CHANGE
