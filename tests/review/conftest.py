"""Databases of both kinds: SQLite in a file, and a PostgreSQL server that the tests start."""

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from reviewed import Room, draw_scores, opened

_PLACES = (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), *map(Path, ("/usr/local/bin", "/usr/bin")))


@pytest.fixture(scope="session")
def postgresql(need: Callable[[object, str], None]) -> Iterator[str]:
    """URL of a server of these tests' own, without a database's name."""
    programs = next((place for place in _PLACES if (place / "initdb").exists()), None)
    need(programs, "no PostgreSQL: install postgresql")
    assert programs is not None
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    as_user = []
    if os.geteuid() == 0:  # a server refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = [*as_user, str(programs / "initdb"), "-D", str(folder / "data"), "-A", "trust", "-U", "postgres", "-N"]
    subprocess.run(run, check=True, capture_output=True, cwd="/")
    server = subprocess.Popen(
        [*as_user, str(programs / "postgres"), "-D", str(folder / "data"), "-p", str(port), "-h", "127.0.0.1",
         "-k", str(folder), "-c", "fsync=off"],
        cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    ready = [str(programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port), "-t", "1"]
    for _ in range(60):
        if subprocess.run(ready, check=False).returncode == 0:
            break
    else:
        pytest.fail("PostgreSQL did not start")
    yield f"postgresql://postgres@127.0.0.1:{port}"
    subprocess.run(
        [*as_user, str(programs / "pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "stop"],
        check=False, capture_output=True, cwd="/",
    )  # fmt: skip
    server.wait(30)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/review.db"
    import psycopg

    server, name = request.getfixturevalue("postgresql"), f"t{uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server}/{name}"


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """A scores table of twelve cells."""
    return draw_scores(tmp_path)


@pytest.fixture
def room(database: str, scores: Path) -> Iterator[Room]:
    """A review of twelve cells, six of them to be read blind, on either kind of database."""
    with opened(database, scores) as found:
        yield found


@pytest.fixture
def quick_room(tmp_path: Path, scores: Path) -> Iterator[Room]:
    """The same on SQLite alone."""
    with opened(f"sqlite:///{tmp_path}/review.db", scores) as found:
        yield found
