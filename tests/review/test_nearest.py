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

from brightctc.bundle import Bundle
from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.predict.learned import LearnedCells
from brightctc.review.maps import Maps
from brightctc.review.nearest import Nearest
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
    learned = room.desk.nearest.learned[bundle.hash]
    labels = re.findall(r"<figcaption>(\w+)", page)
    positive = labels.count("CTC")
    share = f"{100 * learned.positive.mean():.0f}"
    assert f"{positive} of the 5 training cells that the network finds most like it are CTC" in text_of(page)
    assert f"of all its training cells, {share} % are" in text_of(page)
    assert set(learned.rows["donor_id"]) == {"D00", "D01"}


def test_none_is_of_the_same_donor_and_none_is_the_cell_itself(bundle: Bundle, cohort: Path) -> None:
    nearest = Nearest.of(cohort, [bundle])
    learned = nearest.learned[bundle.hash]
    for place in range(0, learned.rows.height, 7):
        own, donor = learned.rows["cell_id"][place], learned.rows["donor_id"][place]
        near = nearest.near(bundle, learned.embedding[place], ("donor_id", donor), own)
        assert len(near) == 5
        assert {learned.rows["donor_id"][one.place] for one in near} == {"D00", "D01"} - {donor}
        assert [one.distance for one in near] == sorted(one.distance for one in near)
        stranger = nearest.near(bundle, learned.embedding[place], ("donor_id", "another"), own)
        assert own not in {learned.rows["cell_id"][one.place] for one in stranger}
        itself = nearest.near(bundle, learned.embedding[place], ("donor_id", "another"), "another")
        assert itself[0].distance == pytest.approx(0, abs=1e-9)


def test_the_bundle_remembers_whatever_the_split_says_today(bundle: Bundle, cohort: Path) -> None:
    read = Cohort.read(cohort)
    cells = read.cells.with_columns(part=pl.lit("test"))
    learned = LearnedCells.of(bundle, replace(read, cells=cells))
    assert learned is not None
    assert learned.rows["cell_id"].to_list() == read.part("train")["cell_id"].to_list()
    assert learned.shares[0] == read.positive(read.part("train")).mean()


def test_only_of_the_cohort_that_the_bundle_has_learned_from(bundle: Bundle, cohort: Path, tmp_path: Path) -> None:
    other = tiny_bundle(tmp_path / "other")
    with pytest.raises(UserError, match="no bundle that is here has learned from a cell of this cohort"):
        Nearest.of(cohort, [other])
    with pytest.raises(UserError, match="no bundle that is here") as caught:
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


def test_pictures_that_are_not_there(room: Room, bundle: Bundle) -> None:
    ada = room.enter()
    for address in (
        f"/training/{bundle.hash}/9999.png",
        f"/training/{bundle.hash}/0.png?contrast=none",
        f"/training/{'b' * 64}/0.png",
    ):
        ada.get(address, 404)
    assert "Sign in" in room.stranger().get(f"/training/{bundle.hash}/0.png")


def test_a_training_image_that_is_gone_is_told(bundle: Bundle, cohort: Path, tmp_path: Path) -> None:
    read = Cohort.read(cohort)
    gone = read.part("train")["cell_id"][0]
    moved = pl.when(pl.col("cell_id") == gone).then(pl.lit("gone.tif")).otherwise("bright_field")
    learned = LearnedCells.of(bundle, replace(read, cells=read.cells.with_columns(bright_field=moved)))
    assert learned is not None
    assert gone not in learned.rows["cell_id"].to_list(), "a cell that can't be read is nobody's neighbour"
    assert learned.rows.height == read.part("train").height - 1
    nowhere = Cohort.read(cohort)
    later = Nearest(replace(nowhere, root=tmp_path), {bundle.hash: learned})
    rows = learned.rows.with_columns(bright_field=pl.lit(str(tmp_path / "gone.tif")))
    assert isinstance(Nearest(nowhere, {bundle.hash: replace(learned, rows=rows)}).crop(bundle.hash, 0), str)
    assert isinstance(later.crop(bundle.hash, 0), np.ndarray)


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
        page.wait_for_load_state("networkidle")
        assert page.locator(".nearest img").nth(0).evaluate("image => image.naturalWidth") > 0
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out on a phone"
        page.keyboard.press("t")
        assert not page.locator("#near").is_visible()
        assert wrong == []
