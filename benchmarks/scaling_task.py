"""One scoring of the benchmark of scaling (see speed_tasks.py); nothing is imported here that scoring does not need."""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from brightctc import predict

TENTHS = 10


def scored(bundle: str, cohort: str, scores: str, precision: str, engine: str) -> dict[str, Any]:
    """Seconds in all and of the last pass, cells/s of each tenth."""
    ends: list[tuple[float, int]] = []

    def progress(_stage: str, done: int, _cells: int, *_more: object) -> None:
        ends.append((time.perf_counter(), done))

    start = time.perf_counter()
    given: Any = {"precision": precision, "engine": engine}
    result = predict(Path(bundle), Path(cohort), Path(scores), overwrite=True, progress=progress, **given)
    end = time.perf_counter()
    marks = [ends[0], *_at_tenths(ends, result.cells)]
    rates = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in itertools.pairwise(marks)]
    size = Path(scores).stat().st_size
    return {"seconds": end - start, "last_pass": end - ends[-1][0], "tenths": rates, "bytes": size}


def _at_tenths(ends: list[tuple[float, int]], cells: int) -> Iterator[tuple[float, int]]:
    for tenth in range(1, TENTHS + 1):
        yield next(each for each in ends if each[1] >= cells * tenth // TENTHS)
