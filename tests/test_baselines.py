"""Baselines: each sees what it is named for and nothing else, learns from training cells, and ranks."""

import numpy as np
import pytest

from brightctc.baselines import BASELINES, Cells, border, fit, hand, hog, intensity, size, threshold
from brightctc.errors import UserError
from brightctc.metrics import average_precision, roc_auc
from drawn import cell_image
from drawn_faults import round_cell

Drawn = tuple[Cells, np.ndarray]


def drawn_cells(n: int, seed: int) -> Drawn:
    rng = np.random.default_rng(seed)
    positive = np.arange(n) % 3 == 0
    return Cells([cell_image(rng, positive=bool(yes), size=32) for yes in positive]), positive


def discs(radii: np.ndarray, level: float = 1000.0, bright: float = 1.3, seed: int = 0) -> list[np.ndarray]:
    y, x = np.mgrid[:40, :40] - 19.5
    noise = np.random.default_rng(seed).normal(0, 5, (len(radii), 40, 40))
    return [np.where(np.hypot(x, y) < r, bright, 1.0) * level + n for r, n in zip(radii, noise, strict=True)]


def batches(n: int, seed: int) -> Drawn:
    """Both classes alike, but positives imaged at a brighter background."""
    rng = np.random.default_rng(seed)
    positive = np.arange(n) % 2 == 0
    crops = discs(rng.uniform(8, 12, n), seed=seed)
    return Cells([crop * (1.2 if yes else 1.0) for crop, yes in zip(crops, positive, strict=True)]), positive


@pytest.mark.parametrize("name", list(BASELINES))
def test_every_baseline_learns_scores_and_gets_a_threshold(name: str) -> None:
    model = fit(name, *drawn_cells(90, seed=0))
    crops, positive = drawn_cells(60, seed=1)
    score = model.score(crops)
    assert (score.shape, score.dtype) == ((60,), np.float64)
    line = threshold(model, crops, positive)
    called = score >= line.logit
    assert called.any()
    if name == "constant":
        assert called.all()
    if name.startswith("hog") or name in ("intensity", "hand_features"):  # the dark nucleus is drawn on positives alone
        assert roc_auc(positive, score) > 0.95


@pytest.mark.parametrize("name", list(BASELINES))
def test_a_fit_repeats_bit_by_bit_and_scores_each_crop_alone(name: str) -> None:
    crops, positive = drawn_cells(60, seed=2)
    score = fit(name, crops, positive, seed=5).score(crops)
    again = fit(name, crops, positive, seed=5)
    assert np.array_equal(score, again.score(crops))
    assert np.allclose(again.score(Cells(crops.crops[:7])), score[:7], rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "sees"),
    [
        pytest.param("border", True, id="border"),
        pytest.param("intensity", True, id="intensity"),
        pytest.param("size", False, id="size"),
        pytest.param("hog_linear", False, id="hog-linear"),
        pytest.param("constant", False, id="constant"),
    ],
)
def test_a_batch_shows_in_the_baselines_that_look_at_levels(name: str, sees: bool) -> None:
    model = fit(name, *batches(80, seed=0))
    crops, positive = batches(80, seed=9)
    area = roc_auc(positive, model.score(crops))
    assert area > 0.9 if sees else 0.3 < area < 0.7


def test_border_does_not_see_the_cell() -> None:
    crop = discs(np.array([10.0]))[0]
    erased = crop.copy()
    erased[6:-6, 6:-6] = np.median(crop)
    assert border.features(crop) == pytest.approx(border.features(erased), rel=0.01)


def test_a_large_cell_does_not_speak_through_the_border() -> None:
    crops = [round_cell(size=40, radius=radius, seed=n) for n in range(40) for radius in (8.0, 15.0)]
    positive = np.tile([False, True], 40)
    area = roc_auc(positive[40:], fit("border", Cells(crops[:40]), positive[:40]).score(Cells(crops[40:])))
    assert 0.2 < area < 0.8
    assert roc_auc(positive[40:], fit("size", Cells(crops[:40]), positive[:40]).score(Cells(crops[40:]))) > 0.99


def test_size_measures_the_disc_at_any_illumination_and_sign() -> None:
    for level, bright in [(1000.0, 1.3), (30_000.0, 1.3), (1000.0, 0.7)]:
        diameter = size.features(discs(np.array([10.0]), level, bright=bright)[0])[0]
        assert diameter == pytest.approx(20, rel=0.05)


def test_sizes_are_in_micrometres_where_every_pixel_size_is_known() -> None:
    crop = discs(np.array([10.0]))[0]
    assert size.features(crop, 0.5) == pytest.approx(size.features(crop) / 2)
    cells, positive = drawn_cells(30, seed=0)
    in_um = Cells.of(cells.crops, [0.5] * 30)
    assert Cells.of(cells.crops, [0.5] * 29 + [None]).pixel_sizes is None
    model = fit("size", in_um, positive)
    assert np.isfinite(model.score(in_um)).all()
    with pytest.raises(UserError, match="lengths in µm"):
        model.score(cells)


@pytest.mark.parametrize(
    "crop",
    [
        pytest.param(np.full((20, 20), 700, np.uint16), id="even"),
        pytest.param(np.zeros((20, 20), np.uint8), id="black"),
        pytest.param(np.pad(np.full((10, 10), 9, np.uint8), 5), id="black-background"),
        pytest.param(np.full((16, 64), 0.5, np.float32), id="oblong-float"),
    ],
)
def test_degenerate_crops_have_finite_features(crop: np.ndarray) -> None:
    for found in (size.features(crop), intensity.features(crop), border.features(crop), hog.features(crop, side=40)):
        assert np.isfinite(found).all()
    assert hand.features(crop).dtype == np.float64


def test_size_finds_a_class_that_lies_between() -> None:
    radii = np.tile([6.0, 10.0, 14.0], 30) + np.random.default_rng(0).uniform(-0.5, 0.5, 90)
    crops, positive = discs(radii), np.tile([False, True, False], 30)
    assert average_precision(positive, fit("size", Cells(crops), positive).score(Cells(crops))) > 0.99


def test_donors_share_a_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    from brightctc.baselines import model

    seen: list[list[tuple[np.ndarray, np.ndarray]]] = []
    real = model.GridSearchCV
    monkeypatch.setattr(model, "GridSearchCV", lambda *a, cv, **k: seen.append(cv) or real(*a, cv=cv, **k))
    crops, positive = drawn_cells(90, seed=4)
    donors = [f"D{index // 9}" for index in range(90)]
    fit("border", crops, positive, donors=donors)
    for train, held_out in seen[0]:
        assert not {donors[i] for i in train} & {donors[i] for i in held_out}


def test_hog_takes_the_side_nearer_to_the_crops() -> None:
    from brightctc.baselines.model import Training

    drawn = (Cells([np.zeros((n, n))] * 3) for n in (24, 40, 64, 148))
    sides = [hog.side_for(Training(cells, np.zeros(3, bool), 0)) for cells in drawn]
    assert sides == [40, 40, 64, 64]


def test_few_cells_still_fit() -> None:
    crops, positive = drawn_cells(6, seed=0)
    assert np.isfinite(fit("hog_rbf", crops, positive).score(crops)).all()


@pytest.mark.parametrize(
    ("name", "positives", "what"),
    [
        pytest.param("hogg", 5, "no baseline is called 'hogg'", id="unknown"),
        pytest.param("size", 0, "at least two training cells of each class", id="no-positives"),
        pytest.param("size", 10, "at least two training cells of each class", id="no-negatives"),
    ],
)
def test_what_can_not_be_fitted_is_refused(name: str, positives: int, what: str) -> None:
    crops, _ = drawn_cells(10, seed=0)
    with pytest.raises(UserError, match=what):
        fit(name, crops, np.arange(10) < positives)
