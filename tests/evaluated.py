"""Cohorts and results for the tests of `evaluate`: drawn cells of twelve donors, and results without images."""

from pathlib import Path

import numpy as np
import polars as pl

from brightctc.bundle import BundleThreshold
from brightctc.cohort import Classes, CohortFile, SplitFile, write_cohort, write_split
from brightctc.evaluate import Evaluation
from brightctc.evaluate.cells import ScoredCells
from brightctc.evaluate.claim import Claim
from brightctc.evaluate.evaluation import Resampling, evaluation_of
from drawn import NEGATIVE, POSITIVE, draw_export

STRICT = BundleThreshold(policy="f1", logit=1.2, score=float(1 / (1 + np.exp(-1.2))))  # misses some positives


def drawn_cells(folder: Path) -> pl.DataFrame:
    """180 drawn cells of 12 donors, with the absolute paths of their images."""
    export = draw_export(folder, cells=180, donors=12)
    token = {"bright_field": "BF", "dapi": "DAPI"}
    return export.cells.with_columns(
        cell_id=pl.format("{}/{}", "sample_id", "cell_id"),
        **{
            name: pl.format("{}/{}/{}_{}.tif", pl.lit(str(export.folder)), "sample_id", "cell_id", pl.lit(word))
            for name, word in token.items()
        },
    )


def part_of_donor(donor: str) -> str:
    return "train" if donor < "D02" else "validation" if donor < "D04" else "test"


def cohort_of(folder: Path, cells: pl.DataFrame, *, by: str = "donor_id", classes: Classes | None = None) -> Path:
    """A cohort whose first donors train, whose next validate and whose other eight are the test part."""
    folder.mkdir(parents=True)
    part = cells["sample_id"].str.replace("S", "D").map_elements(part_of_donor, return_dtype=pl.String)
    known = classes or Classes(negative=NEGATIVE, positive=POSITIVE)
    write_cohort(folder, cells, CohortFile(name="drawn", classes=known, channels=("bright_field", "dapi")))
    write_split(folder, cells.with_columns(part=part), SplitFile(by=by, settings={}))
    return folder


def simulated(positives: int, negatives: int, donors: int, name: str, stamps: tuple[str, ...] = ()) -> Evaluation:
    """A result without images: normal logits, the first cell unreadable."""
    rng = np.random.default_rng(0)
    n = positives + negatives
    positive = np.arange(n) < positives
    logit = rng.normal(0, 1.4, n) + np.where(positive, 2.0, -2.0)
    logit[0] = np.nan
    rows = pl.DataFrame({"cell_id": [f"c{i}" for i in range(n)], "donor_id": [f"D{i % donors}" for i in range(n)]})
    cells = ScoredCells(
        rows=rows,
        positive=positive,
        labelled=np.ones(n, dtype=bool),
        logit=logit,
        score=1 / (1 + np.exp(-logit)),
        called=logit >= STRICT.logit,
        error=["missing: x"] + [None] * (n - 1),
        flags=[()] * n,
        warnings=(),
    )
    claim = Claim("test", "bright_field", "donor_id", "donor_id", stamps, ())
    return evaluation_of(cells, claim, Classes(negative=NEGATIVE, positive=name), STRICT, Resampling(100, 0))
