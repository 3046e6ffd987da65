"""The verb `drift`: scores of one sample after another → a table and a control chart."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from brightctc import files
from brightctc.drift.picture import draw_chart
from brightctc.errors import UserError, plural
from brightctc.predict.table import META_VERSION, meta_path, refuse_other_table

OUTSIDE, ONE_SIDE = "above_limit", "one_side"
MEANINGS = {
    OUTSIDE: "the sample's cells look to the network unlike those of its training",
    ONE_SIDE: "eight samples in a row lie above the centre: something drifts",
}
RUN = 8
"""Samples in a row above the centre; by chance one in 256 (Nelson, J. Quality Technology 16:237, 1984, takes nine)."""
_AGAIN = "score the sample again with brightctc predict"


@dataclass(frozen=True)
class DriftResult:
    """What was found and written.

    table: a row a sample in the order given: scores, sample_id, cells, unlike, centre, limit, concern (empty,
    `above_limit`, `one_side`).
    """

    path: Path
    picture: Path
    table: pl.DataFrame

    @property
    def concerns(self) -> pl.DataFrame:
        """Samples with a concern."""
        return self.table.filter(pl.col("concern").is_not_null())

    def summary(self) -> dict[str, Any]:
        """For machines."""
        return {
            "table": str(self.path),
            "picture": str(self.picture),
            "samples": self.table.height,
            "concerns": self.concerns.to_dicts(),
        }


def drift(scores: Sequence[Path], out: Path, *, overwrite: bool = False) -> DriftResult:
    """Hold samples that one bundle scored against those it was validated on, in the order in which they are given.

    scores: tables of `predict`; what is said of their samples lies in the SCORES.meta.json beside each. out: the table
    to write, .csv; the chart is written beside it, as .png.
    Raises UserError where a file is missing, the bundles differ, or theirs can't judge samples.
    """
    out = Path(out)
    picture = out.with_suffix(".png")
    if out.suffix != ".csv":
        raise UserError(f"the table is written as .csv, not as {out.suffix or 'a file without an ending'}", out,
                        f"write e.g. {out.with_suffix('.csv').name}")  # fmt: skip
    if meta_path(out).is_file():
        raise UserError("these are scores, which a chart would replace", out, "name the chart's own table last")
    for path in (out, picture):
        files.refuse_existing(path, overwrite)
    given = [(Path(path), _meta(Path(path))) for path in scores]
    _refuse_different(given)
    rows = [_row(path, shift, meta["shift_limits"]["centre"]) for path, meta in given for shift in meta["shifts"]]
    if not rows:
        raise UserError(
            "no sample of these scores can be judged",
            given[0][0],
            "samples need ten cells that could be read; see docs/predict.md, Whole samples",
        )
    table = pl.DataFrame(rows, schema_overrides={"sample_id": pl.String}).with_columns(
        concern=pl.Series(_concerns(rows), dtype=pl.String)
    )
    with files.new_file(out) as beside, files.new_file(picture) as drawing:
        table.write_csv(beside)
        draw_chart(table, str(given[0][1]["bundle_name"]), drawing)
    return DriftResult(out, picture, table)


def _meta(path: Path) -> dict[str, Any]:
    beside = meta_path(path)
    if not beside.is_file():
        raise UserError(f"{beside.name} is missing beside the scores", path, _AGAIN)
    meta = files.read_json(beside, format_version=META_VERSION)
    refuse_other_table(path, meta)
    if not {"shifts", "bundle_hash", "bundle_name"} <= meta.keys():
        raise UserError("this file says nothing of whole samples", beside, _AGAIN)
    if meta.get("shift_limits") is None:
        raise UserError(
            f"the bundle “{meta['bundle_name']}” can't judge whole samples",
            beside,
            "train it with at least four samples in training and validation, of ten cells each (column sample_id)",
        )
    return meta


def _refuse_different(given: Sequence[tuple[Path, dict[str, Any]]]) -> None:
    first, meta = given[0]
    for path, other in given[1:]:
        if other["shift_limits"] != meta["shift_limits"]:
            raise UserError(
                f"{path.name} was scored by another bundle than {first.name}, with other limits",
                path,
                "chart the scores of one bundle at a time",
            )


def _row(path: Path, shift: dict[str, Any], centre: float) -> dict[str, Any]:
    return {
        "scores": path.name,
        "sample_id": shift["sample_id"],
        "cells": shift["cells"],
        "unlike": shift["unlike"],
        "centre": centre,
        "limit": shift["limit"],
    }


def _concerns(rows: Sequence[dict[str, Any]]) -> list[str | None]:
    """Of each sample the graver concern."""
    found: list[str | None] = []
    above = 0
    for row in rows:
        above = above + 1 if row["unlike"] > row["centre"] else 0
        outside = not row["unlike"] <= row["limit"]
        found.append(OUTSIDE if outside else ONE_SIDE if above >= RUN else None)
    return found


def headline(table: pl.DataFrame) -> str:
    """In a line."""
    concerned = table["concern"].drop_nulls().value_counts()
    counts = dict(concerned.iter_rows())
    if not counts:
        return f"{plural(table.height, 'sample')}: none looks unlike those of the training"
    parts = [f"{counts[name]} {words}" for name, words in _SHORT.items() if name in counts]
    return f"{plural(table.height, 'sample')}: {', '.join(parts)}"


_SHORT = {OUTSIDE: "above the limit", ONE_SIDE: f"in a run of {RUN} or more above the centre"}
