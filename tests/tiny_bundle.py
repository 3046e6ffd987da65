"""A tiny real bundle made without torch: an ONNX graph that looks for a dark nucleus in the middle of a crop.

It ranks the cells of `drawn.py` almost perfectly; nothing that it says holds for real cells.

    from tiny_bundle import tiny_bundle
    bundle = tiny_bundle(tmp_path / "bundle")                        # trained on made-up ids
    bundle = tiny_bundle(tmp_path / "bundle", cohort=cohort_folder)  # has seen its train and validation cells
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from safetensors.numpy import save

from brightctc.bundle import (
    Bundle,
    BundleParts,
    BundleThreshold,
    Contract,
    PartCounts,
    Provenance,
    Seen,
    ValidationCells,
    write_bundle,
)
from brightctc.cohort.folder import Classes, Cohort
from brightctc.preprocess import Channel, Preparation
from brightctc.recipe import DapiChannel, DapiNone, Preprocess, Recipe
from drawn import NEGATIVE, POSITIVE, cell_image, dapi_image

GAIN, OFFSET = 2.0, 1.93  # logit = GAIN * (mean of the crop − mean of its middle − OFFSET), in input units


def tiny_bundle(
    folder: Path,
    *,
    cohort: Path | None = None,
    channels: tuple[Channel, ...] = ("bright_field",),
    size: int = 16,
    cells: int = 60,
    onnx: bytes | None = None,
    overwrite: bool = False,
    **changes: Any,
) -> Bundle:
    """Write a bundle trained on nothing but drawn cells. onnx: another network. changes: fields of `BundleParts`."""
    parts = replace(tiny_parts(cohort=cohort, channels=channels, size=size, cells=cells), **changes)
    weights = save({"gain": np.array([GAIN], np.float32)})
    network = tiny_network(len(channels), size) if onnx is None else onnx
    return write_bundle(folder, onnx=network, weights=weights, parts=parts, overwrite=overwrite)


def tiny_parts(
    *,
    cohort: Path | None = None,
    channels: tuple[Channel, ...] = ("bright_field",),
    size: int = 16,
    cells: int = 60,
) -> BundleParts:
    """Everything beside the network. Half of the drawn validation cells are positive, from 6 donors."""
    rng = np.random.default_rng(7)
    positive = np.arange(cells) % 2 == 0
    crops = [cell_image(rng, positive=bool(p)) for p in positive]
    stains = [dapi_image(rng, positive=bool(p)) for p in positive]
    of_channel: dict[Channel, list[np.ndarray]] = {"bright_field": crops, "dapi": stains}
    settings = Preprocess(size=size)
    preparation = Preparation.fit(settings, {c: of_channel[c] for c in channels}, channels)
    inputs = [preparation.network_input({c: of_channel[c][i] for c in channels}, 0.65) for i in range(cells)]
    logit = tiny_logit(np.stack(inputs)[:, :1])
    middle = float(logit[positive].min() + logit[~positive].max()) / 2
    counts = PartCounts(positive=int(positive.sum()), negative=int((~positive).sum()), donors=6)
    return BundleParts(
        name="tiny",
        classes=Classes(negative=NEGATIVE, positive=POSITIVE),
        preparation=preparation,
        threshold=BundleThreshold(policy="f1", logit=middle, score=1 / (1 + float(np.exp(-middle)))),
        validation=ValidationCells.of(logit, positive, [f"D{i // 2 % 6}" for i in range(cells)], samples=6),
        contract=Contract.learn(crops, [0.65] * cells, channels=channels),
        recipe=Recipe(preprocess=settings, dapi=DapiChannel() if len(channels) > 1 else DapiNone()),
        provenance=Provenance(
            cohort="drawn", counts={"train": counts, "validation": counts}, split_by="donor_id", seed=0
        ),
        seen=_seen(cohort),
        parity=0.0,
    )


def tiny_logit(inputs: np.ndarray) -> np.ndarray:
    """What the network computes, in numpy: float32 (n, 1, size, size) → float32 (n,)."""
    middle = _middle(inputs.shape[-1])
    crop = inputs[:, 0]
    difference = crop.mean(axis=(1, 2)) - crop[:, middle, middle].mean(axis=(1, 2))
    return (GAIN * (difference - OFFSET)).astype(np.float32)


def tiny_network(channels: int, size: int, offset: float = OFFSET) -> bytes:
    """The ONNX graph: logit (n,), embedding (n, 2), activation_map (n, size / 4, size / 4)."""
    middle = _middle(size)
    constants = {
        "from": np.array([0, middle.start, middle.start], np.int64),
        "to": np.array([1, middle.stop, middle.stop], np.int64),
        "axes": np.array([1, 2, 3], np.int64),
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "channel": np.array([1], np.int64),
        "offset": np.array(offset, np.float32),
        "gain": np.array(GAIN, np.float32),
        "minus": np.array(-GAIN, np.float32),
    }
    nodes = [
        helper.make_node("Slice", ["crops", "zero", "one", "channel"], ["bright_field"]),
        helper.make_node("Slice", ["bright_field", "from", "to", "axes"], ["middle"]),
        helper.make_node("ReduceMean", ["bright_field"], ["mean4"], axes=[2, 3], keepdims=1),
        helper.make_node("ReduceMean", ["middle"], ["middle4"], axes=[2, 3], keepdims=1),
        helper.make_node("Flatten", ["mean4"], ["mean2"], axis=1),
        helper.make_node("Flatten", ["middle4"], ["middle2"], axis=1),
        helper.make_node("Concat", ["mean2", "middle2"], ["embedding"], axis=1),
        helper.make_node("Sub", ["mean2", "middle2"], ["difference"]),
        helper.make_node("Sub", ["difference", "offset"], ["shifted"]),
        helper.make_node("Mul", ["shifted", "gain"], ["logit2"]),
        helper.make_node("Squeeze", ["logit2", "channel"], ["logit"]),
        helper.make_node("AveragePool", ["bright_field"], ["pooled"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Mul", ["pooled", "minus"], ["dark"]),
        helper.make_node("Squeeze", ["dark", "channel"], ["activation_map"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("crops", TensorProto.FLOAT, ["n", channels, size, size])],
        [
            helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["n"]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", 2]),
            helper.make_tensor_value_info("activation_map", TensorProto.FLOAT, ["n", size // 4, size // 4]),
        ],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _middle(size: int) -> slice:
    return slice(size // 2 - size // 8, size // 2 + size // 8)


def _seen(cohort: Path | None) -> Seen:
    if cohort is None:
        return Seen.of(
            train_cells=[f"seen/train{i}" for i in range(20)],
            validation_cells=[f"seen/validation{i}" for i in range(10)],
            train_donors=["seen_train"],
            validation_donors=["seen_validation"],
        )
    read = Cohort.read(cohort)
    train, validation = read.part("train"), read.part("validation")
    donors = [rows["donor_id"] if "donor_id" in rows.columns else [] for rows in (train, validation)]
    return Seen.of(
        train_cells=train["cell_id"],
        validation_cells=validation["cell_id"],
        train_donors=donors[0],
        validation_donors=donors[1],
        taught=train.select("cell_id", "label").drop_nulls().iter_rows(),
    )
