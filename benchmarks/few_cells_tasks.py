"""What is told apart from few labelled cells: two tasks on real cells, one on made ones; each with its draws."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from brightctc import import_export, simulate, split
from brightctc.cohort import Cohort
from brightctc.metrics.units import Unit
from brightctc.simulate import chosen_settings
from jurkat import DOUBLES, unzipped

MITOTIC = ("Prophase", "Metaphase", "Anaphase", "Telophase")
MADE = {
    "line_cells": 460,
    "spiked_leukocytes": 340,
    "volunteers": 12,
    "patient_ctcs": 480,
    "patients": 80,
    "leukocytes_per_ctc": 6,
}
_VERSION = 2  # raised where the same counts make other cells: 2, each nucleus stains by its DNA
_LABELLED_UP_TO = "P60"


@dataclass(frozen=True)
class Task:
    """One question. cells, positives: labelled ones for training and validation, drawn `draws` times.

    made: writes its cohort, not split yet, from `of`. parts: who is tested, as `split` takes it, and the share of these
    that is sealed. unit: what is resampled for an interval. All other cells lie in the pool, their labels unused.
    """

    name: str
    cells: int
    positives: int
    draws: int
    made: Callable[[Path, Path, Any], None]
    of: Any
    parts: dict[str, Any]
    unit: Unit = "cell"

    @property
    def key(self) -> str:
        """Of its rows."""
        return f"{self.name}-{self.cells}"

    @property
    def hash(self) -> str:
        """Changes where other cells would be drawn or tested; 8 hex digits."""
        facts = (self.key, self.positives, self.of, sorted(self.parts.items()))
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:8]

    def cohort(self, draw: int, work: Path) -> Path:
        """The cohort of a draw, made and split once; every draw has the same test and sealed part."""
        root = work / "cohorts" / f"{self.key}-{draw}-{self.hash}"
        if not (root / "splits.csv").is_file():
            self.made(work, root, self.of)
            split(root, train_cells=self.cells, train_positives=self.positives, seed=0, draw=draw, **self.parts)
        return root


def real(work: Path, root: Path, phases: tuple[tuple[str, ...], tuple[str, ...]]) -> None:
    """Jurkat cells of Experiment_1: phases told apart, positive and negative; cells in other phases have no label."""
    cells = unzipped(work)
    import_export(
        cells,
        root,
        pattern="{folder}/{cell_id}_{channel}.tif",
        bright_field="BF",
        dapi="DNA",
        table=cells / "cells.csv",
        key="file_stem={folder}/{cell_id}",
        label="phase",
        positive=phases[0],
        negative=phases[1],
        classes=("positive", "negative"),
        where=f"experiment = 'Experiment_1' AND file_stem NOT IN {DOUBLES}",
        overwrite=True,
    )


def made_cells(work: Path, root: Path, of: tuple[dict[str, int], int]) -> None:
    """Calculated cells: two lines and leukocytes of volunteers, patients' CTCs and leukocytes.

    Samples of some patients have no labels, so they lie in the pool: a lab has such, stained and never looked at.
    """
    export = work / f"made-{hashlib.sha256(repr(of).encode()).hexdigest()[:8]}"
    if not export.is_dir():
        simulate(export, settings=chosen_settings(counts=of[0]), seed=0)
        table = pl.read_csv(export / "labels.csv", infer_schema_length=None)
        unseen = (pl.col("origin") == "patient") & (pl.col("donor_id") > _LABELLED_UP_TO)
        table.with_columns(label=pl.when(unseen).then(None).otherwise("label")).write_csv(export / "looked_at.csv")
    import_export(
        export,
        root,
        pattern="{sample_id}/{cell_id}_{channel}.tif",
        bright_field="BF",
        dapi="DAPI",
        table=export / "looked_at.csv",
        label="label",
        positive=("CTC",),
        negative=("leukocyte",),
        overwrite=True,
    )


_AMONG_ALL, _PROPHASE = (MITOTIC, ("G1", "S_phase", "G2")), (("Prophase",), ("G2",))
_MITOTIC_PARTS, _PROPHASE_PARTS = {"test_share": 0.45, "seal": 0.25}, {"test_share": 0.5, "seal": 0.33}
_MADE_PARTS = {"test": f"origin = 'patient' AND donor_id <= '{_LABELLED_UP_TO}'", "seal": 0.33}
TASKS = {
    task.key: task
    for task in (
        Task("mitotic", 100, 33, 5, real, _AMONG_ALL, _MITOTIC_PARTS),
        Task("mitotic", 200, 66, 5, real, _AMONG_ALL, _MITOTIC_PARTS),
        Task("mitotic", 917, 300, 3, real, _AMONG_ALL, _MITOTIC_PARTS),
        Task("prophase", 100, 50, 5, real, _PROPHASE, _PROPHASE_PARTS),
        Task("prophase", 200, 100, 5, real, _PROPHASE, _PROPHASE_PARTS),
        Task("made", 200, 110, 5, made_cells, (MADE, _VERSION), _MADE_PARTS, unit="donor"),
    )
}


def labels(key: str, part: str, work: Path) -> tuple[np.ndarray, list[str] | None]:
    """Bool (n,) and the units of a part's cells, which every draw shares."""
    task = TASKS[key]
    cohort = Cohort.read(task.cohort(0, work))
    rows = cohort.part(part)
    return cohort.positive(rows).to_numpy(), None if task.unit == "cell" else rows["donor_id"].to_list()
