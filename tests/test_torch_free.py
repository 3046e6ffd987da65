"""The base install scores cells without torch: by blocked imports here, and in an environment that has none."""

import os
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from drawn import PATTERN, draw_export
from tiny_bundle import tiny_bundle

ROOT = Path(__file__).parents[1]

# every module of the package outside the rooms of torch; `blocked` are the names that must not be found
IMPORT_ALL = """
import importlib, importlib.abc, pkgutil, sys
import brightctc
blocked = set(sys.argv[1:])
class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            raise ModuleNotFoundError(f"blocked: {name}", name=name)
sys.meta_path.insert(0, Block())
rooms = ("brightctc.learn", "brightctc.explain")
names = [m.name for m in pkgutil.walk_packages(brightctc.__path__, "brightctc.", onerror=lambda name: None)]
names = [name for name in names if not name.startswith(rooms) and not name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
loaded = {name.partition(".")[0] for name in sys.modules} & blocked
sys.exit(f"loaded: {loaded}" if loaded or len(names) < 30 else 0)
"""
OF_TRAINING = ("torch", "torchvision", "timm", "captum", "onnx", "onnxscript", "nncf")


def run(command: list[object], **environment: str) -> str:
    """The command's output; the test fails with its errors."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV_"))}
    done = subprocess.run(
        [str(word) for word in command], env=kept | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_outside_its_rooms_imports_torch() -> None:
    run([sys.executable, "-c", IMPORT_ALL, *OF_TRAINING])


def test_scoring_begins_without_slow_packages() -> None:
    slow = ("scipy.stats", "scipy.ndimage", "scipy.sparse", "skimage.segmentation", "sklearn", "matplotlib", "pyarrow")
    code = "import sys, brightctc.predict, brightctc.cli.predict; print(*sys.modules.keys() & sys.argv[1:])"
    assert run([sys.executable, "-c", code, *slow]).split() == []


@pytest.fixture(scope="module")
def without_torch(tmp_path_factory: pytest.TempPathFactory, need: Callable[[object, str], None]) -> Path:
    """The folder of programs of a fresh environment with the base install."""
    folder = tmp_path_factory.mktemp("base") / "venv"
    venv.create(folder, with_pip=True)
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    command = [*pip, "--no-compile", "--constraint", ROOT / "constraints.txt", ROOT]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    need(done.returncode == 0, f"the base install failed (no network?): {done.stderr[-2000:]}")
    return folder / "bin"


@pytest.mark.slow
def test_predict_works_where_torch_is_not_installed(without_torch: Path, tmp_path: Path) -> None:
    python = without_torch / "python"
    found = "import importlib.util, sys; print(*[n for n in sys.argv[1:] if importlib.util.find_spec(n)])"
    assert run([python, "-c", found, *OF_TRAINING]).strip() == ""
    tiny_bundle(tmp_path / "bundle")
    export = draw_export(tmp_path / "export", cells=40, donors=4)
    names = ["--pattern", PATTERN, "--bright-field", "BF"]
    scores = tmp_path / "scores.csv"
    shown = run([without_torch / "brightctc", "predict", tmp_path / "bundle", export.folder, scores, *names])
    assert "40 cells" in shown
    assert pl.read_csv(scores)["score"].null_count() == 0
    run([python, "-c", IMPORT_ALL, *OF_TRAINING])
