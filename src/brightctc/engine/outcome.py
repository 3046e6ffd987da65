"""How a long task ended, and the one place where what it raised becomes words."""

import pickle
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from pickle import PickleError
from typing import Any, Generic, Protocol, TypeVar

from brightctc.engine.variables import environment, of_threads
from brightctc.errors import UserError

Task = TypeVar("Task")
Result = TypeVar("Result")
Progress = Callable[[int, int, int, str], None]  # the task's index, done, total, note
LOST = "the process of this run ended"
FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    MemoryError,
    OSError,
    PickleError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""What a task may raise against its will: of the machine, its data, or a mistake in it. torch, numpy, OpenVINO and
pydantic raise these or heirs of them. Anything else ends the task's process, which is an outcome of its own."""


class Report(Protocol):
    """What a task is given to say how far it is."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """`done` of `total` steps; note: a few words beside the bar."""
        ...


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """How one task ended: with a value, or with an error in words.

    index: of the task, from 0. value: what the function returned; None where there is an error.
    error: the task's own UserError; or what happened instead: an exception nobody expected, a process that died.
    detail: the traceback of such an exception, or all that the engine said of it; None otherwise.
    seconds: how long the task took; of a process that died: since it was given the task.
    """

    index: int
    value: Result | None
    error: UserError | None
    detail: str | None
    seconds: float


class Prepared(Generic[Task, Result]):
    """A function with what must be done once in a process before it; a `begin` that fails is tried again."""

    def __init__(self, function: Callable[[Task, Report], Result], begin: Callable[[], None] | None):
        self._function = function
        self._begin = begin

    def __call__(self, task: Task, report: Report) -> Result:
        """The function's value for this task."""
        if self._begin is not None:
            self._begin()
            self._begin = None
        return self._function(task, report)


class Packed:
    """A `Prepared` for another process: unpacked there, and only when a task's `attempt` has begun.

    So a module that is missing there, or a value that can't be packed, is an outcome like any other.
    work: the pickled arguments of Prepared.
    """

    def __init__(self, work: bytes):
        self._work = work
        self._call: Prepared[Any, Any] | None = None

    def __call__(self, task: bytes, report: Report) -> bytes:
        """A pickled task → its pickled value."""
        if self._call is None:
            self._call = Prepared(*_unpickled(self._work))
        return pickle.dumps(self._call(_unpickled(task), report))


def unpacked(outcome: Outcome[bytes]) -> Outcome[Any]:
    """The outcome of a `Packed`, with its value."""
    return outcome if outcome.value is None else replace(outcome, value=_unpickled(outcome.value))


def attempt(
    function: Callable[[Task, Report], Result], index: int, task: Task, report: Report, threads: int
) -> Outcome[Result]:
    """Do one task with so many threads; its UserError or one of FAULTS becomes the outcome, anything else passes."""
    from threadpoolctl import threadpool_limits

    value: Result | None = None
    error: UserError | None = None
    detail: str | None = None
    start = time.perf_counter()
    try:
        # the variables are for libraries that the task is the first to load, the limits for those loaded before
        with environment(of_threads(threads)), threadpool_limits(threads):
            value = function(task, report)
    except UserError as told:
        error = told
    except FAULTS as fault:  # of one task among many, hours apart: it must not end the others
        error, detail = _unexpected(fault), "".join(traceback.format_exception(fault))
    return Outcome(index, value, error, detail, time.perf_counter() - start)


def lost(how: str, outside: bool) -> UserError:
    """The words for a process that died. how: as far as known. outside: could want of memory have ended it?"""
    fix = "free some memory, or use fewer workers, and start it again" if outside else "start it again"
    return UserError(f"{LOST} ({how})", "this machine", fix)


def _unexpected(fault: Exception) -> UserError:
    told = (str(fault).strip().splitlines() or [""])[0][:200]
    frames = traceback.extract_tb(fault.__traceback__)
    where = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else None
    fix = "start it again; if that doesn't help, report the traceback that is kept beside this message"
    return UserError(f"unexpected {type(fault).__name__}{told and ': '}{told}", where, fix)


def _unpickled(data: bytes) -> Any:
    return pickle.loads(data)  # noqa: S301 - from a process of this very run
