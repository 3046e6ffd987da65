"""The verb `simulate`: settings and a seed → an export as an instrument would write it, with the truth beside it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from brightctc import engine, files
from brightctc.errors import UserError
from brightctc.simulate.making import Made, Order, make
from brightctc.simulate.people import NEGATIVE, POSITIVE, CellPlan, plan
from brightctc.simulate.picture import draw_montage
from brightctc.simulate.settings import Settings
from brightctc.simulate.trivial import separations

Progress = Callable[..., None]
_TASK = 8  # cells that a process makes at a time
_HIDDEN = ("label", "origin", "cell_line", "cancer_type")  # what would tell a blinded reader


@dataclass(frozen=True)
class SimulateResult:
    """What was made. labels, truth: the two tables, a row a cell. separations: the simple statistics' ROC-AUC."""

    folder: Path
    settings: Settings
    labels: pl.DataFrame
    truth: pl.DataFrame
    separations: pl.DataFrame

    @property
    def counts(self) -> dict[str, int]:
        """Kind → cells made."""
        return dict(self.truth["kind"].value_counts(sort=True).iter_rows())

    def summary(self) -> dict[str, Any]:
        """For machines."""
        return {
            "out": str(self.folder),
            "cells": self.truth.height,
            "kinds": self.counts,
            "samples": self.truth["sample_id"].n_unique(),
            "donors": self.labels["donor_id"].n_unique(),
            "separations": self.separations.to_dicts(),
        }


def simulate(
    out: Path,
    *,
    settings: Settings | None = None,
    seed: int = 0,
    dapi: bool = True,
    blind: bool = False,
    masks: Path | None = None,
    picture: Path | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> SimulateResult:
    """Make an export of calculated cells: {sample_id}/{cell_id}_BF.tif and _DAPI.tif, labels, truth, settings.

    settings: see `Settings`; None: the paper's cohort. seed: with the settings it decides every byte, whatever the
        number of workers. blind: labels.csv tells no label (truth.csv does). dapi: False leaves these images out.
    masks: a folder for the true outlines, a label TIFF a cell: 1 cell, 2 nucleus, 3 other. picture: a PNG with cells of
        every kind.
    Raises UserError where something exists already, or the disk refuses.
    """
    settings, out = settings or Settings(), Path(out)
    if seed < 0:
        raise UserError("a seed is 0 or more", "--seed", "such as 0")
    files.refuse_other_things(out, "truth.csv")
    if picture is not None and Path(picture).suffix.lower() != ".png":
        raise UserError(f"a picture is a .png file, not {Path(picture).name!r}", "--picture", "such as cells.png")
    for target in filter(None, (out, masks, picture)):
        files.refuse_existing(Path(target), overwrite)
    cells = plan(settings, seed)
    with files.new_folder(out, overwrite=overwrite) as folder, _folder_or_none(masks, overwrite) as for_masks:
        for sample in {cell.sample.sample_id for cell in cells}:
            (folder / sample).mkdir()
            if for_masks is not None:
                (for_masks / sample).mkdir()
        made = _made(Order(folder, for_masks, settings, seed, dapi), cells, workers, progress)
        labels, truth = (pl.DataFrame(rows, infer_schema_length=None) for rows in zip(*_rows(made), strict=True))
        shown = labels.drop(_HIDDEN) if blind else labels
        files.write_text(folder / "labels.csv", shown.write_csv())
        files.write_text(folder / "truth.csv", truth.write_csv())
        files.write_text(folder / "settings.yaml", f"# seed: {seed}\n{settings.to_yaml()}")
        if picture is not None:
            draw_montage(Path(picture), folder, truth, settings, overwrite=overwrite)
    trivial = truth.select("cell_id", "label", "origin").hstack(pl.DataFrame([each.trivial for each in made]))
    return SimulateResult(out, settings, shown, truth, separations(trivial, POSITIVE, NEGATIVE))


def _made(order: Order, cells: list[CellPlan], workers: int | None, progress: Progress | None) -> list[Made]:
    tasks = [cells[start : start + _TASK] for start in range(0, len(cells), _TASK)]
    made: list[Made] = []
    for rows in engine.mapped(partial(make, order), tasks, workers):
        made += rows
        if progress is not None:
            progress("making cells", len(made), len(cells))
    return made


def _rows(made: list[Made]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    return ((each.label, each.truth) for each in made)


@contextmanager
def _folder_or_none(target: Path | None, overwrite: bool) -> Iterator[Path | None]:
    if target is None:
        yield None
        return
    with files.new_folder(Path(target), overwrite=overwrite) as folder:
        yield folder
