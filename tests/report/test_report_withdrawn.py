"""A donor withdraws: reports that show their cells are found, though they name nobody, and deleted."""

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from brightctc import files
from brightctc.bundle import Bundle, Shown
from brightctc.bundle.shown import ELEMENT
from brightctc.cohort import Cohort
from brightctc.predict import predict
from brightctc.report import ReportResult, report
from brightctc.withdraw import withdraw
from drawn import draw_export
from new_samples import as_cohort
from reported import made_run, patients_cohort
from tiny_bundle import tiny_bundle


def kept(folder: Path, page: Path, **changes: object) -> Path:
    """A copy of a report by itself in a folder; changes of its machine-readable part."""
    folder.mkdir(parents=True)
    text = page.read_text(encoding="utf-8")
    found = re.search(rf'id="{ELEMENT}">(.*?)</script>', text)
    assert found is not None
    text = text.replace(found[1], json.dumps(json.loads(found[1]) | changes))
    (folder / "report.html").write_text(text, encoding="utf-8")
    return folder / "report.html"


@pytest.mark.parametrize("donor", ["D00", "D06"])  # of the training cells shown, of the test cells
def test_a_report_is_found_without_a_name_in_it(result: ReportResult, tmp_path: Path, donor: str) -> None:
    page = kept(tmp_path / "lab", result.page)
    found = withdraw(donor, [tmp_path / "lab"])
    assert [(held.kind, held.path) for held in found.holdings] == [("report", page)]
    assert not withdraw("D99", [tmp_path / "lab"]).holdings


def test_removal_deletes_it_and_its_pdf(result: ReportResult, tmp_path: Path) -> None:
    page = kept(tmp_path / "lab", result.page, pdf="report.pdf")
    page.with_suffix(".pdf").write_text("printed")
    (tmp_path / "lab" / "other.pdf").write_text("mine")
    (tmp_path / "lab" / "other.html").write_text("<p>mine</p>")
    done = withdraw("D06", [page.parent], remove=True)
    assert [held.kind for held in done.removed] == ["report"]
    assert sorted(path.name for path in page.parent.iterdir()) == ["other.html", "other.pdf"]


def test_a_pdf_elsewhere_is_not_touched(result: ReportResult, tmp_path: Path) -> None:
    page = kept(tmp_path / "lab" / "inner", result.page, pdf="../mine.pdf")
    (tmp_path / "lab" / "mine.pdf").write_text("mine")
    withdraw("D06", [page.parent], remove=True)
    assert (tmp_path / "lab" / "mine.pdf").exists()


def test_cells_without_a_donor_are_found_by_the_cohort(tmp_path: Path) -> None:
    export = draw_export(tmp_path / "export", cells=24, donors=4, dapi=True)
    bundle = tiny_bundle(tmp_path / "bundle").folder
    cohort = as_cohort(export, tmp_path / "lab" / "cohort")
    predict(bundle, cohort, tmp_path / "scores.csv")
    nobodys = pl.read_csv(tmp_path / "scores.csv").drop("donor_id")
    nobodys.write_csv(tmp_path / "scores.csv")
    report(tmp_path / "scores.csv", tmp_path / "lab" / "report.html")
    shutil.rmtree(tmp_path / "bundle")
    assert {held.kind for held in withdraw("D01", [tmp_path / "lab"]).holdings} == {"report", "cohort"}
    assert {held.kind for held in withdraw("D01", [tmp_path / "lab" / "report.html"]).holdings} == set()


def test_shown_cells_of_other_parts_are_found_without_a_donor(tmp_path: Path) -> None:
    training = pl.col("origin") == "cell_line"
    root = patients_cohort(tmp_path, cells=140, donor_id=pl.when(~training).then("donor_id"))
    page = report(made_run(tmp_path / "run", root), tmp_path / "report.html", resamples=20).page
    shown = Shown.read(page)
    assert shown is not None
    cells = Cohort.read(root).cells.filter(pl.col("donor_id").is_null())["cell_id"]
    assert not cells.is_empty()
    assert all(shown.has_cell(cell) for cell in cells)


def test_an_explanation_of_other_cells_is_found_in_the_report_that_holds_it(
    run: Path, result: ReportResult, tmp_path: Path
) -> None:
    bundle = Bundle.read(run / "bundle")
    others = Shown.of("explanation", cohort="other", bundles=[bundle.hash], donors=["X1"], cells=["nobodys/c1"])
    record = {
        "format_version": 1,
        "bundle": {"hash": bundle.hash},
        "cohort": {"name": "other", "cells": "0"},
        "part": "test",
        "n": {"cells": 2},
        "stamps": [],
        "sentences": ["The network looks at the cell."],
        "background": {"verdict": "cell", "roc_auc": {"low": None}, "called_without_cell": 0},
        "shown": others.to_json(),
    }
    files.write_json(tmp_path / "explained" / "explain.json", record)
    page = report(run, tmp_path / "lab" / "report.html", explained=tmp_path / "explained", resamples=20).page
    assert [held.path for held in withdraw("X1", [page.parent]).holdings] == [page]
    shown = Shown.read(page)
    assert shown is not None
    assert shown.has_cell("nobodys/c1")
    assert shown.has_donor("D06")
    assert not withdraw("X1", [kept(tmp_path / "without", result.page)]).holdings


def test_a_damaged_report_is_named_not_passed_over(result: ReportResult, tmp_path: Path) -> None:
    kept(tmp_path / "lab", result.page, salt="not hexadecimal")
    assert any("malformed" in warning for warning in withdraw("D06", [tmp_path / "lab"]).warnings)
    kept(tmp_path / "newer", result.page, format_version=2)
    assert any("format version 2" in warning for warning in withdraw("D06", [tmp_path / "newer"]).warnings)


def test_what_a_report_says_of_itself(result: ReportResult, tmp_path: Path) -> None:
    shown = Shown.read(result.page)
    assert shown is not None
    assert (shown.kind, shown.cohort, len(shown.bundles), len(shown.donors)) == ("runs", "drawn", 1, 14)
    (tmp_path / "other.html").write_text("<p>no report</p>")
    assert Shown.read(tmp_path / "other.html") is None
    odd = Shown.of("runs", cohort="</script>", bundles=(), donors=(), cells=())
    assert "<" not in odd.text()
