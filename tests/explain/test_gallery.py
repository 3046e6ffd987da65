"""Where maps lie in cells.png."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from brightctc.cohort import Cohort
from brightctc.explain import ExplainResult
from brightctc.explain.gallery import draw_cells
from brightctc.preprocess import Window
from tiny_bundle import tiny_bundle, tiny_parts

SIDE = 48  # px, of the drawn crops


@pytest.mark.parametrize(
    ("settings", "window", "seen"),
    [({"fit": "pad"}, None, 16), ({"fit": "cell"}, Window(px=32), 32), ({}, None, SIDE)],
)
def test_maps_lie_over_what_the_network_was_fed(
    settings: dict, window: Window | None, seen: int, explained: ExplainResult, read: Cohort, tmp_path: Path
) -> None:
    usual = tiny_parts().preparation
    changed = {"settings": usual.settings.model_copy(update=settings), "window": window}
    bundle = tiny_bundle(tmp_path / "bundle", preparation=usual.model_copy(update=changed))
    found = explained.explanation
    figure = draw_cells(replace(found, cells=replace(found.cells, bundle=bundle)), read)
    crop, (fed, attribution) = figure.axes[0].images[0], figure.axes[1].images
    assert crop.get_array().shape == (SIDE, SIDE)
    assert fed.get_extent() == attribution.get_extent()
    middle = slice((SIDE - seen) // 2, (SIDE + seen) // 2)
    expected = usual.placed(np.asarray(crop.get_array(), np.float32)[middle, middle])
    np.testing.assert_allclose(fed.get_array(), expected, atol=1e-6)
