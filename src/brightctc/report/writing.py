"""A document → one HTML file, and a PDF of it where one is asked for."""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from brightctc.report.document import Document, Section
from brightctc.report.drawing import panel_of
from brightctc.report.provenance import Provenance
from brightctc.report.pseudonyms import Pseudonyms
from brightctc.report.sheet import Place, Sheet
from brightctc.report.svg import Panel

TEMPLATE = "document.html.j2"
KIND = "study"


@dataclass(frozen=True)
class _Part:
    """A section as the template takes it. drawn: panels in their order, those that stand side by side together."""

    id: str
    section: Section
    drawn: tuple[tuple[Panel, ...], ...]


@dataclass(frozen=True)
class _Page:
    """The content of the page; see the template for where each stands."""

    kind: str
    title: str
    asked: str
    stamps: tuple[str, ...]
    warnings: tuple[str, ...]
    parts: tuple[_Part, ...]
    provenance: Provenance


def write_document(
    document: Document, out: Path, *, pdf: bool = False, show_donors: bool = False, overwrite: bool = False
) -> Path | None:
    """Write one HTML file, complete in itself; return the path of the PDF, None where none was asked for.

    pdf: print it as well, to `out` with the ending .pdf; needs Chromium or Chrome.
    show_donors: leave donors' ids as they are; otherwise they are donor-1, donor-2 … wherever they stand.

    Equal documents give equal bytes. Raises UserError where `out` is no .html file or exists (without `overwrite`).
    """
    place = Place.of(out, pdf=pdf, overwrite=overwrite)
    names = Pseudonyms(document.people, shown=show_donors)
    sheet = Sheet(
        kind=KIND,
        template=TEMPLATE,
        page=_page(document, names),
        bundles=document.bundles,
        cohort=document.cohort,
        donors=document.donors,
        cells=document.cells,
    )
    place.write(sheet, names)
    return place.pdf


def _page(document: Document, names: Pseudonyms) -> _Page:
    parts = []
    for number, section in enumerate(document.sections or (Section("At a glance"),), start=1):
        name = f"section-{number}"
        panels = [panel_of(drawing, f"{name}-{place}", names) for place, drawing in enumerate(section.drawings)]
        drawn = tuple(tuple(group) for _, group in groupby(panels, key=lambda panel: panel.wide))
        parts.append(_Part(name, section, drawn))
    return _Page(
        document.kind,
        document.title,
        document.asked,
        document.stamps,
        document.warnings,
        tuple(parts),
        document.provenance,
    )
