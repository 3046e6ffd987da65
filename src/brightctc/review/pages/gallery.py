"""The ranked gallery of a sample: open to a reader once his blind reading is done."""

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from sqlalchemy import Connection, Select, func, literal, select
from starlette.exceptions import HTTPException
from starlette.responses import Response

from brightctc.predict.table import FLAG_SEPARATOR
from brightctc.review import accounts, blind, grading
from brightctc.review.pages.reading import GRADES, known_sample
from brightctc.review.samples import Sample
from brightctc.review.schema import cells
from brightctc.review.sizes import UNKNOWN
from brightctc.review.web import Asking, Desk, Rule, moved, page, whole_number

AT_ONCE = 60
ORDERS = {
    "place": "score, highest first",
    "doubt": "nearest to the threshold first",
    "size": "largest first",
    "row": "as imaged",
}
_ROUND = 3  # cells before and after a place in which one is looked for that has moved a little


@dataclass(frozen=True)
class View:
    """What is shown of a sample, and in which order. whose: number of the reader whose grades are meant.

    at: place of a cell in it, from 0.
    """

    order: str = "place"
    called: str = ""
    flag: str = ""
    grade: str = ""
    whose: int = 0
    named: str = ""
    at: int = 0

    @classmethod
    def asked(cls, asking: Asking) -> "View":
        """By the address; unknown values are as if none was given. Only leads see others' grades."""
        given = asking.request.query_params
        order, grade = given.get("order", ""), given.get("grade", "")
        return cls(
            order if order in ORDERS else "place",
            given.get("call", ""),
            given.get("flag", ""),
            grade if grade in (*GRADES, "none") else "",
            whole_number(given.get("reader", "")) if asking.who.leads else 0,
            given.get("named", "")[:200],
            whole_number(given.get("at", "")),
        )

    @property
    def address(self) -> str:
        """As in an address, what is as usual left out."""
        usual = {"order": "place", "call": "", "flag": "", "grade": "", "reader": 0, "named": "", "at": 0}
        own = (self.order, self.called, self.flag, self.grade, self.whose, self.named, self.at)
        return urlencode({name: value for name, value in zip(usual, own, strict=True) if value != usual[name]})

    def cell(self, cell: int, at: int) -> str:
        """Address of a cell in this view."""
        return f"/cells/{cell}?{replace(self, at=at).address}"


@dataclass(frozen=True)
class Steps:
    """Addresses of the cells before and after one; its place, from 1, among those shown; 0: it isn't among them."""

    before: str | None
    after: str | None
    place: int
    shown: int


def gallery(desk: Desk, asking: Asking) -> Response:
    """The frame; cells are loaded as they come into view."""
    sample, view = known_sample(desk, asking), View.asked(asking)
    with desk.store.reading() as connection:
        if not blind.is_open(connection, sample, asking.who, desk.queue):
            return moved(f"/samples/{sample.id}/read")
        shown = _count(connection, sample, view, asking.who.id)
        unsized = select(func.count()).where(cells.c.sample == sample.id, cells.c.size.is_(None))
        left = int(connection.execute(unsized).scalar() or 0)
        readers = [reader for reader, _ in accounts.everyone(connection)] if asking.who.leads else []
    blind.opened(desk.store, sample, asking.who)
    return page(
        desk, asking, "gallery.html.j2", sample=sample, view=view, shown=shown, at_once=AT_ONCE, orders=ORDERS,
        readers=readers, left=left,
    )  # fmt: skip


def some(desk: Desk, asking: Asking) -> Response:
    """A few cells of the gallery from a place on, as a fragment of a page."""
    sample, view = known_sample(desk, asking), View.asked(asking)
    start = whole_number(asking.request.query_params.get("from", ""))
    with desk.store.reading() as connection:
        if not blind.is_open(connection, sample, asking.who, desk.queue):
            raise HTTPException(403, "The blind reading comes first.")
        rows = connection.execute(_shown(sample, view, asking.who.id).offset(start).limit(AT_ONCE)).all()
    blind.opened(desk.store, sample, asking.who)
    return page(desk, asking, "some.html.j2", sample=sample, rows=rows, start=start, view=view)


def beside(connection: Connection, sample: Sample, view: View, reader: int, cell: int) -> Steps:
    """What comes before and after a cell. Its place is looked up; where grading moved it, near by, then everywhere."""
    order = _shown(sample, view, reader).with_only_columns(cells.c.id)
    first = max(0, view.at - _ROUND)
    near = list(connection.execute(order.offset(first).limit(2 * _ROUND + 1)).scalars())
    shown = _count(connection, sample, view, reader)
    if cell not in near:
        first, near = 0, list(connection.execute(order).scalars())
    if cell not in near:  # it left the view: what took its place comes next
        following = near[view.at : view.at + 1] or near[:1]
        return Steps(None, view.cell(following[0], view.at) if following else None, 0, shown)
    at = near.index(cell)
    before = view.cell(near[at - 1], first + at - 1) if at else None
    after = view.cell(near[at + 1], first + at + 1) if at + 1 < len(near) else None
    return Steps(before, after, first + at + 1, shown)


def _shown(sample: Sample, view: View, reader: int) -> Select:
    of = cells.c
    mine = grading.standing_grade(view.whose or reader)
    chosen = select(cells, mine.label("mine")).where(of.sample == sample.id)
    if view.called:
        chosen = chosen.where(of.called.is_(None) if view.called == "unread" else of.called == view.called)
    if view.flag:
        padded = literal(FLAG_SEPARATOR) + of.flags + FLAG_SEPARATOR
        chosen = chosen.where(padded.contains(f"{FLAG_SEPARATOR}{view.flag}{FLAG_SEPARATOR}", autoescape=True))
    if view.named:
        chosen = chosen.where(of.cell_id.icontains(view.named, autoescape=True))
    if view.grade == "none":
        chosen = chosen.where(mine.is_(None))
    elif view.grade:
        chosen = chosen.where(mine == int(view.grade))
    if view.order == "size":
        return chosen.order_by(func.coalesce(of.size, UNKNOWN).desc(), of.row)
    return chosen.order_by({"place": of.place, "doubt": of.doubt, "row": of.row}[view.order])


def _count(connection: Connection, sample: Sample, view: View, reader: int) -> int:
    if view == View(order=view.order, at=view.at):
        return sample.cells
    inner = _shown(sample, view, reader).with_only_columns(cells.c.id).order_by(None).subquery()
    return int(connection.execute(select(func.count()).select_from(inner)).scalar() or 0)


RULES = (
    Rule("/samples/{sample:int}", "reader", gallery),
    Rule("/samples/{sample:int}/cells", "reader", some),
)
