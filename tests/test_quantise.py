"""Precisions of a bundle: the guard's figures, which of them is used, and its threshold."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from brightctc.bundle import (
    Arithmetic,
    Bundle,
    BundleThreshold,
    Calibration,
    ValidationCells,
    choose,
    folder,
    precision,
    with_threshold,
)
from brightctc.bundle import tested as guard
from brightctc.bundle.tested import passes
from brightctc.errors import UserError
from quantised import guard_at, guarded, layered
from tiny_bundle import tiny_bundle, tiny_network

HOW = Arithmetic(precision="int8", processor="avx512_vnni", way="post_training")


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return tiny_bundle(tmp_path / "bundle")


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str | None], None]:
    """`on("avx512_vnni", None)`: from now on this processor has these instructions for int8, for bfloat16."""

    def have(int8: str, bfloat16: str | None) -> None:
        known = {"int8": int8, "bfloat16": bfloat16}
        for module in (precision, folder):
            monkeypatch.setattr(module, "processor_class", lambda name: known[name] or f"without {name}")
        monkeypatch.setattr(precision, "instructions", lambda name: known[name])

    return have


def test_the_figures_are_those_worked_out_by_hand() -> None:
    # float32 at threshold 0 calls the fourth cell and the three positives after it, and misses the second
    logit, positive = [-3, -1, -0.5, 1, 2, 3, 4], [False, True, False, False, True, True, True]
    before = ValidationCells.of(logit, positive, ["A", "A", "A", None, "B", "B", "B"])
    threshold = BundleThreshold(policy="recall=1", logit=0.0, score=0.5)
    # int8 puts the line between the second (0.5) and the fourth (-2): above it are all positives and the third
    found = guard.Tested.of(HOW, np.array([-3, 0.5, 0.6, -2, 2, 3, 4]), before, threshold, None)
    assert found.threshold.logit == -0.75
    assert found.threshold.precision == "int8"
    assert found.threshold.policy == "recall=1"
    assert (found.calls_gained, found.calls_lost) == (2, 1)
    assert (found.cells, found.positives, found.donors) == (7, 4, 2)
    assert found.recall_change == pytest.approx(1 - 3 / 4)
    assert found.f1_change == pytest.approx(8 / 9 - 6 / 8)
    # positives rank 1, 2, 3 and 6 in float32, 1, 2, 3 and 5 in int8
    assert found.average_precision_change == pytest.approx((3 + 4 / 5) / 4 - (3 + 4 / 6) / 4)
    sigmoid = lambda logit: 1 / (1 + np.exp(-logit))  # noqa: E731
    assert found.largest_difference == pytest.approx(sigmoid(1) - sigmoid(-2))
    assert not found.passed, "average precision changed, if for the better"
    assert found.validation.logit == (-3, 0.5, 0.6, -2, 2, 3, 4), "cell by cell as in float32"
    assert found.validation.positive == before.positive


def test_scores_are_compared_as_the_bundle_calibrates_them() -> None:
    before = ValidationCells.of([-2, 2], [False, True], [None, None])
    threshold = BundleThreshold(policy="f1", logit=0.0, score=0.5)
    found = guard.Tested.of(HOW, np.array([-2.0, 4.0]), before, threshold, Calibration(temperature=2.0))
    assert found.largest_difference == pytest.approx(1 / (1 + np.exp(-2)) - 1 / (1 + np.exp(-1)))
    assert found.threshold.score == pytest.approx(1 / (1 + np.exp(-found.threshold.logit / 2)))
    assert found.passed
    assert found.donors is None


@pytest.mark.parametrize(
    ("recall", "average_precision", "passed"),
    [
        pytest.param(0.0, 0.0, True, id="nothing changed"),
        pytest.param(0.1, 0.005, True, id="at the limit"),
        pytest.param(0.0, -0.005, True, id="at the lower limit"),
        pytest.param(0.0, 0.0051, False, id="another ranking, if a better one"),
        pytest.param(0.0, -0.0051, False, id="average precision fell"),
        pytest.param(-1e-9, 0.0, False, id="recall fell"),
    ],
)
def test_what_passes(recall: float, average_precision: float, passed: bool) -> None:
    assert passes(recall, average_precision) is passed


# --- which one is used


@pytest.mark.parametrize(
    ("int8", "bfloat16", "expected"),
    [
        pytest.param("avx512_vnni", "avx512_bf16", "int8", id="the fastest"),
        pytest.param("amx_int8", "avx512_bf16", "bfloat16", id="int8 was tested on another class"),
        pytest.param("amx_int8", "amx_bf16", "float32", id="both were"),
        pytest.param("amx_int8", None, "float32", id="no such instructions"),
    ],
)
def test_auto_takes_what_passed_on_this_class_of_processor(
    bundle: Bundle,
    tmp_path: Path,
    on: Callable[[str, str | None], None],
    int8: str,
    bfloat16: str | None,
    expected: str,
) -> None:
    made = (
        guard_at(bundle, "int8", processor="avx512_vnni"),
        guard_at(bundle, "bfloat16", processor="avx512_bf16"),
    )
    both = guarded(bundle, tmp_path / "both", *made)
    on(int8, bfloat16)
    assert both.at("auto").precision == expected
    assert both.precision == "float32", "the bundle itself stays as it was"


def test_auto_takes_nothing_that_failed(bundle: Bundle, tmp_path: Path) -> None:
    failed = guarded(bundle, tmp_path / "failed", guard_at(bundle, "int8", passed=False))
    assert failed.at("auto").precision == "float32"
    assert not any("guard" in words for words in failed.warnings)
    asked = failed.at("int8")
    assert asked.precision == "int8"
    assert any("int8 did not pass its guard against float32: recall +0.000" in words for words in asked.warnings)
    assert asked.at("float32").warnings == failed.warnings


def test_without_a_test_auto_is_float32(bundle: Bundle) -> None:
    assert bundle.at("auto").precision == bundle.at("float32").precision == "float32"
    assert bundle.processor is None


@pytest.mark.parametrize(
    ("asked", "here", "message"),
    [
        pytest.param("bfloat16", "avx512_vnni", "was not tested in bfloat16", id="no such test"),
        pytest.param("int8", "amx_int8", r"of another class \(avx512_vnni\) than this one \(amx_int8\)", id="class"),
        pytest.param("int4", "avx512_vnni", "no precision 'int4'", id="unknown"),
    ],
)
def test_a_precision_that_can_not_be_used_is_refused(
    bundle: Bundle, tmp_path: Path, on: Callable[[str, str | None], None], asked: str, here: str, message: str
) -> None:
    child = guarded(bundle, tmp_path / "child", guard_at(bundle, "int8", processor="avx512_vnni"))
    on(here, "avx512_bf16")
    with pytest.raises(UserError, match=message) as refused:
        child.at(asked)  # pyright: ignore[reportArgumentType]
    assert refused.value.fix


def test_bfloat16_without_instructions_is_refused(
    bundle: Bundle, tmp_path: Path, on: Callable[[str, str | None], None]
) -> None:
    child = guarded(bundle, tmp_path / "child", guard_at(bundle, "bfloat16", processor="without bfloat16"))
    on("avx512_vnni", None)
    with pytest.raises(UserError, match="does not compute in bfloat16"):
        child.at("bfloat16")


# --- what a precision brings along


def test_a_precision_has_its_own_threshold_cells_and_network(bundle: Bundle, tmp_path: Path) -> None:
    child = guarded(bundle, tmp_path / "child", guard_at(bundle, "int8", shift=1.5), network=layered(gain=1.0))
    int8 = child.at("int8")
    assert int8.threshold.logit == int8.validation.line("f1").logit
    assert int8.threshold.logit == pytest.approx(choose(bundle, "f1").logit + 1.5, abs=0.2)
    assert int8.threshold.precision == "int8"
    assert int8.validation.logit == pytest.approx(np.array(bundle.validation.logit) + 1.5)
    assert choose(int8, "recall=0.9").logit == pytest.approx(choose(bundle, "recall=0.9").logit + 1.5)
    assert (int8.hash, int8.seen) == (child.hash, child.seen)
    assert child.at("float32").threshold == bundle.threshold
    crops = np.random.default_rng(0).normal(size=(5, 1, 16, 16)).astype(np.float32)
    exact = child.session(1).run(crops).logit
    assert np.array_equal(exact, bundle.session(1).run(crops).logit)
    assert np.abs(int8.session(1).run(crops).logit - exact).min() > 0.1, "the network of model.int8.xml"


def test_warnings_are_those_of_the_threshold_in_use(bundle: Bundle, tmp_path: Path) -> None:
    thin = guard_at(bundle, "int8").threshold.model_copy(update={"warnings": ("thin",)})
    child = guarded(bundle, tmp_path / "child", guard_at(bundle, "int8", threshold=thin.model_dump()))
    assert "thin" not in child.warnings
    assert "thin" in child.at("int8").warnings
    (child.folder / "WITHDRAWN.json").write_text("{}")
    again = Bundle.read(child.folder, allow_withdrawn=True).at("int8")
    assert "withdrawn" in again.warnings[0]


def test_another_threshold_is_chosen_in_every_precision(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    made = guard_at(bundle, "int8", shift=1.5), guard_at(bundle, "bfloat16", shift=0.1)
    parent = guarded(bundle, tmp_path / "parent", *made)
    child = with_threshold(parent, "recall=0.5", tmp_path / "child")
    assert child.about.parent == parent.hash
    for name, shift in (("int8", 1.5), ("bfloat16", 0.1)):
        tested = child.about.tested(name)
        assert tested is not None
        assert tested.threshold.policy == "recall=0.5"
        assert tested.threshold.logit == pytest.approx(child.threshold.logit + shift)
        assert (tested.calls_gained, tested.calls_lost, tested.recall_change) == (0, 0, 0)
    assert parent.about.tested("int8") == made[0]
    for name in ("model.int8.xml", "model.int8.bin", "model.onnx", "seen.json"):
        assert child.bytes_of(name) == parent.bytes_of(name)


def test_a_guard_is_judged_anew_with_the_threshold(bundle: Bundle, tmp_path: Path) -> None:
    logit = np.array(bundle.about.validation.logit)
    positive = np.array(bundle.about.validation.positive)
    mixed = np.where(positive, logit, logit.max() + 1)  # every negative above every positive
    found = guard.Tested.of(HOW, mixed, bundle.about.validation, bundle.threshold, None)
    child = guarded(bundle, tmp_path / "child", found)
    again = with_threshold(child, "budget=1", tmp_path / "again").about.tested("int8")
    assert found.recall_change == 0, "by f1 every cell is called"
    assert again is not None
    assert again.recall_change < 0
    assert not again.passed


# --- the folder


def test_a_bundle_of_before_has_no_precisions(bundle: Bundle) -> None:
    path = bundle.folder / "bundle.json"
    values = json.loads(path.read_text())
    del values["precisions"]
    path.write_text(json.dumps(values))
    assert Bundle.read(bundle.folder).at("auto").about.precisions == ()


def test_bundle_json_stays_readable(bundle: Bundle, tmp_path: Path) -> None:
    child = guarded(bundle, tmp_path / "child", guard_at(bundle, "int8"))
    lines = (child.folder / "bundle.json").read_text().splitlines()
    assert '      "precision": "int8",' in lines
    assert Bundle.read(child.folder).about == child.about


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(lambda b: (b / "model.int8.bin").unlink(), "model.int8.bin is missing", id="missing"),
        pytest.param(
            lambda b: (b / "model.int8.xml").write_bytes(tiny_network(1, 16)), "model.int8.xml is not the", id="altered"
        ),
        pytest.param(lambda b: unlisted(b, "model.int8.xml"), "lists no model.int8.xml", id="not listed"),
    ],
)
def test_an_altered_int8_network_is_refused(
    bundle: Bundle, tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    guarded(bundle, tmp_path / "child", guard_at(bundle, "int8"))
    damage(tmp_path / "child")
    with pytest.raises(UserError, match=message):
        Bundle.read(tmp_path / "child")


def unlisted(bundle: Path, name: str) -> None:
    values = json.loads((bundle / "bundle.json").read_text())
    del values["files"][name]
    (bundle / "bundle.json").write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param(lambda v: v["precisions"].append(v["precisions"][0]), "stands here twice", id="twice"),
        pytest.param(
            lambda v: v["precisions"][0]["validation"].update(positive=[True] * 60), "other cells", id="cells"
        ),
        pytest.param(lambda v: v["precisions"][0].update(precision="float32"), "precisions.0.precision", id="float32"),
    ],
)
def test_precisions_that_contradict_are_refused(
    bundle: Bundle, tmp_path: Path, changes: Callable[[dict], object], message: str
) -> None:
    guarded(bundle, tmp_path / "child", guard_at(bundle, "int8"))
    path = tmp_path / "child" / "bundle.json"
    values = json.loads(path.read_text())
    changes(values)
    path.write_text(json.dumps(values))
    with pytest.raises(UserError, match=message):
        Bundle.read(tmp_path / "child")


def test_the_card_tells_of_the_guards(bundle: Bundle, tmp_path: Path) -> None:
    assert "## Precisions" not in (bundle.folder / "README.md").read_text()
    made = guard_at(bundle, "int8", passed=False, overflow_fix=True), guard_at(bundle, "bfloat16")
    card = (guarded(bundle, tmp_path / "child", *made).folder / "README.md").read_text()
    assert "## Precisions" in card
    assert "the same 60 validation cells" in card
    assert "no: asked for by name alone" in card
    assert "weights use half their range" in card
    assert "computed in bfloat16" in card
