"""Everything that happened, newest first, and whether the chain holds."""

from sqlalchemy import Connection, func, select
from starlette.responses import Response

from brightctc.review import blind, replay
from brightctc.review.chain import Break
from brightctc.review.history import read
from brightctc.review.samples import all_samples
from brightctc.review.schema import events
from brightctc.review.web import Asking, Desk, Rule, page, whole_number

_AT_ONCE = 200


def audit(desk: Desk, asking: Asking) -> Response:
    """A page of events."""
    return _shown(desk, asking, whole_number(asking.request.query_params.get("before", "")))


def verify(desk: Desk, asking: Asking) -> Response:
    """Follow the chain from its first event."""
    return _shown(desk, asking, 0, verified=True, broken=replay.verify(desk.store))


def _shown(desk: Desk, asking: Asking, before: int, verified: bool = False, broken: Break | None = None) -> Response:
    chosen = select(events).order_by(events.c.number.desc()).limit(_AT_ONCE)
    with desk.store.reading() as connection:
        rows = connection.execute(chosen.where(events.c.number < before) if before else chosen).all()
        whole = connection.execute(select(func.count()).select_from(events)).scalar()
        head = desk.store.head(connection)
        found = read(connection, rows, hidden=_unread(desk, asking, connection))
    return page(
        desk, asking, "audit.html.j2", rows=found, whole=whole, head=head, broken=broken, verified=verified
    )  # fmt: skip


def _unread(desk: Desk, asking: Asking, connection: Connection) -> set[int]:
    """Samples that the lead still has to read blind: others' grades of them are not shown yet."""
    every = all_samples(connection)
    return {sample.id for sample in every if not blind.is_open(connection, sample, asking.who, desk.queue)}


RULES = (
    Rule("/audit", "lead", audit),
    Rule("/audit", "lead", verify, reads=False),
)
