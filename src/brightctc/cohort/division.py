"""A division of cells into parts, in progress: whole groups go to a part while both classes remain for the others."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from brightctc.cohort.dividing import choose_groups
from brightctc.cohort.folder import Classes
from brightctc.cohort.groups import Groups
from brightctc.errors import UserError

_TOLERANCE = 0.05  # of a share, before the deviation is worth a warning


@dataclass
class Division:
    """A division in progress. label: 1, 0, or -1 (unlabelled); part: of each cell, '' where not yet decided."""

    cells: pl.DataFrame
    classes: Classes
    label: np.ndarray
    groups: Groups
    part: np.ndarray
    warnings: list[str]

    def counts(self, open_cells: np.ndarray) -> np.ndarray:
        """Labelled cells of either class in each group, of the cells that are still open: int (groups, 2)."""
        return np.stack(
            [np.bincount(self.groups.of[open_cells & (self.label == k)], minlength=self.groups.count) for k in (0, 1)],
            axis=1,
        )

    def whole_groups(self, rows: np.ndarray) -> np.ndarray:
        """All open cells of the groups that `rows` (bool) touches."""
        return np.isin(self.groups.of, np.unique(self.groups.of[rows])) & (self.part == "")

    def name(self, label: int) -> str:
        """The class of label 1 or 0."""
        return self.classes.positive if label else self.classes.negative

    def lacking(self, whole: np.ndarray, further: int) -> str | None:
        """What would be missing for training if these cells were the test part, in words."""
        groups = (self.counts((self.part == "") & ~whole) > 0).sum(axis=0)
        for value in (1, 0):
            if groups[value] < further:
                parts = "train and validation" if further == 2 else "training"
                number = units(self.groups.by, int(groups[value]))
                return f"{number} with the class {self.name(value)!r} would remain for {parts}"
        return None

    def take(self, chosen: np.ndarray, whole: np.ndarray) -> None:
        """Make whole groups the test part, and say what came along."""
        along = int((whole & ~chosen).sum())
        if along:
            self.warnings.append(f"{along:,} further cells of the same donors or samples went to the test part")
        self.part[whole] = "test"
        for value in (1, 0):
            if not (self.label[whole] == value).any():
                self.warnings.append(f"the test part has no cell of the class {self.name(value)!r}")

    def give(self, open_cells: np.ndarray, part: str, share: float, leave: int, rng: np.random.Generator) -> None:
        """Give `share` of the open cells, in whole groups, to a part; `leave` further parts need both classes, too."""
        counts = self.counts(open_cells)
        used = np.flatnonzero(counts.sum(axis=1))
        chosen = choose_groups(counts[used], share, leave, rng)
        if chosen is None:
            raise self._too_few(counts[used], part, leave)
        taken = np.isin(self.groups.of, used[chosen]) & open_cells
        self.part[taken] = part
        self._warn_of_deviation(counts[used], chosen, part, share)

    def _too_few(self, counts: np.ndarray, part: str, leave: int) -> UserError:
        groups = (counts > 0).sum(axis=0)
        scarce = int(groups.argmin())
        fix = "drop a part (--validation 0, --seal 0), or collect more"
        if not self.groups.single:
            fix += "; --by cell_id divides donors, and figures are then not for new patients"
        return UserError(
            f"{units(self.groups.by, int(groups[scarce]))} with the class {self.name(scarce)!r}, but "
            f"{leave + 1} parts need some ({part} and {leave} more)",
            "cells.csv",
            fix,
        )

    def _warn_of_deviation(self, counts: np.ndarray, chosen: np.ndarray, part: str, share: float) -> None:
        """Say where whole groups kept a part from its size or its class share."""
        held, total = counts[chosen].sum(axis=0), counts.sum(axis=0)
        size = held.sum() / total.sum()
        if abs(size - share) > _TOLERANCE:
            self.warnings.append(f"{part} holds {size:.0%} of the labelled cells instead of {share:.0%}")
        positive, expected = held[1] / held.sum(), total[1] / total.sum()
        if abs(positive - expected) > _TOLERANCE:
            self.warnings.append(
                f"{positive:.0%} of {part}'s labelled cells are {self.name(1)!r}, of all {expected:.0%}"
            )


def units(by: str, number: int) -> str:
    """`3 donors`, by the column that a group is a value of."""
    word = {"donor_id": "donor", "sample_id": "sample", "cell_id": "cell"}.get(by, f"group by {by}")
    return f"{number:,} {word}{'' if number == 1 else 's'}"
