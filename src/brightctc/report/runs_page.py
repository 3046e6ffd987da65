"""What stands on the page of runs, in its order."""

from dataclasses import dataclass

import polars as pl

from brightctc.evaluate.claim import BOTH
from brightctc.evaluate.groups import EVERYTHING, groups_table
from brightctc.metrics import Interval
from brightctc.report.cards import Card, cards
from brightctc.report.checklists import Checklist, checklists
from brightctc.report.counts import cartridge_table, part_table, split_words
from brightctc.report.curves import panels_of
from brightctc.report.explained import Explained
from brightctc.report.gallery import Gallery, galleries, montages
from brightctc.report.gap import Gap
from brightctc.report.known import known_of
from brightctc.report.provenance import Provenance, of_runs
from brightctc.report.runs import Measured
from brightctc.report.source import Runs
from brightctc.report.svg import Panel
from brightctc.report.table import Column, Table, table
from brightctc.report.words import Verdict, asked, verdicts

TEMPLATE = "runs.html.j2"
NAMES = {
    "constant": "constant: every cell called",
    "size": "size alone",
    "border": "border, the cell erased",
}
GROUPS = {
    "donor_id": "donor",
    "sample_id": "sample",
    "origin": "origin",
    "site": "site",
    "cancer_type": "cancer type",
}


@dataclass(frozen=True)
class RunsPage:
    """The content of the page; see the template for where each stands."""

    title: str
    asked: str
    found: Measured
    cards: list[Card]
    verdicts: list[Verdict]
    gap: Gap
    split: tuple[str, ...]
    with_dapi: bool
    parts: Table
    cartridges: Table | None
    single_class: int
    drawn: list[Gallery]
    figures: Table
    panels: list[tuple[str, list[Panel]]]
    rare: Table
    groups: list[Table]
    galleries: list[Gallery]
    explained: Explained | None
    assumptions: tuple[str, ...]
    provenance: Provenance
    checklists: tuple[Checklist, ...]


def runs_page(
    runs: Runs, found: Measured, gap: Gap, seed: int, command: str, explained: Explained | None = None
) -> RunsPage:
    """Put the content together. seed: of the cells that are drawn for the montages; command: that writes the report."""
    classes = found.first.classes
    cartridges, single_class = cartridge_table(runs.cohort)
    train = runs.cohort.part("train")
    return RunsPage(
        title=f"{classes.positive} against {classes.negative}: {runs.cohort.about.name}",
        asked=asked(found.first),
        found=found,
        cards=cards(found),
        verdicts=verdicts(found, explained),
        gap=gap,
        split=split_words(runs.cohort),
        with_dapi=found.claim.channel == BOTH,
        parts=part_table(runs.cohort),
        cartridges=cartridges,
        single_class=single_class,
        drawn=[
            *montages(runs.cohort, found.first.cells.rows, found.claim.part, seed),
            *montages(runs.cohort, train, "train", seed),
        ],
        figures=_figures(runs, found),
        panels=[
            (f"seed {number}", panels_of(evaluation, f"run{index}"))
            for index, (number, evaluation) in enumerate(zip(runs.seeds, found.seeds, strict=True))
        ],
        rare=_rare(runs, found),
        groups=_groups(found),
        galleries=galleries(runs.cohort, found.first),
        explained=explained,
        assumptions=tuple(dict.fromkeys(each for b in runs.bundles for each in b.about.provenance.assumptions)),
        provenance=of_runs(runs, command),
        checklists=checklists(known_of(runs, found)),
    )


def _figures(runs: Runs, found: Measured) -> Table:
    """Network, its seeds and the simple models; the network's difference to each of these."""
    several = len(found.seeds) > 1
    names = {
        "roc_auc": "ROC-AUC",
        "average_precision": "average precision",
        "f1": f"F1 at {found.first.class_ratio}",
        "recall": "recall",
        "false_calls_per_1000": "false calls per 1,000",
    }
    forms = {"false_calls_per_1000": ",.1f"}
    columns = [Column("model"), *(Column(name, "number", forms.get(key, ".3f")) for key, name in names.items())]
    columns += [Column(f"network minus this: {name}", "number", "+.3f") for name in list(names.values())[:2]]
    rows = [[f"network, mean of {len(found.seeds)} seeds" if several else "network", found.figures.figures, {}]]
    if several:
        pairs = zip(runs.seeds, found.seeds, strict=True)
        rows += [[f"network, seed {seed}", evaluation.figures, {}] for seed, evaluation in pairs]
    rows += [[NAMES[name], other.figures, found.differences[name]] for name, other in found.baselines.items()]
    shown = [
        [name, *(figures[key] for key in names), *(minus.get(key) for key in ("roc_auc", "average_precision"))]
        for name, figures, minus in rows
    ]
    return table(f"The network and simple models on the same cells of the {found.claim.part} part", columns, shown)


def _rare(runs: Runs, found: Measured) -> Table:
    """Precision at rare positives; exact bounds belong to the counts of one run, so each seed has its column."""
    classes = found.first.classes
    columns = [Column(f"{classes.negative} to each {classes.positive}", "number")]
    columns += [Column(f"seed {seed}" if len(runs.seeds) > 1 else "precision") for seed in runs.seeds]
    rows = [[rows[0].k, *(row.text for row in rows)] for rows in zip(*(s.rare for s in found.seeds), strict=True)]
    return table("Precision where positives are rare, at the recall seen here (exact 95 % bounds)", columns, rows)


def _groups(found: Measured) -> list[Table]:
    """A table for each column that divides the cells; figures of the run that was given first."""
    counts = {"cells": "cells", "positive": found.first.classes.positive, "negative": found.first.classes.negative}
    counts |= {"tp": "found", "fn": "missed", "fp": "false calls", "unreadable": "unreadable"}
    rows = groups_table(found.first)
    made = []
    for group_by in rows["group_by"].unique(maintain_order=True):
        if group_by == EVERYTHING or rows.filter(pl.col("group_by") == group_by).height == 1:
            continue
        name = GROUPS[group_by]
        columns = [Column(name, "id"), *(Column(words, "number") for words in counts.values())]
        columns += [Column("recall", "number", ".2f"), Column("specificity", "number", ".2f")]
        columns += [Column("ROC-AUC", "number", ".3f")]
        shown = [
            [
                row["group"] or f"{name} not known",
                *(row[key] for key in counts),
                *map(_exact(row), _SHARES),
                row["roc_auc"],
            ]
            for row in rows.filter(pl.col("group_by") == group_by).iter_rows(named=True)
        ]
        made.append(table(f"Per {name}", columns, shown))
    return made


_SHARES = ("recall", "specificity")


def _exact(row: dict[str, float | None]):
    return lambda name: Interval(row[name], row[f"{name}_low"], row[f"{name}_high"])
