"""Signed reports: by password, never edited, superseded; and what a donor who withdraws leaves behind."""

import re
from pathlib import Path

import pytest
from sqlalchemy import select, text
from typer.testing import CliRunner

from brightctc.cli.app import app
from brightctc.errors import UserError
from brightctc.review import replay
from brightctc.review.attempts import FREE
from brightctc.review.forgetting import forget
from brightctc.review.labels import export_labels
from brightctc.review.outcomes import join_outcomes
from brightctc.review.schema import cells, reports
from reviewed import PASSWORD, Room, draw_scores, opened, text_of


@pytest.fixture
def graded(room: Room) -> Room:
    """Two leads who agree on all but some; two picks."""
    ada, bo = room.enter("Ada"), room.enter("Bo")
    ada.read_blind(grades=[4, 4, 3])
    bo.read_blind(grades=[4])
    ada.post("/samples/1/pick", cell=1, does="pick", use="pick", container="single")
    return room


def test_a_report_is_signed_and_superseded(graded: Room) -> None:
    ada, bo = graded.people
    ada.post("/samples/1/sign", 400, password="not this one", meaning="responsible")
    ada.post("/samples/1/sign", 400, password=PASSWORD, meaning="whatever")
    ada.get("/samples/1/reports/1.html", 404)
    page = text_of(ada.post("/samples/1/sign", password=PASSWORD, meaning="responsible"))
    assert "I am responsible for the grades" in page
    first = ada.client.get("/samples/1/reports/1.html")
    assert first.headers["content-disposition"] == 'attachment; filename="report-1.html"'
    said = text_of(first.text)
    for words in (
        "Ada",
        "UTC",
        "Review of S1",
        "6 CTC confirmed of 6 cells read",
        "weighted κ",
        "a" * 64,
        "nobody yet",
    ):
        assert words in said
    assert 'src="data:image/png' in first.text
    assert not re.search(r'(?:src|href)="(?!data:)', first.text)
    bo.post("/samples/1/pick", cell=1, does="confirm")
    page = text_of(bo.post("/samples/1/sign", password=PASSWORD, meaning="reviewed"))
    assert "superseded by 2" in page
    assert ada.client.get("/samples/1/reports/1.html").text == first.text
    assert "supersedes report 1" in text_of(bo.get("/samples/1/reports/2.html"))
    assert replay.verify(graded.desk.store) is None
    with graded.desk.store.writing() as writing:
        writing.connection.execute(text("UPDATE reports SET document = 'better' WHERE id = 1"))
    broken = replay.verify(graded.desk.store)
    assert broken is not None
    assert "report 1 has been changed" in broken.why


def test_guessing_a_password_to_sign_has_to_wait(graded: Room) -> None:
    ada = graded.people[0]
    for _ in range(FREE):
        ada.post("/samples/1/sign", 400, password="guess", meaning="reviewed")
    ada.post("/samples/1/sign", 429, password=PASSWORD, meaning="reviewed")


@pytest.mark.slow  # a browser prints
def test_a_report_is_printed(graded: Room) -> None:
    ada = graded.people[0]
    ada.post("/samples/1/sign", password=PASSWORD, meaning="responsible")
    answer = ada.client.get("/samples/1/reports/1.pdf")
    assert answer.status_code == 200
    assert answer.content.startswith(b"%PDF")
    ada.get("/samples/1/reports/1.doc", 404)


def outcomes_of(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "outcomes.csv"
    path.write_text("\n".join(["cell_id,outcome", *rows]), encoding="utf-8")
    return path


def test_outcomes_come_back_as_labels(graded: Room, tmp_path: Path) -> None:
    db = graded.desk.store.url
    for rows, what in (
        (["S1/c000,maybe"], "no outcome"), (["S9/c000,positive"], "fits no cell"),
        (["S1/c000,positive", "S1/c000,negative"], "come twice"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=what):
            join_outcomes(db, outcomes_of(tmp_path, *rows))
    found = join_outcomes(db, outcomes_of(tmp_path, "S1/c000,negative", "S1/c001,failed"))
    assert (dict(found.counts), found.unpicked, found.changed) == ({"negative": 1, "failed": 1}, 1, 0)
    assert join_outcomes(db, outcomes_of(tmp_path, "S1/c000,positive")).changed == 1
    join_outcomes(db, outcomes_of(tmp_path, "S1/c000,negative"))
    export_labels(db, tmp_path / "labels.csv")
    rows = (tmp_path / "labels.csv").read_text().splitlines()
    assert rows[1].startswith("S1/c000,S1,not CTC,sequencing,negative,confirmed")
    assert rows[2].startswith('S1/c001,S1,CTC,"reader, blind",failed,confirmed')
    assert replay.verify(graded.desk.store) is None


def test_a_donor_who_withdraws_leaves_no_name(tmp_path: Path) -> None:
    db, run = f"sqlite:///{tmp_path}/r.db", CliRunner()
    with opened(db, draw_scores(tmp_path, sample="Tube-of-D1")) as room:
        ada = room.enter()
        ada.read_blind(grades=[3])
        ada.post("/cells/1/grade", grade=4, note="odd nucleus", reason="second look")
        ada.post("/samples/1/sign", password=PASSWORD, meaning="responsible")
        with pytest.raises(UserError, match="no cell"):
            forget(db, "D9")
        shown = run.invoke(app, ["review", "withdraw", "D1", "--db", db])
        assert "12 cells and 1 sample have no name any more" in shown.output
        assert replay.verify(room.desk.store) is None
        with room.desk.store.reading() as connection:
            assert connection.execute(select(reports.c.document)).scalar() is None
            assert {row.error for row in connection.execute(select(cells))} == {"withdrawn"}
        assert "withdrawn 1" in ada.get("/samples/1")
        assert "taken out: a donor withdrew" in ada.get("/samples/1/result")
        ada.get("/cells/1/bright_field.png", 404)
        ada.get("/audit")
    left = b"".join(path.read_bytes() for path in tmp_path.glob("r.db*"))
    for word in ("Tube-of-D1", "odd nucleus", "second look", "c003", "_bright_field.png"):
        assert word.encode() not in left
