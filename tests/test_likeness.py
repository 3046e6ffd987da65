"""A cell unlike the training cells is told from the others by its distance, and few like them are."""

import numpy as np
import pytest

from brightctc.bundle.likeness import SHARE, Likeness

WIDE = 40


def drawn(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of two classes that vary along some directions, and which are positive."""
    positive = np.arange(count) % 3 == 0
    spread = np.concatenate([np.full(6, 3.0), np.full(WIDE - 6, 0.2)])
    return rng.normal(size=(count, WIDE)) * spread + 5.0 * positive[:, None], positive


@pytest.fixture
def likeness() -> Likeness:
    found = Likeness.of(*drawn(np.random.default_rng(0), 400))
    assert found is not None
    return found


def test_the_limit_keeps_its_share(likeness: Likeness) -> None:
    shares = []
    for seed in range(1, 60):
        rng = np.random.default_rng(seed)
        limit = likeness.limit(drawn(rng, 200)[0])
        assert limit is not None
        shares.append((likeness.distance(drawn(rng, 500)[0]) > limit.limit).mean())
    assert SHARE - 1 / 201 - 0.004 <= np.mean(shares) <= SHARE + 0.004


def test_other_cells_are_beyond_it(likeness: Likeness) -> None:
    limit = likeness.limit(drawn(np.random.default_rng(1), 200)[0])
    assert limit is not None
    cells, _ = drawn(np.random.default_rng(2), 50)
    far_along = cells + 30 * np.eye(WIDE)[0]
    far_beside = cells + 5 * np.eye(WIDE)[-1]  # where training cells hardly vary
    for other in (far_along, far_beside):
        assert (likeness.distance(other) > limit.limit).mean() > 0.9


def test_it_is_no_matter_which_class_a_cell_is_near(likeness: Likeness) -> None:
    assert likeness.distance(likeness.means) == pytest.approx([0, 0], abs=1e-3)
    middle = likeness.means.mean(axis=0, keepdims=True)
    assert likeness.distance(middle) > 3


def test_further_numbers_of_an_embedding_have_no_part(likeness: Likeness) -> None:
    cells, _ = drawn(np.random.default_rng(3), 5)
    wider = np.concatenate([cells, np.full((5, 7), 1e6)], axis=1)
    np.testing.assert_array_equal(likeness.distance(wider), likeness.distance(cells))
    assert np.isnan(likeness.distance(np.full((1, WIDE), np.nan))).all()


def test_it_comes_back_from_its_bytes(likeness: Likeness) -> None:
    cells, _ = drawn(np.random.default_rng(3), 5)
    again = Likeness.from_bytes(likeness.to_bytes())
    np.testing.assert_array_equal(again.distance(cells), likeness.distance(cells))
    assert again.to_bytes() == likeness.to_bytes()


def test_too_few_cells_tell_nothing(likeness: Likeness) -> None:
    cells, positive = drawn(np.random.default_rng(0), 60)
    assert Likeness.of(cells, np.arange(60) == 0) is None
    assert Likeness.of(np.ones((60, WIDE)), positive) is None, "all alike"
    assert likeness.limit(cells[:48]) is None
    assert likeness.limit(cells[:49]) is not None


def test_of_few_cells_and_wide_embeddings_it_stays_finite() -> None:
    rng = np.random.default_rng(0)
    found = Likeness.of(rng.normal(size=(12, 1280)), np.arange(12) % 2 == 0)
    assert found is not None
    assert np.isfinite(found.distance(rng.normal(size=(5, 1280)))).all()


def test_a_cell_is_as_far_alone_as_in_company_to_the_last_bit() -> None:
    """As no product by a library whose threads and blocks depend on how many cells come together."""
    rng = np.random.default_rng(3)
    cells = rng.normal(size=(64, 2048)).astype(np.float32)
    likeness = Likeness.of(rng.normal(size=(400, 2048)), np.arange(400) % 2 == 0)
    assert likeness is not None
    together = likeness.distance(cells)
    alone = np.concatenate([likeness.distance(cells[index : index + 1]) for index in range(64)])
    np.testing.assert_array_equal(together, alone)
