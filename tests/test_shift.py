"""Limits of a sample: how often a like one lies outside, and that an unlike one does."""

from dataclasses import dataclass

import numpy as np
import pytest

from brightctc.bundle.likeness import Likeness
from brightctc.bundle.shift import CHANCE, FEWEST_CELLS, ShiftLimits


@dataclass(frozen=True)
class Lab:
    """Samples of two classes in an embedding of eight numbers; positives vary more, and each sample by itself."""

    rng: np.random.Generator
    between: float = 0.15

    def sample(self, cells: int, positives: float, wider: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        positive = self.rng.random(cells) < positives
        spread = wider * np.exp(self.rng.normal(0, self.between))
        cells_of = self.rng.normal(0, spread, (cells, 8)) * np.where(positive, 2.0, 1.0)[:, None]
        return (cells_of + np.where(positive, 6.0, -6.0)[:, None]).astype(np.float32), positive

    def samples(self, count: int, cells: int = 60) -> tuple[np.ndarray, np.ndarray, list[str]]:
        made = [self.sample(cells, 0.4) for _ in range(count)]
        names = [f"S{index}" for index in range(count) for _ in range(cells)]
        return np.concatenate([each[0] for each in made]), np.concatenate([each[1] for each in made]), names


def limits(lab: Lab, judged: int, learned: int) -> tuple[Likeness, ShiftLimits]:
    cells, positive, names = lab.samples(learned)
    likeness = Likeness.of(cells, positive)
    assert likeness is not None
    others, _, of_others = lab.samples(judged)
    found = ShiftLimits.of(likeness, (others, of_others), (cells, names))
    assert found is not None
    return likeness, found


def outside(likeness: Likeness, found: ShiftLimits, cells: np.ndarray) -> bool:
    return found.numbers(*likeness.nearest(cells)).mean() > found.limit(len(cells))


@pytest.mark.parametrize(("judged", "learned"), [(1, 4), (2, 6), (6, 10)])
def test_a_like_sample_lies_outside_as_often_as_promised(judged: int, learned: int) -> None:
    lab = Lab(np.random.default_rng(judged))
    alarms = 0
    for _ in range(400):
        likeness, found = limits(lab, judged, learned)
        alarms += outside(likeness, found, lab.sample(int(lab.rng.integers(15, 400)), 0.02)[0])
    assert alarms <= 400 * CHANCE + 3 * np.sqrt(400 * CHANCE), "also of another share of positives"


def test_a_wider_sample_lies_outside() -> None:
    lab = Lab(np.random.default_rng(0), between=0.05)
    likeness, found = limits(lab, 3, 8)
    assert sum(outside(likeness, found, lab.sample(100, 0.1, wider=1.6)[0]) for _ in range(50)) >= 48
    nearer = [lab.sample(100, 0.1, wider=0.6)[0] for _ in range(50)]
    assert not any(outside(likeness, found, cells) for cells in nearer), "that is no fault"


def test_the_spread_between_samples_and_within_them_is_told_apart() -> None:
    lab = Lab(np.random.default_rng(1), between=0.3)
    cells, positive, _ = lab.samples(30)
    likeness = Likeness.of(cells, positive)
    assert likeness is not None
    others, _, names = lab.samples(40)
    found = ShiftLimits.of(likeness, (others, names), (others[:0], []))
    assert found is not None
    per_sample = found.numbers(*likeness.nearest(others)).reshape(40, 60).mean(axis=1).std()
    assert found.between == pytest.approx(per_sample, rel=0.1)
    assert (found.samples, found.freedom) == (40, 39)
    assert found.limit(10) > found.limit(1000) > found.centre


def test_too_few_samples_give_no_limits() -> None:
    lab = Lab(np.random.default_rng(2))
    cells, positive, names = lab.samples(2)
    likeness = Likeness.of(cells, positive)
    assert likeness is not None
    assert ShiftLimits.of(likeness, (cells, names), (cells[:60], names[:60])) is None
    small = [f"S{index}" for index in range(len(cells) // (FEWEST_CELLS - 1) + 1) for _ in range(FEWEST_CELLS - 1)]
    assert ShiftLimits.of(likeness, (cells, small[: len(cells)]), (cells, small[: len(cells)])) is None


def test_a_cell_that_can_not_be_told_has_no_number() -> None:
    lab = Lab(np.random.default_rng(3))
    likeness, found = limits(lab, 2, 4)
    cells = lab.sample(3, 0.5)[0]
    cells[1] = np.nan
    assert np.isnan(found.numbers(*likeness.nearest(cells))).tolist() == [False, True, False]


def test_a_centre_of_few_cells_is_not_taken_for_a_sure_one() -> None:
    lab, alarms = Lab(np.random.default_rng(4), between=0.0), 0
    for _ in range(400):
        cells, positive, names = lab.samples(8, cells=10)
        likeness = Likeness.of(cells, positive)
        assert likeness is not None
        found = ShiftLimits.of(likeness, (cells[:10], names[:10]), (cells[10:], names[10:]))
        assert found is not None
        alarms += outside(likeness, found, lab.sample(2000, 0.4)[0])
    assert alarms <= 400 * CHANCE + 3 * np.sqrt(400 * CHANCE)
