"""Tasks run in order, in one process or several, and end cleanly."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from brightctc import engine
from brightctc.engine import local
from brightctc.errors import UserError


def squared(number: int) -> tuple[int, int]:
    return number**2, os.getpid()


def failing(number: int) -> int:
    if number == 5:
        raise UserError("five is right out", "task 5", "leave it")
    return number


def dying(number: int) -> int:
    if number == 3:
        os._exit(1)
    return number


def slow(number: int) -> int:
    time.sleep(0.2)
    return number


@pytest.mark.parametrize("workers", [None, 1, 2])
def test_results_come_in_the_order_of_the_tasks(workers: int | None) -> None:
    found = list(engine.mapped(squared, range(40), workers))
    assert [value for value, _ in found] == [number**2 for number in range(40)]
    assert (os.getpid() in {process for _, process in found}) == (workers != 2)


def test_little_work_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_in_processes", lambda *_: pytest.fail("a process was started"))
    assert list(engine.mapped(slow, range(3))) == [0, 1, 2]


def test_much_work_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = []
    monkeypatch.setattr(local, "_in_processes", lambda function, tasks, workers: shared.append(list(tasks)) or iter(()))
    list(engine.mapped(slow, range(100)))
    assert shared == [list(range(1, 100))]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_task_ends_the_map(workers: int) -> None:
    with pytest.raises(UserError, match="five is right out") as told:
        list(engine.mapped(failing, range(10), workers))
    assert told.value.fix == "leave it"


def test_a_worker_that_dies_is_told() -> None:
    with pytest.raises(UserError, match="a worker process ended"):
        list(engine.mapped(dying, range(10), 2))


def test_a_map_that_is_left_early_ends_its_processes() -> None:
    source = engine.mapped(squared, range(1000), 2)
    next(source)
    source.close()


def test_no_tasks_no_results() -> None:
    assert list(engine.mapped(squared, [])) == list(engine.mapped(squared, [], 2)) == []


SCRIPT = """
from brightctc import engine
print("begun")
print(*engine.mapped(abs, [-1, -2, -3], workers=2))
"""


@pytest.mark.parametrize("typed", [False, True], ids=["a file", "typed in"])
def test_a_script_is_not_run_again_in_its_workers(tmp_path: Path, typed: bool) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable] if typed else [sys.executable, str(script)]
    done = subprocess.run(command, input=SCRIPT if typed else "", capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("begun\n1 2 3\n", "")


def test_what_runs_here_knows_its_script_again_afterwards() -> None:
    main = sys.modules["__main__"]
    before = {name: vars(main).get(name) for name in ("__file__", "__spec__")}
    assert list(engine.mapped(abs, [-1], workers=1)) == list(engine.mapped(abs, [-1], workers=2)) == [1]
    assert {name: vars(main).get(name) for name in before} == before
