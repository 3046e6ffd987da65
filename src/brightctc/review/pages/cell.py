"""One cell: its images, grades and history. And the pictures themselves."""

import json
from dataclasses import dataclass
from typing import cast, get_args

import numpy as np
import polars as pl
from sqlalchemy import Connection, Row, select
from starlette.exceptions import HTTPException
from starlette.responses import Response

from brightctc.bundle import Bundle
from brightctc.preprocess import Channel
from brightctc.review import agreeing, blind, grading
from brightctc.review.bands import band
from brightctc.review.history import of_cell
from brightctc.review.images import Asked, Contrast, png, window_of
from brightctc.review.nearest import Hidden
from brightctc.review.pages.gallery import View, beside
from brightctc.review.pages.reading import GRADES
from brightctc.review.samples import Sample, all_samples, sample_of
from brightctc.review.schema import cells, outcomes
from brightctc.review.web import Asking, Desk, Rule, as_picture, moved, page, picture_or_404

_ANSWERS = ("label", "label_source", "part", "donor_id")


def cell(desk: Desk, asking: Asking) -> Response:
    """Large, with everything that is known of it; only once the blind reading is done."""
    with desk.store.reading() as connection:
        row, sample = _known(connection, asking)
        if not blind.is_open(connection, sample, asking.who, desk.queue):
            return moved(f"/samples/{sample.id}/read")
        given = grading.given_to(connection, row.id)
        view = View.asked(asking)
        steps = beside(connection, sample, view, asking.who.id, row.id)
        told = [one for one in of_cell(connection, row.id) if asking.who.leads or one.who == asking.who.name]
        said = agreeing.judged(connection, sample, [row.id]) if asking.who.leads else []
        outcome = connection.execute(select(outcomes.c.outcome).where(outcomes.c.cell == row.id)).scalar()
    blind.opened(desk.store, sample, asking.who)
    later = {one.reader for one in given if one.occasion == grading.OPEN}
    scored_by = desk.maps.bundle_of(sample)
    own = [one for one in given if one.reader == asking.who.name and one.occasion != grading.AGAIN]
    return page(
        desk,
        asking,
        "cell.html.j2",
        sample=sample,
        cell=row,
        further=_further(row),
        view=view,
        steps=steps,
        history=told,
        judged=said[0] if said else None,
        outcome=outcome,
        later=later,
        has_map=scored_by is not None and row.error is None,
        has_near=desk.nearest.has(scored_by) and row.error is None,
        mine=min(own, key=lambda one: one.occasion, default=None),
        band=band(row.score, sample.threshold),
        given=given if asking.who.leads else [one for one in given if one.reader == asking.who.name],
    )


def grade(desk: Desk, asking: Asking) -> Response:
    """Keep a grade that was given with the score in view, and go on to the next cell of the same view."""
    with desk.store.reading() as connection:
        row, sample = _known(connection, asking)
        if not blind.is_open(connection, sample, asking.who, desk.queue):
            raise HTTPException(403, "The blind reading comes first.")
        steps = beside(connection, sample, View.asked(asking), asking.who.id, row.id)
    value, form = asking.form.get("grade", ""), asking.form
    if value not in GRADES:
        raise HTTPException(400, "A grade is 0, 1, 2, 3 or 4.")
    said = grading.Said(int(value), note=form.get("note", ""), reason=form.get("reason", ""))
    grading.grade(desk.store, asking.who, row.id, said)
    return moved(steps.after or f"/cells/{row.id}?{View.asked(asking).address}")


def back(desk: Desk, asking: Asking) -> Response:
    """Take the latest grade of this sample back that was given with scores in view, and go to its cell."""
    with desk.store.reading() as connection:
        row, sample = _known(connection, asking)
        last = grading.taking_back(connection, asking.who, sample.id)
    if last is not None:
        grading.grade(desk.store, asking.who, *last)
    return moved(f"/cells/{last[0] if last else row.id}?{View.asked(asking).address}")


def picture(desk: Desk, asking: Asking) -> Response:
    """A crop as PNG, once the blind reading is done."""
    channel, given = asking.request.path_params["channel"], asking.request.query_params
    contrast = given.get("contrast", "fixed")
    if channel not in get_args(Channel) or contrast not in get_args(Contrast):
        raise HTTPException(404, "There is no such picture.")
    with desk.store.reading() as connection:
        row, sample = _known(connection, asking)
        if not blind.is_open(connection, sample, asking.who, desk.queue):
            raise HTTPException(403, "The blind reading comes first.")
    asked = Asked(row.id, cast(Channel, channel), cast(Contrast, contrast), small="small" in given)
    return picture_or_404(desk, asked)


def _further(row: Row) -> dict[str, object]:
    """What else is known of the cell, but for what would answer the question."""
    return {name: value for name, value in json.loads(row.further).items() if name not in _ANSWERS}


def heat(desk: Desk, asking: Asking) -> Response:
    """Where the score comes from, of a sample whose bundle is here."""
    looked = _looked_into(desk, asking)
    return as_picture(desk.maps.picture(looked.bundle, looked.crop, looked.pixel_size_um))


def nearest(desk: Desk, asking: Asking) -> Response:
    """The training cells most like this one, of a sample whose bundle and its cohort are here: part of a page."""
    looked = _looked_into(desk, asking)
    if not desk.nearest.has(looked.bundle):
        raise HTTPException(404, "The cohort that this bundle has learned from is not here.")
    _, outputs = desk.maps.looked(looked.bundle, looked.crop, looked.pixel_size_um)
    near = desk.nearest.near(looked.bundle, looked.cell, outputs.embedding, _kept_back(desk, asking))
    learned = desk.nearest.learned[looked.bundle.hash]
    answer = page(desk, asking, "nearest.html.j2", near=near, learned=learned, positive=looked.sample.positive)
    answer.headers["cache-control"] = "no-store"
    return answer


def training(desk: Desk, asking: Asking) -> Response:
    """A training cell as PNG."""
    contrast = asking.request.query_params.get("contrast", "fixed")
    if contrast not in get_args(Contrast):
        raise HTTPException(404, "There is no such picture.")
    asked = asking.request.path_params
    crop = desk.nearest.crop(asked["bundle"], asked["key"], _kept_back(desk, asking))
    if isinstance(crop, str):
        raise HTTPException(404, crop)
    return as_picture(png(crop, window_of(crop, cast(Contrast, contrast))), kept=False)


def _kept_back(desk: Desk, asking: Asking) -> Hidden:
    """Training cells that are under review, in samples that this reader has not read blind yet."""
    with desk.store.reading() as connection:
        everything = all_samples(connection)
        closed = [one for one in everything if not blind.is_open(connection, one, asking.who, desk.queue)]
    names, numbers = {one.name for one in closed}, [one.id for one in closed]

    def hidden(rows: pl.DataFrame) -> list[bool]:
        if not closed:
            return [False] * rows.height
        own = select(cells.c.cell_id).where(cells.c.sample.in_(numbers), cells.c.cell_id.in_(rows["cell_id"].to_list()))
        with desk.store.reading() as connection:
            ids = set(connection.execute(own).scalars())
        samples = rows["sample_id"].to_list() if "sample_id" in rows.columns else [None] * rows.height
        return [cell in ids or name in names for cell, name in zip(rows["cell_id"], samples, strict=True)]

    return hidden


@dataclass(frozen=True)
class _LookedInto:
    """A cell whose score can be looked into. cell: its id, sample and donor, a row."""

    sample: Sample
    bundle: Bundle
    crop: np.ndarray
    pixel_size_um: float | None
    cell: pl.DataFrame


def _looked_into(desk: Desk, asking: Asking) -> _LookedInto:
    with desk.store.reading() as connection:
        row, sample = _known(connection, asking)
        if not blind.is_open(connection, sample, asking.who, desk.queue):
            raise HTTPException(403, "The blind reading comes first.")
    bundle, crop = desk.maps.bundle_of(sample), desk.pictures.crop(sample, row, "bright_field")
    if bundle is None:
        raise HTTPException(404, "The bundle that scored this sample is not here.")
    if isinstance(crop, str):
        raise HTTPException(404, crop)
    further = json.loads(row.further)
    blind.opened(desk.store, sample, asking.who)
    size, donor = further.get("pixel_size_um"), further.get("donor_id")
    own = {"cell_id": [row.cell_id], "sample_id": [sample.name], "donor_id": [None if donor is None else str(donor)]}
    known = pl.DataFrame(own, schema=dict.fromkeys(own, pl.String))
    return _LookedInto(sample, bundle, crop, None if size is None else float(size), known)


def _known(connection: Connection, asking: Asking) -> tuple[Row, Sample]:
    row = connection.execute(select(cells).where(cells.c.id == asking.number("cell"))).first()
    sample = None if row is None else sample_of(connection, row.sample)
    if row is None or sample is None:
        raise HTTPException(404, "There is no such cell.")
    return row, sample


RULES = (
    Rule("/cells/{cell:int}", "reader", cell),
    Rule("/cells/{cell:int}/grade", "reader", grade, reads=False),
    Rule("/cells/{cell:int}/back", "reader", back, reads=False),
    Rule("/cells/{cell:int}/map.png", "reader", heat),
    Rule("/cells/{cell:int}/nearest", "reader", nearest),
    Rule("/training/{bundle}/{key}.png", "reader", training),
    Rule("/cells/{cell:int}/{channel}.png", "reader", picture),
)
