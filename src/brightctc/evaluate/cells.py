"""Which cells are evaluated, and their scores: the same stream that `predict` uses."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from brightctc.bundle import Bundle, SampleMeasures
from brightctc.cohort import READ_IN_VIEW, Classes, Cohort, set_aside
from brightctc.cohort.folder import PARTS
from brightctc.errors import UserError, plural
from brightctc.evaluate.claim import ALL
from brightctc.metrics import Scored
from brightctc.predict import score_cells
from brightctc.predict.concerns import contract_concerns
from brightctc.preprocess import Channel

Progress = Callable[..., None]
CHANNELS = ("bright_field", "dapi")


@dataclass(frozen=True)
class ScoredCells:
    """The cells of a part with what the bundle says of them, in the cohort's order.

    rows: as in `cells.csv`. positive, labelled, called: bool[n]; an unreadable cell is called negative.
    logit, score: float64[n], NaN where a cell could not be read. error: why. flags: what is unusual about a crop.
    warnings: where samples leave the bundle's input contract.
    """

    rows: pl.DataFrame
    positive: np.ndarray
    labelled: np.ndarray
    logit: np.ndarray
    score: np.ndarray
    called: np.ndarray
    error: list[str | None]
    flags: list[tuple[str, ...]]
    warnings: tuple[str, ...]

    @property
    def unread(self) -> np.ndarray:
        """bool[n]: no score."""
        return np.isnan(self.logit)

    def scored(self, kept: np.ndarray) -> Scored:
        """The cells `kept` (bool[n]) for the metrics: an unreadable one ranks below all others."""
        logit = np.where(self.unread, -np.inf, self.logit)
        return Scored(logit[kept], self.called[kept], self.score[kept])


def cells_of(classes: Classes, cohort: Cohort, part: str) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The rows of a part and warnings; cells that a model picked for labelling are left out, and of `all` sealed ones.

    Of a pool with cells set aside it is these: the others may have taught. classes: of the model. Raises UserError
    where the part is unknown or empty, has no labels, or the cohort's classes are others.
    """
    if part not in (*PARTS, ALL):
        raise UserError(f"there is no part {part!r}", "--part", f"use one of {', '.join((*PARTS, ALL))}")
    if cohort.classes != classes:
        raise UserError(
            f"the bundle tells {classes.positive} from {classes.negative}, "
            f"the cohort's classes are {cohort.classes.positive} and {cohort.classes.negative}",
            cohort.root,
            "give the bundle that was trained for these classes; only where they are the same under other names, "
            f"import the cohort again with --classes {classes.positive},{classes.negative}",
        )
    rows, warnings = _open(cohort) if part == ALL else (cohort.part(part), ())
    if part == "pool" and (aside := set_aside(cohort)).any():
        rows = cohort.cells.filter(aside & (cohort.cells["part"] == "pool"))
    if "selected_by" in rows.columns and rows["selected_by"].null_count() < rows.height:
        picked = rows.height - rows["selected_by"].null_count()
        rows = rows.filter(pl.col("selected_by").is_null())
        words = f"{picked} cells that a model picked for labelling (selected_by) are left out of the figures"
        warnings = (*warnings, words)
    if not labelled(cohort, rows).any():
        raise UserError(
            f"no cell of the part {part!r} has a label", cohort.root, "import it with --label, --positive, --negative"
        )
    _refuse_seen_scores(cohort, rows, part)
    return rows, warnings


def _open(cohort: Cohort) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Every cell that is not sealed: whoever says `all` has not asked for an opening."""
    if "part" not in cohort.cells.columns:
        return cohort.cells, ()
    rows = cohort.cells.filter(pl.col("part").ne_missing("sealed"))
    sealed = cohort.cells.height - rows.height
    told = f"{plural(sealed, 'sealed cell')} left out: they are for one measurement at the end (evaluate --part sealed)"
    return rows, (told,) if sealed else ()


def _refuse_seen_scores(cohort: Cohort, rows: pl.DataFrame, part: str) -> None:
    """A figure from labels that follow a score would praise the score."""
    if "label_source" not in rows.columns:
        return
    seen = int((labelled(cohort, rows) & (rows["label_source"] == READ_IN_VIEW).fill_null(False).to_numpy()).sum())
    if seen:
        raise UserError(
            f"{plural(seen, 'label')} of the part {part!r} were given with a score in view, and follow it",
            f"label_source {READ_IN_VIEW!r} in {cohort.root / 'cells.csv'}",
            "measure on labels from a blind reading or from markers; these are good for training",
        )


def labelled(cohort: Cohort, rows: pl.DataFrame) -> np.ndarray:
    """bool[n]: the row's label is one of the two classes."""
    if "label" not in rows.columns:
        return np.zeros(rows.height, dtype=bool)
    classes = [cohort.classes.positive, cohort.classes.negative]
    return rows["label"].is_in(classes).fill_null(False).to_numpy()


def scored_cells(
    bundle: Bundle,
    cohort: Cohort,
    rows: pl.DataFrame,
    channel: str,
    progress: Progress | None,
    *,
    threads: int | None = None,
) -> ScoredCells:
    """Score every row, labelled or not, and call it at the bundle's frozen threshold.

    channel: "bright_field" (with DAPI beside it for a bundle that takes both), or "dapi" for the negative control.
    threads: of the network and of reading; None for all cores. No score depends on it.
    """
    channels = _channels(bundle, rows, channel, cohort)
    paths: dict[Channel, list[Path | None]] = {name: cohort.paths(rows, name) for name in channels}
    sizes = cohort.pixel_sizes(rows)
    samples = rows["sample_id"].to_list() if "sample_id" in rows.columns else [None] * rows.height
    logit, measures = np.full(rows.height, np.nan), {}
    error: list[str | None] = []
    flags: list[tuple[str, ...]] = []
    for chunk in score_cells(bundle, paths, sizes, workers=threads, threads=threads):
        stop = chunk.start + len(chunk.logit)
        logit[chunk.start : stop] = chunk.logit
        error += chunk.error
        flags += chunk.flags
        for index, measured in zip(range(chunk.start, stop), chunk.measures, strict=True):
            if measured is not None:
                measures.setdefault(samples[index], SampleMeasures()).add(measured, sizes[index])
        if progress is not None:
            progress("scoring", stop, rows.height)
    return ScoredCells(
        rows=rows,
        positive=cohort.positive(rows).fill_null(False).to_numpy(),
        labelled=labelled(cohort, rows),
        logit=logit,
        score=bundle.score(logit),
        called=logit >= bundle.threshold.logit,  # False where there is no logit: an unreadable cell is not called
        error=error,
        flags=flags,
        warnings=tuple(contract_concerns(bundle, measures)) if channel == "bright_field" else (),
    )


def _channels(bundle: Bundle, rows: pl.DataFrame, channel: str, cohort: Cohort) -> tuple[Channel, ...]:
    """What the network is fed."""
    without = rows.height if "dapi" not in rows.columns else rows["dapi"].null_count()
    if channel == "bright_field":
        needs_both = len(bundle.about.channels) > 1 and without < rows.height
        return ("bright_field", "dapi") if needs_both else ("bright_field",)
    if channel != "dapi":
        raise UserError(f"there is no channel {channel!r}", "--channel", f"use {' or '.join(CHANNELS)}")
    if len(bundle.about.channels) > 1:
        raise UserError(
            "--channel dapi is the negative control of a bright-field bundle; this one takes both channels",
            bundle.folder,
            "leave --channel out",
        )
    if without:
        raise UserError(
            f"{without} of {rows.height} cells have no DAPI image, which the negative control needs",
            cohort.root,
            "leave --channel out, or import with --dapi",
        )
    return ("dapi",)
