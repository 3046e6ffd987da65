"""The cells that a bundle has learned from, where their cohort is at hand, and those of them nearest to a cell."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from brightctc.bundle import Bundle
from brightctc.bundle.seen import SeenPart
from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.metrics.units import unit_numbers
from brightctc.predict.scoring import score_cells
from brightctc.preprocess import Channel

Progress = Callable[..., None]
_OWN = ("cell_id", "sample_id", "donor_id")


def cells_known_to(bundle: Bundle, cohort: Cohort, part: SeenPart) -> pl.DataFrame:
    """Labelled cells that were in this part when the bundle was trained; whatever the cohort's split says today.

    In the train part they need not have had a label then. Raises UserError where bundle and cohort tell other classes
    apart.
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
    own = bundle.seen.own
    return cells.filter([own.part_of_cell(cell) == part for cell in cells["cell_id"]])


@dataclass(frozen=True)
class LearnedCells:
    """t training cells of a bundle: those that it was taught with the label that they have today, and could be read.

    rows: of the cohort. positive: bool (t,). embedding: float32 (t, d). of: cells that it was taught, those that are
    not here among them.
    """

    rows: pl.DataFrame
    positive: np.ndarray
    embedding: np.ndarray
    of: int

    @classmethod
    def found(cls, bundle: Bundle, cohort: Cohort, progress: Progress | None = None) -> Self | None:
        """Those of the cohort, scored; None where there is none that can be read. Raises UserError as above."""
        rows = cells_known_to(bundle, cohort, "train")
        if not rows.is_empty():
            rows = rows.filter([bundle.seen.was_taught(*pair) for pair in rows.select("cell_id", "label").iter_rows()])
        if rows.is_empty():
            return None
        parts = []
        paths: dict[Channel, list[Path | None]] = {name: cohort.paths(rows, name) for name in bundle.about.channels}
        for chunk in score_cells(bundle, paths, cohort.pixel_sizes(rows), embeddings=True):
            assert chunk.embedding is not None, "asked for"
            parts.append(chunk.embedding)
            if progress is not None:
                progress("scoring training cells", chunk.start + len(chunk.logit), rows.height)
        embedding = np.concatenate(parts)
        read = np.asarray(np.isfinite(embedding).all(axis=1))
        rows = rows.filter(pl.Series(read))
        if rows.is_empty():
            return None
        return cls(rows, cohort.positive(rows).to_numpy(), embedding[read], len(bundle.seen.taught))

    @property
    def shares(self) -> tuple[float, float]:
        """Of these cells, the share of each class, positive first: what agreement would be by chance."""
        positive = float(self.positive.mean())
        return positive, 1 - positive

    def nearest(self, cells: pl.DataFrame, embedding: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Of n cells, embedding (n, d): places among these, int (n, k), and how far, float64 (n, k); nearest first.

        How far: 1 − cosine of the angle between embeddings, from 0 to 2. What has the same donor, the same sample or
        the same id is left out: k is `most`, or as many as each of the n has of others; None where that is none.
        cells: their `cell_id`, and `sample_id` and `donor_id` where known.
        """
        apart = np.maximum(1 - _directions(embedding) @ _directions(self.embedding).T, 0.0)
        for column in _OWN:
            if column in cells.columns and column in self.rows.columns:
                apart[_same(cells[column], self.rows[column])] = np.inf
        others = int(np.isfinite(apart).sum(axis=1).min())
        if not others:
            return None
        places = np.argsort(apart, axis=1, kind="stable")[:, : min(most, others)]
        return places, np.take_along_axis(apart, places, axis=1)


def _same(one: pl.Series, other: pl.Series) -> np.ndarray:
    """Bool (n, t): equal, and known."""
    numbers = unit_numbers([*one.cast(pl.String), *other.cast(pl.String)])
    mine, theirs = np.split(numbers, [len(one)])
    known = one.is_not_null().to_numpy()[:, None] & other.is_not_null().to_numpy()[None, :]
    return (mine[:, None] == theirs[None, :]) & known


def _directions(embedding: np.ndarray) -> np.ndarray:
    wide = embedding.astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
