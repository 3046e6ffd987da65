"""What the tests of report share: a cohort of lines and patients, two runs on it, their reports, and a browser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from brightctc.metrics import Interval
from brightctc.report import ReportResult, report
from brightctc.report.document import Curves, Document, Forest, ForestRow, Line, Section
from brightctc.report.provenance import Provenance
from brightctc.report.table import Column, table
from brightctc.report.words import Verdict
from drawn import NEGATIVE, POSITIVE
from reported import made_run, patients_cohort

RESAMPLES = 200
HOSTILE = '<script>alert(1)</script> $\\alpha$ #0072B2 id="x"'

# every visible text with its colour and what lies behind it, as WCAG 2 reckons contrast
CONTRASTS = """() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b]
    .map((value) => value / 255)
    .map((value) => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const words = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!words || !element.getClientRects().length || element.closest("script, style")) continue;
    const style = getComputedStyle(element);
    const ink = element instanceof SVGElement ? style.fill : style.color;
    const pair = [luminance(channels(ink)), luminance(channels(String(behind(element))))].sort((a, b) => b - a);
    found.push([(pair[0] + 0.05) / (pair[1] + 0.05), element.tagName, element.textContent.trim().slice(0, 40)]);
  }
  return found;
}"""


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """280 cells of 14 donors; every 17th cell of the patients has the other label, so that there are errors to show."""
    turned = (pl.int_range(pl.len()) % 17 == 5) & (pl.col("origin") == "patient")
    other = pl.when(pl.col("label") == POSITIVE).then(pl.lit(NEGATIVE)).otherwise(pl.lit(POSITIVE))
    label = pl.when(turned).then(other).otherwise(pl.col("label"))
    sample = pl.format("tube_{}_a", "donor_id")  # whose name tells the donor's
    return patients_cohort(tmp_path_factory.mktemp("report"), label=label, sample_id=sample)


@pytest.fixture(scope="session")
def run(cohort: Path) -> Path:
    """A run on it; tests only read it."""
    return made_run(cohort.parent / "run-0", cohort)


@pytest.fixture(scope="session")
def other_run(cohort: Path) -> Path:
    """The same recipe with another threshold, as another seed would have."""
    return made_run(cohort.parent / "run-1", cohort, logit=3.2)


@pytest.fixture(scope="session")
def result(run: Path) -> ReportResult:
    """The report of one run."""
    return report(run, run.parent / "report.html", resamples=RESAMPLES)


@pytest.fixture(scope="session")
def page(result: ReportResult) -> str:
    """Its text."""
    return result.page.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def contrasts() -> Callable[[Any], list[Any]]:
    """Of every visible text of an open page: its contrast, what element it is in, and how it starts."""
    return lambda opened: opened.evaluate(CONTRASTS)


@pytest.fixture(scope="session")
def forest() -> Forest:
    """Every kind of row, in no order; a name that needs three lines, one that can't be broken, one that is hostile."""
    figure = Interval(0.79, 0.74, 0.83)
    rows = (
        ForestRow("size alone", Interval(0.61, 0.56, 0.65), kind="baseline"),
        ForestRow("AUG3 + DAPI", figure, (0.78, 0.79, 0.8)),
        ForestRow("AUG3 + bright field repeated, at as many optimiser steps as DAPI takes", figure, (0.77,), "control"),
        ForestRow("ensemble", Interval(0.81, 0.76, 0.85), kind="unranked"),
        ForestRow("never ended", Interval(None, reason="no run ended")),
        ForestRow("no upper end", Interval(0.8, 0.7, None)),
        ForestRow("left out: P012", Interval(0.7)),
        ForestRow("x" * 90, figure),
        ForestRow(HOSTILE, figure),
    )
    return Forest("F1 of each", "F1 at 52 : 100", rows, "Forest plot of F1", 0.51, "every cell called CTC: 0.510")


@pytest.fixture(scope="session")
def curves() -> Curves:
    """A line with band, seeds and a gap; one of a donor; and six more, so that there are eight."""
    x, y = (50.0, 100.0, 200.0, 400.0, 917.0), (0.5, 0.6, None, 0.7, 0.75)
    low, high = (tuple(None if v is None else v + by for v in y) for by in (-0.05, 0.05))
    lines = (
        Line("bright field", x, y, low, high, (y, y)),
        Line("P012", x, y),
        *(Line(f"n{i}", x, y) for i in range(6)),
    )
    return Curves(
        "Learning curve", "training cells", "F1", lines, "F1 over cells", True, 0.51, "all called", 200.0, "here"
    )


@pytest.fixture(scope="session")
def document(forest: Forest, curves: Curves) -> Document:
    """A page with all that a page may hold, also what is empty, hostile, or a donor's."""
    columns = [Column("variant"), Column("donor", "id"), Column("F1", "number", ".3f")]
    rows = [[row.name, "P012", row.figure] for row in forest.rows]
    many = Forest("Forty", "F1", tuple(ForestRow(f"v{i}", Interval(i / 40)) for i in range(40)), "Forty rows")
    first = Section(
        "At a glance",
        words=("The first words.", f"Of P012 and 7/a; {HOSTILE}"),
        points=(Verdict("shown", "Better."), Verdict("open", "Who knows."), Verdict("against", "Worse.")),
        drawings=(forest, curves, curves, Forest("One row", "F1", forest.rows[:1], "One row")),
        tables=(table("All rows", columns, rows), table("Nothing", columns, [])),
        notes=("In small print.", "And more."),
    )
    return Document(
        kind="Study: ablation",
        title=f"Which augmentations help? {HOSTILE}",
        asked="Does DAPI help?",
        stamps=("made cells, not real ones",),
        warnings=("few donors", f"tube_P012_a {HOSTILE}"),
        sections=(first, Section("Folded", ("Behind a summary.",), drawings=(many,), folded=True), Section("Bare")),
        provenance=Provenance((("cohort", "drawn"),), (("this study", "brightctc study ablation P012 study"),)),
        cohort="drawn",
        bundles=("b" * 64,),
        people=("P012", "7"),
        donors=("P012", "7", None),
        cells=("c1",),
    )


@pytest.fixture(scope="session")
def hostile() -> str:
    """What is written in the document as a name, a word and a warning."""
    return HOSTILE
