"""Where tasks run: in this machine's processes, in order, with bounded memory."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from brightctc.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")
FEW = 256  # cells: fewer are measured before a second process has started
_AHEAD = 3  # tasks a process that are handed out before their turn


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def mapped(function: Callable[[Task], Result], tasks: Iterable[Task], workers: int | None = None) -> Iterator[Result]:
    """`function` of each task, in the order of the tasks; what it returns does not depend on the number of workers.

    function, tasks and results must be picklable. tasks is consumed lazily. workers: processes (None: one a core; 1:
    none, all in this one). An exception of the function ends the map; a worker that dies is a UserError.
    """
    workers = workers or cores()
    if workers == 1:
        yield from map(function, tasks)
        return
    source = iter(tasks)
    # never by fork: a copy of a process that has threads (polars, BLAS) can hang
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_one_thread)
    ahead: deque[Future[Result]] = deque()
    try:
        for task in islice(source, _AHEAD * workers):
            ahead.append(pool.submit(function, task))
        while ahead:
            result = ahead.popleft().result()
            ahead.extend(pool.submit(function, task) for task in islice(source, 1))
            yield result
    except BrokenProcessPool:
        raise UserError(
            "a worker process ended before its work was done", "this machine", "free some memory, or use --workers 1"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_thread() -> None:
    """A worker's arithmetic uses one thread: as many workers as cores are at it already."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)
