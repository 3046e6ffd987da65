"""The input contract: what training crops looked like, which cells and which samples leave it."""

from collections.abc import Callable

import numpy as np
import pytest

from brightctc.bundle import CONTRACT_FLAGS, Contract, CropMeasures, SampleMeasures
from brightctc.measure import FLAGS
from drawn import cell_image


def crops(n: int, seed: int = 1, **options: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [cell_image(rng, positive=i % 2 == 0, **options) for i in range(n)]


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract.learn(crops(200), [0.65] * 200)


def usual() -> np.ndarray:
    return crops(1, seed=5)[0]


def with_bright_corner(crop: np.ndarray) -> np.ndarray:
    crop[:3, :3] = 4095
    return crop


def test_a_contract_is_learned_from_the_training_crops(contract: Contract) -> None:
    assert (contract.cells, contract.dtypes, contract.bit_depth) == (200, ("uint16",), 12)
    assert (contract.height.low, contract.height.high) == (24, 24)
    assert contract.pixel_size is not None
    assert contract.pixel_size.low == 0.65
    levels = [CropMeasures.of(crop).background for crop in crops(200)]
    assert min(levels) <= contract.background.low < contract.background.high <= max(levels)
    assert Contract.model_validate_json(contract.model_dump_json()) == contract


@pytest.mark.parametrize(
    ("images", "depth"),
    [
        pytest.param([np.full((16, 16), 255, np.uint8)], 8, id="8 bits"),
        pytest.param([np.full((16, 16), 1023, np.uint16)], 10, id="10 bits in uint16"),
        pytest.param([np.full((16, 16), 1024, np.uint16)], 12, id="just above 10"),
        pytest.param([np.full((16, 16), 65535, np.uint16)], 16, id="16 bits"),
        pytest.param([np.full((16, 16), 0.5, np.float32)], None, id="floating point"),
    ],
)
def test_the_bit_depth_is_the_one_in_use(images: list[np.ndarray], depth: int | None) -> None:
    assert Contract.learn(images, [None]).bit_depth == depth


@pytest.mark.parametrize(
    ("crop", "pixel_size", "flags"),
    [
        pytest.param(usual, 0.65, [], id="usual"),
        pytest.param(usual, None, [], id="pixel size not known"),
        pytest.param(usual, 0.6501, [], id="pixel size rounded"),
        pytest.param(usual, 0.5, ["pixel_size_outside"], id="other pixel size"),
        pytest.param(lambda: np.pad(usual(), ((2, 2), (0, 0)), mode="edge"), 0.65, ["size_outside"], id="taller"),
        pytest.param(
            lambda: (usual() // 16).astype(np.uint8),
            0.65,
            ["bit_depth_outside", "intensity_outside", "background_outside"],
            id="8-bit",
        ),
        pytest.param(
            lambda: np.full((24, 24), 2048, np.uint16), 0.65, ["contrast_outside", "constant", "no_cell"], id="constant"
        ),
        pytest.param(
            lambda: with_bright_corner(usual()),
            0.65,
            ["contrast_outside", "saturated"],
            id="a corner of it saturated",
        ),
        pytest.param(
            lambda: usual() * 8, 0.65, ["bit_depth_outside", "intensity_outside", "background_outside"], id="15 bits"
        ),
    ],
)
def test_an_unusual_crop_is_flagged(
    contract: Contract, crop: Callable[[], np.ndarray], pixel_size: float | None, flags: list[str]
) -> None:
    assert contract.flags(crop(), pixel_size) == flags
    assert set(flags) <= set(CONTRACT_FLAGS) | set(FLAGS)


def sample(images: list[np.ndarray], pixel_size: float | None = 0.65) -> SampleMeasures:
    measures = SampleMeasures()
    for image in images:
        measures.add(CropMeasures.of(image), pixel_size)
    return measures


@pytest.mark.parametrize(
    ("measures", "kinds"),
    [
        pytest.param(lambda: sample(crops(50, seed=9)), [], id="like training"),
        pytest.param(lambda: sample([]), [], id="nothing read"),
        pytest.param(lambda: sample(crops(50, seed=9), 0.5), ["pixel_size"], id="other pixel size"),
        pytest.param(lambda: sample(crops(50, seed=9), None), ["pixel_size_unknown"], id="pixel size not known"),
        pytest.param(lambda: sample(crops(50, seed=9, size=30)), ["height", "width"], id="other crop size"),
        pytest.param(lambda: sample([c // 2 for c in crops(50, seed=9)]), ["background", "mean"], id="half the light"),
        pytest.param(
            lambda: sample([c // 2 if i < 15 else c for i, c in enumerate(crops(50, seed=9))]),
            ["background", "mean"],
            id="three cells of ten in half the light",
        ),
        pytest.param(lambda: sample([*crops(3, seed=9), usual() // 2]), [], id="one dark cell of four is chance"),
        pytest.param(
            lambda: sample([c * 8 for c in crops(50, seed=9)]), ["bit_depth", "background", "mean"], id="15 bits"
        ),
        pytest.param(
            lambda: sample([c.astype(np.float32) for c in crops(50, seed=9)]), ["dtype"], id="other pixel type"
        ),
    ],
)
def test_a_sample_departs_from_the_contract(
    contract: Contract, measures: Callable[[], SampleMeasures], kinds: list[str]
) -> None:
    found = contract.departures(measures())
    assert list(found) == kinds
    assert all("training" in words for words in found.values())


def test_a_cohort_without_pixel_sizes_asks_for_none() -> None:
    contract = Contract.learn(crops(20), [None] * 20)
    assert contract.pixel_size is None
    assert contract.departures(sample(crops(20), 0.3)) == {}
