"""Bundles that can be quantised: a network of convolutions that says what `tiny_bundle` says, and its own cells.

cohort = split_cohort(tmp_path / "cohort", cells)         # 180 drawn cells of 12 donors, split
bundle = trained_bundle(tmp_path / "bundle", cohort)      # "trained" on its train part, chosen on its validation
"""

from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import openvino
import polars as pl
from onnx import TensorProto, helper

from brightctc.bundle import Arithmetic, Bundle, BundleThreshold, Tested, ValidationCells, with_precisions
from brightctc.bundle.processor import processor_class
from brightctc.bundle.runtime import Session
from brightctc.cohort import Classes, Cohort, CohortFile, SplitFile, read_image, write_cohort, write_split
from drawn import NEGATIVE, POSITIVE
from tiny_bundle import GAIN, OFFSET, tiny_bundle, tiny_network, tiny_parts

SIZE = 16
COARSE = 1000.0  # an `outlier` that leaves 8 bits nothing for the other channels


def split_cohort(folder: Path, cells: pl.DataFrame) -> Path:
    """Cells of `evaluated.drawn_cells`: donors D00 to D03 train, D04 to D06 validate, the others are the test part."""
    folder.mkdir(parents=True)
    donor = pl.col("sample_id").str.slice(1).cast(pl.Int64)
    part = pl.when(donor < 4).then(pl.lit("train")).when(donor < 7).then(pl.lit("validation")).otherwise(pl.lit("test"))
    classes = Classes(negative=NEGATIVE, positive=POSITIVE)
    write_cohort(folder, cells, CohortFile(name="drawn", classes=classes, channels=("bright_field", "dapi")))
    write_split(folder, cells.with_columns(part=part), SplitFile(by="donor_id", settings={}))
    return folder


def trained_bundle(folder: Path, cohort: Path, *, outlier: float = 1.0, network: bytes | None = None) -> Bundle:
    """A bundle whose validation cells are the cohort's. outlier: of `layered`."""
    onnx_bytes = layered(outlier=outlier) if network is None else network
    parts = tiny_parts(cohort=cohort, size=SIZE)
    read = Cohort.read(cohort)
    rows = read.part("validation")
    crops = [read_image(path) for path in read.paths(rows, "bright_field") if path is not None]
    inputs = np.stack([parts.preparation.network_input({"bright_field": crop}, 0.65) for crop in crops])
    logit = Session(onnx_bytes, (1, SIZE, SIZE), threads=1).run(inputs).logit
    donors = rows["donor_id"].to_list()
    validation = ValidationCells.of(logit, read.positive(rows), donors, samples=rows["sample_id"].n_unique())
    threshold = BundleThreshold.chosen(validation, "f1", None)
    return tiny_bundle(folder, cohort=cohort, size=SIZE, onnx=onnx_bytes, validation=validation, threshold=threshold)


def layered(size: int = SIZE, outlier: float = 1.0, gain: float = GAIN, offset: float = OFFSET) -> bytes:
    """`tiny_network` of three convolutions and a classifier, as ONNX.

    outlier: a channel that no later layer looks at is so many times as strong as the others, and shares their range.
    """
    middle = slice(size // 2 - size // 8, size // 2 + size // 8)
    look = np.full((size, size), 1 / size**2)
    look[middle, middle] -= 1 / (middle.stop - middle.start) ** 2
    first = np.zeros((4, 1, 3, 3))
    first[:, 0, 1, 1] = (1, -1, outlier, 0.5)
    second = np.zeros((4, 4, 1, 1))
    second[(0, 1, 3), (0, 1, 3)] = 1
    third = np.stack([np.stack([sign * look, -sign * look, 0 * look, 0.01 * look]) for sign in (1, -1)])
    constants = {
        "first": first,
        "second": second,
        "third": third,
        "classifier": np.array([[gain / 2], [-gain / 2]]),
        "offset": np.array([-gain * offset]),
        "minus": np.array(-gain),
    }
    stored = [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    stored.append(onnx.numpy_helper.from_array(np.array([1], np.int64), "axis"))
    nodes = [
        helper.make_node("Conv", ["crops", "first"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["a+"]),
        helper.make_node("Conv", ["a+", "second"], ["b"]),
        helper.make_node("Relu", ["b"], ["b+"]),
        helper.make_node("Conv", ["b+", "third"], ["c"]),
        helper.make_node("Flatten", ["c"], ["embedding"]),
        helper.make_node("MatMul", ["embedding", "classifier"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["logit2"]),
        helper.make_node("Squeeze", ["logit2", "axis"], ["logit"]),
        helper.make_node("AveragePool", ["crops"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Mul", ["pooled", "minus"], ["dark"]),
        helper.make_node("Squeeze", ["dark", "axis"], ["activation_map"]),
    ]
    outputs = {"logit": ["n"], "embedding": ["n", 2], "activation_map": ["n", size // 4, size // 4]}
    graph = helper.make_graph(
        nodes,
        "layered",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["n", 1, size, size])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        stored,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def guarded(bundle: Bundle, folder: Path, *tested: Tested, network: bytes | None = None) -> Bundle:
    """The bundle with these precisions, as `export` would write it. network: of int8, in place of a quantised one."""
    given = tiny_network(len(bundle.about.channels), bundle.shape[1]) if network is None else network
    int8 = files_of(given, folder.parent) if any(each.precision == "int8" for each in tested) else None
    return with_precisions(bundle, tested, folder, int8=int8)


def guard_at(bundle: Bundle, precision: Literal["int8", "bfloat16"], shift: float = 0.0, **changes: object) -> Tested:
    """A guard of this processor's class, in which every logit is higher by `shift`. changes: of its fields."""
    way = "hint" if precision == "bfloat16" else "post_training"
    how = Arithmetic(precision=precision, processor=processor_class(precision), way=way)
    about = bundle.about
    logit = np.array(about.validation.logit) + shift
    found = Tested.of(how, logit, about.validation, about.threshold, about.calibration)
    return Tested.model_validate(found.model_dump() | changes)


def files_of(network: bytes, folder: Path) -> tuple[bytes, bytes]:
    """An ONNX network as OpenVINO's .xml and .bin, not quantised: a stand-in for a quantised one."""
    path = folder / "given.onnx"
    path.write_bytes(network)
    openvino.save_model(openvino.convert_model(path), folder / "given.xml", compress_to_fp16=False)
    return (folder / "given.xml").read_bytes(), (folder / "given.bin").read_bytes()
