"""The extra `measure`, in an environment of its own: CellProfiler's features, and AnnData that scanpy opens."""

import subprocess
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

from drawn import PATTERN, draw_export

ROOT = Path(__file__).parents[2]
OPEN = """
import sys, numpy, scanpy
cells = scanpy.read_h5ad(sys.argv[1])
assert cells.n_obs == 24, cells
assert {"size and shape", "nucleus (DAPI)", "CellProfiler"} <= set(cells.var["group"])
assert cells.var.loc["cell_area_um2", "unit"] == "µm²"
assert cells.obs.loc["S00/c0000", "label"] == "CTC"
assert list(cells.obs["flags"].astype(str).unique())
ours, theirs = cells[:, "cell_area_um2"].X.ravel() / 0.65**2, cells[:, "cellprofiler_Area"].X.ravel()
assert numpy.allclose(ours, theirs), (ours, theirs)
solidity = cells[:, "cell_solidity"].X.ravel() - cells[:, "cellprofiler_Solidity"].X.ravel()
assert abs(solidity).max() < 0.05, solidity
whole = cells[:, ~numpy.isnan(cells.X).any(axis=0)].copy()
scanpy.pp.scale(whole)
scanpy.pp.pca(whole)
scanpy.pp.neighbors(whole, n_neighbors=5)
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory, need: Callable[[object, str], None]) -> Path:
    """The folder of programs of a fresh environment with brightctc[measure] and scanpy."""
    folder = tmp_path_factory.mktemp("extra") / "venv"
    venv.create(folder, with_pip=True)
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    command = [*pip, "--constraint", ROOT / "constraints-measure.txt", f"{ROOT}[measure]", "scanpy"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    need(done.returncode == 0, f"the extra `measure` can't be installed here: {done.stderr.strip()[-300:]}")
    return folder / "bin"


def run(*command: object) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_anndata_opens_in_scanpy_with_cellprofilers_features(programs: Path, tmp_path: Path) -> None:
    export = draw_export(tmp_path / "export", cells=24, size=32)
    images = ["--pattern", PATTERN, "--bright-field", "BF", "--dapi", "DAPI"]
    labels = ["--table", export.table, "--label", "label", "--positive", "CTC", "--negative", "leukocyte"]
    run(programs / "brightctc", "import", export.folder, tmp_path / "cohort", *images, *labels)
    run(programs / "brightctc", "measure", tmp_path / "cohort", tmp_path / "cells.h5ad", "--cellprofiler")
    run(programs / "python", "-c", OPEN, tmp_path / "cells.h5ad")
