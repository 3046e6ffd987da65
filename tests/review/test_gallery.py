"""The gallery: orders, filters, steps from cell to cell; and hostile text is only text."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from brightctc.review.bands import band
from reviewed import Person, Room, draw_scores, opened, text_of

HOSTILE = ("<script>alert(1)</script>", "'; DROP TABLE grades; --", "=1+1", "../../etc/passwd", "100%_", "naïve ☃")


@pytest.fixture
def ada(room: Room) -> Person:
    person = room.enter()
    person.read_blind(grades=[1, 3])
    return person


def shown(person: Person, query: str = "", sample: int = 1) -> list[str]:
    """Ids in the order of the gallery."""
    return re.findall(r'title="(S1/c\d+)"', person.get(f"/samples/{sample}/cells?{query}"))


def count(person: Person, query: str) -> int:
    found = re.search(r"([\d,]+) of 12 cells", person.get(f"/samples/1?{query}"))
    assert found is not None
    return int(found.group(1))


def test_orders(ada: Person) -> None:
    by_row = [f"S1/c{number:03d}" for number in range(12)]
    assert shown(ada) == shown(ada, "order=place") == shown(ada, "order=row") == by_row
    assert shown(ada, "order=nonsense") == by_row
    nearest = shown(ada, "order=doubt")
    assert nearest[0] == "S1/c006"
    assert nearest[-1] == "S1/c011"
    assert shown(ada, "from=10") == by_row[10:]
    assert shown(ada, "from=-1") == shown(ada, "from=x") == by_row
    assert shown(ada, "from=999999999") == []


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("call=CTC", 7), ("call=leukocyte", 4), ("call=unread", 1), ("call=nonsense", 0), ("flag=debris", 1),
        ("flag=neighbour", 1), ("flag=neigh", 0), ("flag=%25", 0), ("named=c01", 2), ("named=%25", 0), ("named=_", 0),
        ("grade=none", 6), ("grade=4", 0), ("grade=9", 12), ("flag=debris%27%20OR%201=1", 0),
        ("call=CTC&named=c001", 1),
        ("reader=99", 12),
        ("reader=99&grade=none", 12),
    ],
)  # fmt: skip
def test_filters(ada: Person, query: str, number: int) -> None:
    assert count(ada, query) == number
    assert len(shown(ada, query)) == number


def test_readers_cannot_filter_by_others(room: Room, ada: Person) -> None:
    bo = room.enter("Bo", "reader")
    bo.read_blind(grades=[4])
    assert count(bo, "grade=4") == 6
    assert count(bo, "grade=4&reader=1") == 6
    assert count(ada, "grade=4&reader=2") == 6
    assert "by <select" not in bo.get("/samples/1")


def test_steps_follow_the_view(ada: Person) -> None:
    page = ada.get("/cells/1?call=CTC")
    visited = ["S1/c000"]
    while after := re.search(r'id="after" href="([^"]+)"', page):
        page = ada.get(after.group(1).replace("&amp;", "&"))
        found = re.search(r"<title>(S1/c\d+)", page)
        assert found is not None
        visited.append(found.group(1))
    assert visited == shown(ada, "call=CTC")
    assert "7 of 7" in text_of(page)
    before = re.search(r'id="before" href="([^"]+)"', page)
    assert before is not None
    assert "S1/c005 ·" in ada.get(before.group(1).replace("&amp;", "&"))


def test_grading_goes_on_in_a_view_that_the_cell_leaves(ada: Person) -> None:
    ungraded = shown(ada, "grade=none")
    address = re.search(r'href="(/cells/[^"]+)"', ada.get("/samples/1/cells?grade=none"))
    assert address is not None
    page = ada.post(address.group(1).replace("&amp;", "&").replace("?", "/grade?"), grade=2)
    assert f"<title>{ungraded[1]}" in page
    assert shown(ada, "grade=none") == ungraded[1:]


def test_what_would_answer_the_question_is_not_shown(ada: Person) -> None:
    page = text_of(ada.get("/cells/1"))
    assert "pixel_size_um" in page
    assert "label" not in page
    assert "D1" not in page


def test_numbers_no_database_has(ada: Person) -> None:
    for path in (
        "/cells/99999999999999999999",
        "/samples/99999999999999999999",
        "/cells/99/dapi.png",
        "/cells/1/x.png",
    ):
        ada.get(path, 404)


@pytest.fixture
def hostile(tmp_path: Path, database: str) -> Iterator[Person]:
    scores = draw_scores(tmp_path, cells=len(HOSTILE), ids=HOSTILE)
    with opened(database, scores, blind=2) as room:
        person = room.enter()
        person.read_blind()
        yield person


def test_hostile_ids_are_only_text(hostile: Person) -> None:
    tiles = hostile.get("/samples/1/cells")
    assert "<script>alert" not in tiles
    for number, name in enumerate(HOSTILE, start=1):
        page = hostile.get(f"/cells/{number}")
        assert name in text_of(page)
        assert "<script>alert" not in page
        hostile.post(f"/cells/{number}/grade", grade=4, note=name, reason=name)
    audit = hostile.get("/audit")
    assert "<script>alert" not in audit
    assert all(name in text_of(audit) for name in HOSTILE)
    assert "Every event follows" in hostile.post("/audit")


@pytest.mark.parametrize(
    ("score", "threshold", "words"),
    [
        (0.5, 0.5, "near the threshold"), (0.66, 0.5, "near the threshold"), (0.67, 0.5, "above the threshold"),
        (0.9, 0.5, "above the threshold"), (0.92, 0.5, "far above the threshold"), (0.3, 0.5, "below the threshold"),
        (0.0, 0.5, "far below the threshold"), (1.0, 0.999, "far above the threshold"), (None, 0.5, None),
        (0.5, None, None),
    ],
)  # fmt: skip
def test_bands(score: float | None, threshold: float | None, words: str | None) -> None:
    assert band(score, threshold) == words


def test_a_table_without_thresholds_or_samples(tmp_path: Path) -> None:
    scores = draw_scores(tmp_path)
    meta = json.loads(scores.with_suffix(".meta.json").read_text())
    scores.with_suffix(".meta.json").write_text(json.dumps(meta | {"threshold": {"policy": "top=5"}}))
    with opened(f"sqlite:///{tmp_path}/r.db", scores, blind=0) as room:
        person = room.enter()
        assert "no threshold" in person.get("/cells/1")
        assert "no grade given here counts as blind" in person.get("/")
