"""UMAP: groups that lie apart stay apart, and the same cells give the same map."""

import numpy as np
import pytest

from brightctc.explain import mapping


def test_groups_stay_apart_and_the_map_is_the_same_each_time() -> None:
    pytest.importorskip("umap", reason="needs the extra `explain`")
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 5))
    values[:30] += 6
    values[3, 2] = np.nan
    places = mapping.umap(values)
    assert places.shape == (60, 2)
    assert np.isfinite(places).all()
    centres = places[:30].mean(axis=0), places[30:].mean(axis=0)
    assert np.linalg.norm(centres[0] - centres[1]) > 2 * places[:30].std()
    np.testing.assert_array_equal(places, mapping.umap(values))
