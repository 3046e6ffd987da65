"""Ranks: the same whether all logits are sorted at once or band by band."""

import numpy as np
import pytest

from brightctc.predict import ranking
from brightctc.predict.ranking import ranks, write_ranks


def awkward(cells: int) -> np.ndarray:
    """Logits with ties, both zeros, infinities, tiny numbers and NaN."""
    rng = np.random.default_rng(0)
    logit = rng.normal(0, 4, cells).astype(np.float32)
    logit[::7] = np.round(logit[::7])
    logit[3::50] = np.nan
    special = np.array([0.0, -0.0, np.inf, -np.inf, 1e-40, -1e-40, 3.4e38, -3.4e38], np.float32)
    logit[rng.integers(0, cells, 64)] = np.tile(special, 8)
    return logit


def test_the_highest_is_first_ties_in_input_order_and_nothing_for_nan() -> None:
    assert ranks(np.array([1.0, 3.0, np.nan, 3.0, -0.0, 0.0])).tolist() == [3, 1, 0, 2, 4, 5]


@pytest.mark.parametrize("band", [1, 10, 333, 5000])
def test_bands_give_the_same_ranks(band: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "_BLOCK", 97)
    logit = awkward(2000)
    found = np.full(2000, -1)
    write_ranks(logit, found, band=band)
    assert found.tolist() == ranks(logit).tolist()


def test_of_nothing_but_nan_there_are_no_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "_BLOCK", 10)
    found = np.full(30, -1)
    write_ranks(np.full(30, np.nan, np.float32), found, band=4)
    assert not found.any()
