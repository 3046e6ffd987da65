"""Whether the background is read: four answers, and which figures lead to each."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from brightctc.bundle import Bundle
from brightctc.cohort import Cohort
from brightctc.explain.background import Erased, _ends, erased
from brightctc.explain.cells import chosen, read_cells
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
    (0.9, 0.12, True, True, True, "background"),  # as telling as 0.88, the other way round
    (0.95, 0.36, True, True, True, "partly"),
    (0.95, 0.36, False, True, True, "cell"),  # not below chance for sure
    (None, None, False, False, False, "undecided"),
])  # fmt: skip
def test_verdicts(whole: float | None, without: float | None, left: bool, seen: bool, lost: bool, answer: str) -> None:
    assert verdict(whole, without, left=left, seen=seen, lost=lost) == answer


def test_classes_that_do_not_overlap_in_any_resample_are_surely_told_apart() -> None:
    """Such an area has no interval: its ends would coincide."""
    positive = np.arange(48) < 24
    area = Units("donor", (np.arange(48) % 8).tolist(), 50, 0).roc_auc(positive, positive + 0.0)
    few, known = Interval(1.0, reason="only 5 donor(s)"), Interval(0.9, 0.8, 1.0)
    assert (area.value, area.low, _ends(area, lambda: few)) == (1.0, None, (1.0, 1.0))
    assert _ends(few, lambda: known) == (0.8, 1.0)
    assert _ends(few, lambda: area) == (1.0, 1.0)
    assert _ends(few, lambda: few) == (-np.inf, np.inf)


def test_a_background_that_tells_the_classes_the_other_way_round_is_read(framed: Path, border_bundle: Bundle) -> None:
    cohort, bundle = Cohort.read(framed), border_bundle.at("float32")
    scorer = bundle.session()
    cells, _ = read_cells(bundle, cohort, chosen(bundle, cohort, "test", 30, 0)[0], scorer, None)
    turned = replace(cells, positive=~cells.positive)
    found = erased(turned, scorer, Units("cell", cells.rows["cell_id"].to_list(), 100, 0), 0, None)
    assert (found.without.value or 0) < 0.1
    assert found.turned
    assert found.verdict == "background"
