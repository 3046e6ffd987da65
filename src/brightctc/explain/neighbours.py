"""The training cells that the network finds most like a cell: nearest in its embedding."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from brightctc.bundle import Bundle
from brightctc.cohort import Cohort
from brightctc.evaluate.cells import Progress, labelled
from brightctc.evaluate.claim import groups
from brightctc.explain.cells import Explained
from brightctc.metrics.units import unit_numbers
from brightctc.predict import score_cells
from brightctc.preprocess import Channel

NEAREST = 5


@dataclass(frozen=True)
class Neighbours:
    """The nearest training cells of n cells.

    rows: labelled training cells that could be read. embedding: float32 (t, d), of these. nearest: int (n, k), places
    among them, nearest first, never of the cell's own donor (sample, where that is unknown). distance: float64 (n, k),
    1 − cosine of the angle between embeddings, from 0 to 2. agreeing: per class, positive first, the mean share of
    neighbours that have the cell's own label; NaN where a class is missing.
    """

    rows: pl.DataFrame
    positive: np.ndarray
    embedding: np.ndarray
    nearest: np.ndarray
    distance: np.ndarray
    agreeing: tuple[float, float]

    @property
    def shares(self) -> tuple[float, float]:
        """Of the training cells, the share of each class: what agreement would be by chance."""
        positive = float(self.positive.mean())
        return positive, 1 - positive

    def table(self, cell_ids: Sequence[str]) -> pl.DataFrame:
        """A row a neighbour: cell_id, order (from 1), neighbour, label, distance."""
        count = self.nearest.shape[1]
        flat = self.nearest.ravel().tolist()
        return pl.DataFrame(
            {
                "cell_id": np.repeat(np.array(cell_ids, dtype=object), count).tolist(),
                "order": np.tile(np.arange(1, count + 1), len(cell_ids)),
                "neighbour": self.rows["cell_id"].gather(flat).to_list(),
                "label": self.rows["label"].gather(flat).to_list(),
                "distance": self.distance.ravel(),
            },
            schema={
                "cell_id": pl.String,
                "order": pl.Int64,
                "neighbour": pl.String,
                "label": pl.String,
                "distance": pl.Float64,
            },
        )


def neighbours(cells: Explained, cohort: Cohort, progress: Progress | None) -> Neighbours | None:
    """Nearest among the labelled training cells of the cohort; None where there is none that can be read."""
    if cohort.split is None:
        return None
    rows = cohort.cells.filter(pl.col("part") == "train")
    rows = rows.filter(labelled(cohort, rows))
    if rows.is_empty():
        return None
    found = _embeddings(cells.bundle, cohort, rows, progress)
    kept = np.asarray(np.isfinite(found).all(axis=1))
    rows, learned = rows.filter(pl.Series(kept)), found[kept]
    if rows.is_empty():
        return None
    apart = np.maximum(1 - _directions(cells.outputs.embedding) @ _directions(learned).T, 0.0)
    owners = unit_numbers([*groups(cells.rows, "donor_id"), *groups(rows, "donor_id")])
    own, theirs = np.split(owners, [cells.rows.height])
    strange = np.where(own[:, None] == theirs[None, :], np.inf, apart)
    others = int(np.isfinite(strange).sum(axis=1).min())
    if not others:
        return None
    nearest = np.argsort(strange, axis=1, kind="stable")[:, : min(NEAREST, others)]
    positive = cohort.positive(rows).to_numpy()
    agreeing = (positive[nearest] == cells.positive[:, None]).mean(axis=1)
    return Neighbours(
        rows=rows,
        positive=positive,
        embedding=learned,
        nearest=nearest,
        distance=np.take_along_axis(apart, nearest, axis=1),
        agreeing=(_mean(agreeing[cells.positive]), _mean(agreeing[~cells.positive])),
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def _embeddings(bundle: Bundle, cohort: Cohort, rows: pl.DataFrame, progress: Progress | None) -> np.ndarray:
    parts = []
    paths: dict[Channel, list[Path | None]] = {"bright_field": cohort.paths(rows, "bright_field")}
    for chunk in score_cells(bundle, paths, cohort.pixel_sizes(rows), embeddings=True):
        assert chunk.embedding is not None, "asked for"
        parts.append(chunk.embedding)
        if progress is not None:
            progress("scoring training cells", chunk.start + len(chunk.logit), rows.height)
    return np.concatenate(parts)


def _directions(embedding: np.ndarray) -> np.ndarray:
    wide = embedding.astype(np.float64)
    return wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12)
