"""Many short tasks in this machine's processes: in order, with bounded memory; one error ends them all."""

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from brightctc.engine.spawning import SPAWN, ignore_interrupts
from brightctc.engine.watch import end_with_the_first_process
from brightctc.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")
_WORTH = 5.0  # seconds of work left, from which further processes start soon enough to help
_AHEAD = 3  # tasks a process that are handed out before their turn


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def mapped(function: Callable[[Task], Result], tasks: Sequence[Task], workers: int | None = None) -> Iterator[Result]:
    """`function` of each task, in the order of the tasks; what it returns does not depend on the number of workers.

    function, tasks and results must be picklable. workers: processes; 1: all in this one; None: the first task runs
    here, and one process a core takes the others where that saves time. An exception of the function ends the map; a
    worker that dies is a UserError.
    """
    left = iter(tasks)
    if workers is None:
        start = time.perf_counter()
        yield from map(function, islice(left, 1))
        worth = (time.perf_counter() - start) * (len(tasks) - 1) > _WORTH
        workers = cores() if worth else 1
    yield from map(function, left) if workers == 1 else _in_processes(function, left, workers)


@contextmanager
def processes(workers: int) -> Iterator[Executor]:
    """So many processes of this machine, each with one thread for arithmetic; they start as tasks come.

    In the `with` block, a worker that dies is a UserError.
    """
    pool = ProcessPoolExecutor(workers, mp_context=SPAWN, initializer=_begin)
    try:
        yield pool
    except BrokenProcessPool:
        raise UserError(
            "a worker process ended before its work was done", "this machine", "free some memory and run it again"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _in_processes(function: Callable[[Task], Result], tasks: Iterator[Task], workers: int) -> Iterator[Result]:
    ahead: deque[Future[Result]] = deque()
    with processes(workers) as pool:
        ahead.extend(pool.submit(function, task) for task in islice(tasks, _AHEAD * workers))
        while ahead:
            result = ahead.popleft().result()
            ahead.extend(pool.submit(function, task) for task in islice(tasks, 1))
            yield result


def _begin() -> None:
    """A worker's arithmetic uses one thread, as many workers as cores are at it; Ctrl-C is for the first process."""
    from threadpoolctl import threadpool_limits

    ignore_interrupts()
    end_with_the_first_process()
    threadpool_limits(1)
