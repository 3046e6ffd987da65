"""The tables of a study's page."""

from collections.abc import Mapping, Sequence

import polars as pl

from brightctc.baselines.picture import NAMES as BASELINE_NAMES
from brightctc.errors import UserError
from brightctc.metrics import Interval, precision_at_prevalence
from brightctc.report.document import Forest, ForestRow
from brightctc.report.runs_page import GROUPS
from brightctc.report.table import Column, Table, table
from brightctc.study.comparing import Pair
from brightctc.study.measuring import Row
from brightctc.study.wording import NAMES, form_of

_SHOWN = ("average_precision", "roc_auc", "f1", "recall", "false_calls_per_1000")
_BY = {"size": "size", **GROUPS}


def shown_name(row: Row) -> str:
    """As a person reads it."""
    if row.kind != "baseline":
        return row.name
    name, comma, of = row.name.partition(", ")
    return f"{BASELINE_NAMES.get(name, name)}{comma}{of}"


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
            shown_name(row),
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
        [shown_name(row), len(row.seeds), *(row.figures[name] for name in figures),
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
    made = [[shown_name(row), *(rare.text for rare in panel)] for row, panel in zip(rows, panels, strict=True)]
    return table(f"Precision where positives are rare, {rows[0].exam.words}", columns, made)


def strata_tables(strata: pl.DataFrame, exam: str, networks: Sequence[str]) -> list[Table]:
    """A table for each way to divide the cells of an exam: a row a stratum and variant."""
    made = []
    held = strata.filter((pl.col("exam") == exam) & pl.col("variant").is_in(list(networks)))
    for by in held["by"].unique(maintain_order=True):
        kind = "id" if by in ("donor_id", "sample_id") else "text"
        columns = [Column(_BY[by], kind), Column("row"), Column("positive", "number")]
        columns += [
            Column("negative", "number"),
            Column("recall", "number"),
            Column("false calls per 1,000", "number", ",.1f"),
        ]
        columns += [Column("F1", "number", ".3f"), Column("ROC-AUC", "number", ".3f"), Column("empty")]
        columns[4] = Column("recall", "number", ".3f")
        rows = [
            [r["stratum"], r["variant"], r["positive"], r["negative"], r["recall"], r["false_calls_per_1000"],
             r["f1"], r["roc_auc"], r["empty"] or ""]
            for r in held.filter(pl.col("by") == by).sort("stratum", maintain_order=True).iter_rows(named=True)
        ]  # fmt: skip
        made.append(table(f"By {_BY[by]}, means over seeds", columns, rows, 400))
    return made


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
