"""Who reads and prepares cells: threads, which are there at once; for many cells processes, which take their place."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from brightctc.engine import cores, processes
from brightctc.predict.blocks import Loaded
from brightctc.predict.preparing import Prepared, Preparer

MANY = 4000
"""Cells from which processes pay: each takes a second of a core to start, and saves about one on so many cells."""
Hand = Callable[[Loaded], Future[Prepared]]


def default_workers() -> int:
    """As many as this process may use cores, at most 8."""
    return min(8, cores())


@contextmanager
def preparers(prepare: Preparer, workers: int, cells: int) -> Iterator[Hand]:
    """Hand over some cells, get a future of what is made of them.

    cells: how many will come. Threads of one process prepare hardly faster than one does, as most steps are short and
    need Python; but they start at once. Raises UserError, out of the `with` block, where a process died.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="prepare") as threads:
        in_thread = partial(threads.submit, prepare)
        if workers == 1 or cells < MANY:
            yield in_thread
            return
        with processes(workers) as pool:
            started = [pool.submit(_start) for _ in range(workers)]

            def hand(task: Loaded) -> Future[Prepared]:
                ready = all(future.done() for future in started)
                return pool.submit(prepare, task) if ready else in_thread(task)

            yield hand


def _start() -> None:
    """Nothing: to be handed this function, a process imports all that preparing needs."""
