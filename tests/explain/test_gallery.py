"""What cells.png shows: maps where they belong, and rows that cells.csv names."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from matplotlib.text import Text

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


def test_rows_are_numbered_and_named_in_the_table_alone(explained: ExplainResult, read: Cohort) -> None:
    figure = draw_cells(explained.explanation, read)
    texts = "\n".join(text.get_text() for text in figure.findobj(Text))
    rows = pl.read_csv(explained.folder / "cells.csv").drop_nulls("picture_row").sort("picture_row")
    assert rows["picture_row"].to_list() == list(range(1, rows.height + 1))
    assert not [cell for cell in read.cells["cell_id"] if cell in texts or cell[-10:] in texts]
    shown = [axes.get_xlabel() for axes in figure.axes if "row" in axes.get_xlabel()]
    named = rows.select("score", "picture_row").iter_rows()
    assert shown == [f"score {score:.3f}\nrow {row}" for score, row in named]
