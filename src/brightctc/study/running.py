"""From a plan to finished jobs: what is missing is run, in processes or on a cluster; what fails leaves a row."""

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from brightctc import engine, files
from brightctc.baselines import BASELINES
from brightctc.cohort import Cohort
from brightctc.cohort.decoded import write_decoded
from brightctc.cohort.images import share
from brightctc.errors import UserError
from brightctc.study.jobs import OWN_GROUP, AnyJob, BaselineJob, Job, do, left_of
from brightctc.study.options import Options
from brightctc.study.plan import OWN, Exam, Plan, Variant

Progress = Callable[..., None]
Engine = Literal["local", "ray"]
_GIGABYTES_A_RUN = 3.0
_DECODED = ".decoded"


@dataclass(frozen=True)
class Place:
    """Where a study lies and what it is of."""

    study: Path
    cohort: Cohort
    plan: Plan
    options: Options

    def division(self, name: str) -> Path:
        """The cohort folder of a division; the cohort itself for its own split."""
        return self.cohort.root if name == OWN else self.study / "divisions" / name

    def scores(self, variant: str, seed: int) -> Path:
        """The folder of the scores of a run, or of a baseline."""
        return self.study / "scores" / variant / str(seed)

    def seeds_of(self, variant: Variant) -> range:
        """0, 1, … : a run each, or a given bundle each."""
        return range(len(variant.bundles) or self.options.seeds)


def jobs_of(place: Place, threads: int, exams: tuple[Exam, ...] | None = None) -> list[AnyJob]:
    """Every job of the plan: runs in the order of variants and seeds, then the simple models of each division.

    exams: instead of those of the variants (the sealed part).
    """
    jobs: list[AnyJob] = []
    for variant in place.plan.variants:
        if variant.name in place.plan.failed:
            continue
        for seed in place.seeds_of(variant):
            jobs.append(_job(place, variant, seed, threads, exams or variant.exams))
    return jobs + _baseline_jobs(place, exams)


def _job(place: Place, variant: Variant, seed: int, threads: int, exams: tuple[Exam, ...]) -> Job:
    return Job(
        variant=variant.name,
        seed=seed,
        cohort=place.division(variant.division_of(seed)),
        run=place.study / "runs" / variant.name / str(seed),
        scores=place.scores(variant.name, seed),
        exams=exams,
        threads=threads,
        recipe=variant.recipe,
        bundle=variant.bundles[seed] if variant.bundles else None,
    )


def _baseline_jobs(place: Place, exams: tuple[Exam, ...] | None) -> list[AnyJob]:
    """One a division; where a division is drawn anew for each seed, one a seed."""
    names = baseline_names(place.options)
    jobs: dict[str, BaselineJob] = {}
    for variant in place.plan.variants:
        if not names or variant.name in place.plan.failed or (variant.division == OWN and place.cohort.split is None):
            continue
        seeds = place.seeds_of(variant) if "{seed}" in variant.division else range(1)
        for seed in seeds:
            division = variant.division_of(seed)
            wanted = tuple(exam for exam in exams or variant.exams if exam.channel == "bright_field")
            folder = place.study / "scores" / baseline_group(variant)
            jobs.setdefault(division, BaselineJob(names, seed, place.division(division), folder, wanted))
    return [job for job in jobs.values() if job.exams]


def baseline_names(options: Options) -> tuple[str, ...]:
    """All simple models, or those that were asked for."""
    for name in options.baselines or ():
        if name not in BASELINES:
            raise UserError(f"no baseline is called {name!r}", "--baselines", f"use {', '.join(BASELINES)}, or none")
    return tuple(BASELINES) if options.baselines is None else options.baselines


def baseline_group(variant: Variant) -> str:
    """Baselines are fitted once a division; those of the cohort's own split are shared by all its variants."""
    return OWN_GROUP if variant.division == OWN else variant.name


def write_divisions(place: Place) -> None:
    """Those splits that are not there yet."""
    for name, write in place.plan.divisions.items():
        folder = place.division(name)
        if not (folder / "splits.csv").is_file():
            write(place.cohort, folder)


def workers_and_threads(runs: int, parallel: int | None, threads: int | None, declared: int | None) -> tuple[int, int]:
    """How many runs at a time, and threads in each. declared: threads of a study that goes on.

    As many runs as there are cores and 3 GB of memory for each; the cores are divided between them.
    """
    cores, most = engine.cores(), max(1, int(_memory() / _GIGABYTES_A_RUN))
    chosen = threads or declared
    at_a_time = parallel or max(1, min(runs, cores if chosen is None else cores // chosen, most))
    return at_a_time, chosen or max(1, cores // at_a_time)


def run_all(
    place: Place,
    jobs: Sequence[AnyJob],
    workers: int,
    threads: int,
    progress: Progress | None,
    kind: Engine = "local",
    address: str | None = None,
) -> dict[str, UserError]:
    """Run what is missing; returns the errors of those that failed, by `name_of`. The others go on."""
    left = left_of(jobs)
    if not left:
        return {}
    failed: dict[str, UserError] = {}
    clock = _Clock(left, workers, progress)
    with _decoded(place, left, progress, kind) as folder:
        found = engine.outcomes(
            do,
            left,
            workers=min(workers, len(left)),
            threads=threads,
            begin=partial(share, folder),
            progress=clock.note,
            engine=kind,
            address=address,
        )
        for outcome in found:
            job = left[outcome.index]
            if outcome.error is not None:
                failed[name_of(job)] = outcome.error
                _keep_detail(place.study, job, outcome.detail)
            clock.ended(outcome.index, outcome.seconds)
    return failed


def name_of(job: AnyJob) -> str:
    """For messages and the table of failures."""
    return f"{job.variant}/{job.seed}"


def _keep_detail(study: Path, job: AnyJob, detail: str | None) -> None:
    """The traceback of an unexpected error, for whoever looks into it."""
    if detail:
        files.write_text(study / "errors" / f"{job.variant}-{job.seed}.txt", detail)


@contextmanager
def _decoded(place: Place, jobs: Sequence[AnyJob], progress: Progress | None, kind: Engine):
    """Images decoded once for all processes of this machine; removed at the end."""
    if kind != "local" or len(jobs) < 2:
        yield None
        return
    folder = place.study / _DECODED
    shutil.rmtree(folder, ignore_errors=True)
    cells = place.cohort.cells
    paths = [path for channel in ("bright_field", "dapi") for path in place.cohort.paths(cells, channel) if path]
    write_decoded(paths, folder, progress)
    try:
        yield folder
    finally:
        share(None)
        shutil.rmtree(folder, ignore_errors=True)


class _Clock:
    """Progress over all runs, and when they will be done."""

    def __init__(self, jobs: Sequence[AnyJob], workers: int, progress: Progress | None):
        self._jobs, self._workers, self._progress = jobs, workers, progress
        self._seconds: list[float] = []
        self._done: set[int] = set()
        self._last, self._said = "", 0.0

    def note(self, index: int, done: int, total: int, words: str) -> None:
        """A run's own progress."""
        self._last = f"{name_of(self._jobs[index])}: {words} {done}/{total}"
        if time.monotonic() - self._said > 0.2:
            self._tell()

    def ended(self, index: int, seconds: float) -> None:
        """A run has ended, well or not."""
        self._done.add(index)
        if isinstance(self._jobs[index], Job):
            self._seconds.append(seconds)
        self._tell()

    def _tell(self) -> None:
        self._said = time.monotonic()
        if self._progress is not None:
            self._progress("runs", len(self._done), len(self._jobs), f"{self._left()}{self._last}")

    def _left(self) -> str:
        """From the mean of the runs that have ended; nothing before the first."""
        waiting = sum(isinstance(job, Job) for index, job in enumerate(self._jobs) if index not in self._done)
        if not self._seconds or not waiting:
            return ""
        minutes = sum(self._seconds) / len(self._seconds) * waiting / self._workers / 60
        return f"about {duration(minutes)} left; "


def duration(minutes: float) -> str:
    """`40 s`, `12 min`, `3.5 h`."""
    if minutes < 1:
        return f"{60 * minutes:.0f} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _memory() -> float:
    """GB of memory that can be had now; plenty where the system does not tell."""
    try:
        lines: dict[str, Any] = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return float(lines["MemAvailable"].split()[0]) / 1e6
    except (OSError, KeyError, ValueError):
        return 1e6
