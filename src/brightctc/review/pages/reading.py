"""The blind reading: one cell after another, no score, no rank, no name, no number, fixed contrast."""

import json

from sqlalchemy import select
from starlette.exceptions import HTTPException
from starlette.responses import Response

from brightctc.review import blind, grading
from brightctc.review.images import Asked
from brightctc.review.samples import Sample, sample_of
from brightctc.review.schema import cells
from brightctc.review.web import Asking, Desk, Rule, moved, page, picture_or_404

GRADES = tuple(str(value) for value in range(len(grading.WORDS)))


def read(desk: Desk, asking: Asking) -> Response:
    """The next cell of the reader's queue."""
    sample = known_sample(desk, asking)
    standing = blind.standing(desk.store, sample, asking.who, desk.queue)
    if standing.next is None:
        return moved(f"/samples/{sample.id}")
    with desk.store.reading() as connection:
        further = connection.execute(select(cells.c.further).where(cells.c.id == standing.next.cell)).scalar() or "{}"
    size = json.loads(further).get("pixel_size_um")
    return page(desk, asking, "reading.html.j2", sample=sample, standing=standing, pixel_size=size)


def grade(desk: Desk, asking: Asking) -> Response:
    """Keep the grade of the cell that is next, and go on. A second click on the same cell does nothing."""
    sample = known_sample(desk, asking)
    standing = blind.standing(desk.store, sample, asking.who, desk.queue)
    if standing.next is not None and asking.form.get("turn", "") == str(standing.done):
        value = asking.form.get("grade", "")
        if value not in GRADES:
            raise HTTPException(400, "A grade is 0, 1, 2, 3 or 4.")
        after = standing.next
        with desk.store.reading() as connection:
            unseen = not blind.has_seen(connection, sample, asking.who)
        said = grading.Said(int(value), after.occasion, blind=unseen, note=asking.form.get("note", ""))
        grading.grade(desk.store, asking.who, after.cell, said)
    return moved(f"/samples/{sample.id}/read")


def back(desk: Desk, asking: Asking) -> Response:
    """Take the latest grade of a turn back; the cell comes again. What was said blind stays once scores were seen."""
    sample = known_sample(desk, asking)
    is_done = blind.standing(desk.store, sample, asking.who, desk.queue).next is None
    with desk.store.reading() as connection:
        unseen = not blind.has_seen(connection, sample, asking.who)
        last = None if is_done else grading.last_of(connection, asking.who, sample.id, blind=unseen)
    if last is not None:
        grading.grade(desk.store, asking.who, last[0], grading.Said(None, last[1], blind=unseen, reason="undone"))
    return moved(f"/samples/{sample.id}/read")


def picture(desk: Desk, asking: Asking) -> Response:
    """The cell that is next: its address tells nothing of it, and nothing keeps it, so that no repeat shows."""
    standing = blind.standing(desk.store, known_sample(desk, asking), asking.who, desk.queue)
    if standing.next is None or standing.done != asking.number("turn"):
        raise HTTPException(404, "This cell's turn is over.")
    return picture_or_404(desk, Asked(standing.next.cell, "bright_field"), kept=False)


def known_sample(desk: Desk, asking: Asking) -> Sample:
    """The sample of the address; 404 where there is none."""
    with desk.store.reading() as connection:
        found = sample_of(connection, asking.number("sample"))
    if found is None:
        raise HTTPException(404, "There is no such sample.")
    return found


RULES = (
    Rule("/samples/{sample:int}/read", "reader", read),
    Rule("/samples/{sample:int}/read", "reader", grade, reads=False),
    Rule("/samples/{sample:int}/back", "reader", back, reads=False),
    Rule("/samples/{sample:int}/turns/{turn:int}.png", "reader", picture),
)
