"""What the processor could do at most: its measured dot-product rates, and the multiply-adds that a cell takes.

Tasks of the scoring benchmark (see speed_tasks.py). One multiply-add is two operations.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from openvino import Model
from openvino import opset13 as ops

from brightctc import Bundle
from brightctc.bundle.runtime import openvino  # the import that keeps OpenVINO from reporting itself
from speed_tasks import fastest

STREAMS = 2
HINTS = {"float32": "f32", "bfloat16": "bf16", "int8": "f32"}
SHAPES = ("MatMul 2048 x 2048 x 2048", "3 x 3 convolution, 256 channels")
_AT_ONCE = 8  # inferences between two looks at the clock
_LAYERS = 4  # one after another, so that what goes in and out of them weighs little
_SIDE = 2048
_CROPS, _CHANNELS, _WIDTH, _KERNEL = 32, 256, 20, 3


def dot_products(shape: str, precision: str, seconds: float) -> float:
    """10^9 operations a second of two streams of one thread, in the runtime that scores cells and arranged as there."""
    model, size, multiply_adds = (_matmuls if shape == SHAPES[0] else _convolutions)(precision == "int8")
    options = {"INFERENCE_PRECISION_HINT": HINTS[precision], "NUM_STREAMS": STREAMS, "INFERENCE_NUM_THREADS": STREAMS}
    queue = openvino.AsyncInferQueue(openvino.Core().compile_model(model, "CPU", options), 2 * STREAMS)
    given = np.random.default_rng(0).random(size, dtype=np.float32)

    def work() -> None:
        for _ in range(_AT_ONCE):
            queue.start_async([given], share_inputs=True)
        queue.wait_all()

    return 2e-9 * multiply_adds * _AT_ONCE / fastest(work, seconds)


def _matmuls(quantised: bool) -> tuple[Model, list[int], int]:
    size = [_SIDE, _SIDE]
    given = ops.parameter(size, np.float32)
    x = given
    for _ in range(_LAYERS):
        x, weights = _operands(x, size, _SIDE, quantised)
        x = ops.relu(ops.matmul(x, weights, False, True))
    return _model(x, given), size, _LAYERS * _SIDE**3


def _convolutions(quantised: bool) -> tuple[Model, list[int], int]:
    size = [_CROPS, _CHANNELS, _WIDTH, _WIDTH]
    terms = _CHANNELS * _KERNEL**2
    around = [_KERNEL // 2] * 2
    given = ops.parameter(size, np.float32)
    x = given
    for _ in range(_LAYERS):
        x, weights = _operands(x, [_CHANNELS, _CHANNELS, _KERNEL, _KERNEL], terms, quantised)
        x = ops.relu(ops.convolution(x, weights, [1, 1], around, around, [1, 1]))
    return _model(x, given), size, _LAYERS * math.prod(size) * terms


def _operands(x: Any, size: list[int], terms: int, quantised: bool) -> tuple[Any, Any]:
    """What goes into a product of so many terms: 8-bit values with `quantised`, unsigned by signed."""
    reach = terms**-0.5
    weights = ops.constant(np.random.default_rng(0).uniform(-reach, reach, size).astype(np.float32))
    return (_rounded(x, 0, 2, 256), _rounded(weights, -reach, reach, 255)) if quantised else (x, weights)


def _rounded(x: Any, low: float, high: float, levels: int) -> Any:
    ends = [ops.constant(np.full(1, end, np.float32)) for end in (low, high)]
    return ops.fake_quantize(x, *ends, *ends, levels)


def _model(x: Any, given: Any) -> Model:
    return Model([ops.result(x)], [given], "dot products")  # pyright: ignore  (its stub binds no __init__)


def multiply_adds(bundle: str) -> dict[str, float]:
    """10^9 multiply-adds a cell, counted in the exported graph: dense (many channels into one) and depthwise."""
    model = onnx.load_from_string(Bundle.read(Path(bundle)).bytes_of("model.onnx"))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    del model.graph.value_info[:]
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    sizes = {each.name: list(each.dims) for each in graph.initializer}
    sizes |= {each.name: _size(each) for each in (*graph.input, *graph.value_info, *graph.output)}
    found = {"dense": 0.0, "depthwise": 0.0}
    for node in graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul"):
            kind, terms = _terms(node, sizes)
            found[kind] += 1e-9 * terms * math.prod(sizes[node.output[0]])
    return found


def _terms(node: onnx.NodeProto, sizes: dict[str, list[int]]) -> tuple[str, int]:
    """Which kind of product, and the multiply-adds of one output value."""
    weights = sizes[node.input[1]]
    if node.op_type == "Conv":
        return "depthwise" if weights[1] == 1 and weights[0] > 1 and _groups(node) > 1 else "dense", math.prod(
            weights[1:]
        )
    return "dense", sizes[node.input[0]][-1]


def _groups(node: onnx.NodeProto) -> int:
    return next((each.i for each in node.attribute if each.name == "group"), 1)


def _size(value: onnx.ValueInfoProto) -> list[int]:
    dims = [each.dim_value for each in value.type.tensor_type.shape.dim]
    assert all(dims), f"the size of {value.name} is not known"
    return dims
