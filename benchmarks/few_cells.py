"""Few labelled cells, many without a label: what each way to use them brings, beside simpler models.

    python benchmarks/few_cells.py [--minutes 60] [--rows default distil] [--sealed]      (or: make bench-few-cells)

Real cells: mitotic among interphase, and prophase among G2, from 100 and 200 labelled Jurkat cells (917: three draws);
made cells: lines and volunteers' leukocytes for training, patients for testing. Bright field alone is tested. Every
model is trained on the same draws; a row of docs/results/few-cells.csv is one training, and what is there is not done
again. About twelve hours in all: --minutes begins no training after so long. What a model answers to the sealed cells
is written down with the training; --sealed trains nothing and looks at their labels, once, when all is chosen.
"""

import argparse
import hashlib
import multiprocessing
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path

from brightctc.cohort import Cohort
from brightctc.cohort.sealed import open_sealed
from few_cells_page import write_page
from few_cells_results import PARTS, Result, append, read, replace_all
from few_cells_rows import TRAINED, answered, has_line, rows_of, settings_of
from few_cells_tasks import TASKS, labels
from jurkat import DATA, ROOT, say

Job = tuple[str, int, str]


def jobs(done: list[Result], options: argparse.Namespace) -> Iterator[Job]:
    """What is not done yet: first draws of all tasks first, so that a part of it all can be read."""
    known = {key_of(result) for result in done}
    for draw in range(min(options.draws, max(task.draws for task in TASKS.values()))):
        for key, task in TASKS.items():
            for name in options.rows:
                answers = [(key, draw, row, part, settings_of(key, row)) for row in rows_of(name) for part in PARTS]
                if draw < task.draws and key in options.tasks and not known.issuperset(answers):
                    yield key, draw, name


def key_of(result: Result) -> tuple[str, int, str, str, str]:
    """What is done once."""
    return result.task, result.draw, result.row, result.part, result.settings


def done_by(waiting: Iterator[Job], options: argparse.Namespace) -> Iterator[Result]:
    """Results as they come, from processes that do one training each."""
    end = time.monotonic() + 60 * options.minutes
    with ProcessPoolExecutor(options.workers, multiprocessing.get_context("spawn"), max_tasks_per_child=1) as pool:
        running: set[Future[list[Result]]] = set()
        while True:
            while len(running) < options.workers and time.monotonic() < end:
                job = next(waiting, None)
                if job is None:
                    break
                running.add(pool.submit(answered, *job, options.work))
            if not running:
                return
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (result for future in finished for result in future.result())


def opened(results: list[Result], work: Path) -> list[Result]:
    """With the figures of the sealed parts, whose labels are looked at now; each opening is recorded."""
    closed = [result for result in results if not result.is_judged]
    analysis = hashlib.sha256("\n".join(sorted(result.answers for result in closed)).encode()).hexdigest()[:16]
    for key, draw in dict.fromkeys((result.task, result.draw) for result in closed):
        times = len(open_sealed(Cohort.read(TASKS[key].cohort(draw, work)), "few_cells", analysis))
        say(f"{key} draw {draw}: its sealed part was opened {times} times, with this one")
    labels_of = {key: labels(key, "sealed", work)[0] for key in {result.task for result in closed}}
    return [
        result if result.is_judged else result.judged(labels_of[result.task], has_line(result.row))
        for result in results
    ]


def main() -> None:
    """Do what is missing, then write the page and its figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--rows", nargs="+", choices=TRAINED, default=list(TRAINED))
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--draws", type=int, default=5, help="of each task, the first ones")
    parser.add_argument("--sealed", action="store_true", help="train nothing; look at the sealed cells' labels")
    parser.add_argument("--workers", type=int, default=2, help="trainings at a time, a thread each")
    parser.add_argument("--work", type=Path, default=ROOT / "build/few_cells", help="keeps cohorts and runs")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/results", help="folder of the table and the page")
    options = parser.parse_args()
    if not DATA.is_file():
        raise SystemExit(f"{DATA.name} is missing: put it into {DATA.parent}, or set BRIGHTCTC_DATA")
    table = options.out / "few-cells.csv"
    if options.sealed:
        replace_all(table, opened(read(table), options.work))
    else:
        do_what_is_missing(table, options)
    write_page(read(table), options.out, options.work)
    say(f"wrote {options.out / 'few-cells.md'}")


def do_what_is_missing(table: Path, options: argparse.Namespace) -> None:
    """Train and ask, two at a time, and write down each result as it comes."""
    waiting = list(jobs(read(table), options))
    say(f"{len(waiting)} trainings to do")
    for key, draw in dict.fromkeys(job[:2] for job in waiting):
        TASKS[key].cohort(draw, options.work)  # not by two processes at a time
    known = {key_of(result) for result in read(table)}
    for result in done_by(iter(waiting), options):
        if key_of(result) not in known:
            append(table, [result])
        figure = f"average precision {result.average_precision:.3f}" if result.is_judged else "answers only"
        say(f"{result.task} draw {result.draw} {result.row} {result.part}: {figure}, {result.seconds:.0f} s")


if __name__ == "__main__":
    main()
