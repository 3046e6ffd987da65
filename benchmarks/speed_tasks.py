"""Every measurement in a process of its own, so that none finds another's threads, caches or memory.

    python benchmarks/speed_tasks.py MODULE:FUNCTION '{"argument": "value"}'

prints what the function returns, as JSON on the last line.
"""

import gc
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__)
MEGABYTE = 1024**2


def run(task: str, **given: Any) -> Any:
    """What `MODULE:FUNCTION` returns of these arguments (plain values), in a fresh process."""
    done = subprocess.run(_command(task, given), stdout=subprocess.PIPE, text=True, check=True)
    return _answer(done.stdout)


def run_watched(task: str, every: float = 0.05, **given: Any) -> tuple[Any, float]:
    """As `run`; and the most memory that the process and its workers held, in MB, pages that they share counted once.

    every: seconds between two looks. They cost a little time: twenty a second are not for a measurement of speed.
    """
    process = subprocess.Popen(_command(task, given), stdout=subprocess.PIPE, text=True)
    most = 0.0
    while process.poll() is None:
        most = max(most, held(process.pid))
        time.sleep(every)
    assert process.stdout is not None
    assert process.returncode == 0, f"{task} failed"
    return _answer(process.stdout.read()), most


def held(pid: int) -> float:
    """Memory of a process and all below it, in MB: the proportional set size of Linux."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:  # it has just ended
        return 0.0
    own = sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / MEGABYTE
    return own + sum(held(int(child)) for child in below)


def per_second(work: Callable[[], object], cells: int, seconds: float) -> float:
    """Cells a second of `work()`, which does `cells` of them: the median of its runs in so many seconds."""
    return cells / statistics.median(_times(work, seconds))


def fastest(work: Callable[[], object], seconds: float) -> float:
    """Seconds of the fastest run of `work()`."""
    return min(_times(work, seconds))


def _times(work: Callable[[], object], seconds: float) -> list[float]:
    """Of every run in so many seconds, three at least; the first one does not count."""
    work()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return times


def _command(task: str, given: dict[str, Any]) -> list[str]:
    return [sys.executable, str(HERE), task, json.dumps(given, default=str)]


def _answer(output: str) -> Any:
    return json.loads(output.splitlines()[-1])


def main() -> None:
    """Do one task."""
    module, _, function = sys.argv[1].partition(":")
    answer = getattr(import_module(module), function)(**json.loads(sys.argv[2]))
    gc.collect()  # a network's threads end here, before Python does
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
