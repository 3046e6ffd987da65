"""Take a donor out of what holds them: rows, copied images and reports go; models and figures are marked."""

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

import polars as pl

from brightctc import files
from brightctc.bundle import WITHDRAWN, Seen
from brightctc.cohort import is_packed
from brightctc.cohort.repacking import without_cells
from brightctc.withdraw.holdings import Holding
from brightctc.withdraw.tables import DonorCells, donor_rows, read_rows, result_of, write_rows

FORMAT_VERSION = 1
_REASON = "a donor whose cells are in this {what} has withdrawn; {fix}"


def remove(holding: Holding, cells: DonorCells) -> None:
    """Remove the donor from one place, or mark it. Raises UserError or OSError where it can't be, or is in use."""
    if holding.kind in ("scores", "features"):
        for mask in holding.images:
            mask.unlink(missing_ok=True)
        _remove_rows(holding.path, cells)
        _count_in_meta(holding, cells.donor)
    elif holding.kind == "scoring":
        with files.lock(holding.path):
            shutil.rmtree(holding.path)
    elif holding.kind == "evaluation":
        _remove_rows(holding.path / "scores.csv", cells)
        _remove_group(holding.path / "groups.csv", cells.donor)
        _mark(holding.path, cells.donor, "evaluation", "evaluate again without these cells")
    elif holding.kind == "report":
        for path in (*holding.images, holding.path):
            path.unlink(missing_ok=True)
    elif holding.kind == "explanation":
        for path in holding.images:
            path.unlink(missing_ok=True)
    elif holding.kind == "bundle":
        _mark(holding.path, cells.donor, "bundle", "train again without them")
    elif holding.kind == "run" and holding.certain:
        with files.lock(holding.path):
            _mark(holding.path, cells.donor, "run", "train again without them")
    elif holding.kind == "study":
        with files.lock(holding.path):
            _remove_stratum(holding.path / "strata.csv", cells.donor)
            (holding.path / "findings.json").unlink(missing_ok=True)
            _mark(holding.path, cells.donor, "study", "start it anew without them, in another folder")
    elif holding.kind == "cohort":
        with files.lock(holding.path):
            _remove_from_cohort(holding, cells.donor)


def _remove_rows(path: Path, cells: DonorCells) -> None:
    table = read_rows(path)
    write_rows(path, table.filter(~donor_rows(table, cells)))


def _count_in_meta(holding: Holding, donor: str) -> None:
    """Say in SCORES.meta.json how many rows are gone: its other facts are of the whole input, but none of the donor."""
    meta = holding.path.with_suffix(".meta.json")
    if meta.is_file():
        values = files.read_json(meta)
        if isinstance(values, dict):
            gone = values.get("withdrawn_rows", 0) + (holding.cells or 0)
            changed = {"withdrawn_rows": gone}
            if "shifts" in values:  # where no samples are known, these are of donors
                changed["shifts"] = [shift for shift in values["shifts"] if shift.get("sample_id") != donor]
            files.write_json(meta, values | changed)


def _remove_group(path: Path, donor: str) -> None:
    """An evaluation's row of this donor."""
    if path.is_file():
        groups = read_rows(path)
        if {"group_by", "group"} <= set(groups.columns):
            of_donor = (pl.col("group_by") == "donor_id") & (pl.col("group") == donor)
            write_rows(path, groups.filter(~of_donor.fill_null(False)))


def _remove_stratum(path: Path, donor: str) -> None:
    """A study's rows of this donor."""
    if path.is_file():
        strata = read_rows(path)
        of_donor = (pl.col("by") == "donor_id") & (pl.col("stratum") == donor)
        write_rows(path, strata.filter(~of_donor.fill_null(False)))


def _mark(folder: Path, donor: str, what: str, fix: str) -> None:
    """Write WITHDRAWN.json: which donors (as salted hashes), and what to do. It lies beside what is hashed."""
    mark = folder / WITHDRAWN
    known = files.read_json(mark, format_version=FORMAT_VERSION)["donors"] if mark.is_file() else []
    values = {
        "format_version": FORMAT_VERSION,
        "reason": _REASON.format(what=what, fix=fix),
        "donors": sorted({*known, _hashed(folder, donor)}),
    }
    files.write_json(mark, values)


def _hashed(folder: Path, donor: str) -> str:
    """The id is not written into a mark; the salt is the bundle's own where there is one."""
    seen = next((path for path in (folder / "seen.json", folder / "bundle" / "seen.json") if path.is_file()), None)
    salt = Seen.read(seen).salt if seen else files.sha256(_marked_file(folder))
    return hashlib.sha256(f"{salt}\0{donor}".encode()).hexdigest()[:20]


def _marked_file(folder: Path) -> Path:
    """The file whose hash is the salt: of a study its declaration, of an evaluation its figures."""
    return next(
        path
        for path in (folder / "study.yaml", result_of(folder / "scores.csv"), folder / "metrics.json")
        if path is not None and path.is_file()
    )


def _remove_from_cohort(holding: Holding, donor: str) -> None:
    """Images first and `cells.csv` last: what was interrupted is found again, and finished, by the next run.

    A packed cohort is replaced by one without them at once.
    """
    if is_packed(holding.path):
        with without_cells(holding.path, "donor_id", donor) as rest:
            _without(rest.folder / "splits.csv", rest.gone)
        return
    for image in holding.images:
        image.unlink(missing_ok=True)
    cells = read_rows(holding.path / "cells.csv")
    of_donor = cells["donor_id"].eq_missing(pl.Series([donor]))
    gone = cells.filter(of_donor)["cell_id"]
    _without(holding.path / "splits.csv", gone)
    write_rows(holding.path / "cells.csv", cells.filter(~of_donor))


def _without(path: Path, cell_ids: Iterable[str]) -> None:
    """Take these cells out of a split, where there is one."""
    if path.is_file():
        parts = read_rows(path)
        write_rows(path, parts.filter(~parts["cell_id"].is_in(list(cell_ids))))
