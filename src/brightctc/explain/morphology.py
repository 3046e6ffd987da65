"""Features of the labelled cells of a cohort, measured in processes, for what differs and what predicts the score."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from brightctc.cohort import Cohort, ImageFault, read_or_fault
from brightctc.engine import mapped
from brightctc.evaluate.cells import labelled
from brightctc.measure import GROUPS, measure_cell, one_unit

OF_STAIN = "nucleus (DAPI)"
MOST = 4000
"""Cells that are described at most; more change nothing that can be read off a picture."""
_OPEN = ("train", "validation", "test")
_TASK = 16


@dataclass(frozen=True)
class Morphology:
    """Labelled cells of the train, validation and test part (of all, where there is no split), with their features.

    rows: of the cohort. features: column → float64 (n,), NaN where it can't be told. groups: column → its group.
    meanings: column → what it is. warnings: of their lengths.
    """

    rows: pl.DataFrame
    features: dict[str, np.ndarray]
    groups: dict[str, str]
    meanings: dict[str, str]
    warnings: tuple[str, ...]

    def of(self, cell_ids: Sequence[str], group: str) -> np.ndarray:
        """The features of a group of some of the cells: float64 (m, k)."""
        place = {cell: index for index, cell in enumerate(self.rows["cell_id"])}
        kept = [place[cell] for cell in cell_ids]
        return np.stack([self.features[name][kept] for name, own in self.groups.items() if own == group], axis=1)


def morphology_of(
    cohort: Cohort, explained: Sequence[str], seed: int, progress: Callable[..., None] | None
) -> Morphology:
    """Measure labelled cells that are not sealed, MOST at most, drawn by chance; `explained` ones always."""
    rows = cohort.cells
    seen = rows["cell_id"].is_in(list(explained))
    described = labelled(cohort, rows)
    if cohort.split is not None:
        described = described & rows["part"].is_in(_OPEN).to_numpy()
    rows = rows.filter(seen.to_numpy() | described)
    if rows.height > MOST:
        always = rows["cell_id"].is_in(list(explained)).to_numpy()
        drawn = np.random.default_rng(seed).random(rows.height) + always
        rows = rows[np.sort(np.argsort(-drawn, kind="stable")[: max(MOST, int(always.sum()))]).tolist()]
    dapi = "dapi" in rows.columns and rows["dapi"].null_count() < rows.height
    named = [
        (feature, group) for group, features in GROUPS.items() if dapi or group != OF_STAIN for feature in features
    ]
    sizes, unit, warnings = one_unit(cohort, rows)
    paths = zip(cohort.paths(rows, "bright_field"), _stains(cohort, rows, dapi), sizes, strict=True)
    cells, names, found = list(paths), tuple(feature.name for feature, _ in named), []
    tasks = [(tuple(cells[start : start + _TASK]), names) for start in range(0, len(cells), _TASK)]
    for values in mapped(_task, tasks, None):
        found += values
        if progress is not None:
            progress("measuring", len(found), len(cells))
    table = np.array(found, dtype=np.float64).reshape(len(cells), len(names))
    columns = [feature.column(unit) for feature, _ in named]
    return Morphology(
        rows,
        {column: table[:, at] for at, column in enumerate(columns)},
        {column: group for column, (_, group) in zip(columns, named, strict=True)},
        {column: feature.meaning for column, (feature, _) in zip(columns, named, strict=True)},
        tuple(warnings),
    )


def _stains(cohort: Cohort, rows: pl.DataFrame, dapi: bool) -> list[Path | None]:
    return cohort.paths(rows, "dapi") if dapi else [None] * rows.height


def _task(task: tuple[Sequence[tuple[Path | None, Path | None, float | None]], Sequence[str]]) -> list[list[float]]:
    """Read and measure some cells, in a process of its own: a row a cell, NaN where a feature can't be told."""
    cells, names = task
    return [_row(*cell, names) for cell in cells]


def _row(bright_field: Path | None, dapi: Path | None, pixel: float | None, names: Sequence[str]) -> list[float]:
    image = read_or_fault(bright_field)
    if isinstance(image, ImageFault):
        return [float("nan")] * len(names)
    stain = None if dapi is None else read_or_fault(dapi)
    usable = None if stain is None or isinstance(stain, ImageFault) or stain.shape != image.shape else stain
    found = measure_cell(image, usable, pixel).features
    return [found.get(name, float("nan")) for name in names]
