"""Long tasks: each ends for itself, whatever happens to the others, to its process, or to the first process."""

import fcntl
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

import pytest
import threadpoolctl

from brightctc.engine import Outcome, Report, mapped, outcomes
from brightctc.errors import UserError

KEPT: list[IO[str]] = []  # files that stay open
BEGUN: list[int] = []  # in each process: what `begin` left there


class Unpicklable:
    def __reduce__(self):
        raise TypeError("can't be pickled")


def work(task: str, report: Report) -> Any:
    if task == "user error":
        raise UserError("the run is out of cells", "cells.csv", "add some")
    if task == "bug":
        raise ZeroDivisionError("nothing to divide by")
    if task == "exit":
        os._exit(3)
    if task == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    return Unpicklable() if task == "unpicklable" else task.upper()


def where(task: int, report: Report) -> tuple[int, str, int, list[int]]:
    report(task, 10, f"task {task}")
    time.sleep(0.1)
    import numpy as np  # loaded by the task, where this is a new process

    np.ones((2, 2)) @ np.ones((2, 2))
    threads = {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
    return os.getpid(), os.environ["OMP_NUM_THREADS"], max(threads, default=0), list(BEGUN)


def begin(number: int) -> None:
    BEGUN.append(number)


def unable() -> None:
    raise UserError("there is no cache", "cache", "make one")


def crashing() -> None:
    os._exit(7)


def chatty(task: Path, report: Report) -> None:
    for done in range(20_000):
        report(done, 20_000, "a note of some length, as a progress line would have it")
    task.touch()


def held(task: Path, report: Report) -> None:
    """Hold a lock for as long as this process lives."""
    file = task.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    report(1, 2, "held")
    time.sleep(60)
    file.close()


def lock_file(path: Path) -> None:
    file = path.open("w")
    fcntl.flock(file, fcntl.LOCK_EX)
    KEPT.append(file)
    time.sleep(2)  # long enough for another process to take the other task


def held_below(task: Path, report: Report) -> None:
    """Hold a lock in a process of `mapped`, which this one starts."""
    list(mapped(lock_file, [task, task.with_suffix(".2")], 2))


def free(path: Path) -> bool:
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def within(seconds: float, paths: list[Path]) -> bool:
    """Do all become free in time?"""
    end = time.monotonic() + seconds
    while not (all_free := all(map(free, paths))) and time.monotonic() < end:
        time.sleep(0.05)
    return all_free


def by_index(found: Iterator[Outcome[Any]]) -> list[Outcome[Any]]:
    return sorted(found, key=lambda outcome: outcome.index)


HERE = pytest.param(1, id="in this process")
PROCESSES = pytest.param(2, id="in two processes")


@pytest.mark.parametrize("workers", [HERE, PROCESSES])
def test_a_failure_is_one_tasks_own(workers: int) -> None:
    good, told, bug, last = by_index(outcomes(work, ["a", "user error", "bug", "b"], workers=workers, threads=1))
    assert (good.value, good.error, good.detail) == ("A", None, None)
    assert (last.index, last.value) == (3, "B")
    assert told.value is None
    assert told.detail is None
    assert str(told.error) == "the run is out of cells\nwhere: cells.csv\nfix: add some"
    assert bug.error is not None
    assert bug.error.what == "unexpected ZeroDivisionError: nothing to divide by"
    assert str(bug.error.where).startswith("test_engine_runs.py, line ")
    assert bug.error.fix
    assert "Traceback" in str(bug.detail)
    assert "in work" in str(bug.detail)
    assert all(outcome.seconds >= 0 for outcome in (good, told, bug, last))


@pytest.mark.parametrize(("task", "how"), [("exit", "exit code 3"), ("killed", "signal 9")])
def test_a_process_that_dies_loses_its_task_alone_and_is_replaced(task: str, how: str) -> None:
    found = by_index(outcomes(work, ["a", task, "b", task, "c"], workers=2, threads=1))
    assert [outcome.value for outcome in found] == ["A", None, "B", None, "C"]
    for lost in (found[1].error, found[3].error):
        assert lost is not None
        assert lost.what == f"the process of this run ended ({how})"
        assert lost.where
        assert ("memory" in str(lost.fix)) == (task == "killed")


def test_a_value_that_cannot_be_sent_is_told() -> None:
    (bad, good) = by_index(outcomes(work, ["unpicklable", "a"], workers=2, threads=1))
    assert bad.error is not None
    assert "can't be pickled" in bad.error.what
    assert good.value == "A"


def test_processes_stay_begin_once_and_keep_to_their_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("NUMEXPR_NUM_THREADS", raising=False)
    reports: list[tuple[int, int, int, str]] = []
    found = outcomes(
        where, range(6), workers=2, threads=2, begin=partial(begin, 5), progress=lambda *told: reports.append(told)
    )
    values = [outcome.value for outcome in by_index(found)]
    assert all(value is not None for value in values)
    processes = {value[0] for value in values if value}
    assert len(processes) == 2
    assert os.getpid() not in processes
    assert {value[1:3] for value in values if value} == {("2", 2)}
    assert all(value[3] == [5] for value in values if value)
    assert sorted(reports) == [(task, task, 10, f"task {task}") for task in range(6)]
    assert os.environ["OMP_NUM_THREADS"] == "1"
    assert "NUMEXPR_NUM_THREADS" not in os.environ


def test_one_worker_is_this_process_and_leaves_it_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    BEGUN.clear()
    before = {pool["filepath"]: pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
    reports: list[tuple[int, int, int, str]] = []
    found = outcomes(
        where, iter([3, 4]), workers=1, threads=2, begin=partial(begin, 1), progress=lambda *t: reports.append(t)
    )
    assert next(found).value == (os.getpid(), "2", 2, [1])
    assert [outcome.value for outcome in found] == [(os.getpid(), "2", 2, [1])]
    assert reports == [(0, 3, 10, "task 3"), (1, 4, 10, "task 4")]
    after = {pool["filepath"]: pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
    assert {name: after[name] for name in before} == before
    assert os.environ["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize("workers", [HERE, PROCESSES])
def test_what_begin_raises_is_the_outcome_of_the_tasks(workers: int) -> None:
    found = by_index(outcomes(work, ["a", "b", "c"], workers=workers, threads=1, begin=unable))
    assert [str(outcome.error) for outcome in found] == ["there is no cache\nwhere: cache\nfix: make one"] * 3


def test_a_begin_that_kills_does_not_go_on_for_ever() -> None:
    found = by_index(outcomes(work, ["a", "b"], workers=2, threads=1, begin=crashing))
    assert ["exit code 7" in str(outcome.error) for outcome in found] == [True, True]


def test_tasks_are_taken_in_order_and_only_as_they_are_needed() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[str]:
        for number in range(6):
            taken.append(number)
            yield str(number)

    found = outcomes(work, tasks(), workers=2, threads=1)
    assert taken == []
    next(found)
    assert taken == [0, 1, 2]
    assert len(list(found)) == 5
    assert taken == list(range(6))


def test_a_task_never_waits_for_a_first_process_that_is_busy(tmp_path: Path) -> None:
    paths = [tmp_path / str(number) for number in range(4)]
    found = outcomes(chatty, paths, workers=2, threads=1)
    next(found)
    end = time.monotonic() + 10
    while not paths[2].exists() and time.monotonic() < end:  # begun before the first outcome was told
        time.sleep(0.05)
    assert paths[2].exists()
    assert [outcome.error for outcome in found] == [None] * 3


def test_leaving_early_ends_the_processes_at_once(tmp_path: Path) -> None:
    paths = [tmp_path / "0", tmp_path / "1"]

    def stop(*_: object) -> None:
        raise RuntimeError("enough")

    start = time.monotonic()
    with pytest.raises(RuntimeError, match="enough"):
        list(outcomes(held, paths, workers=2, threads=1, progress=stop))
    assert time.monotonic() - start < 20
    assert all(map(free, paths))
    assert not [child for child in multiprocessing.active_children() if child.name == "brightctc worker"]


@pytest.mark.parametrize("workers", [1, 2])
def test_no_tasks_no_outcomes(workers: int) -> None:
    assert list(outcomes(work, [], workers=workers, threads=1)) == []


@pytest.mark.parametrize(("workers", "threads"), [(0, 1), (1, 0)])
def test_nothing_runs_on_nothing(workers: int, threads: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        outcomes(work, ["a"], workers=workers, threads=threads)


FIRST = """
import sys
from pathlib import Path
from brightctc.engine import outcomes
from test_engine_runs import TASK
if __name__ == '__main__':
    print('go', flush=True)
    told = lambda *_: print('held', flush=True)
    list(outcomes(TASK, map(Path, sys.argv[1:]), workers=2, threads=1, progress=told))
"""


@pytest.fixture
def first_process(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[Path]]]:
    """A process, in a group of its own as in a terminal, that is about to have two workers hold a lock each."""
    yield from started(tmp_path, "held", [tmp_path / "0", tmp_path / "1"])


def started(folder: Path, task: str, paths: list[Path]) -> Iterator[tuple[subprocess.Popen[str], list[Path]]]:
    script = folder / "first.py"
    script.write_text(FIRST.replace("TASK", task))
    process = subprocess.Popen(
        [sys.executable, script, *paths],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parent)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "go\n"
    assert process.stderr is not None
    yield process, paths
    process.kill()
    process.wait()  # not for the end of its output, which an orphan would hold open
    process.stdout.close()
    process.stderr.close()


@pytest.fixture
def below(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[Path]]]:
    """A first process whose worker has two processes of its own (`mapped`)."""
    yield from started(tmp_path, "held_below", [tmp_path / "0"])


def wait_until_held(process: subprocess.Popen[str], paths: list[Path]) -> None:
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in paths] == ["held\n"] * 2
    assert not any(map(free, paths))


def test_workers_end_with_a_first_process_that_is_killed(
    first_process: tuple[subprocess.Popen[str], list[Path]],
) -> None:
    process, paths = first_process
    wait_until_held(process, paths)
    process.kill()
    assert within(10, paths)


def test_processes_of_workers_end_with_them(below: tuple[subprocess.Popen[str], list[Path]]) -> None:
    process, paths = below
    both = [*paths, *(path.with_suffix(".2") for path in paths)]
    end = time.monotonic() + 20
    while (not all(path.exists() for path in both) or any(map(free, both))) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(map(free, both))
    process.kill()
    assert within(10, both)


@pytest.mark.parametrize("seconds", [0.0, 0.005, 0.02, 0.1, None])
def test_ctrl_c_ends_all_at_once_with_one_message(
    first_process: tuple[subprocess.Popen[str], list[Path]], seconds: float | None
) -> None:
    """At work (None), and while the workers are being started."""
    process, paths = first_process
    if seconds is None:
        wait_until_held(process, paths)
    else:
        time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=20)
    assert told.count("KeyboardInterrupt") == 1
    assert told.count("Traceback") == 1
    assert within(1, paths)


class StrangeError(Exception):
    """No heir of anything that a task is known to raise."""


def strange(number: int, _report: object) -> int:
    if number == 1:
        raise StrangeError("never seen")
    return number


def test_what_nobody_knows_ends_its_process_alone() -> None:
    found = {outcome.index: outcome for outcome in outcomes(strange, range(4), workers=2, threads=1)}
    assert {index: outcome.value for index, outcome in found.items()} == {0: 0, 1: None, 2: 2, 3: 3}
    assert "the process of this run ended (exit code 1)" in str(found[1].error)
    with pytest.raises(StrangeError):
        list(outcomes(strange, range(4), workers=1, threads=1))
