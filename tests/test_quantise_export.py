"""`export`: which cells it takes, what it refuses, and that it leaves everything else alone."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import openvino
import polars as pl
import pytest
from onnx import TensorProto, helper, numpy_helper
from typer.testing import CliRunner

from brightctc.bundle import Bundle, precision
from brightctc.bundle.processor import instructions
from brightctc.cli.app import app
from brightctc.cohort import Classes, Cohort, CohortFile, write_cohort
from brightctc.errors import UserError
from brightctc.quantise import ExportResult, calibrating, export, exporting, quantising
from brightctc.quantise.layers import kept_layers
from drawn import NEGATIVE, POSITIVE
from evaluated import drawn_cells
from quantised import COARSE, files_of, guard_at, guarded, layered, split_cohort, trained_bundle

LAYERS = 3  # of `quantised.layered` that can be quantised
need_bfloat16 = pytest.mark.skipif(instructions("bfloat16") is None, reason="this processor has no bfloat16")


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return drawn_cells(tmp_path_factory.mktemp("drawn") / "export")


@pytest.fixture(scope="module")
def cohort(cells: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return split_cohort(tmp_path_factory.mktemp("cohort") / "cohort", cells)


@pytest.fixture(scope="module")
def bundle(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained_bundle(tmp_path_factory.mktemp("bundle") / "bundle", cohort).folder


@pytest.fixture(scope="module")
def result(bundle: Path, cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> ExportResult:
    return export(bundle, tmp_path_factory.mktemp("new") / "new", calibration=cohort, int8=True)


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Plain quantisation turns the ranking round, and nothing mends it; the list tells what was tried."""
    tried: list[str] = []
    upside_down = files_of(layered(gain=-2.0), tmp_path)

    def plain(material: quantising.Material) -> quantising.Quantised:
        tried.append("post_training")
        return upside_down

    def aware(*given: object) -> None:
        tried.append("accuracy_aware")

    monkeypatch.setattr(quantising, "post_training", plain)
    monkeypatch.setattr(quantising, "accuracy_aware", aware)
    return tried


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def changed(folder: Path, cohort: Path, cells: pl.DataFrame) -> Path:
    """The cohort with other rows, not split."""
    folder.mkdir()
    write_cohort(folder, cells, Cohort.read(cohort).about)
    return folder


# --- what is written


def test_the_new_bundle_has_a_quantised_network_and_its_guard(result: ExportResult, bundle: Path) -> None:
    new, old = Bundle.read(result.bundle.folder), Bundle.read(bundle)
    assert set(content(new.folder)) - set(content(old.folder)) == {"model.int8.xml", "model.int8.bin"}
    assert new.about.parent == old.hash == result.parent != new.hash
    (tested,) = new.about.precisions
    assert (tested.precision, tested.way, tested.passed) == ("int8", "post_training", True)
    assert tested.overflow_fix is (instructions("int8") is None)
    assert tested.largest_difference > 1e-4, "it is quantised"
    assert (tested.cells, tested.positives, tested.donors) == (45, 24, 3)
    assert tested.validation.positive == old.about.validation.positive
    assert new.at("auto").precision == "int8"


def test_the_guards_logits_are_those_that_scoring_gives(result: ExportResult, cohort: Path) -> None:
    from brightctc.predict import score_cells

    read, int8 = Cohort.read(cohort), result.bundle.at("int8")
    rows = read.part("validation")
    chunks = list(score_cells(int8, {"bright_field": read.paths(rows, "bright_field")}, read.pixel_sizes(rows)))
    logit = np.concatenate([chunk.logit for chunk in chunks]).tolist()
    assert sorted(logit) == sorted(int8.validation.logit)
    assert len(set(logit)) > 20


def test_the_old_bundle_stays_as_it_is(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    before = content(bundle)
    export(bundle, tmp_path / "new", calibration=cohort, int8=True)
    assert content(bundle) == before


def test_the_same_cells_give_the_same_bytes(
    result: ExportResult, bundle: Path, cells: pl.DataFrame, cohort: Path, tmp_path: Path
) -> None:
    """Test cells are gone, nothing is split, rows lie in another order: what counts is what the bundle has seen."""
    gone = pl.when(pl.col("sample_id") >= "S07").then(pl.lit("gone.tif")).otherwise(pl.col("bright_field"))
    other = changed(tmp_path / "other", cohort, cells.with_columns(bright_field=gone).reverse())
    again = export(bundle, tmp_path / "again", calibration=other, int8=True)
    assert content(again.bundle.folder) == content(result.bundle.folder)


def test_the_network_names_no_maker_and_no_place(result: ExportResult, tmp_path: Path) -> None:
    xml = result.bundle.bytes_of("model.int8.xml")
    assert b"FakeQuantize" in xml
    assert not [word for word in (b"rt_info>\n\t\t<", b"Runtime", b"nncf", b"/tmp", b"/home", b"2026") if word in xml]


def test_what_is_there_is_not_replaced_unasked(result: ExportResult, bundle: Path, cohort: Path) -> None:
    with pytest.raises(UserError, match="already exists"):
        export(bundle, result.bundle.folder, calibration=cohort, int8=True)


@pytest.mark.parametrize("inside", ["", "faster"])
def test_the_old_bundle_is_not_replaced_by_the_new_one(bundle: Path, cohort: Path, inside: str) -> None:
    before = content(bundle)
    with pytest.raises(UserError, match="never changes"):
        export(bundle, bundle / inside, calibration=cohort, int8=True, overwrite=True)
    assert content(bundle) == before


def test_a_folder_that_is_no_bundle_is_not_replaced(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="holds something else"):
        export(bundle, tmp_path, calibration=cohort, int8=True, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@need_bfloat16
def test_a_further_precision_leaves_the_others(result: ExportResult, cohort: Path, tmp_path: Path) -> None:
    both = export(result.bundle.folder, tmp_path / "both", calibration=cohort, bf16=True).bundle
    assert [tested.precision for tested in both.about.precisions] == ["bfloat16", "int8"]
    assert both.about.tested("int8") == result.tested[0]
    assert both.bytes_of("model.int8.bin") == result.bundle.bytes_of("model.int8.bin")
    tested = both.about.tested("bfloat16")
    assert tested is not None
    assert tested.way == "hint"
    assert 0 < tested.largest_difference < 0.02
    assert both.at("bfloat16").session(1).run(np.zeros((1, 1, 16, 16), np.float32)).logit.shape == (1,)


# --- which cells


def test_calibrating_cells_are_of_both_classes_and_all_donors(
    bundle: Path, cohort: Path, cells: pl.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[pl.DataFrame] = []
    monkeypatch.setattr(calibrating, "MOST", 16)
    monkeypatch.setattr(calibrating, "_ready", lambda bundle, cohort, rows, *more: taken.append(rows))
    for given in (cohort, changed(tmp_path / "reversed", cohort, cells.reverse())):
        calibrating.calibrating_cells(Bundle.read(bundle), Cohort.read(given))
    counts = taken[0].group_by("donor_id", "label").len()
    assert counts.height == 8, "four donors, two classes"
    assert set(counts["len"]) == {2}
    assert set(taken[0]["cell_id"]) == set(taken[1]["cell_id"]), "whatever the order of the rows"


def test_where_a_class_is_short_the_other_fills_up(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    rows = Cohort.read(cohort).cells.drop("part")
    number = pl.col("cell_id").str.slice(-2).cast(pl.Int64)
    few = rows.filter(
        (pl.col("label") == NEGATIVE) | (number == 0) | ~pl.col("sample_id").is_in(["S00", "S01", "S02", "S03"])
    )
    found = calibrating.calibrating_cells(Bundle.read(bundle), Cohort.read(changed(tmp_path / "few", cohort, few)))
    assert found.positive.sum() == 4
    assert len(found.positive) == 4 + 4 * 7
    assert found.positive[:8].tolist() == [True, False] * 4


def refused_for(message: str, bundle: Path, cohort: Path, new: Path, **options: bool) -> UserError:
    with pytest.raises(UserError, match=message) as refused:
        export(bundle, new, calibration=cohort, **({"int8": True} | options))  # pyright: ignore[reportArgumentType]
    assert refused.value.fix
    assert not new.exists()
    return refused.value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            lambda rows: rows.with_columns(cell_id=pl.lit("x") + pl.col("cell_id")),
            "0 cells of this cohort trained the bundle",
            id="other cells",
        ),
        pytest.param(
            lambda rows: rows.filter(pl.col("sample_id") > "S01"), "30 cells of this cohort trained", id="too few"
        ),
        pytest.param(
            lambda rows: rows.with_columns(label=pl.lit(None, pl.String)), "0 cells of this cohort", id="no labels"
        ),
        pytest.param(
            lambda rows: rows.filter(~validation() | (pl.col("label") == POSITIVE)),
            f"no {NEGATIVE} cell of this cohort was in the bundle's validation part",
            id="no negatives to judge",
        ),
        pytest.param(
            lambda rows: rows.filter(~validation() | (pl.col("cell_id") != "S04/c0000")),
            f"chosen on 24 {POSITIVE} cells, 23 are here",
            id="a validation cell is missing",
        ),
        pytest.param(
            lambda rows: rows.with_columns(
                bright_field=pl.when(validation()).then(pl.col("bright_field").shift(1)).otherwise("bright_field")
            ),
            "in float32 their logits differ by up to",
            id="other images",
        ),
        pytest.param(
            lambda rows: rows.with_columns(
                label=pl.when(validation()).then(pl.col("label").replace({POSITIVE: NEGATIVE})).otherwise("label")
            ),
            f"no {POSITIVE} cell of this cohort",
            id="other labels",
        ),
        pytest.param(
            lambda rows: rows.with_columns(
                bright_field=pl.when(pl.col("cell_id") == "S00/c0000").then(pl.lit("no.tif")).otherwise("bright_field")
            ),
            "S00/c0000: its bright_field image can't be read",
            id="an image is gone",
        ),
    ],
)
def test_another_cohort_is_refused(
    bundle: Path,
    cohort: Path,
    cells: pl.DataFrame,
    tmp_path: Path,
    change: Callable[[pl.DataFrame], pl.DataFrame],
    message: str,
) -> None:
    refused_for(message, bundle, changed(tmp_path / "other", cohort, change(cells)), tmp_path / "new")


def validation() -> pl.Expr:
    return pl.col("sample_id").is_in(["S04", "S05", "S06"])


def test_other_classes_are_refused(bundle: Path, cells: pl.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    about = CohortFile(name="o", classes=Classes(negative="B", positive="A"), channels=("bright_field",))
    write_cohort(tmp_path / "other", cells, about)
    refused_for("the bundle tells CTC from leukocyte, this cohort A from B", bundle, tmp_path / "other", tmp_path / "n")


# --- the guard


def test_a_loss_is_refused_with_its_figures(spoilt: list[str], bundle: Path, cohort: Path, tmp_path: Path) -> None:
    error = refused_for("this costs too much", bundle, cohort, tmp_path / "new")
    assert "int8 (post training): recall +0.000, F1 -" in error.what
    assert "average precision -0." in error.what
    assert "of 45 validation cells" in error.what
    assert "--accept-loss" in str(error.fix)
    assert spoilt == ["post_training", "accuracy_aware"]


def test_an_accepted_loss_is_used_by_name_alone(spoilt: list[str], bundle: Path, cohort: Path, tmp_path: Path) -> None:
    found = export(bundle, tmp_path / "new", calibration=cohort, int8=True, accept_loss=True)
    assert not found.tested[0].passed
    assert any("did not pass its guard and is used by name alone" in words for words in found.warnings)
    assert found.bundle.at("auto").precision == "float32"
    assert any("did not pass its guard" in words for words in found.bundle.at("int8").warnings)


@need_bfloat16
def test_one_loss_refuses_the_whole(spoilt: list[str], bundle: Path, cohort: Path, tmp_path: Path) -> None:
    assert "bfloat16" not in refused_for("int8", bundle, cohort, tmp_path / "new", bf16=True).what


def test_what_passes_is_not_quantised_twice(
    bundle: Path, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantising, "accuracy_aware", lambda *given: pytest.fail("not asked for"))
    export(bundle, tmp_path / "new", calibration=cohort, int8=True)


def test_layers_are_taken_back_until_the_guard_passes(cohort: Path, tmp_path: Path) -> None:
    """A strong channel shares the range of the others, which 8 bits can't hold; in float32 it does no harm."""
    bundle = trained_bundle(tmp_path / "bundle", cohort, outlier=COARSE)
    steps: list[tuple[str, int]] = []
    found = export(
        bundle.folder,
        tmp_path / "new",
        calibration=cohort,
        int8=True,
        progress=lambda task, done, total, note="": steps.append((task, done)),
    )
    assert ("taking layers back to float32", 1) in steps
    assert (found.tested[0].way, found.tested[0].passed) == ("accuracy_aware", True)
    assert 0 < quantised_layers(found.bundle) < LAYERS


def quantised_layers(bundle: Bundle) -> int:
    """Layers whose weights are stored as integers."""
    xml = bundle.bytes_of("model.int8.xml").decode()
    return xml.count('element_type="i8"')


def test_plain_quantisation_takes_all_layers_between_the_ends(result: ExportResult) -> None:
    assert quantised_layers(result.bundle) == LAYERS


@pytest.mark.parametrize(
    ("plain", "aware", "way"),
    [
        pytest.param(0.1, 0.0, "accuracy_aware", id="it mends"),
        pytest.param(0.1, 0.05, "accuracy_aware", id="it is better"),
        pytest.param(0.1, 0.1, "post_training", id="it is no better, and slower"),
        pytest.param(0.1, 0.2, "post_training", id="it is worse"),
    ],
)
def test_the_better_of_two_ways_is_taken(
    bundle: Path,
    cohort: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    plain: float,
    aware: float,
    way: str,
) -> None:
    network = files_of(layered(), tmp_path)
    shortfalls = {"post_training": plain, "accuracy_aware": aware}
    monkeypatch.setattr(quantising, "post_training", lambda material: network)
    monkeypatch.setattr(quantising, "accuracy_aware", lambda *given: network)
    monkeypatch.setattr(exporting, "shortfall", lambda tested: shortfalls[tested.way])
    real = exporting.Guard.tested
    monkeypatch.setattr(
        exporting.Guard,
        "tested",
        lambda guard, how, network: real(guard, how, network).model_copy(update={"passed": not shortfalls[how.way]}),
    )
    found = export(bundle, tmp_path / "new", calibration=cohort, int8=True, accept_loss=True)
    assert found.tested[0].way == way


def test_nothing_to_quantise_is_refused(cohort: Path, tmp_path: Path) -> None:
    from tiny_bundle import tiny_network

    bundle = trained_bundle(tmp_path / "bundle", cohort, network=tiny_network(1, 16))
    refused_for("can't be quantised", bundle.folder, cohort, tmp_path / "new")


def test_without_instructions_bfloat16_is_refused(
    bundle: Path, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "instructions", lambda name: None)
    refused_for("does not compute in bfloat16", bundle, cohort, tmp_path / "new", int8=False, bf16=True)


def test_without_vnni_weights_leave_room(
    bundle: Path, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "instructions", lambda name: None)
    found = export(bundle, tmp_path / "new", calibration=cohort, int8=True)
    assert found.tested[0].overflow_fix
    (tmp_path / "x.xml").write_bytes(found.bundle.bytes_of("model.int8.xml"))
    (tmp_path / "x.bin").write_bytes(found.bundle.bytes_of("model.int8.bin"))
    model = openvino.Core().read_model(tmp_path / "x.xml")
    stored = [op.get_data() for op in model.get_ops() if op.get_type_name() == "Constant"]
    weights = [values for values in stored if values.dtype == np.int8]
    assert len(weights) == LAYERS
    assert max(np.abs(values.astype(int)).max() for values in weights) <= 64, "7 bits of 8"


def test_without_nncf_the_fix_is_the_extra(
    bundle: Path, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantising, "find_spec", lambda name: None)
    assert refused_for("NNCF", bundle, cohort, tmp_path / "new").fix == "pip install 'brightctc[int8]'"


def test_no_precision_is_refused(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    refused_for("no precision was asked for", bundle, cohort, tmp_path / "new", int8=False)


def test_both_ends_stay_in_float32() -> None:
    rng = np.random.default_rng(0)
    names = ["crops", *(f"x{i}" for i in range(17)), "features"]
    nodes = []
    stored = [numpy_helper.from_array(np.array([1], np.int64), "axis")]
    for index, (given, made) in enumerate(pairwise(names)):
        shape = (4, 1 if index == 0 else 4, 1, 1)
        stored.append(numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), f"w{index}"))
        nodes.append(helper.make_node("Conv", [given, f"w{index}"], [made], name=f"layer{index}"))
    stored.append(numpy_helper.from_array(rng.normal(size=(4, 1)).astype(np.float32), "w"))
    nodes += [
        helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
        helper.make_node("MatMul", ["embedding", "w"], ["logit2"], name="classifier"),
        helper.make_node("Squeeze", ["logit2", "axis"], ["logit"]),
        helper.make_node("ReduceMean", ["features"], ["activation_map"], axes=[1], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "deep",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["n", 1, 8, 8])],
        [
            helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("activation_map", TensorProto.FLOAT, ["n", 8, 8]),
        ],
        stored,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    kept = kept_layers(openvino.convert_model(io.BytesIO(model.SerializeToString())))
    layers = [name for name in kept if name.startswith("layer")]
    assert layers == ["layer0", "layer1"], "two of eighteen"
    assert {"classifier", "logit", "activation_map"} <= set(kept)


# --- silence, and the command


def test_no_socket_opens_and_nothing_is_left_in_the_home_folder(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    code = """
import sys, time
opened = []
sys.addaudithook(lambda event, _: opened.append(event) if event.startswith(("socket.", "subprocess.")) else None)
from pathlib import Path
from brightctc.quantise import export
export(Path(sys.argv[1]), Path(sys.argv[2]), calibration=Path(sys.argv[3]), int8=True)
time.sleep(0.2)
loaded = [name for name in ("torch", "openvino_telemetry") if sys.modules.get(name) is not None]
sys.exit(f"opened: {opened}, loaded: {loaded}" if opened or loaded else 0)
"""
    # without CI=true, where telemetry would be silent by itself
    environment = {key: value for key, value in os.environ.items() if key not in ("CI", "TF_BUILD", "JENKINS_URL")}
    environment["HOME"] = str(tmp_path / "home")
    command = [sys.executable, "-c", code, str(bundle), str(tmp_path / "new"), str(cohort)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert (run.stdout, run.stderr) == ("", ""), "NNCF prints nothing"
    assert not list((tmp_path / "home").iterdir())


def test_torch_that_is_loaded_stays(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    held = sys.modules.get("torch")
    export(bundle, tmp_path / "new", calibration=cohort, int8=True)
    assert sys.modules.get("torch") is held
    assert held is not None or "torch" not in sys.modules


def test_the_command_prints_the_guard(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    given = ["export", str(bundle), str(tmp_path / "new"), "--int8", "--calibration", str(cohort)]
    shown = CliRunner().invoke(app, given)
    assert shown.exit_code == 0, shown.output
    for word in ("int8", "post training", "largest change of a score", "calls gained", "+0.0000", "yes"):
        assert word in shown.output
    summary = CliRunner().invoke(app, [*given, "--overwrite", "--json"])
    told = json.loads(summary.stdout.splitlines()[-1])
    assert told["parent"] == Bundle.read(bundle).hash
    assert told["precisions"][0]["passed"] is True
    assert "validation" not in told["precisions"][0]


def test_a_bundle_that_was_exported_before_is_exported_again(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    first = Bundle.read(bundle)
    made = guarded(first, tmp_path / "made", guard_at(first, "int8", shift=3.0), network=layered(gain=1.0))
    again = export(made.folder, tmp_path / "again", calibration=cohort, int8=True)
    assert [tested.precision for tested in again.bundle.about.precisions] == ["int8"]
    assert again.tested[0].threshold.logit != made.at("int8").threshold.logit
    assert again.bundle.bytes_of("model.int8.bin") != made.bytes_of("model.int8.bin")
