"""What the tests of ways to use unlabelled cells share."""

import shutil
from pathlib import Path

import polars as pl

from brightctc.cohort import Cohort
from brightctc.cohort.folder import SplitFile, write_split

TINY = [
    "backbone.name=test_resnet",
    "backbone.weights=none",
    "backbone.views=1",
    "preprocess.size=24",
    "train.epochs=2",
    "train.batch_size=16",
]


def pooled_cohort(drawn_cohort: Path, folder: Path) -> Path:
    """Donors 0-7 train (two cells of each unlabelled), 8-9 validation, 10 test, 11 pool; a pool cell of donor 8."""
    shutil.copytree(drawn_cohort, folder)
    read = Cohort.read(folder)
    donor = pl.col("donor_id").str.slice(1).cast(pl.Int32)
    number = pl.int_range(pl.len()).over("donor_id")
    part = (
        pl.when((donor == 11) | ((donor == 8) & (number == 0)))
        .then(pl.lit("pool"))
        .when(donor < 8)
        .then(pl.lit("train"))
        .when(donor < 10)
        .then(pl.lit("validation"))
    )
    parts = read.cells.select("cell_id", part=part.otherwise(pl.lit("test")))
    write_split(read.root, parts, SplitFile(by="donor_id", settings={}))
    table = pl.read_csv(read.table, infer_schema_length=None)
    unnamed = (donor < 8) & (number < 2)
    table.with_columns(label=pl.when(unnamed).then(None).otherwise("label")).write_csv(read.table)
    return read.root
