"""What a scoring came to."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import polars as pl

from brightctc.predict.calling import CallRule
from brightctc.predict.drifting import SampleShift
from brightctc.predict.table import read_scores


@dataclass(frozen=True)
class PredictResult:
    """What `predict` wrote.

    cells: how many rows. threshold: what made a cell a candidate. positive: that class's name. precision: of the
    network's arithmetic; device: what did it.
    calls: cells per call; `unreadable` for those without one. flags: cells per flag, most frequent first.
    samples: a row a sample, in order of first appearance: sample_id, cells, candidates, unreadable.
    shifts: which of them look to the network unlike those of its training; of those that can be judged.
    top: the ten highest-ranked cells: rank, cell_id, sample_id, score, call, flags.
    """

    scores: Path
    meta: Path
    cells: int
    bundle_hash: str
    precision: str
    device: str
    threshold: CallRule
    positive: str
    calls: dict[str, int]
    flags: dict[str, int]
    samples: pl.DataFrame
    shifts: list[SampleShift]
    top: pl.DataFrame
    warnings: tuple[str, ...] = ()

    @property
    def table(self) -> pl.DataFrame:
        """The scores, read from their file."""
        return read_scores(self.scores)

    def summary(self) -> dict[str, Any]:
        """For machines."""
        return {
            "scores": str(self.scores),
            "meta": str(self.meta),
            "bundle_hash": self.bundle_hash,
            "threshold": self.threshold.level(),
            "cells": self.cells,
            "precision": self.precision,
            "device": self.device,
            "calls": self.calls,
            "flags": self.flags,
            "samples": self.samples.to_dicts(),
            "shifts": [asdict(shift) | {"shifted": shift.shifted} for shift in self.shifts],
            "top": self.top.to_dicts(),
            "warnings": list(self.warnings),
        }
