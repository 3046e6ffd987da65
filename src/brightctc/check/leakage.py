"""Problems of leakage: the same pixels twice, and donors or samples in more than one part."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from brightctc.check import fingerprints
from brightctc.check.crops import CHANNELS, Crops, ids
from brightctc.check.problems import MOST_EXAMPLES, Problem, found
from brightctc.cohort.aside import set_aside
from brightctc.cohort.components import components
from brightctc.cohort.folder import Cohort
from brightctc.cohort.groups import FALLBACKS
from brightctc.errors import plural, typed

_KEPT_APART = ("train", "validation", "test", "sealed")
_REMOVE = "keep one of each and leave the others out, then import and split again"


def leakage_problems(cohort: Cohort, crops: Crops) -> Iterator[Problem]:
    """Copies among the bright-field images, copies among the DAPI images, donors and samples in two parts."""
    exact = _exact_groups(crops, CHANNELS[0])
    yield from _copies(cohort, exact, "same_pixels", "the same bright-field pixels")
    yield from _copies(cohort, _near_groups(crops, exact), "near_pixels", "nearly the same bright-field pixels")
    known = {frozenset(group) for group in exact}
    dapi = [group for group in _exact_groups(crops, CHANNELS[1]) if frozenset(group) not in known]
    yield from _copies(cohort, dapi, "same_dapi", "the same DAPI pixels")
    yield from _copies(cohort, _across_channels(crops), "same_channels", "one's bright field in another's DAPI")
    yield from _in_two_parts(cohort)


def _across_channels(crops: Crops) -> list[list[int]]:
    """Pairs of rows: the bright field of one has the pixels of the DAPI image of another."""
    named = crops.images.filter(pl.col("fault").is_null() & (pl.col("low") < pl.col("high"))).select(
        "row", "channel", "hash"
    )
    bright, dapi = (named.filter(pl.col("channel") == channel) for channel in CHANNELS)
    pairs = bright.join(dapi, on="hash", suffix="_dapi").filter(pl.col("row") != pl.col("row_dapi"))
    return [list(pair) for pair in pairs.select("row", "row_dapi").iter_rows()]


def _exact_groups(crops: Crops, channel: str) -> list[list[int]]:
    """Rows with identical pixels; constant images are alike without being copies."""
    groups = (
        crops.images.filter(
            pl.col("fault").is_null() & (pl.col("channel") == channel) & (pl.col("low") < pl.col("high"))
        )
        .group_by("hash", maintain_order=True)
        .agg("row")
        .filter(pl.col("row").list.len() > 1)
    )
    return groups["row"].to_list()


def _near_groups(crops: Crops, exact: Sequence[Sequence[int]]) -> list[list[int]]:
    """Rows with nearly the same pixels, one row standing for its exact copies."""
    thumbnails = crops.thumbnails.copy()
    for group in exact:
        thumbnails[group[1:]] = np.nan
    return _joined(fingerprints.near_pairs(thumbnails, crops.details))


def _joined(pairs: np.ndarray) -> list[list[int]]:
    """Groups of rows that hang together by pairs."""
    rows, places = np.unique(pairs, return_inverse=True)
    groups: dict[int, list[int]] = defaultdict(list)
    for row, group in zip(rows.tolist(), components(places, len(rows)).tolist(), strict=True):
        groups[group].append(row)
    return list(groups.values())


def _copies(cohort: Cohort, groups: Sequence[Sequence[int]], kind: str, words: str) -> Iterator[Problem]:
    """Copies within a part, and copies that reach across parts (what is set aside in the pool does no harm).

    The rest of the pool may teach without its labels, so it counts for training.
    """
    parts = cohort.cells["part"] if "part" in cohort.cells.columns else None
    if parts is not None:
        teaches = (parts == "pool") & ~set_aside(cohort)
        parts = cohort.cells.select(pl.when(teaches).then(pl.lit("train")).otherwise("part")).to_series()
    across, within = [], []
    for group in groups:
        held = set() if parts is None else set(parts.gather(list(group))) - {"pool"}
        (across if len(held) > 1 else within).append(group)
    if across:
        yield _copied(
            cohort, across, f"{kind}_in_two_parts", f"{words} in two parts: they are scored by what saw them", "error"
        )
    if within:
        severity = "warning" if kind == "near_pixels" else "error"
        yield _copied(cohort, within, kind, f"{words} under two or more ids", severity)


def _copied(cohort: Cohort, groups: Sequence[Sequence[int]], kind: str, words: str, severity: str) -> Problem:
    cells = sum(len(group) for group in groups)
    return Problem(
        kind,
        "error" if severity == "error" else "warning",
        cells,
        tuple(" = ".join(ids(cohort, group[:2])) for group in groups[:MOST_EXAMPLES]),
        f"{plural(cells, 'cell')} in {plural(len(groups), 'group')} with {words}",
        _REMOVE if kind != "same_dapi" else "check the DAPI files' names against their cells, and import again",
    )


def _in_two_parts(cohort: Cohort) -> Iterator[Problem]:
    """Donors and samples whose cells stand in more than one of train, validation, test and sealed."""
    if cohort.split is None:
        return
    cells = cohort.cells.filter(pl.col("part").is_in(_KEPT_APART))
    names = {"donor_id": "donor", "sample_id": "sample"}
    several = [name for name in names if name in cells.columns and cells[name].drop_nulls().n_unique() > 1]
    for column in several:
        spread = cells.drop_nulls(column).group_by(column).agg(pl.col("part").n_unique()).filter(pl.col("part") > 1)
        if spread.height:
            yield found(
                f"{names[column]}_in_two_parts",
                "error",
                spread[column].sort(),
                f"{plural(spread.height, names[column])} with cells in more than one part: the figures would "
                "measure how well cells of known people are recognised",
                f"split again: {typed('split', cohort.root, '--overwrite')}",
            )
    # by another column (a site) known donors are kept whole, too
    if cohort.split.by != "donor_id" and (cohort.split.by in FALLBACKS or "donor_id" not in several):
        yield found(
            "not_split_by_donor",
            "warning",
            (cohort.split.by,),
            f"split by {cohort.split.by}, not by donor: figures are not for new patients",
            "add donor_id to the cells and split again",
        )
