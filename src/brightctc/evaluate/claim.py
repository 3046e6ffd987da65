"""What may be said of figures measured on these cells: who was resampled, and the stamps they carry."""

from dataclasses import dataclass

import polars as pl

from brightctc.bundle import Bundle, Seen
from brightctc.cohort import Cohort, holds_made_cells
from brightctc.cohort.sealed import open_sealed, opened_words
from brightctc.errors import UserError
from brightctc.metrics.intervals import Unit

ALL = "all"  # every cell of a cohort that is not sealed, split or not; for one that the bundle has not seen
SEEN_PARTS = ("train", "validation")
UNITS: dict[str, Unit] = {"donor_id": "donor", "sample_id": "sample", "cell_id": "cell"}
SEEN = "seen in training"
CELLS_ONLY = "cells and seeds only; not for new patients"
SAMPLES_ONLY = "not for new patients"
CONTROL = "negative control: DAPI images"
BOTH = "bright_field and dapi"
WITH_DAPI = "scored with DAPI, not by bright field alone"
MADE = "made cells, not real ones"


@dataclass(frozen=True)
class Claim:
    """What the figures of a part speak of.

    part: train, validation, test, pool, sealed or all. channel: what was fed: bright_field, `bright_field and dapi`, or
    dapi for the negative control.
    split_by: the column whose values stay together in the split. by: the column that is resampled whole.
    stamps: words that stand beside every figure. warnings: what a reader should hear first.
    """

    part: str
    channel: str
    split_by: str
    by: str
    stamps: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def unit(self) -> Unit:
        """What is resampled whole: donor, sample or cell."""
        return UNITS[self.by]


def claim_of(seen: Seen, cohort: Cohort, cells: pl.DataFrame, part: str, channel: str, by: str | None) -> Claim:
    """Decide what figures of `cells` may claim, and refuse what they may not.

    seen: the cells and donors of the model's training and validation. Raises UserError for an unknown `by`, and where
    the model has seen cells of the part, or (unless the figures are about samples or cells alone) its donors.
    """
    resampled = _resampled(cohort, cells, part, by)
    split_by = cohort.split.by if cohort.split is not None and part != ALL else resampled
    stamps, warnings = [], []
    if part in SEEN_PARTS:
        stamps.append(SEEN)
    else:
        _refuse_seen(seen, cells, resampled, cohort.root)
        if resampled == "donor_id" and not seen.knows_donors:
            warnings.append(
                "the bundle does not know the donors it was trained on: that these are others can't be checked"
            )
    checked = resampled == "donor_id" and seen.knows_donors  # that a sample was not seen is known by the split
    kept = {resampled} if checked else {resampled, split_by}
    if "cell_id" in kept:
        stamps.append(CELLS_ONLY)
    elif "sample_id" in kept:
        stamps.append(SAMPLES_ONLY)
    if channel == "dapi":
        stamps.append(CONTROL)
    if channel == BOTH:
        stamps.append(WITH_DAPI)
    if holds_made_cells(cells):
        stamps.append(MADE)
    return Claim(part, channel, split_by, resampled, tuple(stamps), tuple(warnings))


def fed(bundle: Bundle, channel: str = "bright_field") -> str:
    """What a bundle is fed where it is measured by this channel: one that takes DAPI gets it beside bright field."""
    return BOTH if channel == "bright_field" and "dapi" in bundle.about.channels else channel


def opening_warnings(cohort: Cohort, part: str, by: str, analysis: str) -> tuple[str, ...]:
    """Where the part is the sealed one, write that it was opened into the cohort, and say how often it was.

    by: the verb. analysis: a hash of what is measured; the same one again is one opening.
    """
    if part != "sealed":
        return ()
    told = opened_words(open_sealed(cohort, by, analysis))
    return (f"{told}; it is meant to be scored once, after every choice is made",)


def _resampled(cohort: Cohort, cells: pl.DataFrame, part: str, by: str | None) -> str:
    if by is not None and by not in UNITS:
        raise UserError(f"figures can't be resampled by {by!r}", "--by", f"use one of {', '.join(UNITS)}")
    known = [name for name in UNITS if name in cells.columns and cells[name].null_count() < cells.height]
    if by is not None and by not in known:
        raise UserError(
            f"no cell of the part {part!r} has a {by}", cohort.root, f"use --by {known[0]}, or import with it"
        )
    if by is not None:
        return by
    if cohort.split is None or part == ALL:
        return known[0]
    if cohort.split.by in UNITS:
        return cohort.split.by
    # by another column (a site) donors and samples were kept whole, too, where there are several
    return next(name for name in known if name == "cell_id" or cohort.cells[name].drop_nulls().n_unique() > 1)


def _refuse_seen(seen: Seen, cells: pl.DataFrame, resampled: str, where: object) -> None:
    met = int(seen.has_cells(cells["cell_id"]).sum())
    if met:
        raise UserError(
            f"{met} of these {cells.height} cells were in this bundle's training or validation part"
            f"{_or_earlier(seen)}: figures on them would flatter it",
            where,
            "evaluate on the cohort as it was split for this training, or on another cohort "
            "(--part train or --part validation is allowed, and says so beside every figure)",
        )
    if resampled != "donor_id" or "donor_id" not in cells.columns:
        return
    donors = cells["donor_id"].drop_nulls().unique()
    known = int(seen.has_donors(donors).sum())
    if known:
        raise UserError(
            f"{known} of these {donors.len()} donors had cells in this bundle's training or validation part"
            f"{_or_earlier(seen)}: these are not new patients",
            where,
            "evaluate on other donors; or say --by cell_id for figures that speak of cells alone",
        )


def _or_earlier(seen: Seen) -> str:
    return ", or in that of a bundle that it rests on" if seen.before else ""
