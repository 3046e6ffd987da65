"""What the tests of predict share."""

from pathlib import Path

import pytest

from drawn import Export, draw_export
from tiny_bundle import tiny_bundle


@pytest.fixture(scope="session")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """48 drawn cells of 6 samples; tests only read it."""
    return draw_export(tmp_path_factory.mktemp("export") / "export", cells=48, donors=6)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny bundle of one channel."""
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "bundle").folder
