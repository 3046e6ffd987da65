"""Training cells most like a cell: of the bundle that scored it, from the cohort that it has learned from."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

from brightctc.bundle import WITHDRAWN, Bundle
from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.predict.learned import LearnedCells
from brightctc.review import samples
from brightctc.review.maps import Maps
from brightctc.review.nearest import Learned, Nearest
from brightctc.review.store import COMMAND
from evaluated import cohort_of, drawn_cells
from reviewed import Person, Room, draw_scores, opened, text_of
from served import server
from tiny_bundle import tiny_bundle


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nearest")
    return cohort_of(folder / "cohort", drawn_cells(folder / "export"))


@pytest.fixture(scope="module")
def bundle(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "bundle", cohort=cohort)


def scored_by(bundle: Bundle, folder: Path) -> Path:
    """Scores that say they are of this bundle."""
    scores = draw_scores(folder)
    meta = scores.with_suffix(".meta.json")
    meta.write_text(json.dumps(json.loads(meta.read_text()) | {"bundle_hash": bundle.hash}))
    return scores


@pytest.fixture
def room(bundle: Bundle, cohort: Path, tmp_path: Path) -> Iterator[Room]:
    maps = Maps.of([bundle.folder])
    with opened(f"sqlite:///{tmp_path}/r.db", scored_by(bundle, tmp_path), blind=3) as found:
        yield Room(replace(found.desk, maps=maps, nearest=Nearest.of(cohort, maps.bundles)))


def pictures(reader: Person, page: str) -> list[str]:
    found = re.findall(r'src="(/training/[^"]+)"', page)
    for address in found:
        answer = reader.client.get(address)
        assert answer.status_code == 200, answer.text
        assert np.asarray(Image.open(io.BytesIO(answer.content))).ndim == 2
    return found


def test_they_are_training_cells_and_wait_for_the_blind_reading(room: Room, bundle: Bundle) -> None:
    ada = room.enter()
    ada.get("/cells/1/nearest", 403)
    ada.read_blind()
    assert "like it in training" in ada.get("/cells/1")
    page = ada.get("/cells/1/nearest")
    assert len(pictures(ada, page)) == 5
    learned = room.desk.nearest.learned[bundle.hash].cells
    of, positive = len(learned.positive), int(learned.positive.sum())
    near = re.findall(r"<figcaption>(\w+)", page).count("CTC")
    assert f"{near} of the 5 training cells that the network finds most like it are CTC" in text_of(page)
    assert f"of all its {of} training cells, {positive} are CTC" in text_of(page)
    assert set(learned.rows["donor_id"]) == {"D00", "D01"}


def known(cell: str = "another", sample: str | None = None, donor: str | None = None) -> pl.DataFrame:
    row = {"cell_id": [cell], "sample_id": [sample], "donor_id": [donor]}
    return pl.DataFrame(row, schema=dict.fromkeys(row, pl.String))


def nobody(rows: pl.DataFrame) -> list[bool]:
    return [False] * rows.height


def test_none_is_of_the_same_donor_or_sample_and_none_is_the_cell_itself(bundle: Bundle, cohort: Path) -> None:
    nearest = Nearest.of(cohort, [bundle])
    learned = nearest.learned[bundle.hash]
    cells = learned.cells
    for place in range(0, cells.rows.height, 7):
        own, sample, donor = (cells.rows[name][place] for name in ("cell_id", "sample_id", "donor_id"))
        embedding = cells.embedding[[place]]
        for given in (known(own, sample, donor), known(donor=donor), known(sample=sample)):
            near = nearest.near(bundle, given, embedding, nobody)
            places = [learned.keys[one.key] for one in near]
            assert len(near) == 5
            assert {cells.rows["donor_id"][one] for one in places} == {"D00", "D01"} - {donor}
        assert place not in [learned.keys[one.key] for one in nearest.near(bundle, known(own), embedding, nobody)]
        itself = nearest.near(bundle, known(), embedding, nobody)
        assert itself[0].distance == "next to none"
    everyone = cells.nearest(known(), cells.embedding[:1], 10_000)
    assert everyone is not None
    assert (np.diff(everyone[1][0]) >= 0).all(), "the nearest first"


def test_only_what_was_taught_and_as_it_was_taught(bundle: Bundle, cohort: Path, tmp_path: Path) -> None:
    """Whatever the split says today; not what joined without a label; not what was labelled anew since."""
    read = Cohort.read(cohort)
    learned = LearnedCells.found(bundle, replace(read, cells=read.cells.with_columns(part=pl.lit("test"))))
    assert learned is not None
    train = read.part("train")
    assert learned.rows["cell_id"].to_list() == train["cell_id"].to_list()
    assert learned.shares[0] == read.positive(train).mean()
    other = "leukocyte" if learned.positive[0] else "CTC"
    anew = pl.when(pl.col("cell_id") == train["cell_id"][0]).then(pl.lit(other)).otherwise("label")
    fewer = LearnedCells.found(bundle, replace(read, cells=read.cells.with_columns(label=anew)))
    assert fewer is not None
    assert (len(fewer.positive), fewer.of) == (train.height - 1, train.height)
    told = Learned(bundle, fewer, []).told
    assert f"of the {train.height - 1} of its {train.height} training cells that are here" in told
    seen = replace(bundle.seen, taught=frozenset(sorted(bundle.seen.taught)[:10]))
    joined = tiny_bundle(tmp_path / "joined", cohort=cohort, seen=seen)
    ten = LearnedCells.found(joined, read)
    assert ten is not None
    assert len(ten.positive) == ten.of == 10
    assert set(ten.rows["cell_id"]) < set(train["cell_id"])


def test_only_of_the_cohort_that_the_bundle_has_learned_from(bundle: Bundle, cohort: Path, tmp_path: Path) -> None:
    other = tiny_bundle(tmp_path / "other")
    with pytest.raises(UserError, match="no bundle that is here"):
        Nearest.of(cohort, [other])
    with pytest.raises(UserError, match="takes bright field alone") as caught:
        Nearest.of(cohort, [])
    assert "--bundle" in caught.value.fix
    both = Nearest.of(cohort, [other, bundle])
    assert (both.has(other), both.has(bundle), both.has(None)) == (False, True, False)


def test_a_sample_of_another_bundle_has_none(room: Room, bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with opened(f"sqlite:///{tmp_path}/other.db", draw_scores(tmp_path / "other"), blind=0) as other:
        ada = Room(replace(other.desk, maps=room.desk.maps, nearest=room.desk.nearest)).enter()
        assert "like it in training" not in ada.get("/cells/1")
        ada.get("/cells/1/nearest", 404)
    with opened(f"sqlite:///{tmp_path}/own.db", scored_by(bundle, tmp_path / "other"), blind=0) as own:
        ada = Room(replace(own.desk, maps=room.desk.maps)).enter()
        assert "like it in training" not in ada.get("/cells/1")
        ada.get("/cells/1/nearest", 404)


def keys_on(page: str) -> set[str]:
    return set(re.findall(r'src="/training/\w+/(\w+)\.png"', page))


def test_what_is_still_to_be_read_blind_is_nobodys_neighbour(room: Room, bundle: Bundle, tmp_path: Path) -> None:
    """A training cell under review, by its id or its sample: neither its label nor its picture before the reading."""
    ada = room.enter()
    ada.read_blind()
    learned = room.desk.nearest.learned[bundle.hash]
    shown = keys_on(ada.get("/cells/1/nearest"))
    ids = [learned.cells.rows["cell_id"][learned.keys[key]] for key in shown]
    (tmp_path / "more").mkdir()
    further = draw_scores(tmp_path / "more", cells=5, sample="S9", ids=ids)
    samples.take_in(room.desk.store, [further], COMMAND)
    page = ada.get("/cells/1/nearest")
    assert len(keys_on(page)) == len(pictures(ada, page)) == 5
    assert not keys_on(page) & shown
    for key in shown:
        ada.get(f"/training/{bundle.hash}/{key}.png", 404)
    ada.read_blind(sample=2)
    assert keys_on(ada.get("/cells/1/nearest")) == shown
    training = learned.cells.rows["sample_id"][learned.keys[min(shown)]]
    (tmp_path / "third").mkdir()
    samples.take_in(room.desk.store, [draw_scores(tmp_path / "third", cells=4, sample=training)], COMMAND)
    left = keys_on(ada.get("/cells/1/nearest"))
    assert left
    assert training not in {learned.cells.rows["sample_id"][learned.keys[key]] for key in left}


@pytest.mark.parametrize("address", ["nearest", "map.png"])
def test_who_looks_has_seen_scores(bundle: Bundle, cohort: Path, tmp_path: Path, address: str) -> None:
    maps = Maps.of([bundle.folder])
    with opened(f"sqlite:///{tmp_path}/r.db", scored_by(bundle, tmp_path), blind=0) as found:
        ada = Room(replace(found.desk, maps=maps, nearest=Nearest.of(cohort, maps.bundles))).enter()
        assert "saw scores" not in ada.get("/audit")
        assert ada.client.get(f"/cells/1/{address}").status_code == 200
        assert "saw scores" in ada.get("/audit")


def test_pictures_that_are_not_there(room: Room, bundle: Bundle) -> None:
    ada = room.enter()
    key = next(iter(room.desk.nearest.learned[bundle.hash].keys))
    for address in (
        f"/training/{bundle.hash}/0.png",
        f"/training/{bundle.hash}/{key}.png?contrast=none",
        f"/training/{'b' * 64}/{key}.png",
    ):
        ada.get(address, 404)
    answer = ada.client.get(f"/training/{bundle.hash}/{key}.png")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert "Sign in" in room.stranger().get(f"/training/{bundle.hash}/{key}.png")


def test_a_donor_who_withdraws_takes_the_pictures_along(cohort: Path, tmp_path: Path) -> None:
    own = tiny_bundle(tmp_path / "bundle", cohort=cohort)
    maps = Maps.of([own.folder])
    with opened(f"sqlite:///{tmp_path}/r.db", scored_by(own, tmp_path), blind=0) as found:
        ada = Room(replace(found.desk, maps=maps, nearest=Nearest.of(cohort, maps.bundles))).enter()
        (address, *_) = pictures(ada, ada.get("/cells/1/nearest"))
        (own.folder / WITHDRAWN).write_text("{}")
        assert "like it in training" not in ada.get("/cells/1")
        ada.get("/cells/1/nearest", 404)
        ada.get(address, 404)


def test_a_training_image_that_is_gone_is_told(bundle: Bundle, cohort: Path) -> None:
    read = Cohort.read(cohort)
    gone = read.part("train")["cell_id"][0]
    moved = pl.when(pl.col("cell_id") == gone).then(pl.lit("gone.tif")).otherwise("bright_field")
    learned = LearnedCells.found(bundle, replace(read, cells=read.cells.with_columns(bright_field=moved)))
    assert learned is not None
    assert gone not in learned.rows["cell_id"].to_list(), "a cell that can't be read is nobody's neighbour"
    rows = learned.rows.with_columns(bright_field=pl.lit("gone.tif"))
    here = Learned(bundle, replace(learned, rows=rows), [None] * rows.height)
    assert "that are here" in here.told
    assert isinstance(Nearest(read, {bundle.hash: here}).crop(bundle.hash, next(iter(here.keys)), nobody), str)


@pytest.mark.slow  # a server and a browser
def test_in_the_browser_by_a_key(browser: Any, bundle: Bundle, cohort: Path, tmp_path: Path) -> None:
    scores = scored_by(bundle, tmp_path)
    words = ("--db", f"sqlite:///{tmp_path}/r.db", "--blind", 0, "--bundle", bundle.folder, "--training", cohort)
    with server(scores, *words) as (address, said, _):
        link = re.search(r"http\S+/welcome/\S+", said)
        assert link is not None, said
        page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
        wrong: list[str] = []
        page.on("console", lambda m: wrong.append(m.text) if m.type in ("error", "warning") else None)
        page.goto(link.group(0))
        page.get_by_label("Your name").fill("Ada")
        page.get_by_label("A password").fill("a long enough one")
        page.get_by_label("The password once more").fill("a long enough one")
        page.get_by_role("button", name="Make my account").click()
        page.goto(f"{address}/cells/1", wait_until="networkidle")
        page.keyboard.press("c")
        page.keyboard.press("t")
        page.locator(".nearest figure").nth(4).wait_for()
        assert page.locator(".nearest img").nth(0).get_attribute("src").endswith("?contrast=auto")
        page.keyboard.press("c")
        assert page.locator(".nearest img").nth(0).get_attribute("src").endswith(".png")
        page.locator(".nearest img").nth(0).evaluate("image => image.decode()")  # waits; fails where there is none
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out on a phone"
        page.keyboard.press("t")
        assert not page.locator("#near").is_visible()
        assert wrong == []
