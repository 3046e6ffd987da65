"""A document in a browser: silent, readable in both themes and on a phone, and no words of a drawing overlap."""

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from brightctc.report.document import Document
from brightctc.report.writing import write_document

# pairs of texts of one drawing that touch each other, and texts that leave it; px
COLLISIONS = """() => {
  const found = [];
  for (const svg of document.querySelectorAll(".panel svg")) {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent.trim());
    const boxes = texts.map((text) => [text.getBoundingClientRect(), text.textContent]);
    boxes.forEach(([box, words], index) => {
      const across = Math.max(frame.left - box.left, box.right - frame.right);
      const out = Math.max(across, frame.top - box.top, box.bottom - frame.bottom);
      if (out > 2) found.push([words, "leaves by", out]);
      for (const [other, others] of boxes.slice(index + 1)) {
        const wide = Math.min(box.right, other.right) - Math.max(box.left, other.left);
        const high = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
        if (wide > 1 && high > 4) found.push([words, others, wide, high]); // a box is higher than its letters
      }
    });
  }
  return found;
}"""
# every colour that lines and dots are drawn in, the rules of the background aside, and its contrast to the page
MARKS = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = (text) => channels(text)
    .slice(0, 3)
    .map((value) => value / 255)
    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const paper = getComputedStyle(document.querySelector("main > section")).backgroundColor;
  const found = {};
  for (const mark of document.querySelectorAll(".panel svg path, .panel svg use")) {
    const ink = mark.style.stroke;
    if (!ink || ink === "none" || ["var(--rule)", "var(--paper)"].includes(ink)) continue;
    const pair = [luminance(getComputedStyle(mark).stroke), luminance(paper)].sort((a, b) => b - a);
    found[ink] = (pair[0] + 0.05) / (pair[1] + 0.05);
  }
  return found;
}"""
UNFOLD = "document.querySelectorAll('details').forEach((folded) => (folded.open = true))"


@pytest.fixture(scope="module")
def url(document: Document, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of the page with everything on it."""
    out = tmp_path_factory.mktemp("document") / "report.html"
    write_document(document, out)
    return out.as_uri()


@pytest.fixture
def opened(browser: Any, url: str) -> Iterator[Callable[..., Any]]:
    """`opened(width=360, scheme="dark")`: the page, which must stay silent and ask for nothing."""
    told: list[str] = []
    pages: list[Any] = []

    def opening(width: int = 1280, scheme: str = "light", at: str = "") -> Any:
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page.on("console", lambda message: told.append(message.text))
        page.on("pageerror", lambda error: told.append(str(error)))
        page.on("request", lambda request: told.extend([request.url] * (request.url.partition("#")[0] != url)))
        page.goto(url + at)
        pages.append(page)
        return page

    yield opening
    for page in pages:
        page.close()
    assert not told


@pytest.mark.parametrize("width", [360, 820, 1280])
def test_nothing_overlaps_and_nothing_scrolls_sideways(opened: Callable[..., Any], width: int) -> None:
    page = opened(width)
    page.evaluate(UNFOLD)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate("document.querySelectorAll('.panel svg').length") == 5
    assert page.evaluate(COLLISIONS) == []


def test_on_a_phone_a_wide_drawing_scrolls_in_its_box(opened: Callable[..., Any]) -> None:
    page = opened(360)
    box = page.locator(".drawing .scroll").first
    shown, whole = box.evaluate("(box) => [box.clientWidth, box.scrollWidth]")
    assert shown < 360 < 600 < whole
    smallest = "(box) => Math.min(...[...box.querySelectorAll('text')].map((t) => t.getBoundingClientRect().height))"
    assert box.evaluate(smallest) > 9, "px"
    assert box.get_attribute("tabindex") == "0", "the keyboard scrolls it"
    assert box.get_attribute("aria-label") == "F1 of each"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_in_both_themes(
    opened: Callable[..., Any], contrasts: Callable[[Any], list[Any]], scheme: str
) -> None:
    page = opened(scheme=scheme)
    page.evaluate(UNFOLD)
    ratios = contrasts(page)
    assert len(ratios) > 200
    assert not [found for found in ratios if found[0] < 4.5]
    drawn = page.evaluate(MARKS)
    assert len(drawn) > 8
    assert not {colour: ratio for colour, ratio in drawn.items() if ratio < 3}, "of lines and dots, as WCAG 2 asks"


def test_it_can_be_told_to_who_can_not_see_it(opened: Callable[..., Any]) -> None:
    page = opened()
    levels = page.evaluate("[...document.querySelectorAll('h1, h2, h3, h4')].map((heading) => +heading.tagName[1])")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    names = "[...document.querySelectorAll('.panel')].map((panel) => [panel.getAttribute('role'), panel.ariaLabel])"
    assert page.evaluate(names) == [
        ["img", "Forest plot of F1"],
        ["img", "F1 over cells"],
        ["img", "F1 over cells"],
        ["img", "One row"],
        ["img", "Forty rows"],
    ]


def test_a_link_to_what_is_folded_opens_it(opened: Callable[..., Any]) -> None:
    page = opened()
    words = page.get_by_text("Behind a summary.")
    assert not words.is_visible()
    page.locator("nav a", has_text="Folded").click()
    words.wait_for(state="visible")  # it unfolds in an event of its own, a moment later
    opened(at="#section-2").get_by_text("Behind a summary.").wait_for(state="visible")


def test_it_prints_light_and_whole(opened: Callable[..., Any]) -> None:
    page = opened(scheme="dark")
    page.emulate_media(media="print")
    variable = "(name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim()"
    assert [page.evaluate(variable, name) for name in ("--paper", "--ink", "--line")] == [
        "#ffffff",
        "#000000",
        "#0069a6",
    ]
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) > 2


def test_it_is_printed_beside(browser: Any, document: Document, tmp_path: Path) -> None:
    assert write_document(document, tmp_path / "report.html", pdf=True) == tmp_path / "report.pdf"
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.pdf"]
