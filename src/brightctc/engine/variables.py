"""Environment variables: for a while, and those that say how many threads arithmetic takes."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

# each library reads its own, once, when it is loaded
_OF_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "POLARS_MAX_THREADS",
)


def of_threads(threads: int) -> dict[str, str]:
    """Variables with which libraries that are loaded from now on take this many threads."""
    return dict.fromkeys(_OF_THREADS, str(threads))


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process, which those it starts inherit; afterwards all is as before."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
