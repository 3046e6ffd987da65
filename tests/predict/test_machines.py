"""predict on what a machine has: its processor, a GPU, Ray; and nothing of it reaches the network."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from brightctc.bundle import Bundle, compiled, cuda
from brightctc.bundle.cuda import PROVIDER, CudaSession
from brightctc.bundle.runtime import BATCH, OUTPUTS
from brightctc.errors import UserError
from brightctc.predict import predict
from brightctc.predict.file_names import Names
from brightctc.predict.ray import _Worker
from brightctc.predict.source import read_source
from drawn import Export
from new_samples import NAMES, as_cohort
from tiny_bundle import tiny_bundle, tiny_logit, tiny_network

# --- the processor


@pytest.mark.parametrize("many", [10**9, 1], ids=["threads", "processes"])
def test_no_socket_opens_torch_is_not_loaded_and_the_home_folder_holds_a_cache_alone(
    export: Export, bundle: Path, tmp_path: Path, many: int
) -> None:
    (tmp_path / "home").mkdir()
    code = """
import sys, time
opened = []
sys.addaudithook(lambda event, _: opened.append(event) if event.startswith(("socket.", "subprocess.")) else None)
from pathlib import Path
from brightctc.predict import predict, preparers
preparers.MANY = int(sys.argv[4])
predict(*map(Path, sys.argv[1:4]), workers=2)
time.sleep(0.2)
assert "torch" not in sys.modules and "nncf" not in sys.modules
sys.exit(f"opened: {opened}" if opened else 0)
"""
    kept = ("CI", "TF_BUILD", "JENKINS_URL", "XDG_CACHE_HOME")  # with the first three telemetry is silent by itself
    environment = {key: value for key, value in os.environ.items() if key not in kept}
    environment["HOME"] = str(tmp_path / "home")
    cohort, scores = as_cohort(export, tmp_path / "cohort"), tmp_path / "scores.parquet"
    command = [sys.executable, "-c", code, str(bundle), str(cohort), str(scores), str(many)]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    left = {path.relative_to(tmp_path / "home").parts[:3] for path in (tmp_path / "home").rglob("*") if path.is_file()}
    assert left == {(".cache", "brightctc", "networks")}


def test_the_next_start_finds_the_network_compiled(
    export: Export, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = predict(bundle, export.folder, tmp_path / "a.csv", **NAMES)
    blobs = list((tmp_path / "cache" / "brightctc" / "networks" / first.bundle_hash[:16]).iterdir())
    assert len(blobs) == 1
    for content in (blobs[0].read_bytes()[:100], b""):
        blobs[0].chmod(0o600)
        blobs[0].write_bytes(content)
        predict(bundle, export.folder, tmp_path / "b.csv", overwrite=True, **NAMES)
        assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_the_cache_keeps_the_latest_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for number in range(12):
        folder = compiled.compiled_folder(f"{number:064d}"[::-1])
        assert folder is not None
        os.utime(folder, (number, number))
    compiled.compiled_folder("e" * 64)
    held = {path.name for path in (tmp_path / "brightctc" / "networks").iterdir()}
    assert len(held) == 8
    assert "e" * 16 in held


def test_without_a_place_for_a_cache_scoring_goes_on(
    export: Export, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert predict(bundle, export.folder, tmp_path / "a.csv", **NAMES).cells == 48


# --- a GPU


class FakeCuda:
    """ONNX Runtime with a GPU, as far as it is used; its arithmetic is the tiny network's."""

    calls: ClassVar[list[int]] = []

    def __init__(self, onnx: bytes, providers: list[Any]):
        assert onnx == tiny_network(1, 16)
        assert providers == [(PROVIDER, {"use_tf32": "0"})]

    def get_providers(self) -> list[str]:
        return [PROVIDER, "CPUExecutionProvider"]

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="crops")]

    def run(self, outputs: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        assert outputs == list(OUTPUTS)
        cells = inputs["crops"]
        self.calls.append(len(cells))
        return [tiny_logit(cells).astype(np.float32), np.zeros((len(cells), 2)), np.zeros((len(cells), 4, 4))]


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "DRIVERS", (Path(__file__),))


@pytest.fixture
def gpu(driver: None, monkeypatch: pytest.MonkeyPatch) -> type[FakeCuda]:
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime.capi.onnxruntime_pybind11_state  # noqa: F401 - its errors are real

    FakeCuda.calls = []
    fake = SimpleNamespace(InferenceSession=FakeCuda, get_available_providers=lambda: [PROVIDER])
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    return FakeCuda


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_gpu_scores_whole_calls_of_one_size(
    export: Export, bundle: Path, tmp_path: Path, gpu: type[FakeCuda], device: Any
) -> None:
    on_gpu = predict(bundle, export.folder, tmp_path / "a.csv", device=device, **NAMES)
    on_cpu = predict(bundle, export.folder, tmp_path / "b.csv", device="cpu", **NAMES)
    assert set(gpu.calls) == {32 * BATCH}
    assert (on_gpu.device, on_cpu.device) == ("cuda", "cpu")
    assert np.allclose(on_gpu.table["score"], on_cpu.table["score"], atol=1e-5)
    assert not any("processor" in warning for warning in on_gpu.warnings)


def test_cells_on_a_gpu_keep_their_places(bundle: Path, gpu: type[FakeCuda]) -> None:
    inputs = np.random.default_rng(0).normal(size=(2500, 1, 16, 16)).astype(np.float32)
    outputs = CudaSession(tiny_network(1, 16), (1, 16, 16)).run(inputs)
    assert np.allclose(outputs.logit, tiny_logit(inputs), atol=1e-5)
    assert len(gpu.calls) < 2500 / BATCH


@pytest.fixture
def failure(monkeypatch: pytest.MonkeyPatch) -> type[Exception]:
    """An error of ONNX Runtime's own, which is no RuntimeError; to be asked for before its fake."""
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail

    return Fail


def test_a_gpu_that_fails_is_an_error_and_not_a_hang(
    failure: type[Exception], gpu: type[FakeCuda], monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_memory(*_: Any) -> None:
        raise failure("CUDA out of memory\nand a long account of where")

    monkeypatch.setattr(FakeCuda, "run", out_of_memory)
    session = CudaSession(tiny_network(1, 16), (1, 16, 16))
    for future in [session.start(np.zeros((BATCH, 1, 16, 16), np.float32)) for _ in range(100)]:
        with pytest.raises(UserError, match="out of memory"):
            future.result(timeout=10)
    with pytest.raises(UserError, match="out of memory"):  # more than there is room for at a time
        session.run(np.zeros((5000, 1, 16, 16), np.float32))


def test_a_fault_of_ours_is_no_hang_either(gpu: type[FakeCuda], monkeypatch: pytest.MonkeyPatch) -> None:
    """An output is missing: no error of the GPU's, so it is not told as one."""
    monkeypatch.setattr(FakeCuda, "run", lambda *_: [])
    session = CudaSession(tiny_network(1, 16), (1, 16, 16))
    for future in [session.start(np.zeros((BATCH, 1, 16, 16), np.float32)) for _ in range(200)]:
        with pytest.raises(TypeError):
            future.result(timeout=10)


def test_a_network_that_the_gpu_refuses_is_one_error(
    failure: type[Exception], gpu: type[FakeCuda], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise failure("CUDA failure 100: no CUDA-capable device is detected")

    monkeypatch.setattr(FakeCuda, "__init__", refused)
    with pytest.raises(UserError, match="does not take this network: CUDA failure 100"):
        CudaSession(tiny_network(1, 16), (1, 16, 16))


def test_without_a_driver_onnx_runtime_is_not_even_loaded(
    export: Export, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda, "DRIVERS", (tmp_path / "none",))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    result = predict(bundle, export.folder, tmp_path / "a.csv", device="cuda", **NAMES)
    assert any("scored on the processor: this machine has no NVIDIA driver" in warning for warning in result.warnings)


def test_without_a_gpu_cuda_falls_back_and_says_why(
    export: Export, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: None
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    result = predict(bundle, export.folder, tmp_path / "a.csv", device="cuda", **NAMES)
    assert result.device == "cpu"
    assert any("scored on the processor: onnxruntime-gpu is not installed" in warning for warning in result.warnings)
    other = SimpleNamespace(get_available_providers=lambda: ["CPUExecutionProvider"])
    monkeypatch.setitem(sys.modules, "onnxruntime", other)
    result = predict(bundle, export.folder, tmp_path / "b.csv", device="cuda", **NAMES)
    assert any("this ONNX Runtime has no CUDA" in warning for warning in result.warnings)
    assert not any("processor" in w for w in predict(bundle, export.folder, tmp_path / "c.csv", **NAMES).warnings)


def test_a_gpu_and_another_precision_are_refused(export: Export, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="scores in float32, not in int8"):
        predict(bundle, export.folder, tmp_path / "a.csv", device="cuda", precision="int8", **NAMES)


def test_a_precision_the_bundle_was_not_tested_in_is_refused(export: Export, bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        predict(bundle, export.folder, tmp_path / "a.csv", precision="int8", **NAMES)
    assert "export" in (refused.value.fix or "")
    assert Bundle.read(bundle).at("auto").precision == "float32"


# --- Ray

_ON_RAY = """
import os, signal, sys
from pathlib import Path
from brightctc.predict import blocks, predict
blocks.CELLS = 16
killed = []

def workers():
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                told = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if told.startswith(b"ray::") and b"Worker" in told:
                yield int(folder.name)

def kill_one(task, done, total, note):
    if not killed:
        killed.append(next(workers()))
        os.kill(killed[0], signal.SIGKILL)

predict(*map(Path, sys.argv[1:4]), engine="ray", progress=kill_one)
assert killed[0] not in workers()
"""


def test_a_node_with_another_bundle_is_refused(export: Export, bundle: Path, tmp_path: Path) -> None:
    given, other = Bundle.read(bundle), tiny_bundle(tmp_path / "other", name="other")
    source = read_source(as_cohort(export, tmp_path / "cohort"), given, Names())
    block = pickle.dumps(next(source.blocks(0)))
    (chunks,) = _Worker(str(bundle), given.hash, "float32", 1, "cpu")({"block": [block]})["chunks"]
    assert sum(len(chunk.logit) for chunk in pickle.loads(chunks)) == 48
    with pytest.raises(UserError, match="another bundle under this path"):
        _Worker(str(other.folder), given.hash, "float32", 1, "cpu")({"block": [block]})


_OTHER_THERE = """
import sys
from dataclasses import replace
from pathlib import Path
from brightctc.bundle import Bundle
from brightctc.errors import UserError
from brightctc.predict import predict
read = Bundle.read
Bundle.read = lambda folder: replace(read(folder), hash="of this node")  # workers read it unchanged
try:
    predict(*map(Path, sys.argv[1:4]), engine="ray")
except UserError as error:
    sys.exit(0 if "another bundle under this path" in error.what else str(error))
sys.exit("it was scored")
"""


@pytest.mark.slow  # Ray starts half a dozen processes
def test_what_a_worker_on_ray_refuses_is_told_in_its_own_words(export: Export, bundle: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    cohort = as_cohort(export, tmp_path / "cohort")
    command = [sys.executable, "-c", _OTHER_THERE, str(bundle), str(cohort), str(tmp_path / "ray.csv")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]


@pytest.mark.slow  # Ray starts half a dozen processes
def test_ray_gives_the_same_scores_also_where_a_worker_is_killed(export: Export, bundle: Path, tmp_path: Path) -> None:
    cohort = as_cohort(export, tmp_path / "cohort", list(range(48)) * 20)
    predict(bundle, cohort, tmp_path / "local.csv")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    command = [sys.executable, "-c", _ON_RAY, str(bundle), str(cohort), str(tmp_path / "ray.csv")]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stderr[-3000:]
    assert (tmp_path / "ray.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
