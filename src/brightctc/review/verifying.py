"""The verb `review verify`: is everything as it was written?"""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, select

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
            if head is None:
                return Verified(count, last)
            row = connection.execute(select(events.c.number, events.c.at).where(events.c.hash == head.strip())).first()
        if row is None:
            raise UserError(
                "no event has this head: the chain was written anew after it was printed, or this is another database",
                store.address,
                "compare with a backup from before that print",
            )
        return Verified(count, last, row.number, row.at)
