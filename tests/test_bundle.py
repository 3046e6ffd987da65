"""Bundles: whole, verified, unchanged; the same bits for a cell in any company; silent on the network."""

import json
import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from brightctc import files
from brightctc.bundle import (
    Bundle,
    BundleThreshold,
    Calibration,
    Seen,
    ValidationCells,
    choose,
    runtime,
    with_threshold,
)
from brightctc.bundle.runtime import OUTPUTS, Session
from brightctc.errors import UserError
from brightctc.metrics import choose_threshold
from tiny_bundle import tiny_bundle, tiny_logit, tiny_network, tiny_parts


def change_json(path: Path, change: Callable[[dict], None]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def rename_file(values: dict, name: str) -> None:
    values["files"][name] = values["files"].pop("README.md")


def test_a_bundle_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    parts = tiny_parts()
    bundle = tiny_bundle(tmp_path / "bundle")
    again = Bundle.read(tmp_path / "bundle")
    assert again.hash == bundle.hash == files.sha256(tmp_path / "bundle" / "bundle.json")
    assert again.preparation == parts.preparation
    assert again.threshold == parts.threshold
    assert again.about.validation == parts.validation
    assert again.about.contract == parts.contract
    assert again.about.recipe_hash == parts.recipe.hash
    assert again.seen == parts.seen


def test_the_same_parts_give_the_same_bytes(tmp_path: Path) -> None:
    assert tiny_bundle(tmp_path / "a").hash == tiny_bundle(tmp_path / "b").hash


def test_the_card_counts_and_names_nobody(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "bundle")
    card = (tmp_path / "bundle" / "README.md").read_text()
    assert "For Research Use Only. Not for use in diagnostic procedures." in card
    assert "| train | 30 | 30 | 6 |" in card
    assert "`out_of_focus`: focus below " in card
    assert "from validation" in card
    for text in (card, (tmp_path / "bundle" / "bundle.json").read_text()):
        assert "seen/train" not in text
        assert "seen_train" not in text


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(lambda b: (b / "bundle.json").unlink(), "bundle.json is missing", id="no bundle.json"),
        pytest.param(lambda b: (b / "seen.json").unlink(), "seen.json is missing", id="file missing"),
        pytest.param(
            lambda b: (b / "model.onnx").write_bytes((b / "model.onnx").read_bytes()[:-9]),
            "model.onnx is not the file",
            id="truncated model",
        ),
        pytest.param(
            lambda b: (b / "weights.safetensors").write_bytes(b"x"), "weights.safetensors is not the file", id="hash"
        ),
        pytest.param(lambda b: (b / "README.md").write_text("better"), "README.md is not the file", id="card edited"),
        pytest.param(
            lambda b: change_json(b / "bundle.json", lambda v: v.update(format_version=2)),
            "format version 2",
            id="other format version",
        ),
        pytest.param(
            lambda b: change_json(b / "bundle.json", lambda v: v.update(surprise=1)), "surprise", id="unknown key"
        ),
        pytest.param(
            lambda b: change_json(b / "bundle.json", lambda v: v["files"].pop("seen.json")),
            "lists no seen.json",
            id="file not listed",
        ),
        pytest.param(
            lambda b: change_json(b / "bundle.json", lambda v: v["files"].update({"../x": "0"})),
            "leads out of the bundle",
            id="path upwards",
        ),
        pytest.param(
            lambda b: change_json(b / "bundle.json", lambda v: v["files"].update({"/etc/hosts": "0"})),
            "leads out of the bundle",
            id="absolute path",
        ),
        pytest.param(lambda b: (b / "model.bin").write_bytes(b"x"), "does not belong", id="foreign weights"),
        pytest.param(lambda b: (b / "bundle.json").write_text("{"), "not valid JSON", id="broken JSON"),
    ],
)
def test_an_altered_bundle_is_refused(tmp_path: Path, damage: Callable[[Path], object], message: str) -> None:
    tiny_bundle(tmp_path / "bundle")
    damage(tmp_path / "bundle")
    with pytest.raises(UserError, match=message) as refused:
        Bundle.read(tmp_path / "bundle")
    assert refused.value.fix


def test_a_link_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "bundle")
    (tmp_path / "bundle" / "model.onnx").rename(tmp_path / "elsewhere.onnx")
    (tmp_path / "bundle" / "model.onnx").symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(UserError, match="leads out"):
        Bundle.read(tmp_path / "bundle")


def test_a_file_changed_after_reading_is_refused(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    (tmp_path / "bundle" / "model.onnx").write_bytes(tiny_network(1, 32))
    with pytest.raises(UserError, match="not the file"):
        bundle.session()


def test_a_withdrawn_bundle_is_read_only_on_purpose(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "bundle")
    (tmp_path / "bundle" / "WITHDRAWN.json").write_text("{}")
    with pytest.raises(UserError, match="withdrawn"):
        Bundle.read(tmp_path / "bundle")
    assert any("withdrawn" in each for each in Bundle.read(tmp_path / "bundle", allow_withdrawn=True).warnings)


def test_an_existing_bundle_is_not_replaced_unasked(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "bundle")
    with pytest.raises(UserError, match="already exists"):
        tiny_bundle(tmp_path / "bundle")


def test_another_threshold_is_a_new_bundle_that_names_its_parent(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle", threshold=BundleThreshold(policy="f1", logit=9.0, score=0.9998))
    child = with_threshold(bundle, "recall=0.9", tmp_path / "child")
    assert child.about.parent == bundle.hash != child.hash
    assert child.threshold.policy == "recall=0.9"
    assert bundle.threshold.logit == Bundle.read(bundle.folder).threshold.logit == 9.0
    positive = np.array(child.about.validation.logit)[np.array(child.about.validation.positive)]
    assert np.mean(positive >= child.threshold.logit) >= 0.9
    assert child.threshold.score == pytest.approx(child.score(np.array(child.threshold.logit)))


def test_thresholds_come_from_the_validation_cells_alone(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    cells = bundle.about.validation
    chosen = choose(bundle, "f1")
    assert chosen.logit == choose_threshold(np.array(cells.logit), np.array(cells.positive)).logit
    assert (np.array(cells.logit) >= chosen.logit).tolist() == list(cells.positive)
    with pytest.raises(UserError, match="not a way"):
        choose(bundle, "recall=2")


@pytest.mark.parametrize("temperature", [None, 2.0])
def test_scores_are_sigmoids(tmp_path: Path, temperature: float | None) -> None:
    calibration = temperature and Calibration(temperature=temperature)
    bundle = tiny_bundle(tmp_path / "bundle", calibration=calibration)
    logit = np.array([-800.0, -2.0, 0.0, 3.0, 800.0, np.nan], np.float32)
    score = bundle.score(logit)
    assert score[[0, 2, 4]].tolist() == [0.0, 0.5, 1.0]
    assert score[1] == pytest.approx(1 / (1 + np.exp(2 / (temperature or 1))))
    assert np.isnan(score[5])
    assert score.dtype == np.float64


def test_validation_cells_are_sorted_and_nameless() -> None:
    cells = ValidationCells.of([2.0, -1.0, 0.5], [True, False, True], ["Anna", None, "Ben"], samples=2)
    assert cells.logit == (-1.0, 0.5, 2.0)
    assert cells.positive == (False, True, True)
    assert cells.donor == (None, 0, 1)
    assert cells.donors == [None, "0", "1"]
    with pytest.raises(ValueError, match="differ in length"):
        ValidationCells(logit=(1.0,), positive=(), donor=(), samples=1)


# --- the network


def test_the_session_computes_the_network(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    inputs = np.random.default_rng(0).normal(size=(70, 1, 16, 16)).astype(np.float32)
    outputs = bundle.session(1).run(inputs)
    assert np.allclose(outputs.logit, tiny_logit(inputs), atol=1e-5)
    assert outputs.embedding.shape == (70, 2)
    assert outputs.activation_map.shape == (70, 4, 4)
    assert {outputs.logit.dtype, outputs.embedding.dtype, outputs.activation_map.dtype} == {np.dtype(np.float32)}


def test_no_cells_give_empty_outputs(tmp_path: Path) -> None:
    outputs = tiny_bundle(tmp_path / "bundle").session(1).run(np.zeros((0, 1, 16, 16), np.float32))
    assert (outputs.logit.shape, outputs.activation_map.shape) == ((0,), (0, 4, 4))


def test_inputs_of_another_size_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="takes"):
        tiny_bundle(tmp_path / "bundle").session(1).run(np.zeros((1, 1, 8, 8), np.float32))


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(b"not a network", id="no ONNX"),
        pytest.param(tiny_network(1, 16)[:-40], id="cut short"),
        pytest.param(b"", id="empty"),
        pytest.param(tiny_network(1, 16).replace(b"embedding", b"something"), id="an output missing"),
    ],
)
def test_a_network_that_is_none_is_one_clear_error(network: bytes) -> None:
    with pytest.raises(UserError, match="can't be loaded"):
        Session(network, (1, 16, 16), threads=1)


def convolutions(size: int = 24, width: int = 13) -> bytes:
    """Three random convolutions and a long sum, whose order of adding would differ between batch sizes."""
    rng = np.random.default_rng(3)
    shapes = {
        "a": (width, 1, 3, 3),
        "b": (2 * width, width, 3, 3),
        "c": (50, 2 * width, 1, 1),
        "d": (50 * (size // 2) ** 2, 1),
    }
    weights = [
        onnx.numpy_helper.from_array(
            (rng.normal(size=shape) / np.sqrt(np.prod(shape[1:]) + 1)).astype(np.float32), name
        )
        for name, shape in shapes.items()
    ]
    axis = onnx.numpy_helper.from_array(np.array([1], np.int64), "axis")
    nodes = [
        helper.make_node("Conv", ["crops", "a"], ["a1"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a1"], ["a2"]),
        helper.make_node("Conv", ["a2", "b"], ["b1"], pads=[1, 1, 1, 1], strides=[2, 2]),
        helper.make_node("Relu", ["b1"], ["b2"]),
        helper.make_node("Conv", ["b2", "c"], ["features"]),
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
        helper.make_node("Flatten", ["features"], ["flat"]),
        helper.make_node("MatMul", ["flat", "d"], ["logit2"]),
        helper.make_node("Squeeze", ["logit2", "axis"], ["logit"]),
        helper.make_node("ReduceMean", ["features"], ["activation_map"], axes=[1], keepdims=0),
    ]
    shapes_out = {"logit": ["n"], "embedding": ["n", 50], "activation_map": ["n", size // 2, size // 2]}
    graph = helper.make_graph(
        nodes,
        "convolutions",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["n", 1, size, size])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes_out[name]) for name in OUTPUTS],
        [*weights, axis],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def test_a_score_does_not_depend_on_the_other_cells() -> None:
    session = Session(convolutions(), (1, 24, 24), threads=1)
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(75, 1, 24, 24)).astype(np.float32)
    together = session.run(inputs)
    alone = [session.run(inputs[i : i + 1]) for i in range(0, 75, 7)]
    order = rng.permutation(75)
    shuffled = session.run(inputs[order])
    for name in OUTPUTS:
        expected = getattr(together, name)
        assert np.array_equal(np.concatenate([getattr(each, name) for each in alone]), expected[::7])
        assert np.array_equal(getattr(shuffled, name), expected[order])


def test_two_threads_give_the_bits_of_one() -> None:
    inputs = np.random.default_rng(0).normal(size=(40, 1, 24, 24)).astype(np.float32)
    one, two = (Session(convolutions(), (1, 24, 24), threads=n).run(inputs) for n in (1, 2))
    assert np.array_equal(one.logit, two.logit)


def test_a_session_that_nobody_holds_is_let_go(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    inputs = np.zeros((5, *bundle.shape), np.float32)
    session = bundle.session(threads=1)
    former = weakref.ref(session)
    session.run(inputs)
    del session
    assert former() is None
    bundle.session(threads=1).run(inputs)
    assert len(runtime._RETIRED) == 1, "the one before is gone"


def test_sessions_that_are_dropped_at_work_abort_nothing(tmp_path: Path) -> None:
    bundle = tiny_bundle(tmp_path / "bundle")
    script = f"""
import sys
from pathlib import Path
import numpy as np
from brightctc.bundle import Bundle
bundle = Bundle.read(Path({str(bundle.folder)!r}))
inputs = np.zeros((8, *bundle.shape), np.float32)
for _ in range(20):
    session = bundle.session(threads=2)
    begun = [session.start(inputs) for _ in range(20)]
    begun[0].result()
    del session
    [each.result() for each in begun]
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_socket_opens_and_nothing_is_left_in_the_home_folder(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "bundle")
    (tmp_path / "home").mkdir()
    code = """
import sys, time
opened = []
sys.addaudithook(lambda event, _: opened.append(event) if event.startswith(("socket.", "subprocess.")) else None)
from pathlib import Path
import numpy as np
from brightctc.bundle import Bundle
Bundle.read(Path(sys.argv[1])).session(1).run(np.zeros((3, 1, 16, 16), np.float32))
time.sleep(0.2)
sys.exit(f"opened: {opened}" if opened else 0)
"""
    # without CI=true, where OpenVINO's telemetry would be silent by itself
    environment = {key: value for key, value in os.environ.items() if key not in ("CI", "TF_BUILD", "JENKINS_URL")}
    environment["HOME"] = str(tmp_path / "home")
    command = [sys.executable, "-c", code, str(tmp_path / "bundle")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert not list((tmp_path / "home").iterdir())


# --- what the bundle has seen


def seen(**changes: object) -> Seen:
    given = {
        "train_cells": ["S1/c1", "S1/c2"],
        "validation_cells": ["S2/c1"],
        "train_donors": ["D1", "D1", None],
        "validation_donors": ["D2"],
    }
    return Seen.of(**(given | changes))  # pyright: ignore[reportArgumentType]


def test_seen_answers_for_ids_and_does_not_tell_them(tmp_path: Path) -> None:
    files.write_json(tmp_path / "seen.json", seen().to_json())
    read = Seen.read(tmp_path / "seen.json")
    assert read == seen()
    assert read.has_cells(["S1/c2", "S2/c1", "S3/c9", "D1"]).tolist() == [True, True, False, False]
    assert (read.part_of_cell("S1/c1"), read.part_of_cell("S2/c1")) == ("train", "validation")
    assert read.has_donors(["D2", None, "D1", "D3"]).tolist() == [True, False, True, False]
    text = (tmp_path / "seen.json").read_text()
    assert not any(identifier in text for identifier in ("S1", "S2", "D1", "D2"))


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        pytest.param({}, True, id="the same run"),
        pytest.param({"train_cells": ["S1/c2", "S1/c1"]}, True, id="another order"),
        pytest.param({"seed": 1}, False, id="another seed"),
        pytest.param({"validation_cells": ["S2/c2"]}, False, id="another cell"),
    ],
)
def test_the_salt_comes_from_the_run(changes: dict[str, object], same: bool) -> None:
    assert (seen(**changes).salt == seen().salt) is same


def test_what_the_first_weights_had_met_is_asked_too(tmp_path: Path) -> None:
    oldest = seen(train_cells=["S7/c1"], validation_cells=["S8/c1"], train_donors=["D7"], validation_donors=["D8"])
    older = seen(train_cells=["S5/c1"], validation_cells=["S6/c1"], before=oldest.generations)
    files.write_json(tmp_path / "seen.json", seen(before=older.generations).to_json())
    read = Seen.read(tmp_path / "seen.json")
    assert read == seen(before=older.generations)
    assert read.has_cells(["S1/c1", "S5/c1", "S6/c1", "S7/c1", "S9/c1"]).tolist() == [True] * 4 + [False]
    assert read.has_donors(["D1", "D7", "D8", "D9", None]).tolist() == [True] * 3 + [False] * 2
    parts = [read.part_of_cell(cell) for cell in ("S2/c1", "S6/c1", "S8/c1")]
    assert parts == ["validation", "train", "train"], "its own validation cells judge it; others made its first weights"
    assert read.part_of_donor("D8") == "train"
    assert read.own == seen()


def test_donors_are_known_where_each_training_knew_them() -> None:
    nameless = seen(train_donors=[], validation_donors=[])
    assert seen(before=seen().generations).knows_donors
    assert not seen(before=nameless.generations).knows_donors


@pytest.mark.parametrize("broken", [{"salt": "xy"}, {"cells": {}}, {"donors": None}, {"before": [{"salt": "00"}]}])
def test_a_malformed_list_of_seen_cells_is_one_error(tmp_path: Path, broken: dict[str, object]) -> None:
    (tmp_path / "seen.json").write_text(json.dumps(seen().to_json() | broken))
    with pytest.raises(UserError, match="malformed"):
        Seen.read(tmp_path / "seen.json")
