"""Whether the background is read: four answers, and which figures lead to each."""

import math

import numpy as np
import pytest

from brightctc.explain.background import Erased, _lowest
from brightctc.explain.units import Units
from brightctc.metrics import Interval

NONE = np.zeros(0)


def verdict(whole: float | None, without: float | None, *, left: bool, seen: bool, lost: bool) -> str:
    undefined = Interval(None, reason="x")
    intervals = [undefined if value is None else Interval(value) for value in (whole, whole, without, None)]
    return Erased(NONE, NONE, NONE, *intervals, changed=math.nan, sure=(left, seen, lost)).verdict


@pytest.mark.parametrize(("whole", "without", "left", "seen", "lost", "answer"), [
    (1.0, 0.98, True, True, True, "background"),
    (0.9, 0.71, True, True, True, "background"),  # half of it and more
    (1.0, 0.67, True, True, True, "partly"),  # a third of it
    (0.95, 0.5, False, True, True, "cell"),
    (0.95, 0.62, False, True, True, "cell"),  # not above chance for sure
    (0.95, 0.55, True, True, True, "cell"),  # above chance for sure, and hardly
    (0.77, 0.70, False, False, False, "undecided"),  # neither is shown
    (0.76, 0.76, False, True, False, "undecided"),  # nothing is shown to be lost
    (0.77, 0.55, False, False, True, "undecided"),  # the whole is not above chance
    (0.45, 0.65, True, False, False, "background"),  # better without the cell
    (None, None, False, False, False, "undecided"),
])  # fmt: skip
def test_verdicts(whole: float | None, without: float | None, left: bool, seen: bool, lost: bool, answer: str) -> None:
    assert verdict(whole, without, left=left, seen=seen, lost=lost) == answer


def test_classes_that_do_not_overlap_in_any_resample_are_surely_told_apart() -> None:
    """Such an area has no interval: its ends would coincide."""
    positive = np.arange(48) < 24
    area = Units("donor", (np.arange(48) % 8).tolist(), 50, 0).roc_auc(positive, positive + 0.0)
    assert (area.value, area.low, _lowest(area)) == (1.0, None, 1.0)
    assert _lowest(Interval(1.0, reason="only 5 donor(s)")) is None
    assert _lowest(Interval(0.9, 0.8, 1.0)) == 0.8
