"""A study's findings → the document that becomes its report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import polars as pl
from markupsafe import escape

from brightctc.cohort import Cohort
from brightctc.cohort.sealed import opened_words
from brightctc.errors import UserError
from brightctc.report.document import Document, Section
from brightctc.report.provenance import Provenance
from brightctc.report.sheet import donors_of, of_nobody
from brightctc.report.table import Column, Table, table
from brightctc.study import tables, wording
from brightctc.study.comparing import Pair
from brightctc.study.measuring import Row
from brightctc.study.plan import SEALED
from brightctc.study.running import Place
from brightctc.study.strata import SIZE
from brightctc.study.wording import NAMES


@dataclass(frozen=True)
class Findings:
    """All that a study found. extra: what the question itself adds to the page. openings: of the sealed part."""

    place: Place
    question: str
    declared: dict[str, Any]
    rows: Sequence[Row]
    pairs: Sequence[Pair]
    results: pl.DataFrame
    strata: pl.DataFrame
    strata_words: str
    failed: Mapping[str, UserError]
    warnings: tuple[str, ...]
    openings: list[dict[str, str]]
    extra: tuple[Section, ...]
    command: str

    def of(self, exam: str) -> list[Row]:
        """The rows of an exam, as they stand in the plan; simple models last."""
        return [row for row in self.rows if row.exam.name == exam]

    @property
    def exams(self) -> list[str]:
        """In the order of the plan; the sealed part last."""
        found = list(dict.fromkeys(row.exam.name for row in self.rows))
        return sorted(found, key=lambda name: name == SEALED.name)


def document(found: Findings) -> Document:
    """The page. Raises UserError where no run has scores: then there is nothing to report."""
    if not any(row.kind != "baseline" for row in found.rows):
        first = next(iter({**found.place.plan.failed, **found.failed}.values()), None)
        raise UserError(
            "no run of this study ended well" + (f"; the first error: {first.what}" if first else ""),
            found.place.study,
            first.fix if first is not None and first.fix else "start it again",
        )
    classes, cohort = found.place.cohort.classes, found.place.cohort
    sections = [_glance(found), *found.extra, *_rows(found), *_pairs(found), _rare(found), *_strata(found),
                _can(found), _declared(found), _runs(found)]  # fmt: skip
    cells = [_behind(found, cohort.cells), *(other.cells for other in _others(found))]
    return Document(
        kind=f"Study: {found.question}",
        title=f"{classes.positive} against {classes.negative}: {cohort.about.name}",
        asked=str(found.declared["asked"]),
        stamps=tuple(dict.fromkeys(stamp for row in found.rows for stamp in row.claim.stamps if row.kind != "baseline"
                                   and row.exam.channel == "bright_field")),
        warnings=found.warnings,
        sections=tuple(section for section in sections if section is not None),
        provenance=_provenance(found),
        cohort=cohort.about.name,
        bundles=tuple(sorted({scoring.bundle for row in found.rows for scoring in row.scorings if scoring.bundle})),
        people=[donor for held in [cohort.cells, *cells[1:]] for donor in donors_of(held)],
        donors=[donor for held in cells for donor in donors_of(held)],
        cells=[cell for held in cells for cell in of_nobody(held)],
    )  # fmt: skip


def _behind(found: Findings, cells: pl.DataFrame) -> pl.DataFrame:
    """The cells that figures rest on: sealed ones only where they were scored."""
    if "part" not in cells.columns or SEALED.name in found.exams:
        return cells
    return cells.filter(pl.col("part") != "sealed")


def _others(found: Findings) -> list[Cohort]:
    external = found.place.options.external
    return [] if external is None else [Cohort.read(external)]


def _glance(found: Findings) -> Section:
    primary = found.place.options.primary
    primaries = [pair for pair in found.pairs if pair.primary]
    several = len({pair.first.exam.name for pair in primaries}) > 1
    points = [wording.verdict(pair, with_exam=several) for pair in primaries]
    name = NAMES[primary]
    beside = [wording.beside_simple(found.of(exam), primary) for exam in found.exams]
    points += [verdict for verdict in beside if verdict is not None]
    words = [f"{name[0].upper()}{name[1:]} was declared as the figure that decides."]
    if not found.pairs and sum(row.kind != "baseline" for row in found.rows) > 1:
        words.append("No pairs of rows share their cells here: rows are read, not tested against each other.")
    exams = [found.of(exam) for exam in found.exams]
    defined = [rows for rows in exams if any(row.figures[primary].value is not None for row in rows)]
    drawings = [tables.forest(rows, primary) for rows in defined]
    return Section("At a glance", tuple(words), tuple(points), tuple(drawings))


def _rows(found: Findings) -> list[Section]:
    primary = found.place.options.primary
    made = [tables.rows_table(found.of(exam), primary) for exam in found.exams]
    notes = (
        "Each figure: mean over seeds, each at its own frozen threshold, and its 95 % interval. Simple models were "
        "fitted on the same training cells, once.",
    )
    return [Section("Every row", tables=tuple(made), notes=(*tables.meanings(found.rows), *notes))]


def _pairs(found: Findings) -> list[Section]:
    if not found.pairs:
        return []
    shown: list[Table] = []
    for exam in found.exams:
        of_exam = [pair for pair in found.pairs if pair.first.exam.name == exam]
        primary = [pair for pair in of_exam if pair.primary]
        if primary:
            name = NAMES[primary[0].figure]
            shown.append(tables.pairs_table(primary, f"Declared pairs by {name}, {primary[0].first.exam.words}"))
            shown.append(tables.figures_pairs_table(of_exam))
    over = tuple(wording.seeds_words(pair) for pair in found.pairs if pair.primary)
    notes = ("“At least” is the smallest p that so many seeds can give.", *over)
    return [Section("Differences in pairs", tables=tuple(shown), notes=notes)]


def _rare(found: Findings) -> Section:
    words = (
        "In blood one tumour cell meets many more leukocytes than here, and precision falls with the ratio. “≥” stands "
        "where no false call was seen: then the number that would be needed to show more is given.",
    )
    exams = [exam for exam in found.exams if found.of(exam)[0].exam.channel == "bright_field"]
    made = tuple(tables.rare_table(found.of(exam)) for exam in exams)
    notes = (
        "At the recall seen here, which is taken as known; exact 95 % bounds of the false calls alone, of the first "
        "seed's counts, with cells as independent. How unsure recall is stands in the table of every row.",
    )
    return Section("Where positives are rare", words, tables=made, notes=notes)


def _strata(found: Findings) -> list[Section]:
    """Size in the open, all other groups behind a press: with many donors they are long."""
    made = []
    for exam in found.exams:
        rows = found.of(exam)
        shown = tables.strata_tables(found.strata, rows)
        end = "" if exam == found.exams[0] else f": {rows[0].exam.words}"
        if SIZE in shown:
            made.append(Section(f"By size{end}", (found.strata_words,), tables=(shown.pop(SIZE),)))
        if shown:
            made.append(Section(f"Donors and other groups{end}", tables=tuple(shown.values()), folded=True))
    return made


def _can(found: Findings) -> Section:
    first = next(row for row in found.rows if row.kind != "baseline")
    words = wording.can_and_cannot(first, found.place.options.primary, SEALED.name in found.exams)
    return Section("What these figures can and can't tell", words)


def _declared(found: Findings) -> Section:
    declared = found.declared
    pairs = ", ".join(f"{first} − {second}" for first, second in declared["pairs"]) or "none"
    facts = [
        ("hash of the declared analysis", escape(declared["hash"])),
        ("primary figure", NAMES[declared["primary"]]),
        ("pairs", pairs),
        ("seeds of each row", str(declared["seeds"])),
        ("rows have in common", "optimiser steps" if declared["budget"] == "steps" else "epochs"),
        ("threads of a run", str(declared["threads"])),
        ("resamples", f"{declared['resamples']:,}, seed {declared['seed']}"),
    ]
    words = ("study.yaml was written before the first run and is held against its hash each time the study goes on.",)
    sealed = opened_words(found.openings)
    if SEALED.name in found.exams:
        words += (f"Of the cells that were sealed: {sealed}; this study scored them once, after all runs.",)
    elif "part" in found.place.cohort.cells.columns and (found.place.cohort.cells["part"] == "sealed").any():
        words += (f"There is a sealed part, which this study has not looked at; {sealed}.",)
    shown = table("What was declared", [Column("what", "text"), Column("value", "id")], facts)
    return Section("The declared analysis", words, tables=(shown,))


def _runs(found: Findings) -> Section:
    return Section("Every run", tables=(tables.runs_table(found.results),), folded=True)


def _provenance(found: Findings) -> Provenance:
    facts = (
        ("brightctc that wrote this report", version("brightctc")),
        ("cohort", found.place.cohort.about.name),
        ("hash of its cells, labels and parts", escape(found.declared["cells"])),
        ("hash of the declared analysis", escape(found.declared["hash"])),
    )
    return Provenance(facts, (("this study", found.command),))
