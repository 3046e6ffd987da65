"""The report in a browser: it opens in silence, sorts, enlarges, fits a phone, is readable in the dark, and prints."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from brightctc.predict import predict
from brightctc.report import ReportResult, report
from drawn import draw_export
from new_samples import NAMES
from tiny_bundle import tiny_bundle


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a sample."""
    root = tmp_path_factory.mktemp("scored")
    export = draw_export(root / "export", cells=80, donors=2, dapi=False)
    (export.folder / "S00" / "c0001_BF.tif").write_bytes(b"")
    predict(tiny_bundle(root / "bundle").folder, export.folder, root / "scores.csv", **NAMES)
    return report(root / "scores.csv", root / "report.html").page


@pytest.fixture
def page(browser: Any, result: ReportResult) -> Iterator[Any]:
    """The report of a run at 1280 px, in a page that must stay silent."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    told: list[str] = []
    opened.on("console", lambda message: told.append(message.text))
    opened.on("pageerror", lambda error: told.append(str(error)))
    opened.goto(result.page.as_uri())
    yield opened
    assert not told
    opened.close()


@pytest.mark.parametrize("kind", ["runs", "scores"])
def test_it_opens_in_silence_and_asks_for_nothing(browser: Any, result: ReportResult, scores: Path, kind: str) -> None:
    path = result.page if kind == "runs" else scores
    opened = browser.new_page()
    told: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: told.append(message.text))
    opened.on("pageerror", lambda error: told.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(path.as_uri(), wait_until="networkidle")
    assert not told
    assert {url for url in asked if not url.startswith("data:image/webp")} == {path.as_uri()}
    broken = "[...document.images].filter((image) => !image.naturalWidth).length"
    assert opened.evaluate(broken) == 0
    assert opened.evaluate("document.images.length") > 20
    opened.close()


def test_tables_sort_both_ways_and_by_number(page: Any) -> None:
    table = page.locator("#groups table").first
    header = table.locator("thead th", has_text=re.compile("^missed"))
    column = header.evaluate("(th) => th.cellIndex")
    cells = f"(table) => [...table.tBodies[0].rows].map((row) => row.cells[{column}].textContent.trim())"
    header.get_by_role("button").click()
    up = [float(text) for text in table.evaluate(cells)]
    assert header.get_attribute("aria-sort") == "ascending"
    header.get_by_role("button").press("Enter")
    down = [float(text) for text in table.evaluate(cells)]
    assert header.get_attribute("aria-sort") == "descending"
    assert up == sorted(up) != sorted(up, reverse=True)
    assert down == up[::-1] or down == sorted(up, reverse=True)
    donors = table.locator("thead th").first
    donors.get_by_role("button").click()
    names = table.evaluate("(table) => [...table.tBodies[0].rows].map((row) => row.cells[0].textContent.trim())")
    assert names == sorted(names, key=lambda name: int(name.removeprefix("donor-")))
    assert header.get_attribute("aria-sort") is None


def test_numbers_are_not_sorted_as_text(page: Any) -> None:
    table = page.locator("#beside table").first
    header = table.locator("thead th", has_text=re.compile("^false calls per 1,000"))
    header.get_by_role("button").click()
    cells = f"(table) => [...table.tBodies[0].rows].map((row) => row.cells[{header.evaluate('(th) => th.cellIndex')}]"
    shown = [float(text) for text in table.evaluate(f"{cells}.dataset.order)")]
    assert shown == sorted(shown) != [float(text) for text in sorted(map(str, shown))]


def test_a_cell_is_enlarged_by_click_and_by_keyboard(page: Any) -> None:
    dialog = page.locator("#enlarged")
    buttons = page.locator("#cells .gallery").last.locator("button.enlarge")
    buttons.nth(0).click()
    assert dialog.is_visible()
    first = dialog.locator("h2").inner_text()
    assert "score" in dialog.locator(".facts").inner_text()
    page.keyboard.press("ArrowRight")
    assert dialog.locator("h2").inner_text() != first
    page.keyboard.press("ArrowLeft")
    assert dialog.locator("h2").inner_text() == first
    page.keyboard.press("Escape")
    assert not dialog.is_visible()
    buttons.nth(1).focus()
    page.keyboard.press("Enter")
    assert dialog.is_visible()
    dialog.get_by_role("button", name="Close").click()
    assert not dialog.is_visible()
    assert buttons.nth(1).evaluate("(button) => document.activeElement === button"), "focus comes back"


@pytest.mark.parametrize("kind", ["runs", "scores"])
def test_a_phone_shows_it_without_scrolling_sideways(
    browser: Any, result: ReportResult, scores: Path, kind: str
) -> None:
    opened = browser.new_page(viewport={"width": 375, "height": 700})
    opened.goto((result.page if kind == "runs" else scores).as_uri())
    opened.evaluate("document.querySelectorAll('details').forEach((folded) => (folded.open = true))")
    assert opened.evaluate("document.documentElement.scrollWidth") == 375
    opened.close()


@pytest.mark.parametrize("kind", ["runs", "scores"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_can_be_read_in_both_themes(
    browser: Any,
    contrasts: Callable[[Any], list[Any]],
    result: ReportResult,
    scores: Path,
    scheme: str,
    kind: str,
) -> None:
    opened = browser.new_page(color_scheme=scheme)
    opened.goto((result.page if kind == "runs" else scores).as_uri())
    opened.evaluate("document.querySelectorAll('details').forEach((folded) => (folded.open = true))")
    ratios = contrasts(opened)
    assert len(ratios) > 100
    assert not [found for found in ratios if found[0] < 4.5]
    ground = opened.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(re.findall(r"\d+", ground)[0]) < 60) == (scheme == "dark")
    opened.close()


def test_it_can_be_told_to_who_can_not_see_it(page: Any) -> None:
    assert page.evaluate("document.documentElement.lang") == "en"
    for landmark in ("banner", "navigation", "main", "contentinfo"):
        assert page.get_by_role(landmark).count() == 1
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((heading) => +heading.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert not page.evaluate("[...document.images].filter((image) => !image.alt).length")
    assert not page.evaluate("[...document.querySelectorAll('th')].filter((header) => !header.scope).length")
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_it_prints_light_and_in_pages(browser: Any, result: ReportResult, tmp_path: Path) -> None:
    opened = browser.new_page(color_scheme="dark")
    opened.goto(result.page.as_uri())
    opened.emulate_media(media="print")
    assert opened.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--ink')").strip() == "#000000"
    assert not opened.locator("nav").is_visible()
    printed = opened.pdf(format="A4")
    assert printed.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 3
    opened.close()


def test_the_command_prints_a_pdf(browser: Any, run: Path, tmp_path: Path) -> None:
    done = report(run, tmp_path / "report.html", resamples=20, pdf=True)
    assert done.pdf == tmp_path / "report.pdf"
    assert done.pdf.read_bytes().startswith(b"%PDF")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.pdf"]
