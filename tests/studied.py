"""Small studies for tests: drawn cells of sixteen donors with DAPI, tiny networks, few resamples."""

from pathlib import Path
from typing import Any

import polars as pl

from brightctc.cohort import Cohort, import_export
from brightctc.cohort.folder import SplitFile, write_split
from brightctc.study.options import Options
from brightctc.study.studying import Machines, StudyResult, study
from drawn import draw_export

TINY = (
    "backbone.name=test_resnet",
    "backbone.weights=none",
    "backbone.views=1",
    "preprocess.size=24",
    "train.steps=4",
    "train.batch_size=16",
)
HERE = Machines(parallel=1, threads=1)
PARTS = {0: "train", 6: "validation", 8: "test", 14: "sealed"}  # from this donor on
SITES = ("north", "south", "west")


def drawn_cohort(folder: Path, *, cells: int = 160, patients: int = 0, dapi: bool = True) -> Path:
    """Donors D00 to D05 train, two validate, six are the test part, two are sealed; three sites."""
    export = draw_export(folder / "export", cells=cells, donors=16, patients=patients)
    table = pl.read_csv(export.table)
    site = pl.col("donor_id").str.slice(1).cast(pl.Int32) % 3
    table.with_columns(site=site.replace_strict(dict(enumerate(SITES)))).write_csv(export.table)
    options: dict[str, Any] = export.import_options() if dapi else export.import_options() | {"dapi": None}
    root = folder / "cohort"
    import_export(export.folder, root, **options)
    divide(root)
    return root


def divide(root: Path, parts: dict[int, str] | None = None) -> None:
    """Whole donors into parts, as `split --by donor_id` would."""
    cells = Cohort.read(root, with_split=False).cells
    donor = cells["donor_id"].str.slice(1).cast(pl.Int32)
    known = parts or PARTS
    part = [known[max(first for first in known if first <= number)] for number in donor]
    write_split(root, cells.with_columns(part=pl.Series(part)), SplitFile(by="donor_id", settings={}))


def tiny(question: str, cohort: Path, folder: Path, *, machines: Machines = HERE, **changes: Any) -> StudyResult:
    """A study with tiny networks. changes: of the options, or arguments of `study`."""
    arguments = {name: changes.pop(name) for name in ("sealed", "declare_only", "dry_run") if name in changes}
    usual: dict[str, Any] = {"settings": TINY, "seeds": 2, "baselines": ("constant", "size"), "resamples": 100}
    return study(question, cohort, folder, Options(**usual | changes), machines=machines, **arguments)
