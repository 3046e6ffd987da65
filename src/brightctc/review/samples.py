"""Samples under review: scores tables, taken into the database once, a sample of theirs each."""

import hashlib
import json
import os
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy
from sqlalchemy import Connection, Row, func, insert, select, update

from brightctc import files
from brightctc.errors import UserError, plural
from brightctc.predict.table import COLUMNS, FLAG_SEPARATOR
from brightctc.report.source import Scores, read_source
from brightctc.review.schema import cells, grades, samples
from brightctc.review.store import Store, Writing, salted_hash

_AT_ONCE = 5_000
_OF_SAMPLE = ("blood_volume_ml", "fraction_imaged")
_NEARLY_0 = 1e-12
_KEPT = ("bundle_hash", "bundle_name", "classes", "command", "image_root", "threshold", "warnings", "brightctc")


@dataclass(frozen=True)
class Sample:
    """One sample under review. scores: SHA-256 of its table; about: what SCORES.meta.json says of it."""

    id: int
    name: str
    scores: str
    cells: int
    about: dict[str, Any]

    @property
    def positive(self) -> str:
        """Name of the class that is looked for."""
        return self.about["classes"]["positive"]

    @property
    def is_named(self) -> bool:
        """Does the table itself name it? Else its name is the table's, and other bloods may have the same."""
        return self.about.get("named", True)

    @property
    def image_root(self) -> Path:
        """The folder that image paths are relative to."""
        return Path(self.about["image_root"])

    @property
    def threshold(self) -> float | None:
        """Score from which a cell is called; None where no score says it, as with the first so many."""
        return self.about["threshold"].get("score")


@dataclass(frozen=True)
class Progress:
    """How far the reading of a sample is: cells that anybody has graded, and that this reader has."""

    sample: Sample
    graded: int
    mine: int


def take_in(store: Store, paths: Sequence[Path], by: str) -> list[Sample]:
    """The samples of some scores tables; those that are known already are left as they are.

    Raises UserError where a table is not what predict wrote.
    """
    found = []
    for path in paths:
        if path.is_dir():
            raise UserError("this is a folder, not a scores table", path, "give the table that brightctc predict wrote")
        read = read_source([path], None)
        if not isinstance(read, Scores):
            raise UserError("this is no scores table", path, "give tables that brightctc predict wrote")
        found += _taken_in(store, read, by)
    return found


def all_samples(connection: Connection) -> list[Sample]:
    """In the order in which they were taken in."""
    return [_sample(row) for row in connection.execute(select(samples).order_by(samples.c.id))]


def sample_of(connection: Connection, key: int) -> Sample | None:
    """By its number."""
    found = connection.execute(select(samples).where(samples.c.id == key)).first()
    return None if found is None else _sample(found)


def of_same_blood(connection: Connection, sample: Sample) -> list[int]:
    """Numbers of this sample and of those that other tables name so: the same blood, scored again."""
    namesakes = connection.execute(select(samples).where(samples.c.name == sample.name))
    return [row.id for row in namesakes if row.id == sample.id or (sample.is_named and _sample(row).is_named)]


def of_table(every: Sequence[Sample], scores: Path | None) -> list[Sample]:
    """Samples of a scores table; of all of them where none is given and no sample is here by several.

    Raises UserError where the table is not here, or one must be chosen.
    """
    if scores is not None:
        digest = files.sha256(scores)
        found = [sample for sample in every if sample.scores == digest]
        if not found:
            raise UserError(
                "this table is not in the review", scores, "give one that review serve was given, unchanged"
            )
        return found
    names = [sample.name for sample in every]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        tables = ", ".join(sorted({str(sample.about["file"]) for sample in every if sample.name == twice}))
        raise UserError(
            f"sample {twice} is here by several scores tables ({tables})", twice, "choose one: --scores FILE"
        )
    return list(every)


def progress(connection: Connection, reader: int) -> list[Progress]:
    """Of every sample."""
    graded = (
        select(cells.c.sample, func.count(grades.c.cell.distinct()))
        .join(cells, cells.c.id == grades.c.cell)
        .where(grades.c.grade.is_not(None))
        .group_by(cells.c.sample)
    )
    anybody = {row[0]: row[1] for row in connection.execute(graded)}
    mine = {row[0]: row[1] for row in connection.execute(graded.where(grades.c.reader == reader))}
    return [Progress(one, anybody.get(one.id, 0), mine.get(one.id, 0)) for one in all_samples(connection)]


def refuse_hidden_images(read: Sequence[Sample], connection: Connection, roots: Sequence[Path]) -> None:
    """Raises UserError where images lie outside of the folders that may be shown; its fix names the one to allow."""
    for sample in read:
        own = select(cells.c.bright_field).where(cells.c.sample == sample.id, cells.c.bright_field.is_not(None))
        paths = [sample.image_root / path for path in connection.execute(own.order_by(cells.c.row)).scalars()]
        folders = {path.parent for path in paths}
        hidden = sorted(str(folder) for folder in folders if not is_inside(folder, (sample.image_root, *roots)))
        if hidden:
            raise UserError(
                f"images of {sample.name} lie outside of {sample.image_root}, in {hidden[0]}",
                plural(sample.cells, "cell"),
                f"allow them to be shown: --images {shlex.quote(os.path.commonpath(hidden))}",
            )


def digest_of(connection: Connection, sample: int) -> str:
    """SHA-256 of which cell has which number, id and images: grades and picks know cells by number alone."""
    of, found = cells.c, hashlib.sha256()
    chosen = select(of.id, of.cell_id, of.bright_field, of.dapi).where(of.sample == sample).order_by(of.id)
    for row in connection.execute(chosen.execution_options(yield_per=5_000)):
        found.update(json.dumps([*row], ensure_ascii=False).encode())
    return found.hexdigest()


def is_inside(path: Path, roots: Sequence[Path]) -> bool:
    """Does the file, links followed, lie below one of these folders?"""
    real = path.resolve()
    return any(real.is_relative_to(root.resolve()) for root in roots)


def _taken_in(store: Store, read: Scores, by: str) -> list[Sample]:
    digest = files.sha256(read.path)
    about = {key: read.meta[key] for key in _KEPT} | {"file": read.path.name}
    alone = pl.lit(read.path.stem)
    given = pl.coalesce(pl.col("sample_id").cast(pl.String), alone) if "sample_id" in read.table.columns else alone
    table = read.table.with_columns(sample_id=given)
    named = set(read.table["sample_id"].cast(pl.String)) if "sample_id" in read.table.columns else set()
    found = []
    with store.writing() as writing:
        for (name,), part in table.partition_by("sample_id", as_dict=True, maintain_order=True).items():
            own = select(samples).where(samples.c.scores == digest, samples.c.name == name)
            if _is_withdrawn(writing, digest, str(name)):
                continue
            known = writing.connection.execute(own).first()
            if known is not None:
                _follow(writing, by, known, about["image_root"])
            else:
                placed = _with_places(part, read.meta["threshold"].get("score"))
                _insert(
                    writing,
                    by,
                    {
                        "name": name,
                        "scores": digest,
                        "about": _with_facts(about | {"named": name in named}, part),
                        "cells": part.height,
                    },
                    placed,
                )
            found.append(_sample(writing.connection.execute(own).one()))
    return found


def _is_withdrawn(writing: Writing, digest: str, name: str) -> bool:
    """Has the donor of this sample of this table withdrawn?"""
    gone = select(samples.c.salt, samples.c.was).where(samples.c.scores == digest, samples.c.was.is_not(None))
    return any(salted_hash(row.salt, name) == row.was for row in writing.connection.execute(gone))


def _follow(writing: Writing, by: str, known: Row, image_root: str) -> None:
    """The table is the same, its images have moved."""
    about = json.loads(known.about)
    if about["image_root"] != image_root:
        moved = json.dumps(about | {"image_root": image_root}, sort_keys=True)
        writing.connection.execute(update(samples).where(samples.c.id == known.id).values(about=moved))
        writing.record(by, "images moved", sample=known.id)


def _with_facts(about: dict[str, Any], table: pl.DataFrame) -> str:
    """JSON of what is said of the scores, and what holds for the sample as a whole, counted once."""
    told = [name for name in _OF_SAMPLE if name in table.columns and table[name].null_count() < table.height]
    flags = table["flags"].drop_nulls().str.split(FLAG_SEPARATOR).explode().drop_nulls()
    facts = {
        "known": {name: _same(table[name]) for name in told},
        "calls": _counted(table["call"].fill_null("unread")),
        "flags": _counted(flags.filter(flags != "")),
        "dapi": "dapi" in table.columns and table["dapi"].null_count() < table.height,
    }
    return json.dumps(about | facts, sort_keys=True)


def _counted(values: pl.Series) -> dict[str, int]:
    """How often each value stands, by name."""
    return dict(sorted(Counter(values.to_list()).items()))


def _same(values: pl.Series) -> object:
    """The one value above 0 that all cells of a sample have; None where there is no such."""
    return values[0] if values.n_unique() == 1 and values[0] > 0 else None


def _insert(writing: Writing, by: str, sample: dict[str, Any], table: pl.DataFrame) -> None:
    made = writing.connection.execute(insert(samples).values(sample)).inserted_primary_key
    assert made is not None, "an integer key"
    for rows in _in_pieces(table, made[0]):
        writing.connection.execute(insert(cells), rows)
    texts = {"name": sample["name"]}
    digest = digest_of(writing.connection, made[0])
    writing.record(by, "took in", texts, sample=made[0], scores=sample["scores"], cells=sample["cells"], digest=digest)


def _in_pieces(table: pl.DataFrame, sample: int) -> Iterator[list[dict[str, Any]]]:
    further = [name for name in table.columns if name not in (*COLUMNS, "dapi", "place", "doubt")]
    for start in range(0, table.height, _AT_ONCE):
        yield [
            {
                "sample": sample,
                "row": start + number,
                "cell_id": str(row["cell_id"]),
                "place": row["place"],
                "doubt": row["doubt"],
                "score": row["score"],
                "donor": row.get("donor_id"),
                "called": row["call"],
                "flags": row["flags"] or "",
                "error": row["error"],
                "bright_field": row["bright_field"],
                "dapi": row.get("dapi"),
                "further": json.dumps(
                    {name: row[name] for name in further if row[name] is not None}, ensure_ascii=False, default=str
                ),
            }
            for number, row in enumerate(table[start : start + _AT_ONCE].iter_rows(named=True))
        ]


def _with_places(table: pl.DataFrame, level: float | None) -> pl.DataFrame:
    """place: by rank, from 1; doubt: by how near the threshold, in log-odds; cells without a score come last."""
    score = table["score"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    odds = scipy.special.logit(np.clip(score, _NEARLY_0, 1 - _NEARLY_0))
    middle = scipy.special.logit(np.clip(0.5 if level is None else level, _NEARLY_0, 1 - _NEARLY_0))
    orders = {
        "place": table["rank"].cast(pl.Float64).fill_null(np.inf),  # ranks are among all samples of the table
        "doubt": np.nan_to_num(abs(odds - middle), nan=np.inf),
    }
    return table.with_columns(pl.Series(name, by).rank("ordinal").cast(pl.Int64) for name, by in orders.items())


def _sample(row: Any) -> Sample:
    return Sample(row.id, row.name, row.scores, row.cells, json.loads(row.about))
