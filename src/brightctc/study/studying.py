"""The verb `study`: a question and a cohort → runs, their comparison, a report."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from brightctc import files
from brightctc.bundle import WITHDRAWN
from brightctc.cohort import Cohort
from brightctc.cohort.sealed import open_sealed, openings
from brightctc.errors import UserError, plural
from brightctc.report.stored import store
from brightctc.report.writing import write_document
from brightctc.study import comparing, results, strata
from brightctc.study.declaring import FILE, declaration, declare, read_declared, refuse_otherwise
from brightctc.study.estimating import Estimate, estimates, summary_of
from brightctc.study.measuring import Row, measured_rows
from brightctc.study.options import Options
from brightctc.study.page import Findings, document
from brightctc.study.plan import SEALED
from brightctc.study.questions import QUESTIONS, question_of
from brightctc.study.running import Engine, Place, jobs_of, run_all, workers_and_threads, write_divisions
from brightctc.study.safeguards import safeguarded
from brightctc.study.tables import failures
from brightctc.study.wording import warnings_of

Progress = Callable[..., None]


@dataclass(frozen=True)
class Machines:
    """Where runs are done. parallel: runs at a time; threads: of each; None: as this machine allows."""

    engine: Engine = "local"
    address: str | None = None
    parallel: int | None = None
    threads: int | None = None


@dataclass(frozen=True)
class StudyResult:
    """What a study found and wrote.

    rows: figures of each variant and simple model; pairs: declared ones; results: as results.csv. estimate: of a dry
    run, which has nothing else; declared: the content of study.yaml; report: None where nothing was run.
    """

    folder: Path
    question: str
    declared: dict[str, Any]
    rows: tuple[Row, ...] = ()
    pairs: tuple[comparing.Pair, ...] = ()
    results: pl.DataFrame | None = None
    failed: dict[str, UserError] | None = None
    warnings: tuple[str, ...] = ()
    estimate: tuple[Estimate, ...] = ()
    workers: int = 1
    report: Path | None = None

    def summary(self) -> dict[str, Any]:
        """For machines."""
        told: dict[str, Any] = {
            "study": str(self.folder),
            "question": self.question,
            "hash": self.declared["hash"],
            "report": None if self.report is None else str(self.report),
            "warnings": list(self.warnings),
        }
        if self.estimate:
            return told | dict(summary_of(list(self.estimate), self.workers, self.declared["threads"]))
        return told | {
            "rows": [
                {"name": row.name, "kind": row.kind, "exam": row.exam.name, "seeds": len(row.seeds),
                 "figures": {name: found.as_dict() for name, found in row.figures.items()}}
                for row in self.rows
            ],
            "comparison": comparing.comparison_table(self.pairs).to_dicts(),
            "failed": {name: error.what for name, error in (self.failed or {}).items()},
        }  # fmt: skip


def study(
    question: str,
    cohort: Path,
    study: Path,
    options: Options | None = None,
    *,
    machines: Machines | None = None,
    declare_only: bool = False,
    dry_run: bool = False,
    sealed: bool = False,
    command: str = "",
    progress: Progress | None = None,
) -> StudyResult:
    """Answer a question by many runs; what is there already is not done again.

    question: one of QUESTIONS. study: the folder; a new one, or one of the same declared analysis, which goes on.
    declare_only: write study.yaml and stop before any run. dry_run: what would be run, and about how long; writes
    nothing. sealed: when all runs are done, score the sealed part as well, once; the cohort keeps count. Where a run
    has failed it stays closed.

    Writes study.yaml, runs/, scores/, results.csv, comparison.csv, strata.csv and report.html. A run that fails is a
    row with its error. Raises UserError for what can't be asked of this cohort, for a donor or picture in two parts,
    where the folder holds another study, and, when all else is written, where the sealed part stays closed.
    """
    chosen, how = options or Options(), machines or Machines()
    asked, held, folder = question_of(question, chosen), Cohort.read(Path(cohort)), Path(study)
    _refuse(folder)
    place = Place(folder, held, asked.plan(held, chosen), chosen)
    if sealed:
        _refuse_sealed(place)
    former = read_declared(folder)
    runs = sum(len(place.seeds_of(variant)) for variant in place.plan.variants)
    workers, threads = workers_and_threads(runs, how.parallel, how.threads, former["threads"] if former else None)
    declared = declaration(question, asked.asks, held, chosen, place.plan, threads)
    if dry_run:
        refuse_otherwise(folder, declared)
        found = tuple(estimates(place, threads))
        return StudyResult(folder, question, declared, estimate=found, workers=workers, warnings=place.plan.warnings)
    with files.lock(folder):
        declare(folder, declared)
        if declare_only:
            return StudyResult(folder, question, declared, warnings=place.plan.warnings)
        warnings = (*place.plan.warnings, *(safeguarded(place, progress) if held.split is not None else ()))
        write_divisions(place)
        failed = run_all(place, jobs_of(place, threads), workers, threads, progress, how.engine, how.address)
        closed = sealed and bool(failed)
        if sealed and not closed:
            open_sealed(held, "study", declared["hash"])
            exams = (SEALED,)
            failed |= run_all(
                place, jobs_of(place, threads, exams), workers, threads, progress, how.engine, how.address
            )
        found = _concluded(place, question, declared, failed, warnings, command, progress)
    if closed:
        raise UserError(
            f"{plural(len(failed), 'run')} of this study failed ({', '.join(failed)}): the sealed part stays closed",
            found.report,
            "mend what the report names, and start the same command again: what is there is not done anew",
        )
    return found


def _concluded(
    place: Place,
    question: str,
    declared: dict[str, Any],
    failed: dict[str, UserError],
    warnings: tuple[str, ...],
    command: str,
    progress: Progress | None,
) -> StudyResult:
    """Measure, compare, write the tables and the report."""
    rows = measured_rows(place)
    known = openings(place.cohort)
    if any(opening["analysis"] == declared["hash"] for opening in known):
        rows += measured_rows(place, (SEALED,))
    pairs = comparing.compared(rows, [(one, two) for one, two in declared["pairs"]], declared["primary"])
    table = results.results_table(place, rows, failed)
    sizes = strata.sizes_of(rows)
    divided = strata.strata_table(rows, sizes)
    results.write_results(place.study, table)
    comparing.write_comparison(place.study, comparing.comparison_table(pairs))
    strata.write_strata(place.study, divided)
    said = tuple(dict.fromkeys((*failures({**place.plan.failed, **failed}), *warnings, *warnings_of(rows))))
    extra = QUESTIONS[question].adds(place, rows, progress)
    found = Findings(
        place,
        question,
        declared,
        rows,
        pairs,
        table,
        divided,
        strata.words_of(sizes),
        failed,
        said,
        known,
        extra,
        command,
    )
    page, report = document(found), place.study / "report.html"
    store(page, place.study)
    write_document(page, report, overwrite=True)
    return StudyResult(place.study, question, declared, tuple(rows), tuple(pairs), table, failed, said, report=report)


def _refuse(folder: Path) -> None:
    if (folder / WITHDRAWN).exists():
        raise UserError(
            "a donor of this study has withdrawn", folder, "remove the folder, and start the study anew without them"
        )
    present = [path.name for path in folder.iterdir() if not path.name.startswith(".")] if folder.is_dir() else []
    if present and FILE not in present:
        raise UserError(
            f"this folder holds something else ({present[0]})", folder, "give a new or empty folder for the study"
        )


def _refuse_sealed(place: Place) -> None:
    """What would be opened for nothing."""
    if not place.plan.sealed:
        raise UserError(
            "this question divides the cells anew, without what is sealed: there is no sealed part to score",
            "--open-sealed",
            "leave it out; a sealed part is for studies on the cohort's own split",
        )
    cohort = place.cohort
    if "part" not in cohort.cells.columns or not (cohort.cells["part"] == "sealed").any():
        raise UserError(
            "this cohort has no sealed part", cohort.root, "set one aside before any choice is made: split --seal 0.3"
        )
