"""The network at work: OpenVINO on the CPU in float32, in batches of one fixed size."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brightctc.errors import UserError

# OpenVINO announces its import to a server, and writes a client id into the home folder, where the package
# openvino_telemetry is found (pip installs it with OpenVINO). Hidden, OpenVINO takes its own empty stand-in.
sys.modules.setdefault("openvino_telemetry", None)  # pyright: ignore[reportArgumentType]

import openvino  # noqa: E402

BATCH = 32
OUTPUTS = ("logit", "embedding", "activation_map")


@dataclass(frozen=True)
class Outputs:
    """What the network says of n cells: logit float32 (n,), embedding (n, d), activation_map (n, h, w).

    activation_map: the class activation map of (positive − negative) on the network's own coarse grid, before
    any scaling; its units are the logit's.
    """

    logit: np.ndarray
    embedding: np.ndarray
    activation_map: np.ndarray


class Session:
    """A compiled network.

    Every inference runs on exactly 32 cells, padded where there are fewer, so that the arithmetic done for a
    cell does not depend on how many others there are: a crop gets the same bits alone and in any company.
    """

    def __init__(
        self,
        onnx: bytes,
        shape: tuple[int, int, int],
        *,
        threads: int | None = None,
        where: Path | str = "model.onnx",
    ):
        """onnx: without external data. shape: (channels, height, width). threads: None for all cores.

        Raises UserError where the network can't be read or does not have the promised outputs.
        """
        self.shape = shape
        options: dict[str, object] = {"INFERENCE_PRECISION_HINT": "f32", "NUM_STREAMS": 1}
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
        try:
            core = openvino.Core()
            model = core.read_model(model=onnx)
            model.reshape([BATCH, *shape])
            self._compiled = core.compile_model(model, "CPU", options)
            self._outputs = [self._compiled.output(name) for name in OUTPUTS]
        except RuntimeError as error:
            raise UserError(
                f"this network can't be loaded: {str(error).strip().splitlines()[-1]}",
                where,
                "restore or export it again",
            ) from None
        self._request = self._compiled.create_infer_request()

    def run(self, inputs: np.ndarray) -> Outputs:
        """float32 (n, channels, height, width), n ≥ 0, as `Preparation.network_input` makes them."""
        if inputs.shape[1:] != self.shape:
            raise ValueError(f"the network takes {self.shape} a cell, not {inputs.shape[1:]}")
        batches = [self._batch(inputs[start : start + BATCH]) for start in range(0, len(inputs), BATCH)]
        if not batches:
            batches = [self._empty()]
        return Outputs(*(np.concatenate(arrays) for arrays in zip(*batches, strict=True)))

    def _batch(self, inputs: np.ndarray) -> list[np.ndarray]:
        full = np.zeros((BATCH, *self.shape), dtype=np.float32)
        full[: len(inputs)] = inputs
        self._request.infer([full], share_inputs=True)
        # copied: the request writes the next batch into the same memory
        return [self._request.get_tensor(output).data[: len(inputs)].copy() for output in self._outputs]

    def _empty(self) -> list[np.ndarray]:
        return [np.zeros((0, *list(output.shape)[1:]), dtype=np.float32) for output in self._outputs]
