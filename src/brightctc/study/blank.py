"""Samples in which there is nothing to find: how many calls a blank gives, and how many cells are told from one.

Positive cells are "spiked" into blank samples by drawing held-out ones with replacement: calls are added, no blood is.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from brightctc.bundle import Bundle
from brightctc.cohort import Classes, Cohort
from brightctc.errors import UserError, plural, typed
from brightctc.evaluate.cells import labelled, scored_cells
from brightctc.evaluate.claim import claim_of, fed
from brightctc.metrics.blank import Blank, Detection, blank_of, detection
from brightctc.metrics.ends import LEVEL
from brightctc.metrics.linearity import Linearity, linearity
from brightctc.study.changes import generator

PARTS = ("test", "pool")  # of cells that no run has seen, and that nobody sealed
HEALTHY = "healthy_donor"
SPIKED = (0, 1, 2, 5, 10, 20, 50)
_OF_BLANK = (
    "samples", "cells", "calls", "mean", "mean_low", "mean_high", "per_1000", "per_1000_low", "per_1000_high",
    "largest", "dispersion", "dispersion_p", "limit", "limit_high", "covered",
)  # fmt: skip
_OF_DETECTION = ("recall", "recall_low", "limit_of_detection", "limit_of_detection_high")


@dataclass(frozen=True)
class Dilution:
    """So many cells spiked into each blank sample. calls: mean over samples, repeats and runs, of which 95 % lie from
    low to high. detected: share with more calls than the run's limit of blank, mean over runs; seeds: that of each.
    """

    spiked: int
    calls: float
    low: float
    high: float
    detected: float
    seeds: tuple[float, ...]


@dataclass(frozen=True)
class BlankStudy:
    """What was found. samples: a row a blank sample. blanks, detections: of each run; detections are empty, as are
    `dilutions`, without positives to spike. spiked: calls over spiked cells, of one draw a sample and number. measured:
    a row a real sample with labelled positives; real: its calls over these. Each is None where there is nothing.
    """

    classes: Classes
    samples: pl.DataFrame
    blanks: tuple[Blank, ...]
    detections: tuple[Detection, ...]
    dilutions: tuple[Dilution, ...]
    spiked: Linearity | None
    measured: pl.DataFrame
    real: Linearity | None
    stamps: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def worst(self) -> int:
        """The run with the highest limit of blank; of equal ones that with the highest upper bound of it."""
        return max(range(len(self.blanks)), key=lambda run: (self.blanks[run].limit, self.blanks[run].limit_high))

    @property
    def limits(self) -> tuple[int, int]:
        """The limit of blank and its upper bound: each the highest of all runs, be it of another one."""
        return max(blank.limit for blank in self.blanks), max(blank.limit_high for blank in self.blanks)

    @property
    def detection_limits(self) -> tuple[int | None, int | None]:
        """The same of detection; None, no number of cells, is higher than any. For a study with `detections`."""
        found = self.detections
        return _highest(one.limit_of_detection for one in found), _highest(one.limit_of_detection_high for one in found)

    def tables(self) -> dict[str, pl.DataFrame]:
        """Frames by the names of their files: blank.csv, a row a blank sample; limits.csv, a row a run; dilution.csv, a
        row a number of spiked cells (detected_1, detected_2 …: of each run).
        """
        limits = [
            {"run": run, **{key: getattr(blank, key) for key in _OF_BLANK}} for run, blank in enumerate(self.blanks, 1)
        ]
        for row, found in zip(limits, self.detections, strict=False):  # none without positives
            row |= {key: getattr(found, key) for key in _OF_DETECTION}
        steps = [
            {"spiked": each.spiked, "calls": each.calls, "calls_low": each.low, "calls_high": each.high,
             "detected": each.detected, **{f"detected_{run}": share for run, share in enumerate(each.seeds, 1)}}
            for each in self.dilutions
        ]  # fmt: skip
        return {"blank.csv": self.samples, "limits.csv": pl.DataFrame(limits), "dilution.csv": pl.DataFrame(steps)}


def _highest(limits: Iterable[int | None]) -> int | None:
    every = list(limits)
    known = [limit for limit in every if limit is not None]
    return max(known) if len(known) == len(every) else None


def blank_study(
    bundles: Sequence[Bundle],
    cohort: Cohort,
    *,
    seed: int = 0,
    repeats: int = 1000,
    progress: Callable[..., None] | None = None,
) -> BlankStudy:
    """Count the calls in whole samples of the test part and the pool that hold no positive cell, and spike them.

    Blank is a sample whose labelled cells are all negative and of which no cell is known to be another's than a healthy
    donor's; one without labels must be known to be such a donor's. Samples and donors that a run has seen are left out,
    as are samples that lie partly in another part. Spiked are labelled positives of the test part, but for those that a
    model picked for labelling; seed, repeats: of that draw, which depends on the sample alone.

    Raises UserError where there is no such sample, or the cohort has other classes than a run.
    """
    for bundle in bundles:
        if bundle.classes != cohort.classes:
            raise UserError("these runs have other classes than the cohort", cohort.root, "give the cohort of the runs")
    rows, left_out = _unseen(bundles, cohort)
    kinds, spikes = _kinds(cohort, rows), _spikes(cohort, rows)
    blank, real = kinds.filter(pl.col("blank")), kinds.filter(pl.col("real"))
    if blank.is_empty():
        raise _no_blanks(cohort)
    wanted = [*blank["sample_id"], *real["sample_id"]]
    rows = rows.filter(pl.col("sample_id").is_in(wanted) | pl.col("cell_id").is_in(spikes))
    claims = [claim_of(bundle.seen, cohort, rows, "test", fed(bundle), None) for bundle in bundles]
    scored = [scored_cells(bundle, cohort, rows, "bright_field", progress) for bundle in bundles]
    called = np.stack([each.called for each in scored])
    counts = _counts(called, rows, blank)
    blanks = tuple(blank_of(each.tolist(), blank["cells"].to_list()) for each in counts)
    found = called[:, rows["cell_id"].is_in(spikes).to_numpy()]
    dilutions, spiked = _dilutions(counts, found, blanks, blank["sample_id"].to_list(), (seed, repeats))
    unread = scored[0].unread[None]
    measured = _counted(real, _counts(called, rows, real), _counts(unread, rows, real)[0])
    return BlankStudy(
        classes=cohort.classes,
        samples=_counted(blank, counts, _counts(unread, rows, blank)[0]),
        blanks=blanks,
        detections=tuple(detection(int(e.sum()), e.size, of) for e, of in zip(found, blanks, strict=True) if e.size),
        dilutions=dilutions,
        spiked=spiked,
        measured=measured,
        real=linearity(measured["positives"].to_list(), measured["calls"].to_list()) if real.height else None,
        stamps=claims[0].stamps,
        warnings=tuple(dict.fromkeys((*left_out, *(words for each in (*claims, *scored) for words in each.warnings)))),
    )


def require_blanks(cohort: Cohort) -> None:
    """Raise UserError where a cohort has no blank sample outside training: before hours are spent on it."""
    rows = cohort.cells.filter(pl.col("part").is_in(PARTS)) if "part" in cohort.cells.columns else cohort.cells
    if not _kinds(cohort, rows)["blank"].any():
        raise _no_blanks(cohort)


def _unseen(bundles: Sequence[Bundle], cohort: Cohort) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Rows of the test part and the pool (where the cohort is not split: of all) whose donors are new to each run."""
    rows = cohort.cells.filter(pl.col("part").is_in(PARTS)) if "part" in cohort.cells.columns else cohort.cells
    seen = np.zeros(rows.height, dtype=bool)
    for bundle in bundles:
        seen |= bundle.seen.has_cells(rows["cell_id"])
        if "donor_id" in rows.columns:
            seen |= bundle.seen.has_donors(rows["donor_id"])
    told = (f"{plural(int(seen.sum()), 'cell')} left out: a run has seen them, or others of their donors",)
    return rows.filter(pl.Series(~seen)), told if seen.any() else ()


def _kinds(cohort: Cohort, rows: pl.DataFrame) -> pl.DataFrame:
    """A row a sample all of whose cells are in `rows`: is it blank, is it a real one with positives to be found?"""
    cells, nothing = cohort.cells, pl.lit(None, pl.String)
    if "sample_id" not in cells.columns:
        raise _no_blanks(cohort)
    of_test = pl.col("part") == "test" if "part" in cells.columns else pl.lit(True)
    cells = cells.filter(pl.col("sample_id").is_not_null()).with_columns(
        donor_id="donor_id" if "donor_id" in cells.columns else nothing,
        origin="origin" if "origin" in cells.columns else nothing,
    )
    healthy = pl.col("origin") == HEALTHY
    found = cells.with_columns(
        known=pl.Series(labelled(cohort, cells)), positive=cohort.positive(cells).fill_null(False)
    ).group_by("sample_id")
    return (
        found.agg(
            pl.col("donor_id").first(),
            cells=pl.len(),
            labelled=pl.col("known").sum(),
            positives=pl.col("positive").sum(),
            whole=pl.col("cell_id").is_in(rows["cell_id"].to_list()).all(),
            other=(~healthy).any(),
            healthy=healthy.fill_null(False).all(),
            test=of_test.all(),
        )
        .filter("whole")
        .sort("sample_id")
        .with_columns(
            blank=(pl.col("positives") == 0) & ~pl.col("other") & ((pl.col("labelled") > 0) | pl.col("healthy")),
            real=(pl.col("positives") > 0) & pl.col("test"),
        )
    )


def _no_blanks(cohort: Cohort) -> UserError:
    aside = typed("split", cohort.root.name, "--pool", "donor_id IN ('…', '…')", "--overwrite")
    return UserError(
        "there is no whole sample without positive cells, in the test part or the pool, whose donor no run has seen",
        cohort.root,
        "import samples of healthy donors (origin healthy_donor), set these donors aside with "
        f"{aside}, and train again",
    )


def _spikes(cohort: Cohort, rows: pl.DataFrame) -> list[str]:
    """Ids of the labelled positives of the test part that no model picked."""
    kept = cohort.positive(rows).fill_null(False)
    if "part" in rows.columns:
        kept &= rows["part"] == "test"
    if "selected_by" in rows.columns:
        kept &= rows["selected_by"].is_null()
    return rows.filter(kept)["cell_id"].to_list()


def _counts(marked: np.ndarray, rows: pl.DataFrame, samples: pl.DataFrame) -> np.ndarray:
    """int64 (runs, samples): how many cells of each sample are marked. marked: bool (runs, cells)."""
    place = {sample: index for index, sample in enumerate(samples["sample_id"])}
    of = np.array([place.get(sample, len(place)) for sample in rows["sample_id"]], dtype=np.intp)
    return np.array([np.bincount(of[each], minlength=len(place) + 1)[: len(place)] for each in marked])


def _counted(samples: pl.DataFrame, counts: np.ndarray, unread: np.ndarray) -> pl.DataFrame:
    """The samples with their unread cells and calls: the mean over runs, then each run's."""
    return samples.select("sample_id", "donor_id", "cells", "labelled", "positives").with_columns(
        unread=pl.Series(unread),
        calls=pl.Series(counts.mean(axis=0), dtype=pl.Float64),
        **{f"calls_{run}": pl.Series(calls) for run, calls in enumerate(counts, start=1)},
    )


def _dilutions(
    counts: np.ndarray, found: np.ndarray, blanks: Sequence[Blank], samples: list[str], drawn: tuple[int, int]
) -> tuple[tuple[Dilution, ...], Linearity | None]:
    """Spike every blank sample. counts: int (runs, samples), found: bool (runs, positives); drawn: seed and repeats."""
    if not found.shape[1]:
        return (), None
    calls = np.zeros((len(SPIKED), *counts.shape, drawn[1]), dtype=np.int32)
    for place, sample in enumerate(samples):
        rng = generator(drawn[0], sample, "spiked")
        for level, number in enumerate(SPIKED):
            cells = rng.integers(0, found.shape[1], (drawn[1], number))
            calls[level, :, place] = counts[:, place, None] + found[:, cells].sum(axis=-1)
    limits = np.array([blank.limit for blank in blanks])[:, None, None]
    made = []
    for number, each in zip(SPIKED, calls, strict=True):
        low, high = np.quantile(each, ((1 - LEVEL) / 2, (1 + LEVEL) / 2), method="nearest")
        shares = (each > limits).mean(axis=(1, 2))
        mean = float(each.mean())
        made.append(Dilution(number, mean, float(low), float(high), float(shares.mean()), tuple(map(float, shares))))
    once = calls[..., 0].mean(axis=1)  # one draw a sample and number, as in a series on the bench
    return tuple(made), linearity(np.repeat(SPIKED, len(samples)).tolist(), once.ravel().tolist())
