"""For leads: how readers of a sample agree, what is to be settled, counts, the pick sheet and its exports."""

import tempfile
from pathlib import Path

from sqlalchemy import select
from starlette.exceptions import HTTPException
from starlette.responses import Response

from brightctc.report.pdf import browser, print_page
from brightctc.review import agreeing, agreement, blind, counting, picking, sheets, signing
from brightctc.review.pages.reading import GRADES, known_sample
from brightctc.review.samples import Sample
from brightctc.review.schema import cells
from brightctc.review.store import now
from brightctc.review.web import Asking, Desk, Rule, moved, page, whole_number

_FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "zip": "application/zip",
}
_MOST = 500
"""Cells of a list on one page."""


def agreed(desk: Desk, asking: Asking) -> Response:
    """How far readers agree, and the cells on which they differ, the furthest apart first."""
    sample = _opened(desk, asking)
    with desk.store.reading() as connection:
        found = agreement.agreement(connection, sample)
        every = agreeing.judged(connection, sample)
        settled = [one for one in every if one.settled is not None]
        why = agreeing.reasons(connection, [one.cell for one in settled[:_MOST]])
    opened = [one for one in every if one.verdict is agreeing.Verdict.OPEN]
    opened.sort(key=lambda one: (-one.apart, one.cell))
    return page(
        desk, asking, "agreement.html.j2", sample=sample, found=found, opened=opened[:_MOST], left=len(opened),
        settled=settled[:_MOST], all_settled=len(settled), why=why, tab="agreement",
    )  # fmt: skip


def settle(desk: Desk, asking: Asking) -> Response:
    """A lead's decision on one cell."""
    sample, form = _opened(desk, asking), asking.form
    if form.get("grade", "") not in GRADES:
        raise HTTPException(400, "A grade is 0, 1, 2, 3 or 4.")
    cell = _cell_of(desk, asking, sample)
    agreeing.settle(desk.store, asking.who, cell, int(form["grade"]), form.get("reason", ""))
    return moved(f"/samples/{sample.id}/agreement")


def result(desk: Desk, asking: Asking) -> Response:
    """Counts, the sheet, and what could be put on it."""
    sample, named = _opened(desk, asking), asking.request.query_params.get("named", "")[:200]
    with desk.store.reading() as connection:
        every = agreeing.judged(connection, sample)
        count = counting.counts(connection, sample, every)
        sheet = picking.picked(connection, sample)
        reports = signing.signed(connection, sample)
        scored = picking.scores_of(connection, sample)
    there = {one.row.id for one in sheet}
    verdict = agreeing.Verdict
    every.sort(key=lambda one: -scored.get(one.cell, 0))
    may = [one for one in every if one.positive and one.verdict is not verdict.OPEN and one.cell not in there]
    chosen = [one for one in may if named.casefold() in one.cell_id.casefold()]
    controls = [one for one in every if one.verdict is verdict.REJECTED and one.cell not in there]
    return page(
        desk,
        asking,
        "result.html.j2",
        sample=sample,
        count=count,
        sheet=sheet,
        may=chosen[:_MOST],
        all_chosen=len(chosen),
        all_may=len(may),
        named=named,
        controls=controls[::-1][:24],
        all_controls=len(controls),
        tab="result",
        more=min(desk.queue or 100, count.draw.unread),
        reports=reports,
        meanings=signing.MEANINGS,
    )


def pick(desk: Desk, asking: Asking) -> Response:
    """On the sheet, off it, or confirmed."""
    sample, form = _opened(desk, asking), asking.form
    cell, does = _cell_of(desk, asking, sample), form.get("does", "")
    if does == "pick":
        picking.pick(desk.store, asking.who, cell, form.get("use", ""), form.get("container", ""))
    elif does == "confirm":
        picking.confirm(desk.store, asking.who, cell)
    elif does == "take back":
        picking.take_back(desk.store, asking.who, cell, form.get("reason", ""))
    else:
        raise HTTPException(400, "Pick, confirm, or take back.")
    return moved(f"/samples/{sample.id}/result")


def export(desk: Desk, asking: Asking) -> Response:
    """The sheet as a file. That it left, and to whom, is an event whose hash is the head that the file prints."""
    sample, kind = _opened(desk, asking), asking.request.path_params["kind"]
    if kind not in _FORMATS:
        raise HTTPException(404, "There is no such export.")
    with desk.store.writing() as writing:
        sheet = picking.picked(writing.connection, sample)
        if not sheet:
            raise HTTPException(400, "Nothing is picked yet.")
        writing.record(asking.who.name, "exported picks", sample=sample.id, format=kind, cells=len(sheet))
        head = desk.store.head(writing.connection)
    foot = sheets.foot(sample, head, asking.who.name, now())
    if kind == "csv":
        content = sheets.as_csv(sheet, foot)
    elif kind == "xlsx":
        content = sheets.as_xlsx(sheet, f"Picks of {sample.name}", foot)
    else:
        with desk.store.reading() as connection:
            content = sheets.as_zip(connection, desk.pictures, sheet, foot)
    headers = {"content-disposition": f'attachment; filename="{sheets.file_name(sample)}.{kind}"'}
    return Response(content, media_type=_FORMATS[kind], headers=headers)


def more(desk: Desk, asking: Asking) -> Response:
    """Further cells, drawn at random among those that nobody has read, for this reader."""
    sample = _opened(desk, asking)
    blind.more(desk.store, sample, asking.who, desk.queue or 100)
    return moved(f"/samples/{sample.id}/read")


def sign(desk: Desk, asking: Asking) -> Response:
    """A report of what is known now, signed with the lead's password; wrong ones have to wait as at the door."""
    sample, form, key = _opened(desk, asking), asking.form, f"name {asking.who.name.casefold()}"
    if wait := desk.attempts.wait(key):
        raise HTTPException(429, f"Too many tries. Wait {wait:.0f} seconds, then try again.")
    desk.attempts.failed(key)
    signing.sign(
        desk.store, desk.pictures, desk.templates, sample, asking.who, form.get("password", ""), form.get("meaning", "")
    )
    desk.attempts.succeeded(key)
    return moved(f"/samples/{sample.id}/result")


def report(desk: Desk, asking: Asking) -> Response:
    """A signed report, as it was signed, or printed from it."""
    sample, kind = _opened(desk, asking), asking.request.path_params["kind"]
    number = asking.number("report")
    with desk.store.reading() as connection:
        text = signing.document(connection, sample, number)
    if text is None or kind not in ("html", "pdf"):
        raise HTTPException(404, "There is no such report.")
    headers = {"content-disposition": f'attachment; filename="report-{number}.{kind}"'}
    if kind == "html":
        return Response(text, media_type="text/html; charset=utf-8", headers=headers)
    with tempfile.TemporaryDirectory() as folder:
        page_file, pdf = Path(folder) / "report.html", Path(folder) / "report.pdf"
        page_file.write_text(text, encoding="utf-8")
        print_page(browser(), page_file, pdf)
        return Response(pdf.read_bytes(), media_type="application/pdf", headers=headers)


def _opened(desk: Desk, asking: Asking) -> Sample:
    """The sample, once the lead has done his own blind reading: this page tells what others said."""
    sample = known_sample(desk, asking)
    with desk.store.reading() as connection:
        if not blind.is_open(connection, sample, asking.who, desk.queue):
            raise HTTPException(403, "Your own blind reading of this sample comes first.")
    blind.opened(desk.store, sample, asking.who)
    return sample


def _cell_of(desk: Desk, asking: Asking, sample: Sample) -> int:
    """The cell that the form names, if it is one of this sample."""
    cell = whole_number(asking.form.get("cell", ""))
    own = select(cells.c.id).where(cells.c.id == cell, cells.c.sample == sample.id)
    with desk.store.reading() as connection:
        if connection.execute(own).first() is not None:
            return cell
    raise HTTPException(400, "There is no such cell in this sample.")


RULES = (
    Rule("/samples/{sample:int}/agreement", "lead", agreed),
    Rule("/samples/{sample:int}/settle", "lead", settle, reads=False),
    Rule("/samples/{sample:int}/result", "lead", result),
    Rule("/samples/{sample:int}/pick", "lead", pick, reads=False),
    Rule("/samples/{sample:int}/more", "lead", more, reads=False),
    Rule("/samples/{sample:int}/sign", "lead", sign, reads=False),
    Rule("/samples/{sample:int}/reports/{report:int}.{kind}", "lead", report),
    Rule("/samples/{sample:int}/picks.{kind}", "lead", export, reads=False),
)
