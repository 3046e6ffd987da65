"""The cells that a bundle has learned from, where their cohort is at hand, and those of them nearest to a cell."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from brightctc.bundle import Bundle
from brightctc.bundle.seen import SeenPart
from brightctc.cohort import Cohort, owners_of
from brightctc.errors import UserError
from brightctc.metrics.units import unit_numbers
from brightctc.predict.scoring import score_cells
from brightctc.preprocess import Channel

Progress = Callable[..., None]


def cells_known_to(bundle: Bundle, cohort: Cohort, part: SeenPart) -> pl.DataFrame:
    """Labelled cells that were in this part when the bundle was trained; whatever the cohort's split says today.

    Raises UserError where bundle and cohort tell other classes apart.
    """
    if cohort.classes != bundle.classes:
        raise UserError(
            f"the bundle tells {bundle.classes.positive} from {bundle.classes.negative}, this cohort "
            f"{cohort.classes.positive} from {cohort.classes.negative}",
            cohort.root,
            f"give the cohort it was trained on ({bundle.about.provenance.cohort!r})",
        )
    cells = cohort.cells
    if "label" not in cells.columns:
        return cells.clear()
    cells = cells.filter(pl.col("label").is_in([bundle.classes.positive, bundle.classes.negative]))
    return cells.filter([bundle.seen.part_of_cell(cell) == part for cell in cells["cell_id"]])


@dataclass(frozen=True)
class LearnedCells:
    """The t training cells of a bundle that could be read.

    rows: of the cohort. positive: bool (t,). owners: whose they are; of unknown donors their samples, else themselves.
    embedding: float32 (t, d).
    """

    rows: pl.DataFrame
    positive: np.ndarray
    owners: Sequence[Hashable]
    embedding: np.ndarray

    @classmethod
    def of(cls, bundle: Bundle, cohort: Cohort, progress: Progress | None = None) -> Self | None:
        """Those of the cohort, scored; None where there is none that can be read. Raises UserError as above."""
        rows = cells_known_to(bundle, cohort, "train")
        if rows.is_empty():
            return None
        parts = []
        paths: dict[Channel, list[Path | None]] = {name: cohort.paths(rows, name) for name in bundle.about.channels}
        for chunk in score_cells(bundle, paths, cohort.pixel_sizes(rows), embeddings=True):
            assert chunk.embedding is not None, "asked for"
            parts.append(chunk.embedding)
            if progress is not None:
                progress("scoring training cells", chunk.start + len(chunk.logit), rows.height)
        found = np.concatenate(parts)
        read = np.asarray(np.isfinite(found).all(axis=1))
        rows = rows.filter(pl.Series(read))
        if rows.is_empty():
            return None
        return cls(rows, cohort.positive(rows).to_numpy(), owners_of(rows), found[read])

    @property
    def shares(self) -> tuple[float, float]:
        """Of these cells, the share of each class, positive first: what agreement would be by chance."""
        positive = float(self.positive.mean())
        return positive, 1 - positive

    def nearest(
        self, embedding: np.ndarray, owners: Sequence[Hashable], most: int
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Of n cells, embedding (n, d): places among these, int (n, k), and how far, float64 (n, k); nearest first.

        How far: 1 − cosine of the angle between embeddings, from 0 to 2. Cells of the same owner are left out: k is
        `most`, or as many as each of the n has of others; None where that is none.
        """
        apart = np.maximum(1 - _directions(embedding) @ _directions(self.embedding).T, 0.0)
        own, theirs = np.split(unit_numbers([*owners, *self.owners]), [len(embedding)])
        strange = np.where(own[:, None] == theirs[None, :], np.inf, apart)
        others = int(np.isfinite(strange).sum(axis=1).min())
        if not others:
            return None
        places = np.argsort(strange, axis=1, kind="stable")[:, : min(most, others)]
        return places, np.take_along_axis(apart, places, axis=1)


def _directions(embedding: np.ndarray) -> np.ndarray:
    wide = embedding.astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
