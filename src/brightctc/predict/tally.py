"""What the scores of many cells come to, counted piece by piece."""

from collections import Counter, defaultdict

import numpy as np
import polars as pl

from brightctc.bundle import Bundle, SampleMeasures
from brightctc.bundle.sample_measures import GATHERED
from brightctc.measure.table import FLAG_SEPARATOR
from brightctc.predict.concerns import contract_concerns, fault_concerns, seen_concerns, shift_concerns
from brightctc.predict.drifting import SampleShift, Shifts
from brightctc.predict.table import UNCERTAIN
from brightctc.predict.work import DTYPE, OWN, PIXEL_SIZE, UNLIKE

TOP = 10
"""Cells in a summary."""
UNREADABLE = "unreadable"
_SAMPLES, _SAMPLE = ("sample_id", "donor_id"), "__sample"  # what a bundle's limits of samples were learned of, too
_OF_TOP = ("rank", "cell_id", "sample_id", "score", "call", "flags")


class Tally:
    """Counts of the scores of an input: calls, flags, samples, faults, and what its crops are like.

    Memory grows with the number of samples and donors, not with that of cells.
    """

    def __init__(self, bundle: Bundle):
        """Of what this bundle scored."""
        self._bundle = bundle
        self.cells = 0
        self.calls: Counter[str] = Counter()
        self.flags: Counter[str] = Counter()
        self.top: pl.DataFrame | None = None
        self._faults: Counter[str] = Counter()
        self._seen = 0
        self._donors: set[str] = set()
        self._samples: dict[str | None, Counter[str]] = defaultdict(Counter)
        self._measures: dict[str | None, SampleMeasures] = defaultdict(SampleMeasures)
        self._shifts = Shifts(bundle.about.shift)

    def add(self, scores: pl.DataFrame, piece: pl.DataFrame) -> None:
        """Take in a piece of the work, and its rows as they stand in the scores."""
        self.cells += scores.height
        calls = scores["call"].fill_null(UNREADABLE)
        self.calls.update(calls.to_list())
        for sample, call, count in (
            pl.DataFrame({"sample": scores["sample_id"], "call": calls})
            .group_by("sample", "call", maintain_order=True)
            .len()
            .iter_rows()
        ):
            self._samples[sample][call] += count
        self.flags.update(scores["flags"].drop_nulls().str.split(FLAG_SEPARATOR).explode().to_list())
        self._faults.update(words.partition(":")[0] for words in scores["error"].drop_nulls())
        best = scores.filter(pl.col("rank") <= TOP).select(_OF_TOP)
        self.top = best if self.top is None else pl.concat([self.top, best])
        seen = self._bundle.seen.has_cells(scores["cell_id"])
        self._seen += int(np.count_nonzero(seen))
        if "donor_id" in scores.columns:
            donors = scores["donor_id"].filter(~pl.Series(seen, dtype=pl.Boolean)).unique()
            self._donors.update(donor for donor in donors if self._bundle.seen.has_donor(donor))
        owner = scores.select(pl.coalesce([name for name in _SAMPLES if name in scores.columns])).to_series()
        self._measure(piece.with_columns(owner.alias(_SAMPLE)).filter(pl.col(DTYPE).is_not_null()))

    def _measure(self, piece: pl.DataFrame) -> None:
        for (sample,), rows in piece.group_by(_SAMPLE, maintain_order=True):
            self._shifts.add(sample, rows[UNLIKE].to_numpy())
            columns = {name: rows[OWN + name].to_numpy() for name in GATHERED}
            self._measures[sample].extend(columns, rows[DTYPE].to_list(), rows[PIXEL_SIZE].to_list())

    def samples(self) -> pl.DataFrame:
        """A row a sample, in order of first appearance: sample_id, cells, candidates, (uncertain,) unreadable."""
        positive = self._bundle.classes.positive
        doubted = {UNCERTAIN: [calls[UNCERTAIN] for calls in self._samples.values()]} if self.calls[UNCERTAIN] else {}
        return pl.DataFrame(
            {
                "sample_id": pl.Series(list(self._samples), dtype=pl.String),
                "cells": [calls.total() for calls in self._samples.values()],
                "candidates": [calls[positive] for calls in self._samples.values()],
                **doubted,
                UNREADABLE: [calls[UNREADABLE] for calls in self._samples.values()],
            }
        )

    def shifts(self) -> list[SampleShift]:
        """Of each sample that can be judged, whether it looks to the network like those of its training."""
        return self._shifts.found()

    def concerns(self) -> list[str]:
        """What a user should hear of this input before believing its scores."""
        return [
            *fault_concerns(self._faults, self.cells),
            *contract_concerns(self._bundle, self._measures),
            *shift_concerns(self.shifts()),
            *seen_concerns(self._seen, self.cells, len(self._donors)),
        ]
