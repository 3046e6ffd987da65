"""From a float32 network to an INT8 one, by NNCF: after training, and where that costs too much, layer by layer."""

import io
import logging
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import rich

from brightctc.bundle import Tested
from brightctc.bundle.runtime import BATCH
from brightctc.errors import UserError
from brightctc.quantise.layers import kept_layers

# as bundle/runtime.py, which is imported first: OpenVINO and NNCF announce themselves to a server through this package
sys.modules["openvino_telemetry"] = None  # pyright: ignore[reportArgumentType]

import openvino  # noqa: E402

Quantised = tuple[bytes, bytes]  # OpenVINO's own two files, .xml and .bin
MOST_REVERTED = 20  # layers: a network with more of them in float32 is hardly faster
_RANKED = 40  # batches whose errors rank the layers
_ABOUT_THE_MAKER = re.compile(rb"\n\t<rt_info>.*?\n\t</rt_info>", re.DOTALL)


@dataclass(frozen=True)
class Material:
    """What a network is quantised from. onnx: in float32. inputs: float32 (n, channels, size, size), of training cells.

    overflow_fix: weights take half their range (7 bits), so that sums of two products fit 16 bits: for processors
    without instructions of their own for INT8, which add in 16 bits.
    """

    onnx: bytes
    inputs: np.ndarray
    overflow_fix: bool


def post_training(material: Material) -> Quantised:
    """Quantise weights and activations after training: OpenVINO's .xml and .bin, the same for the same material.

    Raises UserError where NNCF does not take the network, or finds nothing in it to quantise.
    """
    model = _model(material.onnx)
    with _nncf() as nncf:
        quantised = nncf.quantize(model, _dataset(nncf, material), **_settings(nncf, material, model))
    if not _is_quantised(quantised):
        raise _refused("no layer of it computes in INT8")
    return _files(quantised)


def accuracy_aware(material: Material, inputs: np.ndarray, judge: Callable[[np.ndarray], Tested]) -> Quantised | None:
    """Quantise, then take those layers back to float32 that change the logits most, until the guard passes.

    inputs: float32 (n, channels, size, size), of the judging cells. judge: their logits, float (n,), → the guard.
    At most 20 layers are taken back; None where none is left in INT8. Raises UserError where NNCF does not take the
    network.
    """
    model = _model(material.onnx)
    batches = range(0, len(inputs), BATCH)
    with _nncf() as nncf:
        settings = _settings(nncf, material, model)
        restored = nncf.quantize_with_accuracy_control(
            model,
            _dataset(nncf, material),
            nncf.Dataset(list(batches), lambda start: inputs[start : start + BATCH]),
            _validation(model, inputs, judge),
            max_drop=0.0,
            advanced_quantization_parameters=settings.pop("advanced_parameters"),
            advanced_accuracy_restorer_parameters=nncf.AdvancedAccuracyRestorerParameters(
                max_num_iterations=MOST_REVERTED, ranking_subset_size=_RANKED, num_ranking_workers=1
            ),
            **settings,
        )
    return _files(restored) if _is_quantised(restored) else None


def require_nncf() -> None:
    """Raise UserError where NNCF is not installed."""
    if find_spec("nncf") is None:
        raise UserError("INT8 needs NNCF, which is not installed", "nncf", "pip install 'brightctc[int8]'")


Validation = Callable[[openvino.CompiledModel, Sequence[int]], tuple[float, list[float]]]


def _validation(model: openvino.Model, inputs: np.ndarray, judge: Callable[[np.ndarray], Tested]) -> Validation:
    """What NNCF is to keep from falling: 1 where the guard passes, else minus the mean error of the logits.

    The guard itself, so that NNCF stops where we would; while it fails, the error, which tells layers apart where
    recall and average precision stay the same. Also of some of the batches, by which NNCF ranks the layers.
    """

    def logits(compiled: openvino.CompiledModel, start: int) -> np.ndarray:
        return np.array(compiled([inputs[start : start + BATCH]])["logit"], dtype=np.float64)

    exact = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    expected = {start: logits(exact, start) for start in range(0, len(inputs), BATCH)}

    def validate(compiled: openvino.CompiledModel, starts: Sequence[int]) -> tuple[float, list[float]]:
        held = list(starts)
        found = [logits(compiled, start) for start in held]
        squares = [float(np.mean((logit - expected[start]) ** 2)) for start, logit in zip(held, found, strict=True)]
        together = np.concatenate(found)
        passed = held == list(expected) and bool(np.isfinite(together).all()) and judge(together).passed
        return (1.0 if passed else -float(np.sqrt(np.mean(squares)))), [-square for square in squares]

    return validate


def _model(onnx: bytes) -> openvino.Model:
    """As OpenVINO simplifies it. Read as it stands, biases are sums of their own and a ReLU6 is two operations, between
    which NNCF then quantises.
    """
    return openvino.convert_model(io.BytesIO(onnx))


def _dataset(nncf: Any, material: Material) -> Any:
    """A cell at a time: ranges are means over cells of a cell's own extremes, which a few odd cells don't widen."""
    return nncf.Dataset([material.inputs[cell : cell + 1] for cell in range(len(material.inputs))])


def _settings(nncf: Any, material: Material, model: openvino.Model) -> dict[str, Any]:
    """Chosen on validation cells of six networks (docs/decisions/0021-precisions.md).

    Biases are corrected layer by layer, each with what the layers before it became; with weights of half their range
    the quick way, each layer by itself, was the better one.
    """
    fix = nncf.OverflowFix.ENABLE if material.overflow_fix else nncf.OverflowFix.DISABLE
    return {
        "preset": nncf.QuantizationPreset.MIXED,
        "subset_size": len(material.inputs),
        "fast_bias_correction": material.overflow_fix,
        "ignored_scope": nncf.IgnoredScope(names=kept_layers(model)),
        "advanced_parameters": nncf.AdvancedQuantizationParameters(overflow_fix=fix),
    }


def _is_quantised(model: openvino.Model) -> bool:
    return any(operation.get_type_name() == "FakeQuantize" for operation in model.get_ops())


def _refused(why: str) -> UserError:
    return UserError(f"this network can't be quantised: {why}", "NNCF", "leave --int8 out: use float32, or --bf16")


def _files(model: openvino.Model) -> Quantised:
    """OpenVINO's .xml and .bin, without what it and NNCF note of themselves; the same network gives the same bytes.

    OpenVINO calls operations `Constant_16664`, by how many there were before in the process; here they get their place.
    """
    for place, operation in enumerate(model.get_ordered_ops()):
        if operation.get_type_name() not in ("Parameter", "Result"):
            operation.set_friendly_name(f"{operation.get_type_name()}_{place}")
    with tempfile.TemporaryDirectory() as folder:
        xml = Path(folder) / "model.xml"
        openvino.save_model(model, xml, compress_to_fp16=False)
        return _ABOUT_THE_MAKER.sub(b"", xml.read_bytes()), xml.with_suffix(".bin").read_bytes()


@contextmanager
def _nncf() -> Iterator[Any]:
    """NNCF, silent: no log, no bars of its own, no telemetry; its named errors become a UserError.

    It loads torch where it is installed, which takes seconds and is of no use here; so torch is hidden from it.
    """
    require_nncf()
    hidden = "torch" not in sys.modules
    if hidden:
        sys.modules["torch"] = None  # pyright: ignore[reportArgumentType]
    screen = rich.get_console()  # where its bars go
    quiet = screen.quiet
    try:
        import nncf

        log = logging.getLogger("nncf")
        level = log.level
        screen.quiet = True
        log.setLevel(logging.CRITICAL)
        try:
            yield nncf
        except (
            RuntimeError,  # OpenVINO's own among them
            nncf.InternalError,
            nncf.ParameterNotSupportedError,
            nncf.UnsupportedModelError,
            nncf.ValidationError,
        ) as error:
            first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise _refused(first) from error
        finally:
            log.setLevel(level)
    finally:
        screen.quiet = quiet
        if hidden:
            del sys.modules["torch"]
