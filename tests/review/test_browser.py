"""In a real browser: from the first link to the gallery, by mouse and by keyboard alone; nothing is asked elsewhere."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from brightctc.review.verifying import verify
from reviewed import PASSWORD, draw_scores
from served import server, sign_up

SIZES = ((1440, 900), (768, 1024), (390, 844))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, str]]:
    """Address, first link, database of a review of sixty cells, five of them read blind."""
    folder: Path = tmp_path_factory.mktemp("browser")
    db = f"sqlite:///{folder}/review.db"
    with server(draw_scores(folder, cells=60), "--db", db, "--blind", 5) as (address, said, _):
        found = re.search(r"http\S+/welcome/\S+", said)
        assert found is not None
        yield address, found.group(0), db


class Watched:
    """A page that keeps what goes wrong on it."""

    def __init__(self, context: Any, address: str):
        self.page, self.wrong = context.new_page(), []
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("request", lambda r: None if r.url.startswith(address) else self.wrong.append(r.url))
        self.page.on("response", lambda r: self.wrong.append(f"{r.status} {r.url}") if r.status >= 400 else None)


def faults(page: Any) -> list[str]:
    """What axe finds of serious faults for people who see, hear or move otherwise."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


def gone_on(page: Any, action: Callable[[], object]) -> None:
    """Do something that leads to another page, and wait for all of it."""
    with page.expect_navigation(wait_until="networkidle"):
        action()


def pressed(page: Any, key: str) -> None:
    gone_on(page, lambda: page.keyboard.press(key))


@pytest.mark.slow  # a server and a browser
def test_from_the_first_link_to_the_gallery(browser: Any, served: tuple[str, str, str]) -> None:
    address, link, db = served
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    watched = Watched(context, address)
    page, seen = watched.page, {}

    def looked() -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            seen[f"{page.url} {scheme}"] = faults(page)

    page.goto(f"{address}/")
    looked()
    # by mouse: sign up
    page.goto(link)
    looked()
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("A password").fill(PASSWORD)
    page.get_by_label("The password once more").fill(PASSWORD)
    gone_on(page, lambda: page.get_by_role("button", name="Make my account").click())
    gone_on(page, lambda: page.get_by_role("link", name="Read blind").click())
    looked()
    assert page.locator("img.crop").evaluate("image => image.naturalWidth") == 32
    assert page.locator(".scalebar").inner_text() == "5 µm"
    gone_on(page, lambda: page.get_by_role("button", name="3 most likely").click())
    # by keyboard alone: a grade taken back, a note, the rest
    pressed(page, "u")
    page.keyboard.press("n")
    page.keyboard.type("3 bright spots")
    page.keyboard.press("Enter")
    before = page.locator("progress").get_attribute("value")
    page.keyboard.down("4")
    for _ in range(5):
        page.keyboard.down("4")  # held: what follows the first is a repeat
    page.keyboard.up("4")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    assert int(page.locator("progress").get_attribute("value")) == int(before) + 1
    for _ in range(10):
        if "/read" not in page.url:
            break
        pressed(page, "4")
    assert "/samples/1" in page.url
    looked()
    # the gallery: by mouse to a cell, then keys
    assert page.locator(".tile").count() == 60
    gone_on(page, lambda: page.get_by_label("Flag").select_option("debris"))
    assert page.locator(".tile").count() == 1
    gone_on(page, lambda: page.get_by_label("Flag").select_option(""))
    gone_on(page, lambda: page.get_by_label("Grade").select_option("none"))
    gone_on(page, lambda: page.locator(".tile").nth(2).click())
    looked()
    first = page.title()
    for key in ("d", "c", "w", "z", "c", "d"):
        page.keyboard.press(key)
    assert not page.locator("#dapi").is_visible()
    pressed(page, "2")
    assert page.title() != first
    pressed(page, "u")
    assert page.title() == first
    pressed(page, "1")
    pressed(page, "ArrowLeft")
    # a change of mind needs a reason, also by keys
    page.goto(f"{address}/cells/1", wait_until="networkidle")
    pressed(page, "4")
    page.goto(f"{address}/cells/1", wait_until="networkidle")
    page.keyboard.press("0")
    page.keyboard.type("saw the nucleus")
    pressed(page, "Enter")
    page.goto(f"{address}/cells/1", wait_until="networkidle")
    assert page.locator('[aria-pressed="true"][value="0"]').count() == 1
    page.get_by_text("History").click()
    assert "saw the nucleus" in page.locator(".history").inner_text()
    looked()
    # to the sheet, by keys alone: a cell that nobody doubts is picked, the sheet is saved
    page.goto(f"{address}/samples/1/agreement")
    looked()
    page.goto(f"{address}/samples/1/result", wait_until="networkidle")
    looked()
    page.get_by_role("button", name=": single").first.focus()
    pressed(page, "Enter")
    looked()
    assert page.locator(".sheet tbody tr").count() == 1
    page.get_by_role("button", name="Sheet (CSV)").focus()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert "not ready: no second look yet" in Path(download.value.path()).read_text(encoding="utf-8")
    for path in ("/audit", "/readers", "/"):
        page.goto(f"{address}{path}")
        looked()
    assert {where: found for where, found in seen.items() if found} == {}
    assert watched.wrong == []
    context.close()
    assert verify(db).events > 10


@pytest.mark.slow  # a server and a browser
def test_no_key_grades_before_the_picture_is_there(browser: Any, tmp_path: Path) -> None:
    with server(draw_scores(tmp_path), "--db", f"sqlite:///{tmp_path}/r.db", "--blind", 0) as (address, said, _):
        client = sign_up(address, said)
        cookies = [{"name": name, "value": value, "url": address} for name, value in client.cookies.items()]
        client.close()
        context = browser.new_context()
        context.add_cookies(cookies)
        page, waiting = context.new_page(), []
        page.route("**/bright_field.png", lambda route: waiting.append(route))
        page.goto(f"{address}/cells/1", wait_until="domcontentloaded")
        page.keyboard.press("4")
        page.wait_for_timeout(500)
        assert page.url == f"{address}/cells/1"
        waiting[0].continue_()
        page.wait_for_load_state("load")
        page.unroute_all()
        pressed(page, "4")
        assert "/cells/2" in page.url
        page.goto(f"{address}/cells/12", wait_until="networkidle")  # it can't be read: there is nothing to wait for
        pressed(page, "0")
        assert page.locator('[aria-pressed="true"][value="0"]').count() == 1
        context.close()


@pytest.mark.slow  # a browser
def test_two_readers_at_once_on_every_size(browser: Any, served: tuple[str, str, str]) -> None:
    from brightctc.review.people import invited

    address, _, db = served
    pages = []
    for name, (width, height) in zip(("Bo", "Cy", "Di"), SIZES, strict=True):
        context = browser.new_context(viewport={"width": width, "height": height}, has_touch=width < 800)
        watched = Watched(context, address)
        watched.page.goto(invited(db, name, address=address))
        watched.page.get_by_label("A password").fill(PASSWORD)
        watched.page.get_by_label("The password once more").fill(PASSWORD)
        gone_on(watched.page, watched.page.get_by_role("button", name="Make my account").click)
        watched.page.goto(f"{address}/samples/1/read", wait_until="networkidle")
        pages.append(watched)
    for turn in range(8):
        for watched in pages:
            if "/read" not in watched.page.url:
                continue
            button = watched.page.locator(f'#grading button[value="{turn % 5}"]')
            gone_on(watched.page, button.tap if watched.page.viewport_size["width"] < 800 else button.click)
    for watched in pages:
        assert watched.page.url.endswith("/samples/1")
        for path in ("/samples/1", "/cells/3", "/"):
            watched.page.goto(f"{address}{path}", wait_until="networkidle")
            wide = watched.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, f"{path} at {watched.page.viewport_size}"
        assert watched.wrong == []
    assert verify(db).events > 30
