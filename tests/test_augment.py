"""Augmentation: what is drawn depends on the cell alone, and what is drawn reaches the network."""

import numpy as np
import polars as pl
import pytest
import torch

from brightctc.learn import augment
from brightctc.learn.augment import Sample, cell_key, draw
from brightctc.learn.batches import Batches, with_copies
from brightctc.learn.crops import LabelledCells
from brightctc.preprocess import Preparation
from brightctc.recipe import Augment, Preprocess
from drawn import cell_image, dapi_image

BF = ("bright_field",)
KEYS = [cell_key(f"c{i}") for i in range(40)]
SAMPLES = [Sample(i, BF) for i in range(40)]


def draws(settings: Augment, samples=SAMPLES, keys=KEYS, seed=0, epoch=0):
    return draw(settings, samples, keys, seed, epoch)


def neutral(n: int, **changes: object) -> augment.Draws:
    ones, zeros = np.ones(n), np.zeros(n)
    values = {
        "angle": zeros, "flip_x": zeros > 0, "flip_y": zeros > 0, "scale": ones, "shift_x": zeros, "shift_y": zeros,
        "brightness": ones, "contrast": ones, "blur": zeros, "noise": zeros, "noise_seed": zeros.astype(np.uint64),
    }  # fmt: skip
    return augment.Draws(**{**values, **changes})


@pytest.mark.parametrize(
    ("preset", "operations"),
    [
        pytest.param("none", set(), id="none"),
        pytest.param("AUG1", {"angle"}, id="AUG1 rotates"),
        pytest.param("AUG2", {"angle", "flip_x", "flip_y"}, id="AUG2 flips too"),
        pytest.param("AUG3", {"angle", "flip_x", "flip_y", "brightness", "contrast"}, id="AUG3 brightens too"),
    ],
)
def test_presets(preset, operations):
    drawn, still = draws(Augment(preset=preset)), neutral(40)
    moved = {name for name in vars(still) if (getattr(drawn, name) != getattr(still, name)).any()}
    assert moved - {"noise_seed"} == operations


def test_a_draw_depends_on_seed_epoch_cell_and_copy_alone():
    settings = Augment(preset="AUG3", copies=2)
    whole = draws(settings, [Sample(i, BF, 1) for i in range(40)])
    alone = draws(settings, [Sample(3, BF, 1)], [KEYS[7]])  # another row, another batch, the same cell
    assert alone.angle[0] == whole.angle[7]
    for other in (
        draws(settings, [Sample(3, BF, 1)], [KEYS[7]], seed=1),
        draws(settings, [Sample(3, BF, 1)], [KEYS[7]], epoch=1),
        draws(settings, [Sample(3, BF, 2)], [KEYS[7]]),
        draws(settings, [Sample(3, ("dapi",), 1)], [KEYS[7]]),
        draws(settings, [Sample(3, BF, 1)], [KEYS[8]]),
    ):
        assert other.angle[0] != alone.angle[0]


def test_fixed_draws_repeat_and_fresh_ones_do_not():
    copies = [Sample(i, BF, 1) for i in range(40)]
    fixed, fresh = Augment(copies=1, draws="fixed"), Augment(copies=1, draws="fresh")
    assert (draws(fixed, copies, epoch=5).angle == draws(fixed, copies).angle).all()
    assert (draws(fresh, copies, epoch=5).angle != draws(fresh, copies).angle).all()


def test_with_copies_the_original_stays_as_it_is():
    samples = with_copies([Sample(0, BF), Sample(1, BF)], Augment(copies=4, draws="fixed"))
    assert len(samples) == 10
    drawn = draw(Augment(copies=4, draws="fixed"), samples, [KEYS[s.cell] for s in samples], 0, 0)
    assert [bool(angle == 0) for angle in drawn.angle] == [s.copy == 0 for s in samples]


def test_right_angles_and_flips_are_exact():
    image = torch.from_numpy(np.random.default_rng(0).random((1, 1, 8, 8), dtype=np.float32))
    turned = augment.apply(image, neutral(1, angle=np.array([90.0])))
    assert any(torch.allclose(turned, torch.rot90(image, k, (2, 3)), atol=1e-5) for k in (1, 3))
    mirrored = augment.apply(image, neutral(1, flip_x=np.array([True])))
    torch.testing.assert_close(mirrored, image.flip(3), atol=1e-5, rtol=0)
    upside = augment.apply(image, neutral(1, flip_y=np.array([True])))
    torch.testing.assert_close(upside, image.flip(2), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("changes", "measure", "expected"),
    [
        pytest.param({"brightness": np.array([1.2])}, lambda x: x.mean(), 1.2, id="brightness scales the mean"),
        pytest.param({"contrast": np.array([0.8])}, lambda x: x.std(), 0.8, id="contrast scales the sd"),
        pytest.param({"contrast": np.array([0.8])}, lambda x: x.mean(), 1.0, id="contrast keeps the mean"),
    ],
)
def test_light(changes, measure, expected):
    image = torch.from_numpy(np.random.default_rng(0).random((1, 1, 16, 16), dtype=np.float32))
    ratio = measure(augment.apply(image, neutral(1, **changes))) / measure(image)
    assert float(ratio) == pytest.approx(expected, rel=1e-4)


def test_operations_that_are_off_by_default():
    image = torch.zeros(2, 1, 33, 33)
    image[:, :, 12:21, 12:21] = 1
    larger = augment.apply(image, neutral(2, scale=np.array([1.0, 1.5])))
    assert larger[1].sum() == pytest.approx(float(image[1].sum()) * 2.25, rel=0.1)
    torch.testing.assert_close(larger[0], image[0])
    shifted = augment.apply(image, neutral(2, shift_x=np.array([0.0, 4 / 33])))
    torch.testing.assert_close(shifted[1], image[1].roll(4, 2), atol=1e-4, rtol=0)
    blurred = augment.apply(image, neutral(2, blur=np.array([0.0, 2.0])))
    torch.testing.assert_close(blurred[0], image[0], atol=1e-5, rtol=0)
    assert float(blurred[1].sum()) == pytest.approx(float(image[1].sum()), rel=1e-3)
    assert float(blurred[1].max()) < 0.97
    noisy = augment.apply(
        image, neutral(2, noise=np.array([0.0, 0.5]), noise_seed=np.array([1, 2], np.uint64)), noise_sd=0.2
    )
    torch.testing.assert_close(noisy[0], image[0])
    assert float((noisy[1] - image[1]).std()) == pytest.approx(0.1, rel=0.1)
    both = image.expand(2, 2, 33, 33)
    same = neutral(2, noise=np.array([0.5, 0.5]), noise_seed=np.array([1, 2], np.uint64))
    each = augment.apply(both, same, noise_sd=torch.tensor([[0.2, 0.4], [0.1, 0.8]])[..., None, None]) - both
    assert each.std((2, 3)).numpy() == pytest.approx(np.array([[0.1, 0.2], [0.05, 0.4]]), rel=0.1)


def batches(intensity: str, settings: Augment, batch_size: int = 8) -> Batches:
    rng = np.random.default_rng(0)
    positive = np.arange(16) % 2 == 0
    images = [cell_image(rng, positive=bool(p)) for p in positive]
    cells = LabelledCells(
        pl.DataFrame({"cell_id": [f"c{i}" for i in range(16)]}),
        positive,
        {"bright_field": list(images), "dapi": [dapi_image(rng, positive=bool(p)) for p in positive]},
        [f"c{i}" for i in range(16)],
    )
    preparation = Preparation.fit(
        Preprocess.model_validate({"size": 24, "intensity": intensity}), {"bright_field": images}, BF
    )
    samples = with_copies([Sample(i, BF) for i in range(16)], settings)
    return Batches(cells, samples, preparation, settings, batch_size, 0, torch.device("cpu"))


@pytest.mark.parametrize("intensity", ["background", "per_crop", "bit_depth"])
def test_normalisation_does_not_undo_brightness(intensity):
    plain = batches(intensity, Augment(preset="none"))
    bright = batches(intensity, Augment(preset="AUG3", rotation=0, flip=0, contrast=0, brightness=0.2))
    before, after = next(plain.epoch(0)).inputs, next(bright.epoch(0)).inputs
    scale = plain.preparation.scales["bright_field"]
    keys = [cell_key(f"c{i}") for i in range(16)]
    order = np.random.default_rng([0, 0]).permutation(16)[:8]
    factor = draw(bright.settings, [Sample(int(i), BF) for i in order], [keys[i] for i in order], 0, 0).brightness
    assert np.ptp(factor) > 0.1
    expected = (before * scale.sd + scale.mean) * torch.from_numpy(factor).float()[:, None, None, None]
    torch.testing.assert_close(after, (expected - scale.mean) / scale.sd, atol=2e-4, rtol=1e-4)


def test_every_sample_comes_once_an_epoch_with_its_own_label():
    walk = batches("background", Augment(preset="none"))
    seen = [label for batch in walk.epoch(0) for label in batch.labels.tolist()]
    assert sorted(seen) == [0] * 8 + [1] * 8
    assert [b.inputs.sum() for b in walk.epoch(0)] == [b.inputs.sum() for b in walk.epoch(0)]
    assert [b.inputs.sum() for b in walk.epoch(0)] != [b.inputs.sum() for b in walk.epoch(1)]


def test_an_incomplete_last_batch_is_left_out_unless_it_is_the_only_one():
    assert [len(b.labels) for b in batches("background", Augment(preset="none"), 6).epoch(0)] == [6, 6]
    assert [len(b.labels) for b in batches("background", Augment(preset="none"), 99).epoch(0)] == [16]
