"""The unit of work: train one variant with one seed and score its exams, or fit the simple models of one division.

A job leaves files and returns nothing, so that it can run in any process, and what is there is not done again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from brightctc.baselines import Exam as BaselineExam
from brightctc.baselines import scored_by
from brightctc.bundle import Bundle
from brightctc.cohort import Cohort
from brightctc.evaluate.cells import cells_of, scored_cells
from brightctc.evaluate.claim import claim_of, fed
from brightctc.recipe import Recipe
from brightctc.study.plan import Exam
from brightctc.study.scores import Scoring, has_scores, write_scores

Report = Callable[[int, int, str], None]
OWN_GROUP = "own"  # the folder of simple models of the cohort's own split
BASELINE = "baseline="  # before a baseline's name, where variants are named


@dataclass(frozen=True)
class Job:
    """One seed of one variant.

    cohort: the folder of its division. run: where it is trained. scores: the folder of its scores. bundle: given
    instead of a recipe. threads: of the arithmetic.
    """

    variant: str
    seed: int
    cohort: Path
    run: Path
    scores: Path
    exams: tuple[Exam, ...]
    threads: int
    recipe: Recipe | None = None
    bundle: Path | None = None

    @property
    def is_done(self) -> bool:
        """Is every exam scored?"""
        return all(has_scores(self.scores, exam) for exam in self.exams)

    def __call__(self, report: Report) -> None:
        """Do what is missing of it."""
        bundle = self._bundle(report)
        left = [exam for exam in self.exams if not has_scores(self.scores, exam)]
        for exam in left:
            cohort = Cohort.read(self.cohort if exam.cohort is None else exam.cohort)
            rows, left_out = cells_of(bundle.classes, cohort, exam.part)
            claim = claim_of(bundle.seen, cohort, rows, exam.part, fed(bundle, exam.channel), None)
            scoring = partial(_count, report, f"scoring, {exam.words}")
            cells = scored_cells(bundle, cohort, rows, exam.channel, scoring, threads=self.threads)
            warnings = (*left_out, *cells.warnings, *bundle.warnings)
            write_scores(self.scores, exam, cells, Scoring.of(bundle.threshold, claim, warnings, bundle.hash))

    def _bundle(self, report: Report) -> Bundle:
        if self.bundle is not None:
            return Bundle.read(self.bundle)
        assert self.recipe is not None, "a job has a recipe or a bundle"
        from brightctc.learn import train  # torch: a study of given bundles does without

        done = train(
            self.cohort,
            self.run,
            recipe=self.recipe,
            seed=self.seed,
            resume=True,
            threads=self.threads,
            progress=partial(_count, report),
        )
        return done.bundle


@dataclass(frozen=True)
class BaselineJob:
    """The simple models of one division, on the exams whose images are bright field."""

    names: tuple[str, ...]
    seed: int
    cohort: Path
    scores: Path
    exams: tuple[Exam, ...]

    @property
    def variant(self) -> str:
        """For messages."""
        return "simple models" if self.scores.name == OWN_GROUP else f"simple models of {self.scores.name}"

    @property
    def is_done(self) -> bool:
        """Is every exam scored by every model?"""
        return all(has_scores(self.folder(name), exam) for name in self.names for exam in self.exams)

    def folder(self, name: str) -> Path:
        """The scores of one model."""
        return self.scores / f"{BASELINE}{name}" / str(self.seed)

    def __call__(self, report: Report) -> None:
        """Fit and score what is missing."""
        left = [n for n in self.names if not all(has_scores(self.folder(n), exam) for exam in self.exams)]
        cohort = Cohort.read(self.cohort)
        exams = [_baseline_exam(cohort, exam, self.seed) for exam in self.exams]
        for name, found in scored_by(left, exams, partial(_count, report)):
            for exam, known, (cells, line) in zip(self.exams, exams, found, strict=True):
                write_scores(self.folder(name), exam, cells, Scoring.of(line, known.claim, ()))


AnyJob = Job | BaselineJob


def do(job: AnyJob, report: Report) -> None:
    """Run a job; what engines call."""
    job(report)


def left_of(jobs: Sequence[AnyJob]) -> list[AnyJob]:
    """Those that are not done."""
    return [job for job in jobs if not job.is_done]


def _baseline_exam(cohort: Cohort, exam: Exam, seed: int) -> BaselineExam:
    judged = cohort if exam.cohort is None else Cohort.read(exam.cohort)
    rows, _ = cells_of(cohort.classes, judged, exam.part)
    return BaselineExam.of(cohort, rows, exam.part, None, seed, judged)


def _count(report: Report, task: str, done: int, total: int, note: str = "") -> None:
    report(done, total, f"{task} {note}".strip())
