"""Which cells are shown: the best, the worst and the doubtful ones; and some of each class, drawn by a seed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from brightctc.cohort import Cohort
from brightctc.evaluate.cells import ScoredCells, labelled
from brightctc.evaluate.evaluation import Evaluation
from brightctc.predict.ranking import ranks
from brightctc.predict.table import FLAG_SEPARATOR
from brightctc.report.thumbnails import Thumbnail, thumbnails

SHOWN = 12  # cells of a gallery
DRAWN = 24  # cells of a class in a montage


@dataclass(frozen=True)
class Cell:
    """A cell with its picture, and what is known of it; None where it isn't."""

    cell_id: str
    picture: Thumbnail
    label: str | None = None
    donor: str | None = None
    sample: str | None = None
    score: float | None = None
    rank: int | None = None
    flags: str = ""


@dataclass(frozen=True)
class Gallery:
    """Cells under a title. of: how many there are in all. compact: pictures alone, the words on enlarging."""

    title: str
    note: str
    cells: tuple[Cell, ...]
    of: int
    compact: bool = False


def galleries(cohort: Cohort, evaluation: Evaluation) -> list[Gallery]:
    """False calls, missed cells, doubtful cells and the surest finds of one run, worst first."""
    cells, classes = evaluation.cells, evaluation.classes
    positive, negative = cells.positive & cells.labelled, ~cells.positive & cells.labelled
    logit = np.where(cells.unread, -np.inf, cells.logit)
    distance = np.abs(np.where(cells.unread, np.inf, cells.logit) - evaluation.threshold.logit)
    doubtful = (positive | negative) & ~cells.unread
    false, true = f"{classes.negative} called {classes.positive}", f"{classes.positive} called {classes.positive}"
    missed = f"{classes.positive} not called"
    chosen = (
        (f"False calls: {false}", "highest score first", negative & cells.called, -logit),
        (f"Missed: {missed}", "lowest score first; unreadable ones are missed, too", positive & ~cells.called, logit),
        ("Nearest to the threshold", "of either class; a small change would turn these calls", doubtful, distance),
        (f"Surest finds: {true}", "highest score first", positive & cells.called, -logit),
    )
    found = []
    for title, note, which, key in chosen:
        rows = np.flatnonzero(which)
        best = rows[np.argsort(key[rows], kind="stable")][:SHOWN]
        found.append(Gallery(title, note, tuple(_cells(cohort, cells, best)), len(rows)))
    return found


def montages(cohort: Cohort, rows: pl.DataFrame, where: str, seed: int) -> list[Gallery]:
    """Up to 24 labelled cells of each class among `rows`, drawn by the seed. where: e.g. "test"."""
    known = rows.filter(pl.Series(labelled(cohort, rows)))
    found = []
    for name in (cohort.classes.positive, cohort.classes.negative):
        of_class = known.filter(pl.col("label") == name)
        rng = np.random.default_rng(seed)
        drawn = np.sort(rng.permutation(of_class.height)[:DRAWN])
        kept = of_class[drawn.tolist()]
        pictures = thumbnails(cohort.paths(kept, "bright_field"))
        cells = [
            Cell(row["cell_id"], picture, name, row.get("donor_id"), row.get("sample_id"))
            for row, picture in zip(kept.iter_rows(named=True), pictures, strict=True)
        ]
        note = "all of them" if of_class.height == kept.height else "drawn by chance"
        found.append(Gallery(f"{name}, {where} part", note, tuple(cells), of_class.height, compact=True))
    return found


def scored_gallery(table: pl.DataFrame, root: Path) -> tuple[Cell, ...]:
    """The rows of a scores table as cells, in its order. root: what `bright_field` is relative to."""
    paths = [None if name is None else root / name for name in table["bright_field"]]
    return tuple(
        Cell(
            row["cell_id"],
            picture,
            row["call"],
            None if row.get("donor_id") is None else str(row["donor_id"]),
            row["sample_id"],
            row["score"],
            row["rank"],
            flags_in_words((row["flags"] or "").split(FLAG_SEPARATOR)),
        )
        for row, picture in zip(table.iter_rows(named=True), thumbnails(paths), strict=True)
    )


def flags_in_words(names: Iterable[str]) -> str:
    """`out of focus, debris`."""
    return ", ".join(names).replace("_", " ")


def _cells(cohort: Cohort, scored: ScoredCells, which: Sequence[int] | np.ndarray) -> list[Cell]:
    rank = ranks(scored.logit)
    kept = scored.rows[[int(index) for index in which]]
    pictures = thumbnails(cohort.paths(kept, "bright_field"))
    return [
        Cell(
            row["cell_id"],
            picture,
            row["label"],
            row.get("donor_id"),
            row.get("sample_id"),
            None if scored.unread[index] else float(scored.score[index]),
            int(rank[index]) or None,
            flags_in_words(scored.flags[index]),
        )
        for index, row, picture in zip(which, kept.iter_rows(named=True), pictures, strict=True)
    ]
