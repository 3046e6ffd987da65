"""Long tasks on Ray: the same outcomes as in this machine's processes; what can't be reached is said at once."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from brightctc.engine import Report, outcomes
from brightctc.errors import UserError

# in a process of its own: Ray leaves threads, handlers and open files in the one it is used from
ON_RAY = """
import json
import os
import signal
import sys
from functools import partial
from brightctc.engine import outcomes
from test_engine_cluster import begin, work
before = signal.getsignal(signal.SIGTERM)
reports = []
found = outcomes(
    work, ["a", "user error", "exit"], workers=2, threads=1, begin=partial(begin, "begun"),
    progress=lambda *told: reports.append(told), engine="ray",
)
rows = [[o.index, o.value, str(o.error), o.detail, o.seconds] for o in found]
assert signal.getsignal(signal.SIGTERM) == before
assert not {"RAY_AUTH_MODE", "RAY_USAGE_STATS_ENABLED"} & set(os.environ)
import ray
assert not ray.is_initialized()
print(json.dumps({"rows": sorted(rows), "reports": reports}))
"""
BEGUN: list[str] = []


def begin(word: str) -> None:
    BEGUN.append(word)


def work(task: str, report: Report) -> list[Any]:
    report(0, 2, task)
    if task == "user error":
        raise UserError("the run is out of cells", "cells.csv", "add some")
    if task == "exit":
        os._exit(3)
    time.sleep(1.5)  # long enough to be asked how far it is
    return [task.upper(), os.environ["OMP_NUM_THREADS"], *BEGUN]


@pytest.mark.slow  # Ray starts half a dozen processes
def test_on_ray_a_failure_is_one_tasks_own(tmp_path: Path) -> None:
    script = tmp_path / "first.py"
    script.write_text(ON_RAY)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    # a home of its own: Ray keeps a token there
    environment |= {"PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "7", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)  # so Ray printed nothing
    good, told, lost = found["rows"]
    assert good[:4] == [0, ["A", "1", "begun"], "None", None]
    assert told[:4] == [1, None, "the run is out of cells\nwhere: cells.csv\nfix: add some", None]
    assert lost[2].startswith("the process of this run ended")
    assert "fix: " in lost[2]
    assert [0, 0, 2, "a"] in found["reports"]


def test_without_ray_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match="Ray is not installed") as told:
        next(outcomes(work, ["a"], workers=1, threads=1, engine="ray"))
    assert told.value.fix == "pip install 'brightctc[ray]'"


def nobody() -> str:
    """An address at which nothing listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{held.getsockname()[1]}"


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("{}", id="host and port"),
        pytest.param("ray://{}", id="with a scheme"),
        pytest.param("a" * 70 + ":80", id="no host of this name"),
        pytest.param("auto", id="one that was there once"),
    ],
)
def test_a_cluster_that_does_not_answer_is_said_in_seconds(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("RAY_ADDRESS", nobody())  # where `auto` leads
    start = time.monotonic()
    with pytest.raises(UserError, match="no Ray cluster answers here") as told:
        next(outcomes(work, ["a"], workers=1, threads=1, engine="ray", address=address.format(nobody())))
    assert time.monotonic() - start < 10
    assert told.value.where
    assert told.value.fix


@pytest.mark.parametrize("address", ["cluster", "host:", ":6379", "host:port", "host:99999"])
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(UserError, match="not the address of a Ray cluster"):
        next(outcomes(work, ["a"], workers=1, threads=1, engine="ray", address=address))
