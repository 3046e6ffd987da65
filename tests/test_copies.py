"""Copies of a crop are told from cells that merely look alike; batches that are the label from those that are not."""

import numpy as np
import pytest

from brightctc.check.fingerprints import detail, near_pairs, thumbnail
from brightctc.check.predictable import beyond_chance, encoding_auc, features_auc
from brightctc.cohort import find_images, read_image
from drawn import cell_image

CHANGES = {
    "one grey level of noise": lambda x, rng: x.astype(int) + rng.integers(-1, 2, x.shape),
    "8 bits of 12": lambda x, rng: x // 16,
    "stretched to 8 bits": lambda x, rng: np.round((x - x.min()) * (255.0 / (x.max() - x.min()))),
    "mirrored": lambda x, rng: x[:, ::-1],
    "turned": lambda x, rng: np.rot90(x, 3),
    "turned, mirrored and noisy": lambda x, rng: np.rot90(x)[::-1] + rng.integers(-1, 2, x.T.shape),
}


def pairs_of(crops) -> set[tuple[int, int]]:
    pixels = [np.asarray(crop, np.float64) for crop in crops]
    thumbnails, details = (np.stack([of(crop) for crop in pixels]).astype(np.float16) for of in (thumbnail, detail))
    return {(int(first), int(second)) for first, second in near_pairs(thumbnails, details)}


def drawn(count, shape, seed=0):
    rng = np.random.default_rng(seed)
    height, width = shape
    crops = [cell_image(rng, positive=index % 3 == 0, size=max(shape)) for index in range(count)]
    return [crop[:height, :width] for crop in crops]


@pytest.mark.parametrize("shape", [(16, 16), (24, 24), (33, 33), (41, 41), (28, 37), (90, 90)], ids=str)
@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found_and_nothing_else(shape, change):
    crops, rng = drawn(150, shape), np.random.default_rng(1)
    copies = [CHANGES[change](crop, rng) for crop in crops[::3]]
    assert pairs_of([*crops, *copies]) == {(3 * index, 150 + index) for index in range(50)}


@pytest.mark.parametrize("size", [16, 24, 41])
def test_cells_that_look_alike_are_no_copies(size):
    assert pairs_of(drawn(3000, (size, size), seed=2)) == set()


def test_real_cells_raise_no_false_alarm(jurkat):
    """Among 4,918 crops two pairs are one exposure cut out twice: 98 % of their pixels are equal."""
    images = [path for path in find_images(jurkat) if path.name.endswith("_BF.tif")]
    crops = [read_image(path) for path in images]
    names = {tuple(images[row].name[:10] for row in pair) for pair in pairs_of(crops)}
    assert len(images) == 4918
    assert names == {("exp1_01878", "exp1_01884"), ("exp1_03416", "exp1_03418")}
    rng = np.random.default_rng(0)
    some = crops[:3000:10]
    for name in ("one grey level of noise", "stretched to 8 bits", "turned, mirrored and noisy"):
        copies = [CHANGES[name](crop, rng) for crop in some]
        assert pairs_of([*some, *copies]) == {(index, 300 + index) for index in range(300)}


def test_constant_crops_are_no_copies():
    assert pairs_of([np.full((20, 20), value) for value in (0, 0, 7, 4095)]) == set()


def test_two_crops_that_are_nothing_alike_are_no_copies():
    rng = np.random.default_rng(0)
    assert pairs_of([cell_image(rng, positive=True), np.eye(24) * 100]) == set()
    assert pairs_of([np.eye(24)]) == set()


def classes(cells, share=0.4, seed=0):
    return np.random.default_rng(seed).random(cells) < share


@pytest.mark.parametrize(
    ("codes", "groups", "low", "high"),
    [
        pytest.param(lambda y, d: y.astype(int), lambda d: d, 0.99, 1.0, id="the label itself"),
        pytest.param(lambda y, d: d % 3, lambda d: d, 0.3, 0.6, id="sites of many donors"),
        pytest.param(lambda y, d: d, lambda d: d, 0.3, 0.6, id="donors alike"),
        pytest.param(lambda y, d: np.arange(len(y)), lambda d: d, 0.3, 0.6, id="one value a cell"),
    ],
)
def test_encoding_auc(codes, groups, low, high):
    positive, donors = classes(600), np.arange(600) % 30
    assert low <= encoding_auc(codes(positive, donors), positive, groups(donors)) <= high


def test_a_site_is_not_accused_of_its_donors_shares():
    """Donors differ in their shares of positives at random; a site of ten of them says nothing of another ten."""
    rng = np.random.default_rng(5)
    donors = np.arange(1200) % 30
    positive = rng.random(1200) < rng.uniform(0, 1, 30)[donors]
    auc = encoding_auc(donors % 3, positive, donors)
    assert not (auc > 0.7 and beyond_chance(auc, positive))
    assert encoding_auc(donors, positive, donors) > 0.7


def test_features_auc_needs_a_relation_that_holds_for_new_donors():
    positive, donors = classes(600), np.arange(600) % 20
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(600, 3))
    related = noise + positive[:, None] * [1.5, 0, 0]
    in_the_middle = noise * np.where(positive, 0.3, 1.0)[:, None]
    of_the_donor = noise + rng.normal(size=(20, 3))[donors] * 5
    assert features_auc(related, positive, donors) > 0.8
    assert features_auc(in_the_middle, positive, donors) > 0.7
    for unrelated in (noise, of_the_donor):
        assert features_auc(unrelated, positive, donors) < 0.6


@pytest.mark.parametrize(
    ("auc", "each", "beyond"),
    [(0.75, 10, False), (1.0, 15, True), (0.75, 200, True), (0.55, 200, False)],
)
def test_few_cells_prove_little(auc, each, beyond):
    assert beyond_chance(auc, np.repeat([True, False], each)) == beyond
