"""The cohort in tables: its parts, and whether a cartridge holds one class only. Sealed cells are counted, no more."""

from collections.abc import Sequence
from typing import Any

import polars as pl

from brightctc.cohort import Cohort
from brightctc.cohort.folder import PARTS
from brightctc.report.table import Column, Table, table

MOST_CARTRIDGES = 200
THE_LABEL = "one class only: the cartridge is the label there"
_SETTINGS = {
    "test": "the test part is every donor with cells where {}",
    "test_share": "the test part is a share of {} of the labelled cells, in whole groups",
    "validation": "of what remains, a share of {} is the validation part",
    "pool": "set aside in the pool: cells where {}",
    "seal": "a share of {} of the test part is sealed",
    "train_cells": "train and validation together hold {} labelled cells",
    "train_positives": "{} of them positive",
    "seed": "seed {}",
}


def split_words(cohort: Cohort) -> tuple[str, ...]:
    """How the cells were divided, one phrase a setting; empty for a cohort without a split."""
    if cohort.split is None:
        return ()
    given = cohort.split.settings
    kept = f"{cohort.split.by} stays together: its cells are in one part only"
    if cohort.split.by == "cell_id":
        kept = "cells were divided one by one: a donor may be in several parts"
    return kept, *(words.format(given[key]) for key, words in _SETTINGS.items() if given.get(key) not in (None, 0.0))


def part_table(cohort: Cohort) -> Table:
    """A row a part: cells of each class, unlabelled ones, donors."""
    with_donors = "donor_id" in cohort.cells.columns
    columns = [Column("part"), *(Column(name, "number") for name in _classes(cohort)), Column("unlabelled", "number")]
    columns += [Column("all cells", "number"), *([Column("donors", "number")] if with_donors else [])]
    rows = []
    for part in [part for part in PARTS if part in set(cohort.cells["part"])]:
        cells = cohort.part(part)
        counts: list[Any] = [None] * 3 if part == "sealed" else _by_class(cohort, cells)
        donors = [cells["donor_id"].drop_nulls().n_unique()] if with_donors else []
        rows.append([part, *counts, cells.height, *donors])
    return table("Cells in each part", columns, rows)


def cartridge_table(cohort: Cohort) -> tuple[Table | None, int]:
    """A row a cartridge (a sample, where cartridges are unknown) of the cells that are not sealed.

    And how many of all cartridges hold one class only.
    """
    cells = cohort.cells.filter(pl.col("part") != "sealed")
    known = [name for name in ("cartridge_id", "sample_id") if name in cells.columns]
    by = next((name for name in known if cells[name].null_count() < cells.height), None)
    if by is None:
        return None, 0
    columns = [Column("cartridge" if by == "cartridge_id" else "sample", "id"), Column("parts")]
    columns += [
        *(Column(name, "number") for name in _classes(cohort)),
        Column("unlabelled", "number"),
        Column("beware"),
    ]
    rows = []
    for value in cells[by].drop_nulls().unique().sort():
        inside = cells.filter(pl.col(by) == value)
        counts = _by_class(cohort, inside)
        parts = ", ".join(part for part in PARTS if part in set(inside["part"]))
        rows.append([value, parts, *counts, THE_LABEL if 0 in counts[:2] and any(counts[:2]) else ""])
    rows.sort(key=lambda row: row[-1] == "")
    shown = table(f"Classes in each {columns[0].name}", columns, rows, MOST_CARTRIDGES)
    return shown, sum(row[-1] != "" for row in rows)


def _classes(cohort: Cohort) -> Sequence[str]:
    return cohort.classes.positive, cohort.classes.negative


def _by_class(cohort: Cohort, cells: pl.DataFrame) -> list[int]:
    labels = cells["label"] if "label" in cells.columns else pl.Series([None] * cells.height, dtype=pl.String)
    counts = [int((labels == name).sum()) for name in _classes(cohort)]
    return [*counts, cells.height - sum(counts)]
