"""No process outlives the one that it works for."""

import multiprocessing
import os
import threading
from multiprocessing.connection import wait


def end_with_the_first_process() -> None:
    """From now on, this process ends, at once, when the process that started it has ended in whatever way.

    Who was killed (kill -9) didn't ask its workers; they would wait, or train, for nobody, for ever.
    """
    threading.Thread(target=_watch, name="watch", daemon=True).start()


def _watch() -> None:
    first = multiprocessing.parent_process()
    assert first is not None, "only a process of multiprocessing knows whom it works for"
    wait([first.sentinel])
    os._exit(1)
