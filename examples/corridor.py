"""The whole way in Python, for notebooks: import → check → split → train → evaluate → predict.

    python examples/corridor.py EXPORT LABELS NEW_SAMPLE WORK     your own folders
    python examples/corridor.py                                   cells made for the purpose

EXPORT and NEW_SAMPLE hold one image per cell and channel, named as PATTERN says; LABELS is a table with the columns
sample_id, cell_id, label, and better donor_id too. WORK is a new folder for what comes out.

For Research Use Only. Not for use in diagnostic procedures.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from brightctc import check, evaluate, import_export, predict, simulate, split, train
from brightctc.simulate import chosen_settings

PATTERN = "{sample_id}/{cell_id}_{channel}.tif"


@dataclass(frozen=True)
class Inputs:
    """What a lab has at the start."""

    export: Path
    labels: Path
    new_sample: Path


def corridor(inputs: Inputs, work: Path, settings: Sequence[str] = ()) -> pl.DataFrame:
    """Go the whole way; return the scores of the new sample, a row a cell.

    settings: changes to the recipe `default`, such as ["train.steps=1200"].
    """
    cohort, run, results = work / "cohort", work / "run", work / "results"

    imported = import_export(
        inputs.export,
        cohort,
        pattern=PATTERN,
        bright_field="BF",
        dapi="DAPI",
        table=inputs.labels,
        label="label",
        positive=["CTC"],
        negative=["leukocyte"],
    )
    print("imported:", imported.summary())

    for problem in check(cohort).problems:
        print(f"{problem.severity}: {problem.message} ({problem.count}) → {problem.fix}")

    print("split:", split(cohort).summary())

    trained = train(cohort, run, settings=settings)
    print(f"trained: {len(trained.history)} epochs, validation F1 {trained.result['validation_f1']:.3f}")

    metrics = evaluate(run / "bundle", cohort, results).metrics
    for name in ("roc_auc", "average_precision", "f1", "false_calls_per_1000"):
        print(f"{name}: {metrics[name]}")

    return predict(run / "bundle", inputs.new_sample, work / "scores.csv").table


def made(folder: Path, cells: int = 300) -> Inputs:
    """An export, its labels and the blinded sample of a new patient, made from physics; nobody's cells."""
    simulate(folder / "export", settings=chosen_settings(cells=cells))
    new = {"line_cells": 0, "spiked_leukocytes": 0, "patients": 1, "patient_ctcs": 6, "prefix": "N"}
    simulate(folder / "new_sample", settings=chosen_settings(counts=new), seed=1, dapi=False, blind=True)
    return Inputs(folder / "export", folder / "export" / "labels.csv", folder / "new_sample")


if __name__ == "__main__":
    if len(sys.argv) == 5:
        export, labels, new_sample, work = map(Path, sys.argv[1:])
        print(corridor(Inputs(export, labels, new_sample), work).sort("rank").head(10))
    else:
        with tempfile.TemporaryDirectory() as folder:
            print(corridor(made(Path(folder)), Path(folder) / "work").sort("rank").head(10))
