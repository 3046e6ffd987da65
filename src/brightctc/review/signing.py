"""Signed reports: what was known of a sample at one moment, and who stands for it. None is ever edited."""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment
from sqlalchemy import Connection, func, insert, select

from brightctc.errors import UserError
from brightctc.review import accounts, agreeing, agreement, counting, picking
from brightctc.review.accounts import Reader
from brightctc.review.agreeing import Judged, Verdict
from brightctc.review.images import Asked, Pictures
from brightctc.review.samples import Sample
from brightctc.review.schema import events, reports
from brightctc.review.store import Store, now

MEANINGS = {
    "responsible": "I am responsible for the grades and picks in this report.",
    "reviewed": "I have reviewed this report and agree with it.",
}
"""What a signature can mean."""
_SHOWN = 120  # cells with a picture


@dataclass(frozen=True)
class Report:
    """One that was signed. superseded: the number of a later one of the sample; None: it is the latest.

    sha256: of its document; there: has it not been taken out since, because a donor withdrew?
    """

    id: int
    at: str
    who: str
    meaning: str
    sha256: str
    superseded: int | None
    there: bool


def sign(
    store: Store, pictures: Pictures, templates: Environment, sample: Sample, lead: Reader, password: str, meaning: str
) -> int:
    """Write a sample's report and sign it; its number.

    Raises UserError where the password is not the lead's, the meaning is none, or nobody has graded a cell.
    """
    if meaning not in MEANINGS:
        raise UserError("a signature needs a meaning", "meaning", "choose one")
    if not accounts.knows_password(store, lead, password):
        raise UserError("this is not your password", "password", "sign with the password that you sign in with")
    with store.reading() as connection:
        last = _latest(connection, sample)
        text = _document(connection, pictures, templates, sample, lead, MEANINGS[meaning], last)
    with store.writing() as writing:
        if _latest(writing.connection, sample) != last:
            raise UserError(
                "another report of this sample was signed just now", sample.name, "read it, then sign again"
            )
        number = writing.record(
            lead.name, "signed report", sample=sample.id, sha256=_sha256(text), meaning=meaning, supersedes=last
        )
        values = {"sample": sample.id, "event": number, "supersedes": last, "document": text}
        made = writing.connection.execute(insert(reports).values(values)).inserted_primary_key
    assert made is not None, "an integer key"
    return made[0]


def signed(connection: Connection, sample: Sample) -> list[Report]:
    """All reports of a sample, the latest first."""
    rows = connection.execute(
        select(reports, events.c.at, events.c.who, events.c.about)
        .join(events, events.c.number == reports.c.event)
        .where(reports.c.sample == sample.id)
        .order_by(reports.c.id)
    ).all()
    later = {row.supersedes: row.id for row in rows}
    found = []
    for row in reversed(rows):
        about = json.loads(row.about)
        meaning = MEANINGS[about["meaning"]]
        there = row.document is not None
        found.append(Report(row.id, row.at, row.who, meaning, about["sha256"], later.get(row.id), there))
    return found


def document(connection: Connection, sample: Sample, number: int) -> str | None:
    """A report's HTML as it was signed; None where there is none."""
    own = select(reports.c.document).where(reports.c.id == number, reports.c.sample == sample.id)
    return connection.execute(own).scalar()


def _latest(connection: Connection, sample: Sample) -> int | None:
    return connection.execute(select(func.max(reports.c.id)).where(reports.c.sample == sample.id)).scalar()


def _document(
    connection: Connection,
    pictures: Pictures,
    templates: Environment,
    sample: Sample,
    lead: Reader,
    meaning: str,
    last: int | None,
) -> str:
    """All that is known now, as one file that asks for nothing else."""
    every = agreeing.judged(connection, sample)
    if not every:
        raise UserError("nobody has graded a cell of this sample", sample.name, "read some first")
    return templates.get_template("report.html.j2").render(
        sample=sample, lead=lead, at=now(), meaning=meaning, supersedes=last, head=Store.head(connection),
        count=counting.counts(connection, sample, every), found=agreement.agreement(connection, sample),
        sheet=[(one, _picture(connection, pictures, one.row.id)) for one in picking.picked(connection, sample)],
        confirmed=_confirmed(connection, pictures, every), known=_known(sample),
    )  # fmt: skip


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _known(sample: Sample) -> dict[str, Any]:
    about = sample.about
    return {
        "scores": f"{about['file']} (SHA-256 {sample.scores})",
        "model": f"{about['bundle_name']} (bundle {about['bundle_hash']})",
        "threshold": ", ".join(f"{name} {value}" for name, value in about["threshold"].items()),
        "program": f"brightctc {about['brightctc']}, {about['command']}",
    }


def _confirmed(connection: Connection, pictures: Pictures, every: Sequence[Judged]) -> list[tuple[Judged, str]]:
    found = [one for one in every if one.verdict is Verdict.CONFIRMED][:_SHOWN]
    return [(one, _picture(connection, pictures, one.cell)) for one in found]


def _picture(connection: Connection, pictures: Pictures, cell: int) -> str:
    """A data URI; empty where the image can't be had."""
    made = pictures.picture(connection, Asked(cell, "bright_field", small=True))
    return f"data:image/png;base64,{base64.b64encode(made).decode()}" if isinstance(made, bytes) else ""
