"""What stands on the page of a new sample's scores: candidates, and never more than that."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from brightctc.bundle import CONTRACT_FLAGS
from brightctc.cohort import holds_made_cells
from brightctc.errors import plural
from brightctc.evaluate.claim import MADE
from brightctc.measure import FLAGS
from brightctc.metrics import poisson_upper_bound
from brightctc.predict.table import FLAG_SEPARATOR, UNCERTAIN
from brightctc.report.curves import score_histogram
from brightctc.report.gallery import Cell, Gallery, flags_in_words, scored_gallery
from brightctc.report.provenance import Provenance, of_scores
from brightctc.report.source import Scores
from brightctc.report.svg import Panel
from brightctc.report.table import SCORE, Column, Table, table

TEMPLATE = "scores.html.j2"
PICTURES, ROWS = 60, 500  # cells of the gallery; rows of a table
_POLICIES = {
    "f1": "for the largest F1 that is expected of cells like the bundle's validation cells",
    "recall": "for a recall of {} on the bundle's validation cells",
    "budget": "for {} calls a sample on the bundle's validation cells",
    "top": "as the {} highest scores of this input",
}


@dataclass(frozen=True)
class ScoresPage:
    """The content of the page; see the template for where each stands."""

    title: str
    asked: str
    headline: str
    positive: str
    compatible: tuple[str, ...]
    candidates: int
    read: int
    unread: int
    threshold: str
    samples: Table
    histogram: Panel | None
    gallery: Gallery
    list: Table
    unreadable: Table | None
    flags: Table | None
    warnings: tuple[str, ...]
    provenance: Provenance

    @property
    def shown_cells(self) -> tuple[str, ...]:
        """Ids of the cells in pictures and tables."""
        ids = [cell.cell_id for cell in self.gallery.cells]
        for each in (self.list, self.unreadable):
            ids += [] if each is None else [row[0] for row in each.rows]
        return tuple(dict.fromkeys(ids))


def scores_page(scores: Scores, command: str) -> ScoresPage:
    """Put the content together. command: that writes the report."""
    ranked = scores.table.filter(pl.col("score").is_not_null()).sort("rank")
    positive = scores.classes.positive
    called = ranked.filter(pl.col("call") == positive)
    read, unread = ranked.height, scores.table.height - ranked.height
    uncertain = int((ranked["call"] == UNCERTAIN).sum())
    doubted = f", {uncertain:,} uncertain" if scores.meta.get("uncertain") else ""
    headline = f"{plural(called.height, 'candidate')} of {read:,} read{doubted} ({unread:,} unread)"
    level, gallery = scores.meta["threshold"].get("score"), _gallery(scores, ranked, called.height)
    return ScoresPage(
        title=f"Candidates for {positive}: {scores.path.stem}",
        asked=f"Which of these cells look most like {positive} to the model “{scores.meta['bundle_name']}”, "
        "by their images alone?",
        headline=headline,
        positive=positive,
        compatible=_compatible(called.height, read, unread, positive),
        candidates=called.height,
        read=read,
        unread=unread,
        threshold=" ".join((_threshold(scores.meta["threshold"]), *_doubt(scores.meta, positive))),
        samples=_samples(scores.table, positive),
        histogram=score_histogram(np.asarray(ranked["score"], dtype=np.float64), level) if read else None,
        gallery=gallery,
        list=_list(called),
        unreadable=_unreadable(scores.table),
        flags=_flags(scores.table),
        warnings=(
            *((MADE,) if holds_made_cells(scores.table) else ()),
            *_missing(gallery, scores),
            *map(str, scores.meta["warnings"]),
        ),
        provenance=of_scores(scores, command),
    )


def _compatible(candidates: int, read: int, unread: int, positive: str) -> tuple[str, ...]:
    """What no candidate does, and does not, mean."""
    if candidates:
        return ()
    if not read:
        return ("No cell could be read, so this says nothing of the sample.",)
    unseen = f" Each of the {unread:,} unread cells may be one as well." if unread else ""
    return (
        f"This is compatible with up to {poisson_upper_bound(0):.0f} cells that this bundle would call in another "
        f"sample of the same size (exact Poisson bound, 95 %).{unseen}",
        f"It is also compatible with any number of {positive} that the bundle misses: which share it misses is in the "
        "report of its run, for cells like those it was measured on.",
    )


def _threshold(level: dict[str, Any]) -> str:
    name, _, amount = str(level["policy"]).partition("=")
    chosen = _POLICIES.get(name, "by {}").format(amount or name)
    if level.get("score") is None:
        return f"Candidates were chosen {chosen}."
    return f"A cell is a candidate where its score reaches {level['score']:.4g}, a threshold chosen {chosen}."


def _missing(gallery: Gallery, scores: Scores) -> tuple[str, ...]:
    """Of cells that were read when they were scored, and have no picture now."""
    missing = sum(cell.picture.uri is None for cell in gallery.cells)
    if not missing:
        return ()
    return (
        f"{missing} of {len(gallery.cells)} pictures could not be read: were images moved? They were looked for in "
        f"{scores.root.name}, where they lay when they were scored",
    )


def _doubt(meta: dict[str, Any], positive: str) -> tuple[str, ...]:
    """What became of cells that could not be told."""
    if not meta.get("uncertain"):
        return ()
    return (
        f"But a cell is called uncertain, and no candidate, where it can't be told at a share of "
        f"{meta['uncertain']['alpha']:.3g} wrong ones (conformal sets on the bundle's validation cells), also where it "
        f"reaches the threshold. Uncertain cells keep their rank; read them too, where no {positive} may be missed.",
    )


def _samples(cells: pl.DataFrame, positive: str) -> Table:
    doubted = {"uncertain": (pl.col("call") == UNCERTAIN).sum()} if (cells["call"] == UNCERTAIN).any() else {}
    counts = cells.group_by("sample_id", maintain_order=True).agg(
        cells=pl.len(),
        candidates=(pl.col("call") == positive).sum(),
        **doubted,
        unreadable=pl.col("score").is_null().sum(),
        flagged=pl.col("flags").is_not_null().sum(),
    )
    columns = [Column("sample", "id"), *(Column(name, "number") for name in counts.columns[1:])]
    rows = [[row[0] or "sample not known", *row[1:]] for row in counts.iter_rows()]
    return table("Cells in each sample", columns, rows, ROWS)


def _gallery(scores: Scores, ranked: pl.DataFrame, candidates: int) -> Gallery:
    shown = ranked.head(PICTURES)
    cells: tuple[Cell, ...] = scored_gallery(shown, scores.root)
    note = f"{plural(candidates, 'candidate')} first, then the cells that come nearest"
    if candidates >= shown.height:
        note = f"the first {shown.height:,} of {plural(candidates, 'candidate')}"
    return Gallery("The highest-ranked cells", note, cells, ranked.height)


def _list(called: pl.DataFrame) -> Table:
    columns = [Column("cell", "id"), Column("sample", "id"), Column("rank", "number"), Column("score", "number", SCORE)]
    rows = [
        [
            row["cell_id"],
            row["sample_id"],
            row["rank"],
            row["score"],
            flags_in_words((row["flags"] or "").split(FLAG_SEPARATOR)),
        ]
        for row in called.iter_rows(named=True)
    ]
    return table("All candidates, until readers confirm them", [*columns, Column("flags")], rows, ROWS)


def _unreadable(cells: pl.DataFrame) -> Table | None:
    lost = cells.filter(pl.col("score").is_null())
    columns = [Column("cell", "id"), Column("sample", "id"), Column("why it has no score", "id")]
    rows = list(lost.select("cell_id", "sample_id", "error").iter_rows())
    return table("Cells without a score", columns, rows, ROWS) if rows else None


def _flags(cells: pl.DataFrame) -> Table | None:
    named = cells["flags"].drop_nulls().str.split(FLAG_SEPARATOR).explode()
    counts = named.value_counts(sort=True).sort("count", "flags", descending=[True, False])
    meanings = FLAGS | CONTRACT_FLAGS
    rows = [[flags_in_words([name]), count, meanings.get(name, "")] for name, count in counts.iter_rows()]
    columns = [Column("flag"), Column("cells", "number"), Column("meaning")]
    return (
        table("What is unusual about images; flags inform, they hide and move nothing", columns, rows) if rows else None
    )
