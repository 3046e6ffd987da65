"""Quality: figures that follow what they are named for, and limits that follow the cohort."""

import numpy as np
import pytest

from brightctc.measure import FLAGS, OutlinedCrop, Quality, QualityLimits, measure_cell, saturated_share
from drawn_faults import bead, blurred, even, neighbours, pair, round_cell, tilted, with_speck
from drawn_optics import dapi_cell, phase_cell


def quality(crop: np.ndarray) -> Quality:
    return OutlinedCrop.of(crop).quality


@pytest.fixture(scope="module")
def limits() -> QualityLimits:
    rng = np.random.default_rng(0)
    return QualityLimits.learn(
        quality(round_cell(radius=rng.uniform(8, 12), at=tuple(rng.normal(0, 0.7, 2)), seed=n)) for n in range(60)
    )


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["10x", "20x"])
def test_focus_falls_on_both_sides_of_the_focus(objective: str) -> None:
    def focus(defocus: float) -> float:
        cells = [phase_cell(objective, radius, defocus, seed)[0] for radius in (4.5, 6) for seed in range(3)]
        return float(np.median([quality(crop).focus for crop in cells]))

    before, sharp, past = (
        [focus(z) for z in (-10, -5, -2)],
        focus(0),
        [focus(z) for z in (2, 5, 10)],
    )
    assert before == sorted(before)
    assert past == sorted(past, reverse=True)
    assert sharp > max(before[-1], past[0])


def test_noise_does_not_make_a_blurred_cell_sharp() -> None:
    crop = blurred(round_cell())
    noisy = crop + np.random.default_rng(0).normal(0, 30, crop.shape)
    assert quality(noisy.astype(np.uint16)).focus < 0.5 * quality(round_cell()).focus


@pytest.mark.parametrize(
    ("crop", "flags"),
    [
        pytest.param(round_cell(), [], id="usual"),
        pytest.param(blurred(round_cell()), ["out_of_focus"], id="blurred"),
        pytest.param(round_cell(at=(0, 7)), ["off_centre"], id="off centre"),
        pytest.param(round_cell(at=(0, 16)), ["cut_off", "off_centre"], id="cut"),
        pytest.param(round_cell() * np.uint16(2), ["background_outside"], id="bright"),
        pytest.param(tilted(round_cell()), ["uneven_background"], id="tilted light"),
        pytest.param(bead(40), ["small_object"], id="bead"),
        pytest.param(pair(), ["touching_cells"], id="pair"),
        pytest.param(neighbours(), ["neighbour"], id="neighbour"),
        pytest.param(with_speck(round_cell()), ["debris"], id="speck"),
        pytest.param(even(40), ["no_cell"], id="empty"),
        pytest.param(np.full((40, 40), 2000, np.uint16), ["constant", "no_cell"], id="blank"),
        pytest.param(
            np.full((40, 40), 4095, np.uint16), ["constant", "saturated", "no_cell", "background_outside"], id="white"
        ),
    ],
)
def test_what_is_wrong_with_a_crop(limits: QualityLimits, crop: np.ndarray, flags: list[str]) -> None:
    found = limits.flags(quality(crop))
    assert set(flags) <= set(found) <= {*flags, "small_object", "debris"}
    assert set(found) <= set(FLAGS)


def test_limits_are_shown_and_kept() -> None:
    few = QualityLimits.learn(quality(round_cell(seed=n)) for n in range(19))
    assert few == QualityLimits(cells=19)
    assert few.shown() == {}
    learned = QualityLimits.learn(quality(round_cell(seed=n)) for n in range(20))
    assert set(learned.shown()) == {
        "out_of_focus",
        "off_centre",
        "background_outside",
        "uneven_background",
        "small_object",
    }
    assert learned.shown()["small_object"].startswith("area below ")
    assert QualityLimits.model_validate_json(learned.model_dump_json()) == learned


def test_cells_that_are_all_alike_do_not_make_every_difference_a_fault() -> None:
    alike = QualityLimits.learn([quality(round_cell())] * 30)
    assert not alike.flags(quality(round_cell(seed=1)))


def test_empty_crops_teach_no_limits() -> None:
    assert QualityLimits.learn(quality(even(40, seed)) for seed in range(30)).cells <= 1


@pytest.mark.parametrize(
    ("crop", "share"),
    [
        pytest.param(np.array([[255, 0], [255, 9]], np.uint8), 0.5, id="8 bits"),
        pytest.param(np.array([[4095, 0], [7, 9]], np.uint16), 0.25, id="12 bits"),
        pytest.param(np.array([[4095, 0], [7, 5000]], np.uint16), 0.0, id="in the midst"),
        pytest.param(np.array([[32768 + 4095, 32768], [40000 - 7000, 32769]], np.uint16), 0.25, id="with an offset"),
        pytest.param(np.full((2, 2), 65535, np.uint16), 1.0, id="white"),
        pytest.param(np.array([[1.0, 0.5], [0.2, 0.1]], np.float32), 0.25, id="floating point"),
    ],
)
def test_saturation_knows_the_ceilings_of_detectors(crop: np.ndarray, share: float) -> None:
    assert saturated_share(crop) == share


@pytest.mark.parametrize(
    ("bright_field", "stained", "flags"),
    [
        pytest.param(True, True, (), id="both"),
        pytest.param(True, False, ("no_nucleus",), id="no nucleus"),
        pytest.param(False, True, ("nucleus_without_cell",), id="nucleus only"),
        pytest.param(False, False, (), id="nothing"),
    ],
)
def test_bright_field_and_stain_are_held_against_each_other(
    bright_field: bool, stained: bool, flags: tuple[str, ...]
) -> None:
    crop = phase_cell("20x", 5, 0, 0)[0] if bright_field else even(96)
    dapi = dapi_cell("20x", 3, 0, 0)[0] if stained else even(96)
    found = measure_cell(crop, dapi)
    assert found.stain == flags
    assert ("nucleus_area" in found.features) == stained
    assert ("cell_area" in found.features) == bright_field
    if stained:
        assert np.isfinite(found.features["nucleus_to_cell"]) == bright_field


def test_a_stain_of_another_size_is_not_measured() -> None:
    found = measure_cell(round_cell(40), even(32))
    assert found.stain == ("dapi_unfit",)
    assert "cell_area" in found.features
