"""A new sample from the browser: a folder below an allowed one is listed, checked and scored, and joins the others."""

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from brightctc.errors import UserError
from brightctc.review import pages, samples
from brightctc.review.images import Pictures
from brightctc.review.jobs import Jobs, Wanted
from brightctc.review.serving import serve
from drawn import draw_export
from reviewed import Person, Room, draw_scores, opened, text_of
from served import free_port
from tiny_bundle import tiny_bundle


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Person]:
    """A lead at a server that may score what lies in `new/`."""
    draw_export(tmp_path / "new/tube <7>", cells=12, donors=3)
    (tmp_path / "new/empty").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "new/link").symlink_to(tmp_path / "secret")
    tiny_bundle(tmp_path / "bundle")
    with opened(f"sqlite:///{tmp_path}/r.db", draw_scores(tmp_path), blind=0) as room:
        store, roots = room.desk.store, (tmp_path / "new",)

        def take_in(made: Path, by: str) -> None:
            samples.take_in(store, [made], by)

        jobs = Jobs(roots, (tmp_path / "bundle",), tmp_path / "work", take_in)
        yield Room(replace(room.desk, jobs=jobs, pictures=Pictures(roots))).enter()


def waited(person: Person) -> str:
    jobs = person.desk.jobs
    assert jobs is not None
    for _ in range(600):
        if jobs.state is not None and not jobs.state.runs:
            return jobs.state.step
        time.sleep(0.1)
    pytest.fail("it takes too long")


@pytest.mark.slow  # three commands in processes of their own
def test_a_folder_becomes_a_sample(lab: Person) -> None:
    assert "tube &lt;7&gt;/" in lab.get("/new")
    page = lab.get("/new?in=tube%20%3C7%3E")
    assert "Score new/tube &lt;7&gt;" in page
    form = {"root": 0, "bundle": 0, "in": "tube <7>", "preset": "sample folders, cell_channel"}
    page = lab.post("/new", **form, bright_field="BF", dapi="DAPI")
    assert "list the images" in page
    lab.post("/new", 400, **form)  # one at a time
    assert waited(lab) == "done"
    page = lab.get("/new")
    assert "it is among the samples" in page
    assert "<summary>Images" in page
    scoring = page.partition("<summary>Scores")[2].partition("<pre>")[2].partition("</pre>")[0]
    assert all(line.startswith("warning: ") for line in scoring.splitlines())
    assert not re.search(r"candidate|highest scores|threshold|S00/c", page)
    start = text_of(lab.get("/"))
    assert "S00" in start
    added = lab.get("/samples/2/cells")
    assert "tile" in added
    cell = added.split('href="/cells/')[1].split("?")[0].split('"')[0]
    lab.get(f"/cells/{cell}/bright_field.png")


@pytest.mark.slow  # a command in a process of its own
def test_what_fails_says_why(lab: Person) -> None:
    lab.post("/new", root=0, bundle=0, **{"in": "empty"}, pattern="{cell_id}.tif")
    assert waited(lab) == "failed"
    page = lab.get("/new")
    assert "could not be scored" in page
    assert "error" in page
    assert "fix" in page


@pytest.mark.parametrize(
    ("pattern", "constant"),
    [
        ("{cell_id}_{channel}.tif", ["--constant", "sample_id=tube <7>/S00"]),
        ("{sample_id}/{cell_id}.tif", []), ("{folder}/{cell_id}.tif", []),
    ],
)  # fmt: skip
def test_a_folder_names_its_sample(
    lab: Person, monkeypatch: pytest.MonkeyPatch, pattern: str, constant: list[str]
) -> None:
    said: list[list[str]] = []
    monkeypatch.setattr(Jobs, "_step", lambda self, step, words: said.append(words) or 1)
    form = {"root": 0, "bundle": 0, "in": "tube <7>/S00", "pattern": pattern}
    lab.post("/new", **form)
    waited(lab)
    assert [word for word in said[0] if word == "--constant" or word.startswith("sample_id=")] == constant


def test_folders_of_two_places_never_have_one_name(tmp_path: Path) -> None:
    places = [tmp_path / "a" / "site", tmp_path / "b" / "site", tmp_path / "c"]
    for place in places:
        (place / "001").mkdir(parents=True)
    jobs = Jobs(places, [], tmp_path, lambda _scores, _by: None)
    named = {jobs.name_of(root, folder) for root in range(3) for folder in (places[root], places[root] / "001")}
    assert len(named) == 6
    assert {"c", "c/001"} <= named
    assert not any(name.startswith("/") for name in named)
    assert Jobs(places[:1], [], tmp_path, lambda _scores, _by: None).name_of(0, places[0] / "001") == "001"


def test_a_list_of_folders_that_is_cut_says_so(lab: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "are shown" not in lab.get("/new")
    monkeypatch.setattr(pages.new, "_MOST", 1)
    page = lab.get("/new")
    assert "The first 1 of 3 folders are shown" in text_of(page)
    assert '<input name="in"' in page
    assert "Score new/tube &lt;7&gt;" in lab.get("/new?root=0&in=tube%20%3C7%3E")


def test_nothing_outside_can_be_chosen(lab: Person, tmp_path: Path) -> None:
    for place in ("..", "../secret", "link", "tube <7>/../..", "/etc", str(tmp_path / "secret"), "none"):
        lab.client.get("/new", params={"in": place})
        assert lab.client.get("/new", params={"in": place}).status_code == 400
        lab.post("/new", 400, root=0, bundle=0, **{"in": place})
    for form in ({"root": 1}, {"root": -1}, {"root": "x"}, {"bundle": 1}, {"bundle": ""}):
        lab.post("/new", 400, **{"root": 0, "bundle": 0, "in": "empty", **form})
    assert lab.desk.jobs is not None
    assert lab.desk.jobs.state is None


def test_without_places_there_is_no_such_page(quick_room: Room) -> None:
    ada = quick_room.enter()
    ada.get("/new", 404)
    assert "New sample" not in ada.get("/")


def test_places_that_will_not_do(tmp_path: Path, scores: Path) -> None:
    db = f"sqlite:///{tmp_path}/r.db"
    for new, bundles, what in (
        ([tmp_path / "none"], [tmp_path], "no such folder"), ([tmp_path], [], "need a model"),
        ([], [tmp_path], "bundle"), ([tmp_path], [tmp_path], "bundle"),
    ):  # fmt: skip
        with pytest.raises(UserError, match=what):
            serve([scores], db=db, port=free_port(), new=new, bundles=bundles)


def test_a_job_without_a_bundle_fails_in_words(tmp_path: Path) -> None:
    jobs = Jobs((tmp_path,), (tmp_path,), tmp_path / "work", lambda made, by: None)
    wanted = Wanted(tmp_path, "tube", tmp_path / "no bundle", "", "BF", "", "Ada")
    jobs.start(wanted)
    for _ in range(100):
        if jobs.state is not None and jobs.state.step == "failed":
            break
        time.sleep(0.05)
    assert jobs.state is not None
    assert jobs.state.step == "failed"
    assert any("bundle" in line for lines in jobs.state.said.values() for line in lines)
