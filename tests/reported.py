"""Runs and scores for the tests of `report`: drawn cells of lines and patients, and runs that nobody trained."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from brightctc import files
from brightctc.bundle import BundleThreshold
from brightctc.cohort import Classes, Cohort, CohortFile, SplitFile, fingerprint, write_cohort, write_split
from drawn import NEGATIVE, POSITIVE, draw_export
from tiny_bundle import tiny_bundle

DONORS, PATIENTS = 14, 8
PARTS = {"D00": "train", "D01": "train", "D02": "validation", "D03": "validation", "D04": "pool", "D05": "pool"}


def patients_cohort(
    folder: Path,
    *,
    cells: int = 280,
    size: int = 24,
    classes: Classes | None = None,
    parts: dict[str, str] = PARTS,
    **columns: pl.Expr,
) -> Path:
    """A cohort of 14 donors: spiked lines in train, validation and pool; eight patients in the test part.

    The positives of D00 have a cartridge of their own. columns: further ones, or changed.
    """
    export = draw_export(folder / "export", cells=cells, donors=DONORS, patients=PATIENTS, size=size)
    known = classes or Classes(negative=NEGATIVE, positive=POSITIVE)
    image = pl.format(f"{export.folder}/{{}}/{{}}_BF.tif", "sample_id", "cell_id")
    alone = (pl.col("donor_id") == "D00") & (pl.col("label") == POSITIVE)
    made = export.cells.with_columns(
        bright_field=image,
        cell_id=pl.format("{}/{}", "sample_id", "cell_id"),
        cartridge_id=pl.when(alone).then(pl.lit("K-spiked")).otherwise(pl.col("sample_id").str.replace("S", "K")),
        part=pl.col("donor_id").replace_strict(parts, default="test"),
    )
    made = made.with_columns(
        label=pl.when(pl.col("label") == POSITIVE).then(pl.lit(known.positive)).otherwise(pl.lit(known.negative))
    ).with_columns(**columns)
    root = folder / "cohort"
    root.mkdir()
    write_cohort(root, made.drop("part"), CohortFile(name="drawn", classes=known, channels=("bright_field",)))
    test = "origin = 'patient'"
    write_split(root, made, SplitFile(by="donor_id", settings={"test": test, "validation": 0.2, "seed": 0}))
    return root


def strict(logit: float) -> BundleThreshold:
    """A threshold at this logit."""
    return BundleThreshold(policy="f1", logit=logit, score=float(1 / (1 + np.exp(-logit))))


def made_run(folder: Path, cohort: Path, *, logit: float = 1.2, **changes: Any) -> Path:
    """A run folder as `train` leaves it, around a tiny bundle with its threshold at `logit`.

    changes: replace fields of the bundle's `BundleParts`.
    """
    read = Cohort.read(cohort)
    bundle = tiny_bundle(folder / "bundle", cohort=cohort, threshold=strict(logit), classes=read.classes, **changes)
    files.write_text(folder / "recipe.yaml", "format_version: 1\n")
    run = {"recipe": bundle.about.recipe_hash, "seed": 0, "threads": 1, "cells": fingerprint(read)}
    files.write_json(folder / "environment.json", {"format_version": 1, "run": run, "cohort": str(cohort.resolve())})
    return folder
