"""A document becomes one HTML file: in order, whole, under other names, and nothing in it is taken for markup."""

import re
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from brightctc.bundle import RESEARCH_USE, Shown
from brightctc.errors import UserError
from brightctc.report import pdf, sheet
from brightctc.report.document import Document, Section
from brightctc.report.writing import write_document


@pytest.fixture(scope="module")
def text(document: Document, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page with everything on it."""
    out = tmp_path_factory.mktemp("document") / "report.html"
    assert write_document(document, out) is None
    return out.read_text(encoding="utf-8")


def section(text: str, number: int) -> str:
    return text.partition(f'<section id="section-{number}"')[2].partition('<section id="')[0]


def test_equal_documents_give_equal_bytes(document: Document, text: str, tmp_path: Path) -> None:
    write_document(document, tmp_path / "other.html")
    assert (tmp_path / "other.html").read_text(encoding="utf-8") == text
    assert len(text) < 2**20


def test_sections_stand_in_order_and_are_numbered(text: str) -> None:
    ids = re.findall(r'<section id="([^"]+)"', text)
    assert ids == ["section-1", "section-2", "section-3", "provenance"]
    assert re.findall(r'<li><a href="#([^"]+)">([^<]+)', text) == [
        ("section-1", "At a glance"),
        ("section-2", "Folded"),
        ("section-3", "Bare"),
        ("provenance", "Provenance"),
    ]
    every = re.findall(r'\bid="([^"]+)"', re.sub(r"<(script|style).*?</\1>", "", text, flags=re.DOTALL))
    assert len(every) == len(set(every))


def test_a_section_goes_from_words_to_small_print(text: str) -> None:
    wanted = ["The first words", "Better.", "Worse.", "F1 of each", "Learning curve", "One row", "All rows", "Nothing"]
    wanted += ["There is nothing to list", "In small print", "And more", "Beware", "few donors"]
    found = [section(text, 1).index(words) for words in wanted]
    assert found == sorted(found)
    assert re.findall(r'<span class="tone">(\w+)', text) == ["Supported", "Open", "Against"]
    for caption in ("F1 of each", "Learning curve", "One row", "All rows", "Nothing", "Forty"):
        stamped = rf">{caption} <span class=\"stamp\">made cells, not real ones</span>"
        assert re.search(stamped, text), caption


def test_what_is_folded_lies_behind_a_summary(text: str) -> None:
    folded = section(text, 2)
    summary = folded.index('<summary><h2 id="section-2-name">Folded</h2></summary>')
    assert summary < folded.index("Behind a summary.") < folded.index("</details>")
    assert "Beware" not in folded


@pytest.mark.parametrize(
    "sections",
    [
        pytest.param((), id="no section at all"),
        pytest.param((Section("At a glance", folded=True),), id="the first one folded"),
    ],
)
def test_warnings_are_never_hidden(document: Document, sections: tuple[Section, ...], tmp_path: Path) -> None:
    write_document(replace(document, sections=sections), tmp_path / "report.html")
    first = section((tmp_path / "report.html").read_text(encoding="utf-8"), 1)
    assert "few donors" in first.rpartition("</details>")[2]


def test_donors_have_other_names_also_in_drawings(document: Document, text: str, tmp_path: Path) -> None:
    assert "P012" not in text
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", text)
    assert "left out: donor-1" in drawn, "a row of a forest"
    assert "donor-1" in drawn, "a line's name"
    assert "Of donor-1 and donor-2/a;" in text
    assert "tube_donor-1_a" in text
    assert "brightctc study ablation donor-1 study" in text
    assert "0.740 to 0.830" in text, "numbers stay"
    write_document(document, tmp_path / "named.html", show_donors=True)
    named = (tmp_path / "named.html").read_text(encoding="utf-8")
    assert "donor-1" not in named
    assert "left out: P012" in named


def test_hostile_words_are_text(document: Document, text: str, hostile: str) -> None:
    assert text.count("<script") == 2, "the data and the page's own"
    for words in (*re.findall(r"<text[^>]*>([^<]*)</text>", text), section(text, 1)):
        assert "<script>" not in words
    shown = [" ".join(unescape(words).split()) for words in re.findall(r"<text[^>]*>([^<]*)</text>", text)]
    assert hostile in " ".join(shown), "as it is given, in as many lines as it takes"


def test_it_needs_nothing_from_elsewhere(text: str) -> None:
    assert "Content-Security-Policy\" content=\"default-src 'none'; img-src data:;" in text
    assert not re.findall(r"<(?:img|link|iframe|image|video)\b|\bsrc=|@import|url\((?!#)", text)
    assert set(re.findall(r'(?:xlink:)?href="([^"])', text)) == {"#"}
    assert RESEARCH_USE in text.partition("</header>")[0]


def test_withdraw_finds_whose_cells_it_shows(text: str, tmp_path: Path) -> None:
    (tmp_path / "report.html").write_text(text, encoding="utf-8")
    shown = Shown.read(tmp_path / "report.html")
    assert shown is not None
    assert (shown.kind, shown.cohort, shown.bundles, shown.pdf) == ("study", "drawn", ("b" * 64,), None)
    assert shown.has_donor("P012")
    assert shown.has_donor("7")
    assert shown.has_cell("c1")
    assert not shown.has_donor("P013")


def gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    monkeypatch.setattr(pdf.sys, "platform", "linux")


def there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheet, "browser", lambda: "/bin/false")


@pytest.mark.parametrize(
    ("name", "printed", "browser", "what"),
    [
        pytest.param("report.pdf", False, there, "not 'report.pdf'", id="another ending"),
        pytest.param("old.html", False, there, "already exists", id="exists"),
        pytest.param("other.html", True, there, "already exists", id="its PDF exists"),
        pytest.param("new.html", True, gone, "needs Chromium or Chrome", id="no browser"),
        pytest.param("new.html", True, there, "could not print", id="the browser fails"),
    ],
)
def test_both_files_or_none(
    document: Document,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    printed: bool,
    browser: Callable[[pytest.MonkeyPatch], None],
    what: str,
) -> None:
    for old in ("old.html", "other.pdf"):
        (tmp_path / old).write_text("mine")
    browser(monkeypatch)
    with pytest.raises(UserError, match=what):
        write_document(document, tmp_path / name, pdf=printed)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old.html", "other.pdf"]
    assert {path.read_text() for path in tmp_path.iterdir()} == {"mine"}


def test_what_exists_is_replaced_on_request(document: Document, tmp_path: Path, text: str) -> None:
    (tmp_path / "report.html").write_text("old")
    write_document(document, tmp_path / "report.html", overwrite=True)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == text
