"""Deletion and insertion tell an order that the score rests on from one that it doesn't."""

from concurrent.futures import Future

import numpy as np
import pytest

from brightctc.bundle.runtime import Outputs
from brightctc.explain.faithful import STEPS, block_ranks, curves, random_orders
from brightctc.explain.places import GRID, spread

SIZE = 2 * GRID


class Weighing:
    """A scorer whose logit is a weighted sum of the pixels."""

    shape = (1, SIZE, SIZE)

    def __init__(self, weights: np.ndarray):
        self.weights = weights

    def run(self, inputs: np.ndarray) -> Outputs:
        logit = (inputs[:, 0] * self.weights).sum(axis=(1, 2)).astype(np.float32)
        return Outputs(logit, np.zeros((len(inputs), 1)), np.zeros((len(inputs), 1, 1)))

    def start(self, inputs: np.ndarray) -> Future[Outputs]:
        raise AssertionError("curves ask for whole runs")

    def wait(self) -> None:
        pass


@pytest.fixture(scope="module")
def found() -> dict:
    rng = np.random.default_rng(0)
    weights = spread(rng.exponential(size=(GRID, GRID)) ** 3, SIZE)
    inputs = np.ones((30, 1, SIZE, SIZE), np.float32)
    inputs[:, :, :2] = inputs[:, :, -2:] = inputs[:, :, :, :2] = inputs[:, :, :, -2:] = 0  # background
    inputs += rng.normal(0, 0.01, inputs.shape).astype(np.float32)
    side = np.where(np.arange(30) < 15, 1, -1)
    truth = side[:, None, None] * (inputs[:, 0] * weights)
    orders = {"right": truth, "wrong": -truth, "random": random_orders(30, SIZE, 0)}
    told: list[int] = []
    answer = curves(orders, inputs, side, Weighing(weights), told.append)
    assert told == list(range(1, 31))
    return answer


def test_the_right_order_is_better_than_chance_and_its_opposite_is_worse(found: dict) -> None:
    assert found["right"].faithful
    assert not found["wrong"].faithful
    assert found["wrong"].deletion_gain.high < 0
    assert found["random"].deletion_gain.value == 0
    assert not found["random"].faithful


def test_curves_begin_and_end_at_the_crop_and_at_background(found: dict) -> None:
    for each in found.values():
        assert each.deletion.shape == (30, STEPS + 1)
        np.testing.assert_allclose(each.deletion[:, 0], each.insertion[:, -1], rtol=1e-5)
        np.testing.assert_allclose(each.deletion[:, -1], each.insertion[:, 0], rtol=1e-5)
    np.testing.assert_allclose(found["right"].deletion[:, 0], found["wrong"].deletion[:, 0], rtol=1e-6)


def test_blocks_are_ranked_from_the_one_that_speaks_most() -> None:
    attribution = spread(np.arange(GRID * GRID).reshape(GRID, GRID), SIZE)
    np.testing.assert_array_equal(
        block_ranks(attribution), (GRID * GRID - 1 - np.arange(GRID * GRID)).reshape(GRID, GRID)
    )


def test_no_cells_give_no_gain() -> None:
    empty = np.zeros((0, SIZE, SIZE))
    answer = curves(
        {"random": empty}, np.zeros((0, 1, SIZE, SIZE), np.float32), np.zeros(0), Weighing(np.ones((SIZE, SIZE))), print
    )
    assert answer["random"].deletion_gain.value is None
    assert not answer["random"].faithful
