"""Processes that stay, each given one task at a time; one that dies loses its task alone and is replaced."""

import atexit
import pickle
import select
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from brightctc.engine.outcome import Outcome, Packed, Progress, Report, Result, Task, attempt, lost, unpacked
from brightctc.engine.spawning import SPAWN, ignore_interrupts
from brightctc.engine.variables import environment, of_threads
from brightctc.engine.watch import end_with_the_first_process
from brightctc.errors import UserError

_GRACE = 5.0  # seconds that a process has to end by itself


def in_workers(
    function: Callable[[Task, Report], Result],
    tasks: Iterable[Task],
    begin: Callable[[], None] | None,
    progress: Progress | None,
    *,
    workers: int,
    threads: int,
) -> Iterator[Outcome[Result]]:
    """`outcomes` on this machine, in `workers` processes."""
    crew = _Crew(pickle.dumps((function, begin)), tasks, workers, threads)
    # a generator that nobody closed must not keep the interpreter waiting for its processes
    atexit.register(crew.end)
    try:
        yield from crew.outcomes(progress)
    finally:
        crew.end()
        atexit.unregister(crew.end)  # after the end, which a second Ctrl-C may have cut short


class _Worker:
    """A process as the first process sees it, and the task it is at."""

    def __init__(self, work: bytes, threads: int):
        self.index, self.since, self._threads = -1, 0.0, threads
        self.connection, self._theirs = SPAWN.Pipe()
        self.process = SPAWN.Process(target=_serve, args=(self._theirs, work, threads), name="brightctc worker")

    def start(self) -> None:
        """Start the process; until then nothing has to be ended."""
        with environment(of_threads(self._threads)):
            self.process.start()
        self._theirs.close()  # so that the end of the process is the end of the pipe

    def hand(self, index: int, task: Any) -> None:
        """Give it a task. Where it is dead already, its `news` will say so."""
        self.index, self.since = index, time.perf_counter()
        with suppress(OSError):
            self.connection.send((index, pickle.dumps(task)))

    def news(self) -> Outcome[Any] | tuple[int, int, int, str]:
        """How its task ended, or a report; waits for one."""
        try:
            told = self.connection.recv()
        except (EOFError, OSError):
            return Outcome(self.index, None, self._death(), None, time.perf_counter() - self.since)
        return unpacked(told) if isinstance(told, Outcome) else told

    def alive(self) -> bool:
        """Can it take another task?"""
        return self.process.exitcode is None

    def dismiss(self) -> None:
        """Let it go, which it does by itself: no task is left for it."""
        self.connection.close()

    def stop(self) -> None:
        """End it, whatever it is at; one that was dismissed is on its way already."""
        if self.process.pid is not None and not self.connection.closed:
            self.process.terminate()

    def gone(self) -> None:
        """Wait until it has ended, and not for long."""
        if self.process.pid is not None:
            self.process.join(_GRACE)
            if self.process.exitcode is None:
                self.process.kill()
                self.process.join()

    def _death(self) -> UserError:
        self.gone()
        code = self.process.exitcode or 0
        return lost(f"signal {-code}", outside=True) if code < 0 else lost(f"exit code {code}", outside=False)


class _Crew:
    """All processes of one call. A Ctrl-C at any moment must leave none of them unknown to `end`."""

    def __init__(self, work: bytes, tasks: Iterable[Any], size: int, threads: int):
        self._work, self._size, self._threads = work, size, threads
        self._left = enumerate(tasks)
        self._all: list[_Worker] = []
        self._busy: dict[Connection, _Worker] = {}

    def outcomes(self, progress: Progress | None) -> Iterator[Outcome[Any]]:
        """How the tasks ended, as they end."""
        self._fill()
        while self._busy:
            for connection in wait(list(self._busy)):
                assert isinstance(connection, Connection)
                news = self._busy[connection].news()
                if isinstance(news, Outcome):
                    self._go_on(self._busy.pop(connection))  # before the yield, which may take its time
                    yield news
                elif progress is not None:
                    progress(*news)

    def end(self) -> None:
        """End what still runs, at once; nothing is left behind."""
        for worker in self._all:
            worker.stop()
        for worker in self._all:
            worker.gone()

    def _fill(self) -> None:
        while len(self._busy) < self._size and (following := next(self._left, None)) is not None:
            worker = _Worker(self._work, self._threads)
            self._all.append(worker)
            worker.start()
            self._hand(worker, *following)

    def _go_on(self, worker: _Worker) -> None:
        """The next task for this process, or for one in its place; without one it may go, with its memory."""
        if worker.alive() and (following := next(self._left, None)) is not None:
            self._hand(worker, *following)
            return
        worker.dismiss()
        if not worker.alive():
            self._all.remove(worker)
            self._fill()

    def _hand(self, worker: _Worker, index: int, task: Any) -> None:
        worker.hand(index, task)
        self._busy[worker.connection] = worker


def _serve(connection: Connection, work: bytes, threads: int) -> None:
    """A worker's life: tasks, until the first process closes the pipe."""
    ignore_interrupts()
    end_with_the_first_process()
    function, lock = Packed(work), threading.Lock()
    with suppress(EOFError, OSError):
        while True:
            index, task = connection.recv()
            outcome = attempt(function, index, task, _report(connection, index, lock), threads)
            with lock:
                connection.send(outcome)


def _report(connection: Connection, index: int, lock: threading.Lock) -> Report:
    room = select.poll()
    room.register(connection, select.POLLOUT)

    def report(done: int, total: int, note: str = "") -> None:
        with lock, suppress(OSError):
            if room.poll(0):  # else the first process is busy, and a training doesn't wait for that
                connection.send((index, done, total, note))

    return report
