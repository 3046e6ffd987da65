"""Find what holds a donor: cohorts, runs, studies, bundles, evaluations, scores, features, reports below folders."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import polars as pl

from brightctc import files
from brightctc.bundle import Seen, Shown
from brightctc.cohort import is_packed, read_table
from brightctc.cohort.shards import read_shards
from brightctc.errors import UserError
from brightctc.predict.work import pieces_in
from brightctc.withdraw.mentions import find_mentions
from brightctc.withdraw.tables import (
    DonorCells,
    donor_mask,
    donor_rows,
    has_cells,
    has_features,
    has_samples,
    read_rows,
    result_of,
)

Kind = Literal[
    "scores",
    "scoring",
    "features",
    "chart",
    "evaluation",
    "explanation",
    "report",
    "bundle",
    "run",
    "study",
    "cohort",
    "mention",
]
_NOT_ENTERED = {".git"}
EXPLAINED = "explain.json"
_SHORTEST_ID = 3  # letters; a shorter one would be found in every file


@dataclass(frozen=True)
class Holding:
    """One place that holds the donor. A scoring is one that was stopped, with the cells that it has kept.

    cells:  rows of the donor (None where they can't be counted: a bundle keeps hashes).
    images: copies of their images inside a cohort, masks beside features, the picture of a chart, the PDF of a report,
    or all that is in an explanation, which removal deletes; originals: image files that removal leaves.
    certain: False for a run that was stopped before it wrote its bundle, and for files that only mention the id.
    """

    kind: Kind
    path: Path
    cells: int | None = None
    images: tuple[Path, ...] = ()
    originals: int = 0
    certain: bool = True


def find_holdings(donor: str, paths: list[Path]) -> tuple[list[Holding], list[str]]:
    """All places below `paths` that hold the donor, in the order in which removal treats them; and warnings.

    Cohorts come last: their cell ids tell which rows of a table without donors are the donor's, also when a removal
    was interrupted and is run again.
    """
    warnings: list[str] = []
    folders, tables = _walk(paths, warnings)
    cohorts = list(_cohorts(folders, donor, warnings))
    cells = donor_cells(donor, [held.path for held in cohorts])
    inside = [
        *_tables(tables, cells, warnings),
        *_charts(tables, cells, warnings),
        *_scorings(folders, cells, warnings),
        *_reports(folders, paths, cells, warnings),
        *_explanations(folders, cells, warnings),
        *_models(folders, donor, warnings),
    ]
    held = [*inside, *_studies(folders, [*inside, *cohorts]), *cohorts]
    if len(donor) < _SHORTEST_ID:
        warnings.append(f"{donor!r} is too short to be searched for in other texts (reports, label tables)")
    else:
        known = {table for holding in held for table in (holding.path, *_own_tables(holding))}
        mentioned = find_mentions(donor, folders, tables, known, warnings)
        held += [Holding("mention", path, certain=False) for path in mentioned]
    return held, warnings


def _studies(folders: list[Path], held: list[Holding]) -> list[Holding]:
    """Studies in which something holds the donor: scores, a run, a division."""
    studies = [folder for folder in folders if (folder / "study.yaml").is_file()]
    return [Holding("study", study) for study in studies if any(study in holding.path.parents for holding in held)]


def donor_cells(donor: str, cohorts: list[Path]) -> DonorCells:
    """The donor's cells as these cohorts know them."""
    return DonorCells.of(donor, [read_table(folder) for folder in cohorts])


def _walk(paths: list[Path], warnings: list[str]) -> tuple[list[Path], list[Path]]:
    """Every folder below the paths, and every table file; links are not followed."""

    def not_searched(error: OSError) -> None:
        warnings.append(f"not searched: {error.filename}: {error.strerror}")

    folders: dict[Path, None] = {}
    tables: dict[Path, None] = {}
    for path in paths:
        if path.is_file():
            tables[path] = None
        elif not path.is_dir():
            raise UserError("there is nothing here to search", path, "check the path")
        for folder, inner, names in os.walk(path, onerror=not_searched):
            inner[:] = sorted(set(inner) - _NOT_ENTERED)
            folders[Path(folder)] = None
            tables |= dict.fromkeys(Path(folder, name) for name in sorted(names) if name.endswith((".csv", ".parquet")))
    return list(folders), list(tables)


def _cohorts(folders: list[Path], donor: str, warnings: list[str]) -> Iterator[Holding]:
    """Cohorts with rows of the donor."""
    for folder in folders:
        if _is_cohort(folder):
            try:
                held = _cohort(folder, donor)
            except UserError as error:
                warnings.append(f"not searched: {error.where}: {error.what}")
                continue
            if held is not None:
                yield held


def _is_cohort(folder: Path) -> bool:
    return ((folder / "cells.csv").is_file() or is_packed(folder)) and (folder / "cohort.yaml").is_file()


def _cohort(folder: Path, donor: str) -> Holding | None:
    cells = read_table(folder)
    theirs = donor_mask(cells, donor)
    rows = cells.filter(theirs)
    if rows.is_empty():
        return None
    if is_packed(folder):
        return Holding("cohort", folder, rows.height)  # the images are in the rows
    about = files.read_yaml(folder / "cohort.yaml")
    provenance = about.get("provenance") if isinstance(about, dict) else None
    copied = isinstance(provenance, dict) and bool(provenance.get("copied"))
    others = _image_paths(folder, cells.filter(~theirs))
    own = _image_paths(folder, rows)
    # only what the import itself copied, and what no other cell's row points to
    deletable = {path for path in own - others if copied and _inside(path, folder)}
    return Holding("cohort", folder, rows.height, tuple(sorted(deletable)), len(own - deletable))


def _image_paths(folder: Path, rows: pl.DataFrame) -> set[Path]:
    columns = [column for column in ("bright_field", "dapi") if column in rows.columns]
    return {folder / value for column in columns for value in rows[column].drop_nulls()}


def _inside(path: Path, folder: Path) -> bool:
    """Is this a file of the folder's own (no link, and not reached through one that leads out)?"""
    return not path.is_symlink() and folder.resolve() in path.resolve().parents


def _tables(tables: list[Path], cells: DonorCells, warnings: list[str]) -> Iterator[Holding]:
    """Score tables and evaluations with rows of the donor."""
    for table in tables:
        if _of_cohort(table) or (table.parent / EXPLAINED).is_file() or not has_cells(table):
            continue
        try:
            held = read_rows(table)
            rows = donor_rows(held, cells)
        except UserError as error:
            warnings.append(f"not searched: {error.where}: {error.what}")
            continue
        if not rows.any():
            continue
        if result_of(table) is not None:
            yield Holding("evaluation", table.parent, int(rows.sum()))
        elif has_features(held):
            yield Holding("features", table, int(rows.sum()), _masks(table, held.filter(rows)))
        else:
            yield Holding("scores", table, int(rows.sum()))


def _charts(tables: list[Path], cells: DonorCells, warnings: list[str]) -> Iterator[Holding]:
    """Control charts with a sample that is the donor's alone; a sample without a name goes by its donor."""
    for table in tables:
        if not has_samples(table):
            continue
        try:
            samples = set(read_rows(table)["sample_id"])
        except UserError as error:
            warnings.append(f"not searched: {error.where}: {error.what}")
            continue
        if samples & {*cells.samples, cells.donor}:
            picture = table.with_suffix(".png")
            yield Holding("chart", table, images=(picture,) if picture.is_file() else ())


def _scorings(folders: list[Path], cells: DonorCells, warnings: list[str]) -> Iterator[Holding]:
    """Scorings that were stopped, and have kept rows of the donor."""
    for folder in folders:
        try:
            found = sum(int(donor_rows(read_rows(piece), cells).sum()) for piece in pieces_in(folder))
        except UserError as error:
            warnings.append(f"not searched: {error.where}: {error.what}")
            continue
        if found:
            yield Holding("scoring", folder, found)


def _of_cohort(table: Path) -> bool:
    """Is this one of a cohort's own tables, which are treated with it?"""
    if not _is_cohort(table.parent):
        return False
    if not is_packed(table.parent):
        return table.name in ("cells.csv", "splits.csv")
    try:
        shards = {entry.file for entry in read_shards(table.parent)}
    except UserError:  # which is told of the cohort
        shards = set()
    return table.name in {"splits.csv", *shards}


def _masks(features: Path, rows: pl.DataFrame) -> tuple[Path, ...]:
    """The label images of these rows that `measure` wrote, and that are there."""
    meta = features.with_suffix(".meta.json")
    values = files.read_json(meta) if meta.is_file() else None
    root = values.get("mask_root") if isinstance(values, dict) else None
    if not isinstance(root, str) or "mask" not in rows.columns:
        return ()
    named = [Path(root) / name for name in rows["mask"].drop_nulls()]
    return tuple(path for path in named if path.is_file() and _inside(path, Path(root)))


def _reports(folders: list[Path], paths: list[Path], cells: DonorCells, warnings: list[str]) -> Iterator[Holding]:
    """Reports that show or count the donor's cells: they name nobody, and can be asked."""
    given = [path for path in paths if path.is_file()]
    pages = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    for page in dict.fromkeys(path for path in (*pages, *given) if path.suffix.lower() == ".html"):
        try:
            shown = Shown.read(page)
        except UserError as error:
            warnings.append(f"not searched: {error.where}: {error.what}")
            continue
        if shown is not None and (shown.has_donor(cells.donor) or any(shown.has_cell(cell) for cell, _ in cells.ids)):
            beside = page.with_name(Path(shown.pdf).name) if shown.pdf else None
            yield Holding("report", page, images=(beside,) if beside is not None and beside.is_file() else ())


def _explanations(folders: list[Path], cells: DonorCells, warnings: list[str]) -> Iterator[Holding]:
    """Folders that `explain` wrote, in which the donor's cells are shown or counted: all of their files."""
    for folder in folders:
        if not (folder / EXPLAINED).is_file():
            continue
        try:
            values = files.read_json(folder / EXPLAINED)
            shown = Shown.from_json(values.get("shown") if isinstance(values, dict) else None, folder / EXPLAINED)
        except UserError as error:
            warnings.append(f"not searched: {error.where}: {error.what}")
            continue
        if shown.has_donor(cells.donor) or any(shown.has_cell(cell) for cell, _ in cells.ids):
            written = [path for path in sorted(folder.iterdir()) if path.suffix in (".json", ".csv", ".png")]
            written.sort(key=lambda path: path.name == EXPLAINED)  # by which it is found again, if one can't be deleted
            yield Holding("explanation", folder, images=tuple(path for path in written if path.is_file()))


def _models(folders: list[Path], donor: str, warnings: list[str]) -> Iterator[Holding]:
    """Bundles that saw the donor, their runs, and runs that were stopped before they wrote one."""
    for folder in folders:
        if (folder / "bundle.json").is_file() and (folder / "seen.json").is_file():
            try:
                seen = Seen.read(folder / "seen.json").has_donor(donor)
            except UserError as error:
                warnings.append(f"not searched: {error.where}: {error.what}")
                continue
            if seen:
                yield Holding("bundle", folder)
                if (folder.parent / "recipe.yaml").is_file():
                    yield Holding("run", folder.parent)
        stopped = (folder / "environment.json").is_file() and not (folder / "bundle" / "seen.json").is_file()
        if stopped and (folder / "recipe.yaml").is_file():
            yield Holding("run", folder, certain=False)


def _own_tables(holding: Holding) -> tuple[Path, ...]:
    """Files whose rows a removal takes out anyway."""
    if holding.kind == "cohort":
        return holding.path / "cells.csv", holding.path / "splits.csv"
    if holding.kind == "study":
        return holding.path / "strata.csv", holding.path / "findings.json"
    if holding.kind == "explanation":
        return holding.images
    if holding.kind == "scoring":
        return tuple(holding.path.iterdir())
    return (holding.path / "scores.csv", holding.path / "groups.csv") if holding.kind == "evaluation" else ()
