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
from brightctc.withdraw.tables import DonorCells, donor_rows, own_samples, read_rows, result_of, write_rows

FORMAT_VERSION = 1
_REASON = "a donor whose cells are in this {what} has withdrawn; {fix}"


def remove(holding: Holding, cells: DonorCells) -> None:
    """Remove the donor from one place, or mark it. Raises UserError or OSError where it can't be, or is in use."""
    if holding.kind in ("scores", "features"):
        for mask in holding.images:
            mask.unlink(missing_ok=True)
        _remove_from_table(holding, cells)
    elif holding.kind == "scoring":
        with files.lock(holding.path):
            shutil.rmtree(holding.path)
    elif holding.kind == "evaluation":
        _remove_from_evaluation(holding.path, cells)
    elif holding.kind in ("report", "chart"):
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
            _remove_figures(holding.path / "strata.csv", ("by", "stratum"), cells.donor, cells.samples)
            (holding.path / "findings.json").unlink(missing_ok=True)
            _mark(holding.path, cells.donor, "study", "start it anew without them, in another folder")
    elif holding.kind == "cohort":
        with files.lock(holding.path):
            _remove_from_cohort(holding, cells.donor)


def _remove_from_table(holding: Holding, cells: DonorCells) -> None:
    """Figures of their samples first: what was interrupted is found by its rows, and finished, by the next run.

    SCORES.meta.json says in the end how many rows are gone; its other facts are of the whole input.
    """
    table = read_rows(holding.path)
    theirs = donor_rows(table, cells)
    meta = holding.path.with_suffix(".meta.json")
    known = files.read_json(meta) if meta.is_file() else None
    if isinstance(known, dict) and "shifts" in known:
        gone = own_samples(table, theirs) | {cells.donor}  # where no samples are known, shifts are of donors
        known["shifts"] = [shift for shift in known["shifts"] if shift.get("sample_id") not in gone]
        files.write_json(meta, known)
    write_rows(holding.path, table.filter(~theirs))
    if isinstance(known, dict):
        files.write_json(meta, known | {"withdrawn_rows": known.get("withdrawn_rows", 0) + (holding.cells or 0)})


def _remove_from_evaluation(folder: Path, cells: DonorCells) -> None:
    """Rows last: by them it is found again, where this is interrupted."""
    scores = folder / "scores.csv"
    table = read_rows(scores)
    theirs = donor_rows(table, cells)
    _remove_figures(folder / "groups.csv", ("group_by", "group"), cells.donor, own_samples(table, theirs))
    _mark(folder, cells.donor, "evaluation", "evaluate again without these cells")
    write_rows(scores, table.filter(~theirs))


def _remove_figures(path: Path, columns: tuple[str, str], donor: str, samples: Iterable[str]) -> None:
    """Rows of this donor and these samples in a table of figures. columns: by what it groups cells, and the group."""
    figures = read_rows(path) if path.is_file() else pl.DataFrame()
    if set(columns) <= set(figures.columns):
        by, group = (pl.col(name) for name in columns)
        theirs = ((by == "donor_id") & (group == donor)) | ((by == "sample_id") & group.is_in(list(samples)))
        write_rows(path, figures.filter(~theirs.fill_null(False)))


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
