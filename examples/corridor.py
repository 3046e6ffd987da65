"""The whole way in Python, for notebooks: import → check → split → train → evaluate → predict.

    python examples/corridor.py EXPORT LABELS NEW_SAMPLE WORK     your own folders
    python examples/corridor.py                                   cells drawn for the purpose

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

from brightctc import check, evaluate, import_export, predict, split, train

PATTERN = "{sample_id}/{cell_id}_{channel}.tif"


@dataclass(frozen=True)
class Inputs:
    """What a lab has at the start."""

    export: Path
    labels: Path
    new_sample: Path


def corridor(inputs: Inputs, work: Path, settings: Sequence[str] = ()) -> pl.DataFrame:
    """Go the whole way; return the scores of the new sample, a row a cell.

    settings: changes to the recipe `default`, such as ["train.epochs=30"].
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


def drawn(folder: Path, cells: int = 180) -> Inputs:
    """A small export, its labels and a new sample, drawn; nobody's cells."""
    sys.path.append(str(Path(__file__).parents[1] / "tests"))
    from drawn import draw_export

    export = draw_export(folder / "export", cells=cells)
    new = draw_export(folder / "new_sample", cells=60, donors=2, positive_share=0.1, dapi=False, seed=1)
    new.table.unlink()
    for number, sample in enumerate(sorted(new.folder.iterdir()), start=1):
        sample.rename(new.folder / f"new{number}")
    return Inputs(export.folder, export.table.rename(folder / "labels.csv"), new.folder)


if __name__ == "__main__":
    if len(sys.argv) == 5:
        export, labels, new_sample, work = map(Path, sys.argv[1:])
        print(corridor(Inputs(export, labels, new_sample), work).sort("rank").head(10))
    else:
        with tempfile.TemporaryDirectory() as folder:
            print(corridor(drawn(Path(folder)), Path(folder)).sort("rank").head(10))
