"""Inputs for predict: a cohort written without import, an export with images that can't be read."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tifffile

from brightctc.cohort.folder import Classes, CohortFile, write_cohort
from drawn import NEGATIVE, PATTERN, POSITIVE, Export

NAMES: dict[str, Any] = {"pattern": PATTERN, "bright_field": "BF"}


def as_cohort(export: Export, folder: Path, order: list[int] | None = None, **changes: pl.Expr) -> Path:
    """A cohort of the export's cells, written without import."""
    path = pl.format(f"{export.folder}/{{}}/{{}}_{{}}.tif", "sample_id", "cell_id", pl.lit("BF"))
    cells = export.cells.with_columns(
        path.alias("bright_field"),
        path.str.replace("_BF.tif", "_DAPI.tif", literal=True).alias("dapi"),
        cell_id=pl.format("{}/{}", "sample_id", "cell_id"),
    ).with_columns(**changes)
    folder.mkdir(parents=True)
    about = CohortFile(
        name="drawn", classes=Classes(negative=NEGATIVE, positive=POSITIVE), channels=("bright_field", "dapi")
    )
    write_cohort(folder, cells if order is None else cells[order], about)
    return folder


def spoil(export: Export, folder: Path) -> Path:
    """A copy of the export in which five images can't be read."""
    shutil.copytree(export.folder, folder)
    images = sorted(folder.glob("S00/*_BF.tif"))
    images[0].write_bytes(images[0].read_bytes()[:200])
    images[1].write_text("not an image")
    images[2].unlink()
    images[2].symlink_to(folder / "nowhere.tif")
    images[3].write_bytes(b"")
    tifffile.imwrite(images[4], np.full((24, 24), np.nan, np.float32))
    return folder
