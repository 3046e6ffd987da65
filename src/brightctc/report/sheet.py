"""A page on its way to disk: where it goes, whose cells it shows, and both files whole or none."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import polars as pl

from brightctc import files
from brightctc.bundle import Shown
from brightctc.errors import UserError
from brightctc.report.page import rendered
from brightctc.report.pdf import browser, print_page
from brightctc.report.pseudonyms import Pseudonyms


@dataclass(frozen=True)
class Sheet:
    """A page's content. kind: `runs`, `scores` or `study`.

    donors: of all cells behind it; cells: those without a donor. explained: whose cells its explanation shows.
    """

    kind: str
    template: str
    page: object
    bundles: tuple[str, ...]
    cohort: str | None
    donors: Iterable[str | None]
    cells: Iterable[str]
    explained: Shown | None = None


@dataclass(frozen=True)
class Place:
    """Where a page is written. pdf: where it is printed to, or None; program: that prints."""

    page: Path
    pdf: Path | None
    program: str

    @classmethod
    def of(cls, out: Path, *, pdf: bool, overwrite: bool) -> Self:
        """Raises UserError for what is no .html file, for what exists, and where a PDF can't be printed."""
        out = Path(out)
        if out.suffix != ".html":
            instead = f"write e.g. {out.with_suffix('.html')}"
            raise UserError(f"a report is an .html file, not {out.name!r}", out, instead)
        place = cls(out, out.with_suffix(".pdf") if pdf else None, browser() if pdf else "")
        for target in filter(None, (place.page, place.pdf)):
            files.refuse_existing(target, overwrite)
        return place

    def write(self, sheet: Sheet, names: Pseudonyms) -> None:
        """Both files whole, or neither. names: who is called what."""
        shown = Shown.of(
            sheet.kind,
            cohort=sheet.cohort,
            bundles=sheet.bundles,
            donors=sheet.donors,
            cells=sheet.cells,
            pdf=None if self.pdf is None else self.pdf.name,
            explained=sheet.explained,
        )
        text = rendered(sheet.template, sheet.page, names, shown)
        with contextlib.ExitStack() as written:
            page = written.enter_context(files.new_file(self.page))
            page.write_text(text, encoding="utf-8")
            if self.pdf is not None:
                print_page(self.program, page, written.enter_context(files.new_file(self.pdf)))


def donors_of(cells: pl.DataFrame) -> list[str | None]:
    """The donor of each cell, None where unknown; empty without that column."""
    return cells["donor_id"].cast(pl.String).to_list() if "donor_id" in cells.columns else []


def of_nobody(cells: pl.DataFrame) -> list[str]:
    """Ids of the cells whose donor is not known."""
    nobodys = cells.filter(pl.col("donor_id").is_null()) if "donor_id" in cells.columns else cells
    return nobodys["cell_id"].to_list()
