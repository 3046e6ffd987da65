"""The tables of a study's page."""

from collections.abc import Mapping, Sequence

import polars as pl

from brightctc.errors import UserError
from brightctc.metrics import Interval, precision_at_prevalence
from brightctc.report.document import Forest, ForestRow
from brightctc.report.runs_page import GROUPS
from brightctc.report.table import Column, Table, table
from brightctc.study.comparing import Pair
from brightctc.study.measuring import Row
from brightctc.study.wording import NAMES, form_of

_SHOWN = ("average_precision", "roc_auc", "f1", "recall", "false_calls_per_1000")
_MOST_STRATA = 400  # rows; strata.csv has all
_BY = {"size": "size", **GROUPS}


def heading(rows: Sequence[Row]) -> str:
    """What one exam's rows were measured on; rows of a value left out each have cells of their own."""
    if all(rows[0].same_cells(row) for row in rows):
        control = ", a negative control" if rows[0].exam.channel == "dapi" else ""
        return f"{rows[0].exam.words}{control}: {rows[0].class_ratio}"
    return f"{rows[0].exam.words}, each row on cells of its own"


def forest(rows: Sequence[Row], figure: str) -> Forest:
    """One exam's rows by a figure, simple models last, with what the constant classifier reaches."""
    first = rows[0]
    constant = {"f1": first.constant.f1, "average_precision": first.constant.precision, "roc_auc": 0.5}.get(figure)
    if not all(first.same_cells(row) for row in rows):
        constant = None  # each row has a class ratio of its own
    drawn = [
        ForestRow(
            row.shown,
            row.figures[figure],
            tuple(found[figure] for found in row.by_seed) if len(row.seeds) > 1 else (),
            row.kind,
        )
        for row in sorted(rows, key=lambda row: row.kind == "baseline")
    ]
    alt = f"{NAMES[figure]} of each row with its interval; the same figures are in the table"
    called = "" if constant is None else f"calling every cell {first.classes.positive}: {constant:.3f}"
    return Forest(heading(rows), NAMES[figure], tuple(drawn), alt, constant, called, form_of(figure))


def rows_table(rows: Sequence[Row], primary: str) -> Table:
    """A row a variant or simple model of one exam."""
    first, figures = rows[0], (primary, *(name for name in _SHOWN if name != primary))
    columns = [Column("row"), Column("seeds", "number")]
    columns += [Column(_named(name, first), "number", form_of(name)) for name in figures]
    marked = any(row.marks for row in rows)
    columns += [Column("beware")] * marked
    made = [
        [row.shown, len(row.seeds), *(row.figures[name] for name in figures),
         *(["; ".join(row.marks)] if marked else [])]
        for row in rows
    ]  # fmt: skip
    return table(heading(rows), columns, made)


def meanings(rows: Sequence[Row]) -> tuple[str, ...]:
    """What each row is, once."""
    return tuple(dict.fromkeys(f"{row.name}: {row.words}." for row in rows if row.kind != "baseline"))


def _named(figure: str, row: Row) -> str:
    return f"{NAMES[figure]} {row.classes.negative}" if figure == "false_calls_per_1000" else NAMES[figure]


def pairs_table(pairs: Sequence[Pair], title: str) -> Table:
    """A row a pair of one figure: the difference by whole donors, and what the seeds alone say."""
    columns = [Column("pair"), Column("difference", "number", form_of(pairs[0].figure, signed=True))]
    columns += [Column("p", "number", ".3f"), Column("p after Holm", "number", ".3f")]
    columns += [Column("over seeds: paired p", "number", ".4f"), Column("at least", "number", ".4f")]
    columns += [Column("unpaired p", "number", ".4f"), Column("at least", "number", ".4f")]
    columns += [Column("Welch p", "number", ".4f")]
    rows = [
        [
            f"{pair.first.name} − {pair.second.name}",
            pair.difference,
            pair.found.p,
            pair.p_holm if pair.primary else None,
            pair.over_seeds.paired,
            pair.over_seeds.paired_least,
            pair.over_seeds.unpaired,
            pair.over_seeds.unpaired_least,
            pair.over_seeds.welch,
        ]
        for pair in pairs
    ]
    return table(title, columns, rows)


def figures_pairs_table(pairs: Sequence[Pair]) -> Table:
    """A row a pair, a column a figure: differences with their intervals, not tested."""
    names = list(dict.fromkeys(pair.figure for pair in pairs))
    columns = [Column("pair"), *(Column(NAMES[name], "number", form_of(name, signed=True)) for name in names)]
    by_pair: dict[str, dict[str, Interval]] = {}
    for pair in pairs:
        by_pair.setdefault(f"{pair.first.name} − {pair.second.name}", {})[pair.figure] = pair.difference
    rows = [[name, *(found.get(figure) for figure in names)] for name, found in by_pair.items()]
    return table("Differences of every figure, not tested", columns, rows)


def rare_table(rows: Sequence[Row]) -> Table:
    """Precision at 1:10 to 1:10,000; exact bounds belong to the counts of one run: the first seed's."""
    classes = rows[0].classes
    panels = [precision_at_prevalence(row.counts[0]) for row in rows]
    columns = [Column("row"), *(Column(f"1 {classes.positive} : {rare.k:,} {classes.negative}") for rare in panels[0])]
    made = [[row.shown, *(rare.text for rare in panel)] for row, panel in zip(rows, panels, strict=True)]
    return table(f"Precision where positives are rare, {rows[0].exam.words}", columns, made)


def strata_tables(strata: pl.DataFrame, rows: Sequence[Row]) -> dict[str, Table]:
    """By how an exam's cells are divided: a row a stratum and variant or simple model, strata in their own order."""
    names = {row.name: row.shown for row in rows}
    held = strata.filter((pl.col("exam") == rows[0].exam.name) & pl.col("variant").is_in(list(names)))
    return {
        by: _stratified(held.filter(pl.col("by") == by), by, names) for by in held["by"].unique(maintain_order=True)
    }


def _stratified(held: pl.DataFrame, by: str, names: Mapping[str, str]) -> Table:
    columns = [Column(_BY[by], "id" if by in ("donor_id", "sample_id") else "text"), Column("row")]
    columns += [Column(name, "number") for name in ("positive", "negative")]
    columns += [Column("recall", "number", ".3f"), Column("false calls per 1,000", "number", ",.1f")]
    columns += [Column("F1", "number", ".3f"), Column("ROC-AUC", "number", ".3f")]
    empty = held["empty"].null_count() < held.height
    columns += [Column("why empty")] * empty
    place = {stratum: number for number, stratum in enumerate(held["stratum"].unique(maintain_order=True))}
    figures = ("recall", "false_calls_per_1000", "f1", "roc_auc")
    made = [
        [each["stratum"], names[each["variant"]], each["positive"], each["negative"],
         *(each[figure] for figure in figures), *([each["empty"] or ""] if empty else [])]
        for each in sorted(held.iter_rows(named=True), key=lambda each: place[each["stratum"]])
    ]  # fmt: skip
    return table(f"By {_BY[by]}, means over seeds", columns, made, _MOST_STRATA)


def runs_table(results: pl.DataFrame) -> Table:
    """Every run, also those that failed."""
    columns = [Column("row"), Column("seed", "number"), Column("exam"), Column("status")]
    columns += [Column("steps", "number"), Column("average precision", "number", ".4f"), Column("F1", "number", ".4f")]
    columns += [
        Column("found", "number"),
        Column("false calls", "number"),
        Column("threshold (logit)", "number", ".3f"),
    ]
    columns += [Column("error", "id")]
    rows = [
        [r["variant"], r["seed"], r["exam"], r["status"], r["steps"], r["average_precision"], r["f1"], r["tp"],
         r["fp"], r["threshold_logit"], r["error"] or ""]
        for r in results.iter_rows(named=True)
    ]  # fmt: skip
    return table("Every run", columns, rows)


def failures(failed: Mapping[str, UserError]) -> tuple[str, ...]:
    """A warning for each run that failed."""
    return tuple(f"{name} failed: {error.what}" for name, error in failed.items())
