"""strata.csv: figures of each variant by size tercile, donor, origin, site and cancer type."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from brightctc import files
from brightctc.baselines.model import Cells, measured
from brightctc.baselines.size import features
from brightctc.cohort import read_images
from brightctc.evaluate.groups import COLUMNS
from brightctc.metrics import Scored, clopper_pearson, confusion, figures
from brightctc.study.measuring import Row

SIZE = "size"
TERCILES = ("small third", "middle third", "large third")
NO_OUTLINE = "no outline"
_FIGURES = ("recall", "false_calls_per_1000", "f1", "roc_auc")
_SCHEMA = {
    **dict.fromkeys(("exam", "variant", "by", "stratum"), pl.String),
    **dict.fromkeys(("cells", "positive", "negative"), pl.Int64),
    **dict.fromkeys(_FIGURES, pl.Float64),
    **dict.fromkeys(("recall_low", "recall_high"), pl.Float64),
    "empty": pl.String,
    "stamps": pl.String,
}


@dataclass(frozen=True)
class Sizes:
    """Diameters of the labelled cells of an exam (float64, NaN where there is no outline) and where thirds divide."""

    diameter: np.ndarray
    edges: tuple[float, float]
    unit: str

    @property
    def strata(self) -> np.ndarray:
        """Object[n]: the third of each cell."""
        third = np.searchsorted(self.edges, self.diameter, side="right")
        names = np.array([*TERCILES, NO_OUTLINE], dtype=object)
        return names[np.where(np.isnan(self.diameter), 3, np.minimum(third, 2))]

    @property
    def words(self) -> str:
        """Where the thirds divide."""
        low, high = self.edges
        return f"Thirds of the outlined diameter of these cells: up to {low:.1f}, up to {high:.1f} {self.unit}, above."


def sizes_of(rows: Sequence[Row]) -> list[Sizes]:
    """Sizes of each row's cells; those that rows share are outlined once."""
    known: dict[tuple[str, ...], Sizes] = {}
    found = []
    for row in rows:
        cells = tuple(row.cells[0].rows["cell_id"])
        if cells not in known:
            known[cells] = _measured(row)
        found.append(known[cells])
    return found


def words_of(sizes: Sequence[Sizes]) -> str:
    """Where the thirds divide; of several sets of cells, that each has its own."""
    told = list(dict.fromkeys(each.words for each in sizes))
    return told[0] if len(told) == 1 else "Thirds of the outlined diameter, of each set of cells by itself."


def _measured(row: Row) -> Sizes:
    """Outline each labelled cell of the row's exam and measure its diameter."""
    rows = row.cells[0].rows.filter(pl.Series(row.labelled))
    pixels = row.cohort.pixel_sizes(rows)
    in_um = all(size is not None for size in pixels)
    images = list(read_images(row.cohort.paths(rows, "bright_field")))
    read = [index for index, image in enumerate(images) if isinstance(image, np.ndarray)]
    crops = [image for image in images if isinstance(image, np.ndarray)]
    found = np.full(rows.height, np.nan)
    if crops:
        cells = Cells.of(crops, [pixels[index] for index in read])
        found[read] = measured(features, cells)[:, 0]
    found[found == 0] = np.nan
    known = found[~np.isnan(found)]
    low, high = np.quantile(known, (1 / 3, 2 / 3)) if known.size else (np.nan, np.nan)
    return Sizes(found, (float(low), float(high)), "µm" if in_um else "px")


def strata_table(rows: Sequence[Row], sizes: Sequence[Sizes]) -> pl.DataFrame:
    """sizes: of each row. Means over seeds, each at its own threshold; an empty figure says why in `empty`.

    recall_low, recall_high: exact and of the first seed's counts; they take cells as independent.
    """
    found = [entry for row, size in zip(rows, sizes, strict=True) for entry in _of_row(row, size)]
    return pl.DataFrame(found, schema=_SCHEMA)


def write_strata(study: Path, table: pl.DataFrame) -> None:
    """Whole or not at all."""
    files.write_text(study / "strata.csv", table.write_csv())


def _of_row(row: Row, sizes: Sizes) -> Iterator[dict[str, Any]]:
    cells = row.cells[0].rows.filter(pl.Series(row.labelled))
    for name in (*TERCILES, NO_OUTLINE):
        inside = sizes.strata == name
        if inside.any() or name != NO_OUTLINE:
            yield _stratum(row, SIZE, name, inside)
    for column in COLUMNS:
        if column not in cells.columns or cells[column].n_unique() < 2:
            continue
        for value in cells[column].unique().sort(nulls_last=True):
            inside = cells[column].eq_missing(pl.Series([value], dtype=pl.String)).to_numpy()
            yield _stratum(row, column, value or "not known", inside)


def _stratum(row: Row, by: str, name: str, inside: np.ndarray) -> dict[str, Any]:
    positive = row.positive[inside]
    held: dict[str, Any] = {
        "exam": row.exam.name,
        "variant": row.name,
        "by": by,
        "stratum": name,
        "cells": int(inside.sum()),
        "positive": int(positive.sum()),
        "negative": int((~positive).sum()),
        "stamps": "; ".join(row.claim.stamps) or None,
    }
    lacking = [
        words for words, count in ((row.classes.positive, held["positive"]), (row.classes.negative, held["negative"]))
        if not count
    ]  # fmt: skip
    held["empty"] = f"no {' and no '.join(lacking)} cell in it" if lacking else None
    if not held["cells"]:
        return held
    seeds = [figures(positive, Scored(s.logit[inside], s.called[inside], s.score[inside])) for s in row.scored]
    for figure in _FIGURES:
        value = float(np.mean([found[figure] for found in seeds]))
        held[figure] = value if np.isfinite(value) else None
    counts = confusion(positive, row.scored[0].called[inside])
    if counts.positives:
        held["recall_low"], held["recall_high"] = clopper_pearson(counts.tp, counts.positives)
    return held
