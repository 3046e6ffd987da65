"""From grades to a sheet: agreement, settling, counts, picks looked at twice, exports that carry no formula."""

import csv
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import fastexcel
import numpy as np
import polars as pl
import pytest
from sklearn.metrics import cohen_kappa_score
from sqlalchemy import select, text

from brightctc.errors import UserError
from brightctc.metrics import upper_bound_of_count
from brightctc.review import agreeing, counting, pages, picking, replay
from brightctc.review.accounts import Reader, everyone
from brightctc.review.agreeing import Judged, Verdict, judged, settle
from brightctc.review.agreement import agreement
from brightctc.review.counting import Draw
from brightctc.review.grading import FIRST, Said, grade
from brightctc.review.labels import export_labels
from brightctc.review.samples import Sample, all_samples
from brightctc.review.schema import events, turns
from reviewed import Room, draw_scores, opened, text_of


def people(room: Room, *names: str) -> list[Reader]:
    for name in names:
        room.enter(name, "lead")
    with room.desk.store.reading() as connection:
        return [reader for reader, _ in everyone(connection)]


def sample_of(room: Room) -> Sample:
    with room.desk.store.reading() as connection:
        return all_samples(connection)[0]


def all_judged(room: Room) -> dict[int, Judged]:
    with room.desk.store.reading() as connection:
        return {one.cell: one for one in judged(connection, sample_of(room))}


@pytest.mark.parametrize(
    ("grades", "settled", "verdict", "positive"),
    [
        ({"a": 4, "b": 3}, None, Verdict.CONFIRMED, True), ({"a": 1, "b": 2}, None, Verdict.REJECTED, False),
        ({"a": 0, "b": 0}, None, Verdict.DUMMY, False), ({"a": 4}, None, Verdict.ONCE, True),
        ({"a": 1}, None, Verdict.ONCE, False), ({"a": 3, "b": 2}, None, Verdict.OPEN, False),
        ({"a": 4, "b": 0}, None, Verdict.OPEN, False), ({"a": 3, "b": 2}, 3, Verdict.CONFIRMED, True),
        ({"a": 4, "b": 4}, 1, Verdict.REJECTED, False), ({"a": 4, "b": 1}, 0, Verdict.DUMMY, False),
        ({}, None, Verdict.OPEN, False),
    ],
)  # fmt: skip
def test_verdicts(grades: dict[str, int], settled: int | None, verdict: Verdict, positive: bool) -> None:
    one = Judged(1, "c", grades, settled)
    assert (one.verdict, one.positive) == (verdict, positive)


def test_agreement_is_of_blind_grades_alone(room: Room) -> None:
    ada, bo = people(room, "Ada", "Bo")
    store = room.desk.store
    for cell, (one, other) in enumerate([(1, 1), (2, 2), (3, 4), (4, 4), (0, 0), (0, 3), (1, 3)], start=1):
        grade(store, ada, cell, Said(one, FIRST, blind=True))
        grade(store, bo, cell, Said(other, FIRST, blind=True))
    grade(store, ada, 8, Said(1, FIRST, blind=True))
    grade(store, bo, 8, Said(4))  # saw the score: counts for the verdict alone
    grade(store, ada, 7, Said(3, reason="DAPI"))
    with store.reading() as connection:
        found = agreement(connection, sample_of(room))
    (pair,) = found.pairs
    assert (pair.first, pair.second, pair.cells, pair.same, pair.dummies, pair.dummy_once) == ("Ada", "Bo", 5, 4, 1, 1)
    assert pair.all == 7
    expected = cohen_kappa_score([1, 2, 3, 4, 1], [1, 2, 4, 4, 3], weights="quadratic")
    assert pair.kappa.value == pytest.approx(expected)
    assert pair.positive.value == pytest.approx(0.8)
    assert found.everyone == 5
    assert found.fleiss.value is not None
    assert found.selves == ()
    assert all_judged(room)[7].verdict is Verdict.CONFIRMED
    assert all_judged(room)[8].verdict is Verdict.OPEN


def test_a_reader_is_held_against_an_earlier_self(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/r.db", draw_scores(tmp_path, 60), blind=40) as room:
        person = room.enter()
        assert person.read_blind(grades=[1, 2, 3, 4]) == 44
        with room.desk.store.reading() as connection:
            found = agreement(connection, sample_of(room))
    assert found.pairs == ()
    assert found.fleiss.reason == "fewer than two readers are done"
    assert found.selves[0].all == 4
    assert "earlier self" in text_of(person.get("/samples/1/agreement"))


def test_settling_needs_a_reason_and_stands_over_grades(room: Room) -> None:
    ada, bo = people(room, "Ada", "Bo")
    store = room.desk.store
    grade(store, ada, 1, Said(4))
    grade(store, bo, 1, Said(1))
    for cell, value, reason in ((1, 3, ""), (1, 3, "x" * 1001), (1, 7, "why"), (2, 3, "why"), (999, 3, "why")):
        with pytest.raises(UserError):
            settle(store, ada, cell, value, reason)
    settle(store, ada, 1, 1, "ghost cell")
    settle(store, ada, 1, 3, "second thoughts")
    assert all_judged(room)[1].verdict is Verdict.CONFIRMED
    assert replay.verify(store) is None
    with store.writing() as writing:
        writing.connection.execute(text("UPDATE settlements SET grade = 1"))
    broken = replay.verify(store)
    assert broken is not None
    assert "settlement" in broken.why


def test_counts_say_what_is_known_and_what_is_not(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/r.db", draw_scores(tmp_path, 200), blind=40) as room:
        ada, bo = room.enter("Ada"), room.enter("Bo")
        ada.read_blind(grades=[4])
        bo.read_blind(grades=[4])
        with room.desk.store.reading() as connection:
            found = counting.counts(connection, sample_of(room))
            drawn = connection.execute(select(turns.c.cell).where(turns.c.probability < 1).distinct()).all()
        assert (found.confirmed, found.read, found.unread) == (40, 40, 160)
        assert found.interval[0] < 40 < found.interval[1]
        assert (found.draw.among, found.draw.read, found.draw.positive, found.draw.unread) == (180, 20, 20, 160)
        assert found.draw.most == 160
        assert len(drawn) == 20
        assert found.factor is None
        page = text_of(ada.get("/samples/1/result"))
        assert "40 confirmed of 40 read; 160 of 200 unread" in page
        assert "up to 160" in page


@pytest.mark.parametrize(
    ("volume", "fraction", "factor"),
    [
        ([5.0], None, 1.5), ([5.0], [0.5], 3), ([5.0], [None], 1.5), ([5.0], [0.5, 0.6], None),
        ([5.0], [0.5, None], None), ([5.0], [0.0], None), ([5.0], [-0.5], None), ([5.0, 7.5], [0.5], None),
        ([0.0], None, None), ([None], [0.5], None), ([5.0], [80.0], None),
    ],
)  # fmt: skip
def test_per_tube_only_where_the_imaged_blood_is_known(
    tmp_path: Path, volume: list[float | None], fraction: list[float | None] | None, factor: float | None
) -> None:
    scores = draw_scores(tmp_path)
    columns = {"blood_volume_ml": volume} | ({} if fraction is None else {"fraction_imaged": fraction})
    pl.read_csv(scores).with_columns(
        pl.Series(name, [values[at % len(values)] for at in range(12)], pl.Float64) for name, values in columns.items()
    ).write_csv(scores)
    with opened(f"sqlite:///{tmp_path}/r.db", scores, blind=0) as room:
        with room.desk.store.reading() as connection:
            assert counting.counts(connection, sample_of(room)).factor == factor
        ada, bo = room.enter("Ada"), room.enter("Bo")
        for person in (ada, bo):
            person.post("/cells/1/grade", grade=4)
        assert ("7.5 mL: not known" in text_of(ada.get("/samples/1/result"))) == (factor is None)


def test_a_random_sample_of_the_unread_bounds_them(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/r.db", draw_scores(tmp_path, 200), blind=20) as room:
        ada = room.enter("Ada")
        ada.read_blind(grades=[1])
        with room.desk.store.reading() as connection:
            before = counting.counts(connection, sample_of(room)).draw
        assert (before.among, before.read, before.positive, before.unread) == (190, 10, 0, 180)
        assert before.most == 48
        assert "Blind reading of" in ada.post("/samples/1/more")
        assert ada.read_blind(grades=[2]) == 20
        with room.desk.store.reading() as connection:
            after = counting.counts(connection, sample_of(room)).draw
        assert (after.read, after.unread) == (30, 160)
        assert after.most < before.most
        for _ in range(12):
            ada.post("/samples/1/more")
            ada.read_blind(grades=[1])
        assert "All cells have been read" in text_of(ada.get("/samples/1/result"))


@pytest.mark.parametrize(
    ("draw", "most"),
    [
        (Draw(100, 0, 0, 0, 100, 0), 100), (Draw(100, 59, 0, 0, 41, 0), 3), (Draw(5000, 100, 0, 0, 4900, 0), 146),
        (Draw(128, 100, 0, 0, 28, 0), 1), (Draw(128, 116, 1, 1, 12, 0), 1), (Draw(100, 100, 3, 3, 0, 0), 0),
        (Draw(180, 20, 5, 5, 25, 0), 25), (Draw(180, 20, 0, 9, 160, 0), 14),
        (Draw(180, 20, 0, 9, 160, 7), 21), (Draw(100, 100, 3, 3, 0, 2), 2),
    ],
)  # fmt: skip
def test_bounds(draw: Draw, most: int) -> None:
    assert draw.most == most


@pytest.mark.parametrize(("among", "drawn"), [(128, 100), (500, 300), (300, 20)])
def test_the_bound_on_the_unread_holds_as_often_as_it_says(among: int, drawn: int) -> None:
    rng = np.random.default_rng(0)
    for total in (1, 3, among // 20, among // 4):
        found = rng.hypergeometric(total, among - total, drawn, size=2000)
        bounds = {x: upper_bound_of_count(int(x), drawn, among) for x in np.unique(found)}
        missed = np.mean([bounds[x] < total for x in found])
        assert missed <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 2000)


def test_unread_cells_of_the_highest_rank_may_all_be_positive(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/r.db", draw_scores(tmp_path, 100), blind=20) as room:
        room.enter("Bo", "reader").get("/samples/1/read")  # drawn, and none of it read
        ada = Room(replace(room.desk, queue=0)).enter("Ada")
        ada.post("/cells/1/grade", grade=1)
        with room.desk.store.reading() as connection:
            found = counting.counts(connection, sample_of(room))
        assert (found.unread, found.draw.unread, found.draw.first, found.draw.most) == (99, 90, 9, 99)
        ada.post("/samples/1/more")
        ada.read_blind(grades=[1])
        with room.desk.store.reading() as connection:
            found = counting.counts(connection, sample_of(room))
        assert (found.unread, found.draw.unread, found.draw.first, found.draw.most) == (19, 10, 9, 10)
        page = text_of(ada.get("/samples/1/result"))
        assert "of the 19 unread, 9 of which the model ranks first and may all be, up to 10 can be" in page


def test_reading_in_the_gallery_is_no_random_reading(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/r.db", draw_scores(tmp_path, 100), blind=20) as room:
        ada = room.enter()
        ada.read_blind(grades=[1])
        ada.post("/samples/1/more")
        for cell in range(30, 100):
            ada.post(f"/cells/{cell}/grade", grade=1, reason="x")
        with room.desk.store.reading() as connection:
            draw = counting.counts(connection, sample_of(room)).draw
            assert (draw.among, draw.read) == (90, 10)
            drawn = connection.execute(select(turns.c.cell).where(turns.c.probability < 1).distinct()).all()
            assert len(drawn) == 30
        export_labels(room.desk.store.url, tmp_path / "labels.csv")
        rows = list(csv.DictReader((tmp_path / "labels.csv").read_text().splitlines()))
        random = [row for row in rows if row["queue"] == "random"]
        assert len(random) == 10
        assert {row["inclusion_probability"] for row in random} == {f"{10 / 90:.6g}"}
        ada.post("/samples/1/more")
        with room.desk.store.reading() as connection:
            assert len(connection.execute(select(turns.c.cell).where(turns.c.probability < 1).distinct()).all()) == 30


def test_a_settlement_ends_when_somebody_grades_anew(room: Room) -> None:
    ada, bo = people(room, "Ada", "Bo")
    store = room.desk.store
    grade(store, ada, 1, Said(4))
    grade(store, bo, 1, Said(1))
    settle(store, ada, 1, 4, "bright rim")
    picking.pick(store, ada, 1, "pick", "single")
    grade(store, ada, 1, Said(2, reason="DAPI weak"))
    assert all_judged(room)[1].settled is None
    assert all_judged(room)[1].verdict is Verdict.REJECTED
    with store.reading() as connection:
        (one,) = picking.picked(connection, sample_of(room))
    assert not one.stands
    assert "grades changed" in one.status
    with pytest.raises(UserError, match="don't take this cell"):
        picking.confirm(store, bo, 1)
    grade(store, ada, 1, Said(None))
    grade(store, bo, 1, Said(None))
    picking.take_back(store, bo, 1, "nobody grades it")
    with store.reading() as connection:
        assert picking.picked(connection, sample_of(room)) == []


def test_a_settlement_ends_when_a_grade_is_taken_back(room: Room) -> None:
    ada, bo = people(room, "Ada", "Bo")
    store = room.desk.store
    grade(store, ada, 1, Said(4))
    grade(store, bo, 1, Said(1))
    settle(store, ada, 1, 4, "bright rim")
    assert all_judged(room)[1].verdict is Verdict.CONFIRMED
    grade(store, bo, 1, Said(None, reason="undone"))
    assert (all_judged(room)[1].settled, all_judged(room)[1].verdict) == (None, Verdict.ONCE)
    grade(store, ada, 1, Said(None, reason="undone"))
    assert all_judged(room) == {}
    assert replay.verify(store) is None


def test_only_what_readers_differ_on_is_settled(room: Room) -> None:
    (ada,) = people(room, "Ada")
    grade(room.desk.store, ada, 1, Said(4))
    with pytest.raises(UserError, match="don't differ"):
        settle(room.desk.store, ada, 1, 4, "mine")


def test_only_what_readers_said_may_be_picked(room: Room) -> None:
    ada, bo = people(room, "Ada", "Bo")
    store = room.desk.store
    for cell, (one, other) in {1: (4, 4), 2: (4, 1), 3: (1, 2), 4: (4, None), 5: (0, 0)}.items():
        grade(store, ada, cell, Said(one))
        if other is not None:
            grade(store, bo, cell, Said(other))
    refused = [
        (6, "pick", "single"), (999, "pick", "single"), (2, "pick", "single"), (3, "pick", "single"),
        (5, "pick", "pool"), (1, "control", "single"), (5, "control", "pool"), (2, "control", "single"),
        (1, "eat", "single"), (1, "pick", "bag"),
    ]  # fmt: skip
    for cell, use, container in refused:
        with pytest.raises(UserError):
            picking.pick(store, ada, cell, use, container)
    picking.pick(store, ada, 1, "pick", "single")
    picking.pick(store, ada, 3, "control", "pool")
    picking.pick(store, bo, 4, "pick", "pool")
    with pytest.raises(UserError, match="already"):
        picking.pick(store, bo, 1, "pick", "single")
    with pytest.raises(UserError, match="yourself"):
        picking.confirm(store, ada, 1)
    picking.confirm(store, bo, 1)
    with pytest.raises(UserError, match="already"):
        picking.confirm(store, bo, 1)
    with pytest.raises(UserError, match="reason"):
        picking.take_back(store, ada, 4, " ")
    picking.take_back(store, ada, 4, "lost")
    with pytest.raises(UserError, match="not on the sheet"):
        picking.take_back(store, ada, 4, "lost")
    with store.reading() as connection:
        sheet = picking.picked(connection, sample_of(room))
    assert [(one.row.id, one.use, one.by, one.second) for one in sheet] == [
        (1, "pick", "Ada", "Bo"),
        (3, "control", "Ada", None),
    ]
    assert sheet[1].warning == "neighbour"
    assert replay.verify(store) is None
    with store.writing() as writing:
        writing.connection.execute(text("UPDATE picks SET confirmed = NULL"))
    broken = replay.verify(store)
    assert broken is not None
    assert "pick" in broken.why


HOSTILE = ("=HYPERLINK(1)", "+1", "@x", "-1", "../../up", "<b>", "ok", "\u202eabc", "a/b\\c", "é")


def test_exports(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/r.db", draw_scores(tmp_path, len(HOSTILE), "=S1", ids=HOSTILE), blind=0) as room:
        ada = room.enter()
        for number in range(1, len(HOSTILE)):
            ada.post(f"/cells/{number}/grade", grade=4)
            ada.post("/samples/1/pick", cell=number, does="pick", use="pick", container="single")
        answers = {
            kind: ada.client.post(f"/samples/1/picks.{kind}", data={"csrf": ada.csrf})
            for kind in ("csv", "xlsx", "zip")
        }
        ada.post("/samples/1/picks.exe", 404)
        with room.desk.store.reading() as connection:
            heads = connection.execute(select(events.c.hash).where(events.c.kind == "exported picks")).scalars().all()
    assert all(answer.status_code == 200 for answer in answers.values())
    rows = list(csv.DictReader(io.StringIO(answers["csv"].text)))
    assert [row["cell_id"].lstrip("'") for row in rows[:9]] == list(HOSTILE[:9])
    assert answers["csv"].text.splitlines()[-1].startswith("'=S1")
    assert not [row for row in rows if any(str(value or "").startswith(("=", "+", "@")) for value in row.values())]
    assert heads[0] in answers["csv"].text
    sheet = fastexcel.read_excel(answers["xlsx"].content).load_sheet(0, header_row=2, dtypes="string").to_polars()
    assert sheet["cell_id"].to_list()[:9] == list(HOSTILE[:9])
    assert sheet["x"].to_list()[1] == "1.5"
    raw = zipfile.ZipFile(io.BytesIO(answers["xlsx"].content)).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in raw
    names = zipfile.ZipFile(io.BytesIO(answers["zip"].content)).namelist()
    assert len(names) == 1 + 2 * 9
    assert all(re.fullmatch(r"picks\.csv|\d{3}_[A-Za-z0-9_.-]+\.png", name) for name in names)
    assert not [name for name in names if ".." in name]


def test_lists_that_are_cut_say_so(quick_room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, bo = people(quick_room, "Ada", "Bo")
    store, lead = quick_room.desk.store, Room(replace(quick_room.desk, queue=0)).enter("Cy")
    for cell in (1, 2, 3, 4):
        grade(store, ada, cell, Said(4))
        grade(store, bo, cell, Said(1))
    for cell in (1, 2):
        settle(store, ada, cell, 3, "round")
    agreed, result = "/samples/1/agreement", "/samples/1/result"
    assert "are shown" not in lead.get(agreed) + lead.get(result)
    monkeypatch.setattr(pages.result, "_MOST", 1)
    page = text_of(lead.get(agreed))
    assert "The first 1 of 2 are shown; further ones follow as these are settled." in page
    assert "Settled The first 1 of 2 are shown." in page
    page = lead.get(result)
    assert "The first 1 of 2 are shown." in text_of(page)
    assert '<input name="named"' in page
    assert "S1/c001" not in page
    page = lead.get(f"{result}?named=C001")
    assert "S1/c001" in page
    assert "are shown" not in page
    assert "None of them is called so." in lead.get(f"{result}?named=none")


def test_pages_of_leads(room: Room) -> None:
    ada, bo, cy = room.enter("Ada"), room.enter("Bo"), room.enter("Cy", "reader")
    ada.get("/samples/1/agreement", 403)
    ada.get("/samples/1/result", 403)
    ada.read_blind(grades=[4, 4, 1])
    bo.read_blind(grades=[4, 1, 1])
    cy.read_blind()
    assert "Agreement" not in cy.get("/samples/1")
    page = ada.get("/samples/1/agreement")
    assert "weighted κ" in page
    disputed = re.findall(r'name="cell" value="(\d+)"', page)
    assert disputed
    ada.post("/samples/1/settle", 400, cell=disputed[0], grade=9, reason="x")
    ada.post("/samples/1/settle", 400, cell="1 OR 1=1", grade=1, reason="x")
    page = ada.post("/samples/1/settle", cell=disputed[0], grade=3, reason="<i>round</i>")
    assert "Settled" in page
    assert len(re.findall(r'name="cell" value="(\d+)"', page.split(">Settled</h2>")[0])) == len(disputed) - 1
    ada.post("/samples/1/picks.csv", 400)
    page = ada.post("/samples/1/pick", cell=disputed[0], does="pick", use="pick", container="pool")
    assert "another lead" in page
    ada.post("/samples/1/pick", 400, cell=disputed[0], does="eat")
    assert "Ada" in bo.post("/samples/1/pick", cell=disputed[0], does="confirm")
    ada.post(f"/cells/{disputed[0]}/grade", grade=0, reason="gone")
    assert agreeing.POSITIVE == 3
