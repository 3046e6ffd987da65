"""The verb `review withdraw`: a donor's cells lose their names, places, pictures and notes; the chain still holds."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, String, cast, delete, func, literal, select, update

from brightctc.errors import UserError
from brightctc.review.samples import digest_of
from brightctc.review.schema import cells, events, reports, samples, texts
from brightctc.review.store import COMMAND, Store, Writing, salted_hash


@dataclass(frozen=True)
class Forgotten:
    """What was taken out: cells' names and paths, whole samples' names, texts, documents of signed reports."""

    cells: int
    samples: int
    texts: int
    reports: int

    def summary(self) -> dict[str, Any]:
        """For --json."""
        return vars(self)


def forget(db: str, donor: str) -> Forgotten:
    """Take a donor out of a review. Grades, scores and events stay, and say nothing of anybody any more.

    Signed reports of samples that hold the donor's cells lose their document; their hash stays. Exported files and
    backups are elsewhere: `brightctc withdraw` finds tables and pages, not archives. Raises UserError where the review
    has no such donor.
    """
    with Store.opened(db) as store, store.writing() as writing:
        connection = writing.connection
        own = select(cells.c.id, cells.c.sample).where(cells.c.donor == donor)
        found = connection.execute(own).all()
        if not found:
            raise UserError("no cell of this review is of this donor", donor, "give it as it stands in donor_id")
        held = sorted({row.sample for row in found})
        whole = [sample for sample in held if not _others(connection, sample, donor)]
        gone = _texts(connection, donor, whole)
        nameless = {"cell_id": literal("withdrawn ") + cast(cells.c.id, String), "bright_field": None, "dapi": None}
        blank = nameless | {"donor": None, "further": "{}", "flags": "", "error": "withdrawn"}
        connection.execute(update(cells).where(cells.c.donor == donor).values(blank))
        for sample in whole:
            _rename(connection, sample)
        documents = connection.execute(
            update(reports).where(reports.c.sample.in_(held), reports.c.document.is_not(None)).values(document=None)
        ).rowcount
        return _recorded(writing, Forgotten(len(found), len(whole), gone, documents), held)


def _rename(connection: Connection, sample: int) -> None:
    """What is left of its name, a salted hash, keeps the same table from bringing the sample back."""
    row = connection.execute(select(samples).where(samples.c.id == sample)).one()
    salt, about = secrets.token_hex(16), json.loads(row.about)
    told = about | {"file": "withdrawn", "command": "withdrawn", "image_root": "", "known": {}, "warnings": []}
    values = {
        "name": f"withdrawn {sample}",
        "about": json.dumps(told, sort_keys=True),
        "salt": salt,
        "was": salted_hash(salt, row.name),
    }
    connection.execute(update(samples).where(samples.c.id == sample).values(values))


def _recorded(writing: Writing, done: Forgotten, held: list[int]) -> Forgotten:
    digests = {str(sample): digest_of(writing.connection, sample) for sample in held}
    writing.record(COMMAND, "withdrew a donor", **done.summary(), digests=digests)
    return done


def _others(connection: Connection, sample: int, donor: str) -> bool:
    other = select(cells.c.id).where(cells.c.sample == sample, func.coalesce(cells.c.donor, "") != donor)
    return connection.execute(other.limit(1)).first() is not None


def _texts(connection: Connection, donor: str, whole: list[int]) -> int:
    """Notes and reasons of the donor's cells, and the names of samples that are the donor's alone."""
    of_cells = select(events.c.number).where(events.c.cell.in_(select(cells.c.id).where(cells.c.donor == donor)))
    gone = connection.execute(delete(texts).where(texts.c.event.in_(of_cells))).rowcount
    names = [f'%"sample": {sample}}}%' for sample in whole] + [f'%"sample": {sample},%' for sample in whole]
    for pattern in names:
        named = select(events.c.number).where(events.c.kind == "took in", events.c.about.like(pattern))
        gone += connection.execute(delete(texts).where(texts.c.event.in_(named))).rowcount
    return gone
