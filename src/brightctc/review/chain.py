"""The chain of events: each row holds a hash of itself and of the row before, so that a rewritten one shows.

Whoever can write to the database can also write all hashes anew: the head of the chain is therefore printed on every
export and report, and `brightctc review verify` holds a printed head against the chain.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

START = "0" * 64
"""What the first event follows."""


@dataclass(frozen=True)
class Event:
    """One row.

    number: from 1, without gaps. at: UTC, ISO 8601. who: a reader's name. cell: its number; None: it is of none.
    about: JSON values alone.
    """

    number: int
    at: str
    who: str
    kind: str
    cell: int | None
    about: dict[str, Any]
    previous: str

    @property
    def hash(self) -> str:
        """SHA-256 (64 hex digits) of all of it."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()

    @property
    def canonical(self) -> str:
        """What is hashed: JSON without spaces, keys in order."""
        values = [self.number, self.at, self.who, self.kind, self.cell, self.about, self.previous]
        return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


@dataclass(frozen=True)
class Break:
    """Where a chain does not hold. number: of the event that ought to be there."""

    number: int
    why: str


def first_break(events: Iterable[tuple[Event, str]]) -> Break | None:
    """The first event, with the hash it is stored with, that does not follow from the one before; None: all do."""
    head = START
    for number, (event, stored) in enumerate(events, start=1):
        if event.number != number:
            return Break(number, f"event {event.number} follows event {number - 1}")
        if event.previous != head:
            return Break(number, "it does not follow from the event before it")
        if event.hash != stored:
            return Break(number, "it has been changed since it was written")
        head = stored
    return None
