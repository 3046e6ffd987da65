"""What all tests share: one thread, no network, the real cells, and what to do where something is missing."""

import fcntl
import os
import shutil
import socket
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# before numpy or torch is loaded: two test processes share two cores, and results depend on the thread count
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "HF_HUB_OFFLINE"):
    os.environ.setdefault(_name, "1")
os.environ["MPLBACKEND"] = "agg"
os.environ["XDG_CACHE_HOME"] = str(Path(tempfile.gettempdir()) / "brightctc-tests-cache")  # not the user's own

ROOT = Path(__file__).parents[1]
LOOPBACK = ("127.", "localhost", "::1")


@pytest.fixture(scope="session")
def need() -> Callable[[object, str], None]:
    """`need(found, reason)`: where `found` is false the test is skipped, and fails where CI=true."""

    def check(found: object, reason: str) -> None:
        if not found:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)

    return check


@pytest.fixture(scope="session")
def jurkat(tmp_path_factory: pytest.TempPathFactory, need: Callable[[object, str], None]) -> Path:
    """Folder with 4,918 real cells (`Experiment_1/`, `Experiment_2/`, `cells.csv`); tests only read it."""
    data = Path(os.environ.get("BRIGHTCTC_DATA") or ROOT.parent / "shared" / "data")
    archive = data / "jurkat_imaging_flow_cytometry.zip"
    need(archive.is_file(), f"the real cells are missing: {archive.name} in {data} (or set BRIGHTCTC_DATA)")
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # of all workers, so that it is unzipped once
    folder = shared / "jurkat"
    with (shared / "jurkat.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            beside = shared / "jurkat.part"
            shutil.rmtree(beside, ignore_errors=True)
            with zipfile.ZipFile(archive) as cells:
                cells.extractall(beside)
            beside.rename(folder)
    return folder


@pytest.fixture(scope="session")
def drawn_cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 drawn cells of 12 donors with DAPI, imported, not split; copy it (shutil.copytree) to change it.

    Its images lie in the export, by absolute path, so that a copy still finds them.
    """
    from brightctc.cohort import import_export
    from drawn import draw_export

    root = tmp_path_factory.mktemp("drawn")
    export = draw_export(root / "export")
    import_export(export.folder, root / "cohort", **export.import_options())  # pyright: ignore[reportArgumentType]
    return root / "cohort"


@pytest.fixture
def pooled(drawn_cohort: Path, tmp_path: Path) -> Path:
    """A copy of `drawn_cohort` with unlabelled cells and a pool: see `few_cells.pooled_cohort`."""
    from few_cells import pooled_cohort

    return pooled_cohort(drawn_cohort, tmp_path / "pooled")


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """A connection to anything but this machine fails, in every test."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else None
        if host is not None and not str(host).startswith(LOOPBACK):
            raise ConnectionRefusedError(f"tests have no network: {host}")
        real(self, address)  # pyright: ignore[reportArgumentType]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect)
        yield


@pytest.fixture(scope="module")
def browser(need: Callable[[object, str], None]) -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright; its own download is not needed."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    need(program, "no browser: install chromium")
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=options)
        yield opened
        opened.close()
