"""The verb `report`: runs, a study or scores → one HTML file, and a PDF of it where one is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from brightctc.errors import UserError
from brightctc.evaluate.evaluation import Resampling
from brightctc.metrics import FIGURES, Interval
from brightctc.report import runs_page, scores
from brightctc.report.explained import Explained, read_explained
from brightctc.report.gap import measure_gap
from brightctc.report.provenance import command_of
from brightctc.report.pseudonyms import Pseudonyms
from brightctc.report.runs import Task, measure_runs
from brightctc.report.sheet import Place, Sheet, donors_of, of_nobody
from brightctc.report.source import Runs, Scores, is_study, read_source, refuse_beside_study
from brightctc.report.stored import stored
from brightctc.report.writing import KIND, write_document

Progress = Callable[..., None]
PART, RESAMPLES, SEED = "test", 2000, 0
STANDING = ("roc_auc", "average_precision", "f1", "recall", "false_calls_per_1000")


@dataclass(frozen=True)
class ReportResult:
    """What was written.

    kind: `runs` or `scores`; headline: in a line; figures: of runs, as in metrics.json. Of runs also standing: the
    network and the simple models beside it, name → figure → interval; gap: from cell lines to patients, in sentences;
    stamps: what stands beside every figure; counts: of scores, candidates, cells read and unread.
    """

    page: Path
    pdf: Path | None
    kind: str
    headline: str
    figures: dict[str, dict[str, Any]]
    warnings: tuple[str, ...]
    standing: dict[str, dict[str, Interval]]
    gap: tuple[str, ...]
    stamps: tuple[str, ...]
    counts: dict[str, int]

    def summary(self) -> dict[str, Any]:
        """For machines."""
        return {
            "report": str(self.page),
            "pdf": None if self.pdf is None else str(self.pdf),
            "kind": self.kind,
            "headline": self.headline,
            "figures": self.figures,
            "standing": {
                name: {figure: found.as_dict() for figure, found in row.items()} for name, row in self.standing.items()
            },
            "gap": list(self.gap),
            "stamps": list(self.stamps),
            "counts": self.counts,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class _Content:
    """A page's content, and what the verb tells of it. people: donors' ids that its texts may hold."""

    sheet: Sheet
    people: list[str | None]
    headline: str
    warnings: tuple[str, ...]
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    standing: dict[str, dict[str, Interval]] = field(default_factory=dict)
    gap: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)


def report(
    sources: Path | Sequence[Path],
    out: Path,
    *,
    cohort: Path | None = None,
    part: str = PART,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    explained: Path | None = None,
    pdf: bool = False,
    show_donors: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ReportResult:
    """Write one HTML file, complete in itself, of runs, of a study, or of the scores of a new sample.

    sources: one or several runs of one recipe on one split (its seeds), measured here as `evaluate` does it; or one
        study, as it was measured; or one scores table with its SCORES.meta.json.
    cohort: of the runs, where it was moved since the training.
    part, resamples, seed: as for `evaluate`; the seed also draws the cells that are shown for each class.
    explained: a folder that `explain` wrote of one of the runs, as a section of its own.
    pdf: print it as well, to `out` with the ending .pdf; needs Chromium or Chrome.
    show_donors: name donors as the cohort does; otherwise they are donor-1, donor-2 … wherever their id stands.

    Equal inputs give equal bytes. Raises UserError for sources that don't belong together, where a bundle has seen
    the cells, and where `out` exists.
    """
    given = [Path(path) for path in ([sources] if isinstance(sources, str | Path) else sources)]
    out = Path(out)
    if given and is_study(given[0]):
        refuse_beside_study(given, {"--cohort": cohort, "--explained": explained, **_changed(part, resamples, seed)})
        return _of_study(given[0], out, pdf=pdf, show_donors=show_donors, overwrite=overwrite)
    place = Place.of(out, pdf=pdf, overwrite=overwrite)
    if resamples < 1:
        raise UserError("there must be at least one resample", "--resamples", "use 2000")
    source = read_source(given, cohort)
    options = {"--cohort": cohort, "--explained": explained, "--show-donors": show_donors, "--pdf": pdf}
    if isinstance(source, Scores):
        if explained is not None:
            raise UserError(
                "--explained belongs to runs", given[0], "leave it out; the report of the bundle's run takes it"
            )
        content = _of_scores(source, command_of(tuple(given), out, options))
    else:
        options |= _changed(part, resamples, seed)
        seen = None if explained is None else read_explained(explained, source.bundles, source.cells, part)
        command = command_of(tuple(given), out, options)
        content = _of_runs(source, part, Resampling(resamples, seed), command, seen, progress)
    place.write(content.sheet, Pseudonyms(content.people, shown=show_donors))
    return ReportResult(
        place.page,
        place.pdf,
        content.sheet.kind,
        content.headline,
        content.figures,
        content.warnings,
        content.standing,
        content.gap,
        content.stamps,
        content.counts,
    )


def _of_study(folder: Path, out: Path, *, pdf: bool, show_donors: bool, overwrite: bool) -> ReportResult:
    """The report that the study wrote, from its stored findings."""
    found = stored(folder)
    printed = write_document(found, out, pdf=pdf, show_donors=show_donors, overwrite=overwrite)
    headline = f"{found.kind}: {found.asked}"
    return ReportResult(out, printed, KIND, headline, {}, found.warnings, {}, (), found.stamps, {})


def _changed(part: str, resamples: int, seed: int) -> dict[str, Any]:
    """Options that differ from their defaults."""
    given = {"--part": (part, PART), "--resamples": (resamples, RESAMPLES), "--seed": (seed, SEED)}
    return {name: value for name, (value, usual) in given.items() if value != usual}


def _of_runs(
    runs: Runs, part: str, drawn: Resampling, command: str, explained: Explained | None, progress: Progress | None
) -> _Content:
    task = Task.of(runs, part)
    found = measure_runs(runs, task, drawn, progress)
    gap = measure_gap(runs, found, drawn, progress)
    page = runs_page.runs_page(runs, found, gap, drawn.seed, command, explained)
    cells = runs.cohort.cells
    if part != "sealed":
        cells = cells.filter(pl.col("part") != "sealed")
    sheet = Sheet(
        kind="runs",
        template=runs_page.TEMPLATE,
        page=page,
        bundles=tuple(bundle.hash for bundle in runs.bundles),
        cohort=runs.cohort.about.name,
        donors=donors_of(cells),
        cells=of_nobody(cells),
        explained=None if explained is None else explained.shown,
    )
    return _Content(
        sheet,
        people=donors_of(runs.cohort.cells),
        headline=f"{part} part, {found.first.class_ratio}: " + "; ".join(f"{c.name} {c.value}" for c in page.cards),
        warnings=found.warnings,
        figures={name: dict(found[name].as_dict()) for name in FIGURES},
        standing=found.standing(STANDING),
        gap=gap.words,
        stamps=found.claim.stamps,
    )


def _of_scores(source: Scores, command: str) -> _Content:
    page = scores.scores_page(source, command)
    shown = source.table.filter(pl.col("cell_id").is_in(page.shown_cells))
    sheet = Sheet(
        kind="scores",
        template=scores.TEMPLATE,
        page=page,
        bundles=(str(source.meta["bundle_hash"]),),
        cohort=None,
        donors=donors_of(source.table),
        cells=of_nobody(shown),
    )
    return _Content(
        sheet,
        people=donors_of(source.table),
        headline=page.headline,
        warnings=page.warnings,
        counts={"candidates": page.candidates, "read": page.read, "unread": page.unread},
    )
