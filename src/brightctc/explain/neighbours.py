"""The training cells that the network finds most like a cell: nearest in its embedding."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from brightctc.cohort import Cohort
from brightctc.evaluate.cells import Progress
from brightctc.explain.cells import Explained
from brightctc.predict.learned import LearnedCells

NEAREST = 5


@dataclass(frozen=True)
class Neighbours:
    """The nearest training cells of n cells.

    learned: training cells that could be read. nearest: int (n, k), places among them, nearest first, never of the
    cell's own donor or sample. distance: float64 (n, k), 1 − cosine of the angle between
    embeddings, from 0 to 2. agreeing: per class, positive first, the mean share of neighbours that have the cell's own
    label; NaN where a class is missing.
    """

    learned: LearnedCells
    nearest: np.ndarray
    distance: np.ndarray
    agreeing: tuple[float, float]

    def table(self, cell_ids: Sequence[str]) -> pl.DataFrame:
        """A row a neighbour: cell_id, order (from 1), neighbour, label, distance."""
        count = self.nearest.shape[1]
        flat = self.nearest.ravel().tolist()
        return pl.DataFrame(
            {
                "cell_id": np.repeat(np.array(cell_ids, dtype=object), count).tolist(),
                "order": np.tile(np.arange(1, count + 1), len(cell_ids)),
                "neighbour": self.learned.rows["cell_id"].gather(flat).to_list(),
                "label": self.learned.rows["label"].gather(flat).to_list(),
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
    """Nearest among the cohort's cells that the bundle has learned from; None where none of them can be read."""
    learned = LearnedCells.found(cells.bundle, cohort, progress)
    found = None if learned is None else learned.nearest(cells.rows, cells.outputs.embedding, NEAREST)
    if learned is None or found is None:
        return None
    places, distance = found
    agreeing = (learned.positive[places] == cells.positive[:, None]).mean(axis=1)
    return Neighbours(
        learned=learned,
        nearest=places,
        distance=distance,
        agreeing=(_mean(agreeing[cells.positive]), _mean(agreeing[~cells.positive])),
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")
