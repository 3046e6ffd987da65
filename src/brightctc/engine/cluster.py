"""Long tasks on Ray: a running cluster's, or one of this machine that lasts as long as the call. Ray is an extra."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

from brightctc.engine.connection import connected, require_room
from brightctc.engine.outcome import Outcome, Packed, Progress, Report, Result, Task, attempt, lost, unpacked
from brightctc.engine.variables import of_threads
from brightctc.errors import UserError

_NEWS = 0.5  # seconds between two looks at what the tasks report


def on_ray(
    function: Callable[[Task, Report], Result],
    tasks: Iterable[Task],
    begin: Callable[[], None] | None,
    progress: Progress | None,
    *,
    workers: int,
    threads: int,
    address: str | None,
) -> Iterator[Outcome[Result]]:
    """`outcomes` on Ray, at most `workers` tasks at a time, each on `threads` CPUs; none is tried twice."""
    with connected(workers * threads, address) as ray:
        require_room(ray, threads)
        jobs = _Jobs(ray, function, begin, threads, progress)
        left = enumerate(tasks)
        try:
            for _, (index, task) in zip(range(workers), left, strict=False):
                jobs.start(index, task)
            while jobs.running:
                outcome = jobs.ended()
                if (following := next(left, None)) is not None:
                    jobs.start(*following)  # before the yield, which may take its time
                yield outcome
        finally:
            jobs.cancel()


class _Jobs:
    """What was handed to Ray and has not ended."""

    def __init__(self, ray: Any, function: Any, begin: Any, threads: int, progress: Progress | None):
        self._ray, self._threads, self._progress = ray, threads, progress
        # cloudpickle, as a function of __main__ has no module that another process could import
        self._work: bytes = ray.cloudpickle.dumps((function, begin))
        options = {"num_cpus": threads, "max_retries": 0, "runtime_env": {"env_vars": of_threads(threads)}}
        self._remote = ray.remote(**options)(_run)
        self._board = None if progress is None else ray.remote(num_cpus=0)(_Board).remote()
        self._news = None if self._board is None else self._board.taken.remote()
        self.running: dict[Any, tuple[int, float]] = {}

    def start(self, index: int, task: Any) -> None:
        packed = self._ray.cloudpickle.dumps(task)
        job = self._remote.remote(self._work, index, packed, self._threads, self._board)
        self.running[job] = index, time.perf_counter()

    def ended(self) -> Outcome[Any]:
        """The next that ends; waits for it, and tells meanwhile what the others report."""
        while True:
            watched = [*self.running] if self._news is None else [*self.running, self._news]
            (ready, *_), _ = self._ray.wait(watched, num_returns=1)
            if ready in self.running:
                return self._outcome(ready)
            self._tell()

    def cancel(self) -> None:
        """End what still runs: a Ray that was there before would go on with it."""
        for job in self.running:
            self._ray.cancel(job, force=True)
        if self._board is not None:
            self._ray.kill(self._board)

    def _outcome(self, job: Any) -> Outcome[Any]:
        index, since = self.running.pop(job)
        try:
            return unpacked(self._ray.get(job))
        except self._ray.exceptions.RayError as error:
            return Outcome(index, None, _words(self._ray, error), str(error), time.perf_counter() - since)

    def _tell(self) -> None:
        assert self._board is not None
        assert self._progress is not None
        try:
            reports = self._ray.get(self._news)
        except self._ray.exceptions.RayError:  # its node has died: the tasks may go on unseen
            self._news = None
            return
        self._news = self._board.taken.remote()
        for report in reports:
            self._progress(*report)


class _Board:
    """An actor that holds each task's latest report until it is taken."""

    def __init__(self) -> None:
        self._latest: dict[int, tuple[int, int, int, str]] = {}

    async def put(self, report: tuple[int, int, int, str]) -> None:
        self._latest[report[0]] = report

    async def taken(self) -> list[tuple[int, int, int, str]]:
        await asyncio.sleep(_NEWS)
        reports, self._latest = list(self._latest.values()), {}
        return reports


@lru_cache(maxsize=1)
def _packed(work: bytes) -> Packed:
    """One a process, so that `begin` runs once in it."""
    return Packed(work)


def _run(work: bytes, index: int, task: bytes, threads: int, board: Any) -> Outcome[bytes]:
    """One task, in a process of Ray's."""
    told = -_NEWS

    def report(done: int, total: int, note: str = "") -> None:
        nonlocal told
        if board is not None and (done == total or time.perf_counter() - told > _NEWS):
            told = time.perf_counter()
            board.put.remote((index, done, total, note))

    return attempt(_packed(work), index, task, report, threads)


def _words(ray: Any, error: Exception) -> UserError:
    kind = type(error).__name__
    if isinstance(error, ray.exceptions.WorkerCrashedError | ray.exceptions.OutOfMemoryError):
        return lost(kind, outside=True)
    if isinstance(error, ray.exceptions.NodeDiedError):
        return lost("its machine was lost to Ray", outside=False)
    first = (str(error).strip().splitlines() or [""])[0][:200]
    fix = "see that every node has this version of brightctc, and start it again"
    return UserError(f"Ray did not do this run ({kind}): {first}", "Ray", fix)
