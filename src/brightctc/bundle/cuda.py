"""The network on an NVIDIA GPU, by ONNX Runtime's CUDA provider: the same batches, in float32."""

import os
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from brightctc.bundle.runtime import BATCH, OUTPUTS, Outputs, run_all
from brightctc.errors import UserError

PROVIDER = "CUDAExecutionProvider"
DRIVERS = (Path("/proc/driver/nvidia/version"), Path("/dev/dxg"))
"""Where Linux shows that it has a driver; the second: Windows' own, seen from its Linux."""
_TOGETHER = 32  # batches that one call of the GPU takes
_NO_TF32 = {"use_tf32": "0"}  # its products have 10 bits; scores would differ from those of a processor


def why_not() -> str | None:
    """Why there is no CUDA here, in words; None where there is."""
    if not any(place.exists() for place in DRIVERS):
        return "this machine has no NVIDIA driver"
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else its import leaves an id in the home folder
    try:
        import onnxruntime
    except ImportError:
        return "onnxruntime-gpu is not installed (pip install 'brightctc[cuda]')"
    if PROVIDER not in onnxruntime.get_available_providers():
        return "this ONNX Runtime has no CUDA (pip uninstall onnxruntime; pip install 'brightctc[cuda]')"
    return None


class CudaSession:
    """A network on the first GPU. See `runtime.Scorer`; calls are gathered, so that the GPU gets many cells at a time.

    Every call runs on 256 cells, padded where there are fewer, so that a cell's score does not depend on others.
    """

    def __init__(self, onnx: bytes, shape: tuple[int, int, int], where: Path | str = "model.onnx"):
        """onnx: without external data. shape: (channels, height, width).

        Raises UserError where the GPU does not take the network.
        """
        import onnxruntime

        self.shape, self._failures = shape, _failures()
        try:
            self._session: Any = onnxruntime.InferenceSession(onnx, providers=[(PROVIDER, _NO_TF32)])
        except self._failures as error:
            raise UserError(
                f"the GPU does not take this network: {_first_line(error)}", where, "say --device cpu"
            ) from error
        if PROVIDER not in self._session.get_providers():  # ONNX Runtime falls back to the processor, slowly
            fix = "say --device cpu, or install the CUDA and cuDNN that this ONNX Runtime asks for"
            raise UserError("CUDA could not be started", where, fix)
        self._input = self._session.get_inputs()[0].name
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="gpu")
        self._waiting: list[tuple[np.ndarray, Future[Outputs]]] = []
        self._turn = threading.Lock()
        self._room = threading.Semaphore(4 * _TOGETHER)

    def start(self, inputs: np.ndarray) -> Future[Outputs]:
        """Begin with at most BATCH cells, float32 (n, channels, height, width); waits while too many are under way."""
        if inputs.shape[1:] != self.shape:
            raise ValueError(f"the network takes {self.shape} a cell, not {inputs.shape[1:]}")
        self._room.acquire()
        future: Future[Outputs] = Future()
        with self._turn:
            self._waiting.append((inputs, future))
        self._pool.submit(self._work)
        return future

    def run(self, inputs: np.ndarray) -> Outputs:
        """All of any number of cells, float32 (n, channels, height, width)."""
        return run_all(self, inputs)

    def wait(self) -> None:
        """Until nothing is under way any more."""
        self._pool.submit(int).result()  # the pool has one thread, and takes its work in order

    def _work(self) -> None:
        """Take what waits, as far as one call holds it; what an earlier call took is no work any more."""
        with self._turn:
            taken, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
        if not taken:
            return
        try:
            full = np.zeros((BATCH * _TOGETHER, *self.shape), np.float32)
            for place, (inputs, _) in enumerate(taken):
                full[place * BATCH : place * BATCH + len(inputs)] = inputs
            found = self._session.run(list(OUTPUTS), {self._input: full})
        except self._failures as error:
            told = UserError(
                f"the GPU could not score: {_first_line(error)}", "CUDA", "say --device cpu, or free the GPU's memory"
            )
            for _, future in taken:
                future.set_exception(told)
        else:
            for place, (inputs, future) in enumerate(taken):
                cells = slice(place * BATCH, place * BATCH + len(inputs))
                future.set_result(Outputs(*(np.asarray(array[cells]) for array in found)))
        finally:
            for _, future in taken:
                if not future.done():  # a fault of ours: who waits must hear of it
                    future.set_exception(sys.exception())
            self._room.release(len(taken))


def _failures() -> tuple[type[Exception], ...]:
    """What ONNX Runtime raises: classes of its own, which have no base but Exception, and two of Python's."""
    names = vars(import_module("onnxruntime.capi.onnxruntime_pybind11_state")).values()
    own = [each for each in names if isinstance(each, type) and issubclass(each, Exception)]
    return (*own, RuntimeError, MemoryError)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
