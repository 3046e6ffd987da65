"""The verb `review verify`: is everything as it was written?"""

import re
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select

from brightctc.errors import UserError
from brightctc.review import replay
from brightctc.review.schema import events
from brightctc.review.store import Store


@dataclass(frozen=True)
class Verified:
    """A chain that holds. number, at: event and time (UTC) of a head that was asked for; None: none was."""

    events: int
    head: str
    number: int | None = None
    at: str | None = None

    def summary(self) -> dict[str, Any]:
        """For --json."""
        return asdict(self)


def verify(db: str, *, head: str | None = None) -> Verified:
    """Follow the chain. head: one that was printed. Raises UserError where it doesn't hold, or never had that head."""
    with Store.opened(db) as store:
        broken = replay.verify(store)
        if broken is not None:
            raise UserError(
                f"the chain does not hold at event {broken.number}: {broken.why}",
                store.address,
                "somebody changed the database by other means: compare it with a backup, and with printed heads",
            )
        with store.reading() as connection:
            count = int(connection.execute(select(func.count()).select_from(events)).scalar() or 0)
            last = store.head(connection)
            if not count:
                raise UserError("nothing has happened in this database yet", store.address, "is it the right one?")
            if head is None:
                return Verified(count, last)
            row = _event_of(connection, head.strip().casefold())
        if row is None:
            raise UserError(
                "no event has this head: the chain was written anew after it was printed, or this is another database",
                store.address,
                "compare with a backup from before that print",
            )
        return Verified(count, last, row.number, row.at)


def _event_of(connection: Connection, head: str) -> Row | None:
    """The event with this hash, or whose hash begins so."""
    if not re.fullmatch(r"[0-9a-f]{8,64}", head):
        raise UserError("a head is 64 hexadecimal digits, or the first eight of them at least", head, "copy it again")
    chosen = select(events.c.number, events.c.at).where(events.c.hash.startswith(head, autoescape=True))
    return connection.execute(chosen.order_by(events.c.number).limit(1)).first()
