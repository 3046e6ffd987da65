"""How large a packed cohort is, and how fast it is written and read: python benchmarks/packing.py COHORT

Prints a table for docs/packing.md. Rates are of one thread, the best of five; `cold`: the files' pages are given back
to the system first. Run it on a machine that does nothing else.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from brightctc.cohort import Cohort, Pack, lookup, pack, read_or_fault
from machine import machine

TRIES = 5


def main(root: Path) -> None:
    """Pack the cohort into a temporary folder, and read it in every way."""
    plain = Cohort.read(root)
    files = [path for path in plain.paths(plain.cells, "bright_field") if path is not None]
    with tempfile.TemporaryDirectory(dir=root.parent) as folder:
        packed = Path(folder) / "cells.parquet"
        tries = [_timed(lambda: pack(root, packed, workers=1, overwrite=True)) for _ in range(TRIES)]
        result = pack(root, packed, overwrite=True)
        names = [packed / name for name in Cohort.read(packed).cells["bright_field"]]
        shards = sorted(packed.glob("*.parquet"))
        size = result.image_bytes / 1e6
        print(f"{machine()}, pyarrow {version('pyarrow')}; {result.cells:,} cells, {result.images:,} images")
        print(f"| files, MB | {size:.1f} |\n| shards, MB | {result.written_bytes / 1e6:.1f} |")
        for index, name in enumerate(("pack, MB/s", "pack, MB/s of processor time")):
            print(f"| {name} | {size / min(each[index] for each in tries):.0f} |")
        print("| bright field, cells/s | warm | of processor time | cold |\n| --- | --- | --- | --- |")
        _row("files", len(files), lambda: _read(files), files)
        _row("packed, by path", len(files), lambda: _read(names), shards)
        _row("packed, as a stream", len(files), lambda: _stream(packed), shards)


def _row(name: str, cells: int, run: Callable[[], object], files: list[Path]) -> None:
    run()
    warm = [_timed(run) for _ in range(TRIES)]
    cold = []
    for _ in range(TRIES):
        _give_back(files)
        cold.append(_timed(run)[0])
    rates = (min(wall for wall, _ in warm), min(cpu for _, cpu in warm), min(cold))
    print(f"| {name} | " + " | ".join(f"{cells / seconds:,.0f}" for seconds in rates) + " |")


def _read(paths: list[Path]) -> None:
    lookup._packs.clear()
    for path in paths:
        read_or_fault(path)


def _stream(packed: Path) -> None:
    opened = Pack.open(packed)
    for index in range(len(opened.groups)):
        for image in opened.group(index).images["bright_field"]:
            read_or_fault(image)


def _timed(run: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and seconds of processor time."""
    start, cpu = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - start, time.process_time() - cpu


def _give_back(files: list[Path]) -> None:
    for path in files:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
