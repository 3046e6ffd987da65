"""brightctc at work: files → scores, its network alone, its other stages, and what its network's time goes into.

Tasks of the scoring benchmark (see speed_tasks.py).
"""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from brightctc import Bundle, predict
from brightctc.bundle import CropMeasures
from brightctc.bundle.folder import INT8, MODEL
from brightctc.bundle.processor import Precision
from brightctc.bundle.runtime import hint, openvino  # the import that keeps OpenVINO from reporting itself
from brightctc.cohort import find_images, read_image
from speed_tasks import per_second

THREADS = 2
_IMPORTED = re.compile(r"import time: +(?P<microseconds>\d+) \| +\d+ \| +(?P<package>\w+).*")
ONE_TIMED = 500  # cells of the stages on one thread
CELLS, RUNS = 8, 10  # of the look at the network's operations
ARRANGEMENTS, MOST = ((8, 2), (16, 2), (32, 2), (32, 1)), 128  # cells a batch, and streams; cells between two looks
KINDS = {
    "Convolution": "dense convolutions",
    "GroupConvolution": "depthwise convolutions",
    "FullyConnected": "classifier",
    "MatMul": "classifier",
    "Reorder": "changes of layout and type",
    "Transpose": "changes of layout and type",
    "Slice": "changes of layout and type",
    "Concat": "changes of layout and type",
}
OTHER, SINGLE = "all else", "of all, in float32"


def scored(bundle: str, folder: str, scores: str, precision: str) -> dict[str, Any]:
    """Files → a scores file, by the public verb, from its call to its return.

    cells_per_second: of the whole. before: seconds until the first cells could be scored. after: from the last score to
    the return. steady: cells a second from the first report of progress to the last.
    """
    seen: list[tuple[float, int]] = []

    def progress(_stage: str, done: int, *_more: object) -> None:
        seen.append((time.perf_counter(), done))

    given: dict[str, Any] = {"precision": precision, "threads": THREADS}
    start = time.perf_counter()
    predict(Path(bundle), Path(folder), Path(scores), overwrite=True, progress=progress, **given)
    end = time.perf_counter()
    (first, begun), (last, cells) = seen[0], seen[-1]
    steady = (cells - begun) / (last - first) if last > first else None
    before = None if steady is None else max(0.0, first - start - begun / steady)
    rate = cells / (end - start)
    return {"cells_per_second": rate, "before": before, "after": end - last, "steady": steady}


def network_alone(bundle: str, precision: Precision, seconds: float) -> float:
    """Cells a second of the network on prepared cells that lie in memory, through the session that `predict` uses."""
    session = Bundle.read(Path(bundle)).at(precision).session(THREADS)
    cells = np.random.default_rng(0).standard_normal((256, *session.shape), dtype=np.float32)
    return per_second(lambda: session.run(cells), len(cells), seconds)


def stages(bundle: str, folder: str) -> dict[str, float]:
    """Cells a second of what comes before the network, each alone on one thread."""
    model = Bundle.read(Path(bundle))
    paths = find_images(Path(folder))[:ONE_TIMED]
    crops = [read_image(path) for path in paths]
    measures = [CropMeasures.of(crop) for crop in crops]
    contract, preparation = model.about.contract, model.preparation
    work: dict[str, Callable[[], Iterable[object]]] = {
        "reading the file": lambda: map(read_image, paths),
        "network input: background, size, scale": lambda: (
            preparation.network_input({"bright_field": crop}) for crop in crops
        ),
        "quality: outline, focus, other objects": lambda: map(CropMeasures.of, crops),
        "flags": lambda: map(contract.flags, measures),
    }
    return {name: per_second(partial(_all_of, cells), len(paths), 1) for name, cells in work.items()}


def _all_of(cells: Callable[[], Iterable[object]]) -> None:
    for _ in cells():
        pass


def operations(bundle: str, precision: Precision) -> dict[str, float]:
    """The share of the network's time that each kind of operation takes, as the runtime's own clock tells.

    And the share of all that is computed in float32, whatever the precision that was asked for.
    """
    compiled, shape = _compiled(bundle, precision, CELLS, 1, PERF_COUNT=True)
    request = compiled.create_infer_request()
    cells = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    spent: dict[str, float] = dict.fromkeys([*KINDS.values(), OTHER, SINGLE], 0.0)
    for run in range(RUNS + 1):
        request.infer([cells])
        for each in request.get_profiling_info() if run else ():  # the first run is slower
            seconds = each.real_time.total_seconds()
            spent[KINDS.get(each.node_type, OTHER)] += seconds
            spent[SINGLE] += seconds * each.exec_type.endswith("f32")
    whole = sum(spent.values()) - spent[SINGLE]
    return {kind: seconds / whole for kind, seconds in spent.items()}


def arrangements(bundle: str, precision: Precision, seconds: float) -> dict[str, float]:
    """Cells a second of the network alone on two threads, by cells a batch and streams."""
    found = {}
    for batch, streams in ARRANGEMENTS:
        compiled, shape = _compiled(bundle, precision, batch, streams, INFERENCE_NUM_THREADS=THREADS)
        queue = openvino.AsyncInferQueue(compiled, 2 * streams)
        cells = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
        rate = per_second(partial(_inferred, queue, cells, MOST // batch), MOST, seconds)
        found[f"batch {batch}, streams {streams}"] = rate
    return found


def _inferred(queue: Any, cells: np.ndarray, batches: int) -> None:
    for _ in range(batches):
        queue.start_async([cells], share_inputs=True)
    queue.wait_all()


def _compiled(bundle: str, precision: Precision, batch: int, streams: int, **more: object) -> tuple[Any, list[int]]:
    """The network as the session compiles it, but for the batch and the streams; and the shape of a batch."""
    model = Bundle.read(Path(bundle))
    first, weights = INT8 if precision == "int8" else (MODEL, None)
    content = model.bytes_of(weights) if weights else b""
    network = openvino.Core().read_model(model=model.bytes_of(first), weights=content)
    shape = [batch, *model.shape]
    network.reshape(shape)
    options = {"INFERENCE_PRECISION_HINT": hint(precision), "NUM_STREAMS": streams, **more}
    return openvino.Core().compile_model(network, "CPU", options), shape


def start(bundle: str, file: str, scores: str, cache: str) -> float:
    """Seconds of the command for one cell, in a process of its own. cache: where compiled networks are kept."""
    begin = time.perf_counter()
    subprocess.run(_command(bundle, file, scores), check=True, capture_output=True, env=_environment(cache))
    return time.perf_counter() - begin


def imports(bundle: str, file: str, scores: str, cache: str) -> dict[str, Any]:
    """Which packages that command imports, and the seconds of each one's own modules, by Python's `-X importtime`."""
    command = _command(bundle, file, scores)
    command[1:1] = ["-X", "importtime"]
    told = subprocess.run(command, check=True, capture_output=True, text=True, env=_environment(cache)).stderr
    seconds: Counter[str] = Counter()
    for line in told.splitlines():
        found = _IMPORTED.fullmatch(line)
        if found is not None:
            seconds[found["package"]] += int(found["microseconds"]) / 1e6  # pyright: ignore  (a Counter of seconds)
    training = [name for name in ("torch", "torchvision", "timm", "onnx", "nncf") if name in seconds]
    return {"training": training, "modules": len(seconds), "seconds": dict(seconds.most_common(6))}


def _command(bundle: str, file: str, scores: str) -> list[str]:
    return [sys.executable, "-m", "brightctc", "predict", bundle, file, scores, "--overwrite", "--json"]


def _environment(cache: str) -> dict[str, str]:
    return {**os.environ, "XDG_CACHE_HOME": cache}
