"""The verb `measure`: a cohort → a table of outline, morphology and quality, a row a cell."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from brightctc import files
from brightctc.cohort import Cohort, ImageFault, read_or_fault, write_image
from brightctc.engine import mapped
from brightctc.errors import UserError, plural, typed
from brightctc.measure import cellprofiler
from brightctc.measure.cell import Measured, measure_cell
from brightctc.measure.limits import limits_of
from brightctc.measure.masks import mask_names
from brightctc.measure.quality import QualityLimits
from brightctc.measure.table import FLAG_SEPARATOR, feature_table, meta, meta_path, require_ending, write_table

Progress = Callable[..., None]
_TASK = 16  # cells that a process measures at a time


@dataclass(frozen=True)
class MeasureResult:
    """What `measure` wrote.

    table: as written. flags: how many cells have which. limits: what flags were judged by. unit: um or px.
    """

    features: Path
    table: pl.DataFrame
    unit: str
    flags: dict[str, int]
    limits: QualityLimits
    limits_from: str
    warnings: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """For machines."""
        return {
            "features": str(self.features),
            "meta": str(meta_path(self.features)),
            "cells": self.table.height,
            "unreadable": self.table.height - self.table["error"].null_count(),
            "unit": self.unit,
            "flags": self.flags,
            "limits": self.limits.model_dump(mode="json"),
            "limits_from": self.limits_from,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class _Task:
    """Some cells: per cell its bright field, DAPI, µm per pixel, and where its mask is written."""

    cells: tuple[tuple[Path | None, Path | None, float | None, Path | None], ...]
    with_cellprofiler: bool


def measure(
    cohort: Path,
    features: Path,
    *,
    masks: Path | None = None,
    with_cellprofiler: bool = False,
    overwrite: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> MeasureResult:
    """Outline and measure every cell of a cohort, and write the table, whole or not at all.

    features: the table to write, .csv, .parquet or .h5ad (AnnData, extra `measure`); FEATURES.meta.json beside it holds
        the dictionary of its columns and the limits of the flags.
    masks: a folder for a label image a cell (0 background, 1 cell, 2 nucleus, 3 other objects).
    with_cellprofiler: CellProfiler's own features too (extra `measure`).
    workers: processes (None: as many as help); no figure depends on their number.

    Limits of quality flags are learned from the training part where the cohort is split, else from all of its cells.
    Raises UserError for what the user can fix. An image that can't be read is a row with its error.
    """
    features = Path(features)
    require_ending(features)
    if with_cellprofiler:
        cellprofiler.require()
    held = Cohort.read(cohort)
    if held.cells.is_empty():
        raise UserError("this cohort has no cells", held.table, "import it again")
    if held.cells["cell_id"].n_unique() < held.cells.height:
        raise UserError("a cell id occurs twice", held.table, f"run: {typed('check', held.root)}")
    sizes, unit, warnings = one_unit(held, held.cells)
    with (
        files.new_file(features, overwrite=overwrite) as table_file,
        files.new_file(meta_path(features), overwrite=overwrite) as meta_file,
        _mask_folder(masks, overwrite) as folder,
    ):
        names = None if folder is None else mask_names(held.cells["cell_id"])
        wanted = [None] * held.cells.height if folder is None or names is None else [folder / name for name in names]
        measured = list(_measured(held, sizes, wanted, with_cellprofiler, workers, progress))
        limits, source = limits_of(held, [cell.quality for cell in measured])
        table = feature_table(held.cells, measured, limits, unit, names)
        write_table(table, table_file)
        flags = Counter(flag for flags in table["flags"].drop_nulls() for flag in flags.split(FLAG_SEPARATOR))
        unread = sum(cell.error is not None for cell in measured)
        if unread:
            warnings.append(f"{plural(unread, 'cell')} could not be read; see the column error")
        result = MeasureResult(features, table, unit, dict(flags), limits, source, tuple(warnings))
        about = meta(result.summary(), held.root, masks, table)
        meta_file.write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return result


def one_unit(cohort: Cohort, rows: pl.DataFrame) -> tuple[list[float | None], str, list[str]]:
    """Per row its µm per pixel, the unit of lengths, warnings. One unit for all, so that a column means one thing."""
    sizes = cohort.pixel_sizes(rows)
    known = sum(size is not None for size in sizes)
    if known == len(sizes):
        return sizes, "um", []
    if not known:
        return sizes, "px", []
    unknown = plural(len(sizes) - known, "cell")
    told = f"{unknown} without pixel_size_um: all lengths are in px, also those of the other {known:,}"
    return [None] * len(sizes), "px", [told]


def _measured(
    cohort: Cohort,
    sizes: list[float | None],
    masks: Sequence[Path | None],
    with_cellprofiler: bool,
    workers: int | None,
    progress: Progress | None,
) -> Iterator[Measured]:
    """Every cell of the cohort, measured, in its order."""
    cells = list(
        zip(
            cohort.paths(cohort.cells, "bright_field"),
            cohort.paths(cohort.cells, "dapi"),
            sizes,
            masks,
            strict=True,
        )
    )
    tasks = [_Task(tuple(cells[start : start + _TASK]), with_cellprofiler) for start in range(0, len(cells), _TASK)]
    done = 0
    for found in mapped(_measure_task, tasks, workers):
        yield from found
        done += len(found)
        if progress is not None:
            progress("measuring", done, len(cells))


def _measure_task(task: _Task) -> list[Measured]:
    """Read and measure some cells, in a process of its own; their masks go to disk at once."""
    return [_measured_files(*cell, with_cellprofiler=task.with_cellprofiler) for cell in task.cells]


def _measured_files(
    bright_field: Path | None,
    dapi: Path | None,
    pixel_size_um: float | None,
    mask: Path | None,
    *,
    with_cellprofiler: bool,
) -> Measured:
    crop = read_or_fault(bright_field)
    if isinstance(crop, ImageFault):
        return Measured(error=f"{crop.kind}: {crop.detail}")
    stain = None if dapi is None else read_or_fault(dapi)
    readable = None if isinstance(stain, ImageFault) else stain
    found = measure_cell(crop, readable, pixel_size_um, masks=mask is not None, with_cellprofiler=with_cellprofiler)
    if isinstance(stain, ImageFault):
        found = replace(found, stain=("dapi_unfit",))
    if mask is not None and found.labels is not None:
        mask.parent.mkdir(parents=True, exist_ok=True)
        write_image(mask, found.labels)
    return replace(found, labels=None)


@contextmanager
def _mask_folder(masks: Path | None, overwrite: bool) -> Iterator[Path | None]:
    if masks is None:
        yield None
        return
    with files.new_folder(Path(masks), overwrite=overwrite) as folder:
        yield folder
