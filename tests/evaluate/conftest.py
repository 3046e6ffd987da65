"""What the tests of evaluate share."""

from pathlib import Path

import polars as pl
import pytest

from brightctc.evaluate import evaluating
from evaluated import STRICT, cohort_of, drawn_cells
from tiny_bundle import tiny_bundle


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Rows of drawn cells and where their images lie."""
    return drawn_cells(tmp_path_factory.mktemp("drawn") / "export")


@pytest.fixture(scope="session")
def cohort(images: pl.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort of them; tests only read it."""
    return cohort_of(tmp_path_factory.mktemp("cohort") / "cohort", images)


@pytest.fixture(scope="session")
def bundle(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle that has seen the cohort's train and validation parts."""
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "bundle", cohort=cohort, threshold=STRICT).folder


@pytest.fixture(autouse=True)
def without_picture(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The picture takes most of the time; the module's `result` has one, and tests that ask for `picture`."""
    if "picture" not in request.fixturenames:
        monkeypatch.setattr(evaluating, "draw_picture", lambda evaluation, folder: None)


@pytest.fixture
def picture() -> None:
    """Ask for it to have figure.png and figure.svg drawn."""
