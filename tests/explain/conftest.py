"""Twelve donors' drawn cells, a bundle that looks at the middle of a crop, and one that looks at its border."""

from pathlib import Path

import numpy as np
import onnx
import polars as pl
import pytest
import tifffile
from onnx import TensorProto, helper

from brightctc.bundle import Bundle, BundleThreshold
from brightctc.cohort import Cohort
from brightctc.explain import ExplainResult, explain, finding
from evaluated import cohort_of, drawn_cells
from tiny_bundle import tiny_bundle

FRAME, SIZE = 3, 48  # px


def rimmed(rng: np.random.Generator, *, positive: bool) -> np.ndarray:
    """A body with a dark rim, which is outlined whole: uint16; positive ones are larger, and dark inside."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2 + rng.normal(0, 1, 2)[:, None, None]
    away, radius = np.hypot(x, y), rng.uniform(12, 15) if positive else rng.uniform(10, 13)
    unit = 1 + rng.normal(0, 0.01, (SIZE, SIZE)) - 0.3 * np.exp(-(((away - radius) / 1.5) ** 2))
    unit += (-0.35 if positive else 0.05) * (away < radius)
    return np.clip(2048 * unit * rng.uniform(0.95, 1.05), 0, 4095).astype(np.uint16)


def redrawn(folder: Path) -> pl.DataFrame:
    """The drawn cells with such bright-field images."""
    cells, rng = drawn_cells(folder), np.random.default_rng(5)
    for path, stain, label in cells.select("bright_field", "dapi", "label").iter_rows():
        tifffile.imwrite(path, rimmed(rng, positive=label == "CTC"), photometric="minisblack")
        tifffile.imwrite(stain, np.pad(tifffile.imread(stain), 12, mode="edge"), photometric="minisblack")
    return cells


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    return cohort_of(folder / "cohort", redrawn(folder / "export"))


@pytest.fixture(scope="session")
def bundle(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "bundle", cohort=cohort)


@pytest.fixture(scope="session")
def explained(bundle: Bundle, cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> ExplainResult:
    """Without torch: the tiny network is no network of torch's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finding, "find_spec", lambda _: None)
        return explain(bundle.folder, cohort, tmp_path_factory.mktemp("out") / "explained", resamples=200)


@pytest.fixture(scope="session")
def framed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cells as they are, but for a frame that is brighter around positive ones: the cartridge is the label."""
    folder = tmp_path_factory.mktemp("framed")
    cells = redrawn(folder / "export")
    rng = np.random.default_rng(0)
    for path, label in cells.select("bright_field", "label").iter_rows():
        crop = tifffile.imread(path).astype(np.float64)
        stripe = np.ones(crop.shape, bool)
        stripe[FRAME:-FRAME, FRAME:-FRAME] = False
        pattern = 1 + (0.04 if label == "CTC" else 0.0) * np.where(np.arange(crop.shape[1]) % 4 < 2, 1, -1)
        crop[stripe] *= np.broadcast_to(pattern, crop.shape)[stripe] + rng.normal(0, 0.002, stripe.sum())
        tifffile.imwrite(path, crop.astype(np.uint16), photometric="minisblack")
    return cohort_of(folder / "cohort", cells)


@pytest.fixture(scope="session")
def border_bundle(framed: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Its logit is how much neighbouring columns of the first rows differ: the pattern of the frame."""
    return tiny_bundle(
        tmp_path_factory.mktemp("border") / "bundle",
        cohort=framed,
        size=SIZE,
        onnx=_border_network(SIZE),
        threshold=BundleThreshold(policy="f1", logit=0.0, score=0.5),
    )


def _border_network(size: int) -> bytes:
    constants = {
        "from": np.array([0, 0, 0], np.int64),
        "to": np.array([2, size, size], np.int64),
        "axes": np.array([2, 1, 3], np.int64),
        "sign": np.where(np.arange(size) % 4 < 2, 1, -1).astype(np.float32)[None, None, None] / size,
        "gain": np.array(6.0, np.float32),
        "half": np.array(1.5, np.float32),
        "spatial": np.array([1, 2, 3], np.int64),
    }
    nodes = [
        helper.make_node("Slice", ["crops", "from", "to", "axes"], ["rows"]),
        helper.make_node("Mul", ["rows", "sign"], ["signed"]),
        helper.make_node("ReduceSum", ["signed", "spatial"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "gain"], ["gained"]),
        helper.make_node("Sub", ["gained", "half"], ["logit"]),
        helper.make_node("ReduceMean", ["crops"], ["mean"], axes=[2, 3], keepdims=1),
        helper.make_node("Flatten", ["mean"], ["embedding"], axis=1),
        helper.make_node("AveragePool", ["crops"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Squeeze", ["pooled", "one"], ["activation_map"]),
    ]
    constants["one"] = np.array([1], np.int64)
    outputs = {"logit": ["n"], "embedding": ["n", 1], "activation_map": ["n", size // 4, size // 4]}
    graph = helper.make_graph(
        nodes,
        "border",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["n", 1, size, size])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return model.SerializeToString()


@pytest.fixture
def read(cohort: Path) -> Cohort:
    return Cohort.read(cohort)


def of_part(cohort: Cohort, part: str) -> pl.DataFrame:
    return cohort.cells.filter(pl.col("part") == part)
