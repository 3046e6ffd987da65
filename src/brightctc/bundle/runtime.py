"""The network at work: OpenVINO on the processor, in batches of one fixed size, a stream of work a core."""

import sys
import threading
import weakref
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from brightctc.bundle.processor import Precision, unquantised
from brightctc.engine import cores
from brightctc.errors import UserError

# OpenVINO announces its import to a server, and writes a client id into the home folder, where the package
# openvino_telemetry is found (pip installs it with OpenVINO). Hidden, OpenVINO takes its own empty stand-in.
sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore[reportArgumentType]

import openvino  # noqa: E402

BATCH = 8
"""Cells in every inference. Small, so that the layers' values of a batch stay in a core's own cache: with one stream a
core, 8 is as fast as 16 and 32 (benchmarks/speed.py tries them)."""
OUTPUTS = ("logit", "embedding", "activation_map")
_QUEUED = 2  # batches a stream: one at work, one waiting, so that no core waits for Python

_HINTS: dict[Precision, str] = {"float32": "f32", "bfloat16": "bf16"}

Network = bytes | tuple[bytes, bytes]  # ONNX; or OpenVINO's own two files, .xml and .bin


@dataclass(frozen=True)
class Outputs:
    """What the network says of n cells: logit float32 (n,), embedding (n, d), activation_map (n, h, w).

    activation_map: the class activation map of (positive − negative) on the network's own coarse grid, before
    any scaling; its units are the logit's.
    """

    logit: np.ndarray
    embedding: np.ndarray
    activation_map: np.ndarray

    @classmethod
    def joined(cls, parts: "list[Outputs]") -> "Outputs":
        """One after the other; at least one."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in OUTPUTS))


class Scorer(Protocol):
    """A network that is ready to run, whatever it runs on. shape: (channels, height, width) of a cell's input."""

    shape: tuple[int, int, int]

    def start(self, inputs: np.ndarray) -> "Future[Outputs]":
        """Begin with at most BATCH cells, float32 (n, channels, height, width); waits while too many are under way."""
        ...

    def run(self, inputs: np.ndarray) -> Outputs:
        """All of any number of cells."""
        ...

    def wait(self) -> None:
        """Until nothing is under way any more: a process must not end before."""
        ...


class Session:
    """A network compiled for this processor.

    Every inference runs on exactly BATCH cells, padded where there are fewer, and each stream has one thread, so that
    the arithmetic done for a cell depends neither on how many others there are nor on how many cores work: a crop
    gets the same bits alone and in any company.
    """

    def __init__(
        self,
        network: Network,
        shape: tuple[int, int, int],
        *,
        precision: Precision = "float32",
        threads: int | None = None,
        where: Path | str = "model.onnx",
        cache: Path | None = None,
    ):
        """network: ONNX without external data, or OpenVINO's two files. shape: (channels, height, width).

        precision: of the arithmetic; `int8` takes a network that was quantised. threads: None for all cores.
        cache: a folder that keeps what was compiled, for the next start; it need not be writable.

        Raises UserError where the network can't be read or does not have the promised outputs.
        """
        self.shape = shape
        retired = [_RETIRED.pop() for _ in range(len(_RETIRED))]
        for queue, _ in retired:
            queue.wait_all()
        streams = threads or cores()
        options = {
            "INFERENCE_PRECISION_HINT": hint(precision),
            "NUM_STREAMS": streams,
            "INFERENCE_NUM_THREADS": streams,
        }
        try:
            self._compiled = _compiled(network, shape, options, cache)
            outputs = [self._compiled.output(name) for name in OUTPUTS]
        except RuntimeError as error:
            raise UserError(
                f"this network can't be loaded: {str(error).strip().splitlines()[-1]}",
                where,
                "restore or export it again",
            ) from None
        self._queue = openvino.AsyncInferQueue(self._compiled, _QUEUED * streams)
        self._queue.set_callback(partial(_ended, outputs))  # a method of self would keep both for ever
        self._turn = threading.Lock()
        weakref.finalize(self, _RETIRED.append, (self._queue, self._compiled)).atexit = False

    def start(self, inputs: np.ndarray) -> Future[Outputs]:
        """Begin with at most BATCH cells, float32 (n, channels, height, width); waits while too many are under way."""
        if inputs.shape[1:] != self.shape:
            raise ValueError(f"the network takes {self.shape} a cell, not {inputs.shape[1:]}")
        full = np.zeros((BATCH, *self.shape), dtype=np.float32)
        full[: len(inputs)] = inputs
        future: Future[Outputs] = Future()
        with self._turn:
            self._queue.start_async([full], (future, len(inputs), full), share_inputs=True)
        return future

    def run(self, inputs: np.ndarray) -> Outputs:
        """float32 (n, channels, height, width), n ≥ 0, as `Preparation.network_input` makes them."""
        return run_all(self, inputs)

    def wait(self) -> None:
        """Until nothing is under way any more; a process that ends before is aborted by OpenVINO's threads."""
        self._queue.wait_all()


_RETIRED: list[tuple[openvino.AsyncInferQueue, openvino.CompiledModel]] = []
"""Networks that nobody asks any more, until the next one is compiled. OpenVINO aborts the process if the last hold on a
network is let go by one of its own threads, and these are at its heels for a moment after the last answer."""


def _ended(
    outputs: list[openvino.ConstOutput],
    request: openvino.InferRequest,
    begun: tuple[Future[Outputs], int, np.ndarray],
) -> None:
    future, cells, _ = begun  # the third is what the request reads from: held until here
    # copied: the request writes the next batch into the same memory
    future.set_result(Outputs(*(request.get_tensor(name).data[:cells].copy() for name in outputs)))


def hint(precision: Precision) -> str:
    """OpenVINO's name of the arithmetic for a precision; of INT8, for the layers that are not quantised."""
    return _HINTS[unquantised() if precision == "int8" else precision]


def run_all(scorer: Scorer, inputs: np.ndarray) -> Outputs:
    """Any number of cells, batch by batch; of none, empty arrays of the right widths."""
    starts = range(0, max(len(inputs), 1), BATCH)
    begun = [scorer.start(inputs[start : start + BATCH]) for start in starts]
    outputs = Outputs.joined([future.result() for future in begun])
    scorer.wait()
    return outputs


def _compiled(
    network: Network, shape: tuple[int, int, int], options: dict[str, object], cache: Path | None
) -> openvino.CompiledModel:
    core = openvino.Core()
    xml, weights = network if isinstance(network, tuple) else (network, b"")
    model = core.read_model(model=xml, weights=weights)
    model.reshape([BATCH, *shape])
    if cache is not None:
        try:
            return core.compile_model(model, "CPU", {**options, "CACHE_DIR": str(cache)})
        except RuntimeError:  # a damaged or unwritable cache: OpenVINO says so in many ways, and can do without
            core = openvino.Core()
    return core.compile_model(model, "CPU", options)
