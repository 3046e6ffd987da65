"""Work on many things in threads, in order and with bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")
_BATCH = 8  # things a thread takes at a time: handing over single crops would cost more than reading them


def in_threads(function: Callable[[Given], Made], things: Iterable[Given], workers: int = 4) -> Iterator[Made]:
    """`function` of each thing, in order. things is consumed lazily: at most 16 a worker are held at once.

    What the function raises is raised here, in its turn.
    """
    source = iter(things)
    with ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="read") as pool:
        ahead: deque[Future[list[Made]]] = deque()
        try:
            while True:
                while len(ahead) < 2 * workers and (batch := list(islice(source, _BATCH))):
                    ahead.append(pool.submit(_each, function, batch))
                if not ahead:
                    return
                yield from ahead.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _each(function: Callable[[Given], Made], batch: list[Given]) -> list[Made]:
    return [function(thing) for thing in batch]
