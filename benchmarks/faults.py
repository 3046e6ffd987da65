"""Scoring that is killed: twenty times at a moment drawn at random, and gone on with; the scores must be the same.

    python benchmarks/faults.py [--times 20] [--cells 4000]      (or: make bench-faults)

Files and bundle are those of benchmarks/speed.py. Each time `brightctc predict --resume` is started and killed, by
kill -9, again and again, at moments drawn anew, until one start comes to its end. Fails where a byte differs.
"""

import argparse
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from brightctc.predict.work import folder_of
from speed_cells import bundle_of, files_of

ROOT = Path(__file__).parents[1]
LONGEST = 0.6  # of the time of a whole scoring, that a start is given at most


def start(bundle: Path, cells: Path, scores: Path, *more: str) -> subprocess.Popen[bytes]:
    """`brightctc predict` in a process of its own."""
    command = [sys.executable, "-m", "brightctc", "predict", str(bundle), str(cells), str(scores), *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def killed(bundle: Path, cells: Path, scores: Path, longest: float, rng: random.Random) -> int:
    """Start, kill and start again until a start ends by itself; how often it was killed."""
    kills = 0
    while True:
        process = start(bundle, cells, scores, "--resume")
        try:
            assert process.wait(rng.uniform(0.2, longest)) == 0, "a start failed by itself"
            return kills
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1


def main() -> None:
    """Kill, go on, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--cells", type=int, default=4_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=ROOT / "build/speed", help="keeps files and bundles")
    options = parser.parse_args()
    bundle, cells = bundle_of(options.work, "default-1"), files_of(options.work, options.cells)[0].parents[1]
    whole, scores = options.work / "whole.csv", options.work / "faults.csv"
    begin = time.perf_counter()
    assert start(bundle, cells, whole, "--overwrite").wait() == 0
    longest, rng, kills = LONGEST * (time.perf_counter() - begin), random.Random(options.seed), 0
    for number in range(options.times):
        shutil.rmtree(folder_of(scores), ignore_errors=True)  # of a trial that was itself stopped
        for path in (scores, scores.with_suffix(".meta.json")):
            path.unlink(missing_ok=True)
        kills += killed(bundle, cells, scores, longest, rng)
        assert scores.read_bytes() == whole.read_bytes(), f"time {number + 1}: the scores differ"
        assert not folder_of(scores).exists()
        print(f"{number + 1} of {options.times}: the same scores; killed {kills} times so far", flush=True)


if __name__ == "__main__":
    main()
