"""What a scoring came to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from brightctc.predict.calling import CallRule
from brightctc.predict.table import FLAG_SEPARATOR

TOP = 10  # cells in a summary


@dataclass(frozen=True)
class PredictResult:
    """What `predict` wrote.

    table: the scores as written. threshold: what made a cell a candidate. positive: that class's name.
    calls: cells per call; `unreadable` for those without one.
    """

    scores: Path
    meta: Path
    table: pl.DataFrame
    bundle_hash: str
    threshold: CallRule
    positive: str
    calls: dict[str, int]
    warnings: tuple[str, ...] = ()

    @property
    def top(self) -> pl.DataFrame:
        """The ten highest-ranked cells: rank, cell_id, sample_id, score, call, flags."""
        ranked = self.table.filter(pl.col("rank") <= TOP).sort("rank")
        return ranked.select("rank", "cell_id", "sample_id", "score", "call", "flags")

    @property
    def samples(self) -> pl.DataFrame:
        """A row a sample, in order of first appearance: sample_id, cells, candidates, unreadable."""
        return self.table.group_by("sample_id", maintain_order=True).agg(
            cells=pl.len(),
            candidates=(pl.col("call") == self.positive).sum(),
            unreadable=pl.col("score").is_null().sum(),
        )

    @property
    def flags(self) -> dict[str, int]:
        """Cells per flag, most frequent first."""
        found = self.table["flags"].drop_nulls().str.split(FLAG_SEPARATOR).explode()
        return dict(found.value_counts(sort=True).sort("count", "flags", descending=[True, False]).iter_rows())

    def summary(self) -> dict[str, Any]:
        """For machines."""
        return {
            "scores": str(self.scores),
            "meta": str(self.meta),
            "bundle_hash": self.bundle_hash,
            "threshold": self.threshold.level(),
            "cells": self.table.height,
            "calls": self.calls,
            "flags": self.flags,
            "samples": self.samples.to_dicts(),
            "top": self.top.to_dicts(),
            "warnings": list(self.warnings),
        }
