"""Long, independent tasks whose failure stops nobody else's: in processes of this machine, or on Ray."""

from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from brightctc.engine.outcome import Outcome, Prepared, Progress, Report, Result, Task, attempt
from brightctc.engine.workers import in_workers

Engine = Literal["local", "ray"]


def outcomes(
    function: Callable[[Task, Report], Result],
    tasks: Iterable[Task],
    *,
    workers: int,
    threads: int,
    begin: Callable[[], None] | None = None,
    progress: Progress | None = None,
    engine: Engine = "local",
    address: str | None = None,
) -> Iterator[Outcome[Result]]:
    """`function(task, report)` of every task, each in a process of its own kind; yields how they ended, as they end.

    Tasks start in order, at most `workers` at a time. Every task has exactly one Outcome, also where it raised
    something unexpected or its process died (out of memory, kill -9). The next task starts before an Outcome is
    yielded. Leaving early, by `close()` or Ctrl-C, ends what runs, at once: a long task resumes by itself.

    function, tasks, values and begin must be picklable.
    workers: processes. 1, locally, is this one: quick to start, but what kills a task kills all, as does an exception
        beside `outcome.FAULTS`; in a process of its own, that is the end of this process and so an Outcome.
    threads: of each process's arithmetic; workers x threads should not exceed the processors.
    begin: runs once in every process, before its first task, and stays in force there; an error of it is the
        Outcome of the task that was to start.
    progress: is told (index, done, total, note) of what a task reports, here, while the next Outcome is waited for.
        Reports are news, not records: one that nobody has time for is dropped.
    engine: `ray` asks Ray for `threads` CPUs a task; every node needs the same brightctc, and the tasks' paths.
    address: with `ray`, a running cluster (host:port, or `auto`); None: a Ray of this machine, for this call alone.
        Where the program has called `ray.init` itself, that Ray is taken, and stays.

    Raises UserError, with the first Outcome that is asked for, where Ray is missing or can't be reached.
    """
    if workers < 1 or threads < 1:
        raise ValueError(f"workers and threads are at least 1, not {workers} and {threads}")
    if engine == "ray":
        from brightctc.engine.cluster import on_ray  # here, as Ray is an extra

        return on_ray(function, tasks, begin, progress, workers=workers, threads=threads, address=address)
    if workers == 1:
        return _here(Prepared(function, begin), tasks, threads, progress)
    return in_workers(function, tasks, begin, progress, workers=workers, threads=threads)


def _here(
    function: Callable[[Task, Report], Result], tasks: Iterable[Task], threads: int, progress: Progress | None
) -> Iterator[Outcome[Result]]:
    for index, task in enumerate(tasks):
        yield attempt(function, index, task, _report(index, progress), threads)


def _report(index: int, progress: Progress | None) -> Report:
    def report(done: int, total: int, note: str = "") -> None:
        if progress is not None:
            progress(index, done, total, note)

    return report
