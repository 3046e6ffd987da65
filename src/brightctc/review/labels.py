"""Labels back: what readers agreed on, with how they came to it, as a table that `import` joins to a cohort."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from brightctc import files
from brightctc.cohort import READ_BLIND, READ_IN_VIEW
from brightctc.errors import UserError
from brightctc.review.agreeing import Verdict, judged
from brightctc.review.blind import queued
from brightctc.review.grading import AGAIN
from brightctc.review.samples import Sample, all_samples, of_table
from brightctc.review.schema import cells, grades, outcomes
from brightctc.review.store import COMMAND, Store

COLUMNS = (
    "cell_id", "sample_id", "label", "label_source", "outcome", "verdict", "grades", "readers", "queue",
    "inclusion_probability", "selected_by", "bundle_hash", "chain_head",
)  # fmt: skip
SEQUENCED = "sequencing"
"""Label source of a cell that was recovered and turned out to be one, or none."""


@dataclass(frozen=True)
class Exported:
    """A table that was written. cells: its rows; labelled: those of them with a label. head: of the chain."""

    path: Path
    cells: int
    labelled: int
    head: str


def export_labels(db: str, out: Path, *, scores: Path | None = None, overwrite: bool = False) -> Exported:
    """Write every graded cell: label, how it came about, and with what probability its cell was read.

    A label is the positive class where two readers or more, or a settlement, say 3 or 4; `not <class>` for 1 and 2,
    which does not claim that it is a leukocyte; an outcome of sequencing stands before both. Cells read once, open or
    dummy have none. `label_source` tells whether all grades were given blind; `selected_by` names the bundle whose
    rank, or gallery, chose the cell, and is empty for a random draw. Raises UserError where nothing is graded yet.
    """
    files.refuse_existing(out, overwrite)
    with Store.opened(db) as store, store.writing() as writing:
        chosen = of_table(all_samples(writing.connection), scores)
        rows = [row for sample in chosen for row in _rows(writing.connection, sample)]
        if not rows:
            raise UserError("nobody has graded a cell yet", store.address, "read some: brightctc review serve")
        named = sum(bool(row["label"]) for row in rows)
        writing.record(COMMAND, "exported labels", cells=len(rows), labelled=named)
        head = store.head(writing.connection)
    with files.new_file(out, overwrite=overwrite) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer: csv.DictWriter[str] = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(row | {"chain_head": head} for row in rows)
    return Exported(out, len(rows), named, head)


def _rows(connection: Connection, sample: Sample) -> Iterator[dict[str, Any]]:
    queues = _queues(connection, sample)
    seen = _in_view(connection, sample)
    known = _outcomes(connection, sample)
    names = {Verdict.CONFIRMED: sample.positive, Verdict.REJECTED: f"not {sample.positive}"}
    for one in judged(connection, sample):
        queue, probability = queues.get(one.cell, ("gallery", None))
        outcome = known.get(one.cell, "")
        in_view = one.settled is not None or one.cell in seen
        yield {
            "cell_id": one.cell_id,
            "sample_id": sample.name,
            "label": {"positive": sample.positive, "negative": names[Verdict.REJECTED]}.get(outcome)
            or names.get(one.verdict, ""),
            "label_source": SEQUENCED
            if outcome in ("positive", "negative")
            else READ_IN_VIEW
            if in_view
            else READ_BLIND,
            "outcome": outcome,
            "verdict": str(one.verdict),
            "grades": "; ".join(f"{name}: {grade}" for name, grade in one.grades.items()),
            "readers": len(one.grades),
            "queue": queue,
            "inclusion_probability": "" if probability is None else f"{probability:.6g}",
            "selected_by": "" if queue == "random" else f"{queue} by {sample.about['bundle_hash'][:12]}",
            "bundle_hash": sample.about["bundle_hash"],
        }


def _outcomes(connection: Connection, sample: Sample) -> dict[int, str]:
    """What recovered cells turned out to be."""
    of = outcomes.c
    chosen = select(of.cell, of.outcome).join(cells, cells.c.id == of.cell).where(cells.c.sample == sample.id)
    return {row.cell: row.outcome for row in connection.execute(chosen)}


def _queues(connection: Connection, sample: Sample) -> Mapping[int, tuple[str, float]]:
    """Cells that were read blind: by rank or drawn at random, and with what probability such a cell has been read."""
    ranked, drawn, read = queued(connection, sample)
    by_rank = len(ranked & read) / max(1, len(ranked))
    at_random = len(drawn & read) / max(1, sample.cells - len(ranked))
    return dict.fromkeys(ranked & read, ("rank", by_rank)) | dict.fromkeys(drawn & read, ("random", at_random))


def _in_view(connection: Connection, sample: Sample) -> set[int]:
    """Cells of which a grade was given by somebody who had seen scores of the sample."""
    rows = connection.execute(
        select(grades.c.cell)
        .join(cells, cells.c.id == grades.c.cell)
        .where(cells.c.sample == sample.id, grades.c.grade.is_not(None), grades.c.occasion != AGAIN)
        .where(grades.c.blind.is_(False))
    )
    return set(rows.scalars())
