"""How much of a crop a network sees: as much as training cells take."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile

from brightctc import predict
from brightctc.cohort import Cohort
from brightctc.learn import train
from brightctc.learn.crops import LabelledCells
from brightctc.learn.window import window_of
from evaluated import cohort_of, drawn_cells
from few_cells import TINY


def cells(crops: Sequence[np.ndarray], sizes: Sequence[float | None] = ()) -> LabelledCells:
    table = pl.DataFrame({"cell_id": [f"c{index}" for index in range(len(crops))]})
    if sizes:
        table = table.with_columns(pixel_size_um=pl.Series(sizes))
    return LabelledCells(table, np.zeros(len(crops), bool), {"bright_field": list(crops)}, table["cell_id"].to_list())


def drawn(rng: np.random.Generator, side: int, radius: float, *, dark: bool = False) -> np.ndarray:
    """A body with a dark rim, near the middle of a crop of this size."""
    y, x = np.mgrid[:side, :side] - (side - 1) / 2 + rng.normal(0, 1, 2)[:, None, None]
    away = np.hypot(x, y)
    unit = 1 + rng.normal(0, 0.01, (side, side)) - 0.3 * np.exp(-(((away - radius) / 1.5) ** 2))
    return np.clip(2048 * (unit + (-0.3 if dark else 0.05) * (away < radius)), 0, 4095).astype(np.uint16)


def within(side: int, count: int = 20) -> list[np.ndarray]:
    """Crops of this size around cells of 20 to 26 px in diameter."""
    rng = np.random.default_rng(0)
    return [drawn(rng, side, rng.uniform(10, 13), dark=index % 2 == 0) for index in range(count)]


def test_it_holds_the_cells_and_some_background_whatever_the_crops_size() -> None:
    found = [window_of(cells(within(side))) for side in (80, 120, 160)]
    for window in found:
        assert window is not None
        assert 30 < window.px < 48
        assert window.um is None
    assert np.ptp([window.px for window in found if window]) < 2
    known = window_of(cells(within(80), [0.5] * 20))
    assert known is not None
    assert known.um == pytest.approx(known.px / 2, abs=0.01)
    partly = window_of(cells(within(80), [0.5, None] * 10))
    assert partly is not None
    assert partly.um == pytest.approx(known.um, rel=0.1), "one crop of no known size takes no scale from the others"


def test_one_odd_crop_of_many_does_not_widen_it() -> None:
    many = within(120, 120)
    odd = drawn(np.random.default_rng(3), 120, 50)
    narrow, wide = window_of(cells(many)), window_of(cells([*many[1:], odd]))
    assert narrow is not None
    assert wide is not None
    assert wide.px == pytest.approx(narrow.px, rel=0.1)


def test_a_crop_that_the_cell_fills_is_seen_whole() -> None:
    assert window_of(cells(within(32))) is None
    assert window_of(cells([np.full((24, 24), 2048, np.uint16)] * 3)) is None, "no cell in any of them"


def test_crops_cut_close_around_cells_keep_their_scale() -> None:
    rng = np.random.default_rng(0)
    close = [drawn(rng, round(2.6 * radius), radius, dark=True) for radius in rng.uniform(9, 20, 30)]
    window = window_of(cells(close))
    assert window is not None, "made equally large, small cells would look like large ones"
    assert window.px > 30
    alike = within(32)
    assert window_of(cells(alike, [0.25] * 10 + [0.5] * 10)) is not None, "of two pixel sizes"
    assert window_of(cells(alike, [0.25] * 20)) is None


@pytest.mark.parametrize("more", [(), ("train.folds=2",), ("dapi.way=pseudo_labels", "dapi.teachers=2")])
def test_a_bundle_carries_it_to_new_samples(tmp_path: Path, more: tuple[str, ...]) -> None:
    root = cohort_of(tmp_path / "cohort", _wide(tmp_path))
    settings = [*TINY, "train.epochs=4", "preprocess.fit=cell", *more]
    run = train(root, tmp_path / "run", settings=settings, threads=1)
    window = run.bundle.preparation.window
    if "train.folds=2" in more:
        assert window is None, "it would be of the donors that judge, too"
    else:
        assert window is not None
        assert 30 < window.px < 48
    table = predict(run.bundle.folder, root, tmp_path / "scores.csv").table
    read = Cohort.read(root)
    judged = read.part("validation").select("cell_id", "label").join(table.select("cell_id", "score"), on="cell_id")
    kept = np.sort(run.bundle.score(np.array(run.bundle.validation.logit)))
    if "train.folds=2" not in more:  # of folds, each validation cell was scored by one of the networks
        np.testing.assert_allclose(np.sort(judged["score"].to_numpy()), kept, atol=1e-4)


def _wide(folder: Path) -> pl.DataFrame:
    """Cells of twelve donors in crops of 96 px, of which they take a quarter."""
    cells, rng = drawn_cells(folder / "export"), np.random.default_rng(1)
    for path, label in cells.select("bright_field", "label").iter_rows():
        positive = label == "CTC"
        image = drawn(rng, 96, rng.uniform(10, 13), dark=positive)
        tifffile.imwrite(path, image, photometric="minisblack")
    return cells.drop("dapi")
