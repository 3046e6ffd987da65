"""New processes that run functions of this package, and nothing of the script that called them."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess


class _Process(SpawnProcess):
    def start(self) -> None:
        """Start it, with Ctrl-C held back until `ignore_interrupts`, and without the user's script.

        Python lets a spawned process import the script that its parent was started with. One without
        `if __name__ == "__main__"` would begin all its work anew in each, one that is typed in can't be found.
        """
        with _without_main(), _without_interrupts():
            super().start()


class _Context(SpawnContext):
    Process = _Process


# never by fork: a copy of a process that has threads (polars, BLAS) can hang
SPAWN = _Context()
"""What `multiprocessing.get_context` would give, for processes of this package."""


@contextmanager
def _without_main() -> Iterator[None]:
    main = sys.modules["__main__"]
    hidden = {name: vars(main)[name] for name in ("__file__", "__spec__") if name in vars(main)}
    for name in hidden:
        setattr(main, name, None)
    try:
        yield
    finally:
        for name, value in hidden.items():
            setattr(main, name, value)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """What is started here begins its life with Ctrl-C held back; one that comes meanwhile is kept for this process."""
    resource_tracker.ensure_running()  # by Process.start, it would let Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_interrupts() -> None:
    """From now on, Ctrl-C is for the first process alone, which ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
