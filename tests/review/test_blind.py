"""The blind reading: which cells, in what order; and that nothing of a score leaves before it is done."""

import itertools
import re
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from brightctc.review import blind
from brightctc.review.app import app
from brightctc.review.schema import cells, grades, turns
from reviewed import SITE, Person, Room, draw_scores, opened, text_of


def test_half_by_rank_half_at_random() -> None:
    found = blind.drawn(range(100), range(100, 110), 20, seed=1)
    assert [turn.cell for turn in found[:10]] == list(range(10))
    assert all(turn.probability == 1 for turn in found[:10])
    assert len({turn.cell for turn in found}) == 20
    assert {turn.probability for turn in found[10:]} == {10 / 100}


def test_every_other_cell_is_drawn_as_often_as_it_says() -> None:
    drawn = [turn.cell for seed in range(400) for turn in blind.drawn(range(30), range(30, 40), 10, seed)[5:]]
    shares = [drawn.count(cell) / 400 for cell in range(5, 40)]
    assert min(shares) > 0.05
    assert max(shares) < 0.25
    assert sum(shares) / 35 == pytest.approx(5 / 35)


@pytest.mark.parametrize(("cells", "size"), [(3, 10), (1, 200), (10, 10)])
def test_few_cells_are_all_read(cells: int, size: int) -> None:
    found = blind.drawn(range(cells), (), size, seed=0)
    assert sorted(turn.cell for turn in found) == list(range(cells))
    assert all(turn.probability == pytest.approx(1, abs=1e-5) for turn in found)


def test_repeats_come_later_and_unannounced() -> None:
    found = blind.drawn(range(500), (), 200, seed=0)
    order = blind.in_order(found, seed=5)
    assert len(order) == 220
    first = {turn.cell: at for at, turn in enumerate(order) if turn.occasion == 1}
    again = {turn.cell: at for at, turn in enumerate(order) if turn.occasion == 2}
    assert len(again) == 20
    assert all(at - first[cell] > 0 for cell, at in again.items())
    assert sum(at - first[cell] >= 15 for cell, at in again.items()) >= 18
    assert [turn.cell for turn in order] != [turn.cell for turn in blind.in_order(found, seed=6)]


def test_repeats_are_spread_and_apart() -> None:
    found = blind.drawn(range(500), (), 200, seed=0)
    for seed in range(50):
        order = blind.in_order(found, seed)
        places = {turn.cell: at for at, turn in enumerate(order) if turn.occasion == 1}
        gaps = [at - places[turn.cell] for at, turn in enumerate(order) if turn.occasion == 2]
        assert len(gaps) == 20
        assert min(gaps) >= 20
        assert max(gaps) <= 75
    for size in (1, 2, 3, 10, 30):
        short = blind.in_order(blind.drawn(range(size), (), 200, seed=0), seed=1)
        assert len(short) == size + round(size / 10)


def test_further_random_turns_can_be_taken_back(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/r.db", draw_scores(tmp_path, 60), blind=6) as room:
        ada = room.enter()
        ada.read_blind()
        ada.post("/samples/1/more")
        assert "Go on reading" in ada.get("/")
        first = re.search(r'name="turn" value="(\d+)"', ada.get("/samples/1/read"))
        assert first is not None
        ada.post("/samples/1/read", turn=first.group(1), grade=3)
        assert f'value="{first.group(1)}"' in ada.post("/samples/1/back")


def test_what_was_said_blind_stays_once_scores_were_seen(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/r.db", draw_scores(tmp_path, 60), blind=6) as room:
        ada = room.enter()
        turns_of_all = ada.read_blind(grades=[3])
        ada.post("/samples/1/more")
        with room.desk.store.reading() as connection:
            before = connection.execute(select(grades.c.grade, grades.c.blind)).all()
        for _ in range(3):
            ada.post("/samples/1/back")
        with room.desk.store.reading() as connection:
            assert connection.execute(select(grades.c.grade, grades.c.blind)).all() == before
        assert len(before) == turns_of_all


def test_readers_get_the_same_cells_in_orders_of_their_own(room: Room) -> None:
    orders = []
    for name in ("Ada", "Bo", "Cy"):
        person = room.enter(name, "reader")
        person.get("/samples/1/read")
        with room.desk.store.reading() as connection:
            rows = connection.execute(select(turns).order_by(turns.c.reader.desc(), turns.c.position)).all()
        last = max(row.reader for row in rows)
        orders.append([row.cell for row in rows if row.reader == last and row.occasion == 1])
    assert all(sorted(one) == sorted(other) for one, other in itertools.pairwise(orders))
    assert len({tuple(order) for order in orders}) > 1


def walked(person: Person) -> list[str]:
    """All that the server says during a blind reading, headers included."""
    said = []
    while True:
        answer = person.client.get("/samples/1/read")
        if "Blind reading of" not in answer.text:
            return said
        turn = re.search(r'name="turn" value="(\d+)"', answer.text)
        assert turn is not None
        picture = person.client.get(f"/samples/1/turns/{turn.group(1)}.png")
        assert picture.headers["content-type"] == "image/png"
        assert picture.headers["cache-control"] == "no-store"
        said += [answer.text, str(answer.headers), str(picture.headers)]
        person.post("/samples/1/read", turn=turn.group(1), grade=1)


def test_nothing_of_a_score_leaves_before_the_reading_is_done(room: Room) -> None:
    person = room.enter("Bo", "reader")
    refused = [
        ("/cells/1/bright_field.png", 403), ("/cells/1/dapi.png", 403), ("/samples/1/cells", 403),
        ("/cells/1/bright_field.png?small", 403), ("/audit", 403),
    ]  # fmt: skip
    for path, status in refused:
        person.get(path, status)
    person.post("/cells/1/grade", 403, grade=4)
    for path in ("/samples/1", "/cells/1", "/samples/1?order=doubt"):
        assert "Blind reading of" in person.get(path)
    said = text_of("\n".join(walked(person)))
    assert not re.search(r"score|rank|c0\d\d|called|band|/cells/|0\.\d{2}", said.replace("without score", ""))
    assert "Cells of S1" in person.get("/samples/1")


def test_a_turn_is_graded_once(room: Room) -> None:
    person = room.enter()
    person.get("/samples/1/read")
    for _ in range(3):
        person.post("/samples/1/read", turn=0, grade=3)
    with room.desk.store.reading() as connection:
        assert len(connection.execute(select(grades)).all()) == 1
    person.post("/samples/1/read", 400, turn=1, grade=7)
    person.post("/samples/1/read", 400, turn=1, grade="3; DROP TABLE grades")
    person.get("/samples/1/turns/0.png", 404)


def test_the_last_one_can_be_taken_back(room: Room) -> None:
    person = room.enter()
    person.get("/samples/1/read")
    person.post("/samples/1/read", turn=0, grade=3, note="round")
    assert "1 of" in person.get("/samples/1/read")
    person.post("/samples/1/back")
    assert "0 of" in person.get("/samples/1/read")
    person.post("/samples/1/back")
    person.post("/samples/1/read", turn=0, grade=4)
    with room.desk.store.reading() as connection:
        kept = connection.execute(select(grades)).one()
    assert (kept.grade, bool(kept.blind), kept.occasion) == (4, True, 1)
    assert "no grade" in person.get("/audit") or "kept until" in person.get("/audit")


def test_a_lead_who_still_reads_sees_nobodys_grades(room: Room) -> None:
    room.enter("Bo", "reader").read_blind(grades=[4])
    ada = room.enter("Ada")
    audit = text_of(ada.get("/audit"))
    assert "kept until your own reading is done" in audit
    assert "4 definitely" not in audit
    assert "S1/c" not in audit
    ada.read_blind()
    assert "4 definitely" in text_of(ada.get("/audit"))


def test_who_has_seen_scores_is_never_blind_again(room: Room) -> None:
    person = Room(replace(room.desk, queue=0)).enter("Bo", "reader")
    assert "Cells of S1" in person.get("/samples/1")
    with TestClient(app(room.desk), base_url=SITE) as later:
        later.cookies = person.client.cookies
        assert "Cells of S1" in later.get("/samples/1").text
        later.get("/samples/1/read")
        later.post("/samples/1/read", data={"csrf": person.csrf, "turn": "0", "grade": "4"})
    with room.desk.store.reading() as connection:
        kept = connection.execute(select(grades)).one()
    assert (kept.grade, bool(kept.blind)) == (4, False)


def test_cells_without_a_score_come_last_in_each_sample_of_a_table(tmp_path: Path) -> None:
    scores = draw_scores(tmp_path)
    later = pl.when(pl.int_range(pl.len()) < 6).then(pl.lit("S1")).otherwise(pl.lit("S2"))
    pl.read_csv(scores).with_columns(sample_id=later).write_csv(scores)
    with opened(f"sqlite:///{tmp_path}/r.db", scores) as room, room.desk.store.reading() as connection:
        rows = connection.execute(select(cells.c.place, cells.c.score).where(cells.c.sample == 2)).all()
    assert [place for place, score in sorted(rows) if score is None] == [6]


def test_cells_without_a_score_are_drawn_too(room: Room) -> None:
    with room.desk.store.reading() as connection:
        unread = connection.execute(select(cells).where(cells.c.score.is_(None))).one()
    assert unread.place == unread.doubt == 12
    assert unread.error == "the file is cut short"
