"""The report of runs: the figures of `evaluate`, honest sentences, and one file that needs no other."""

import base64
import hashlib
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from brightctc.bundle import RESEARCH_USE, Seen
from brightctc.cohort import Classes, Cohort
from brightctc.evaluate import evaluate
from brightctc.metrics import FIGURES
from brightctc.report import ReportResult, counts, report
from brightctc.report.gap import at_ratio
from evaluated import simulated
from reported import PARTS, made_run, patients_cohort

RESAMPLES = 200
HOSTILE = "<script>alert(1)</script>"


def test_figures_are_those_of_evaluate(
    result: ReportResult, page: str, run: Path, cohort: Path, tmp_path: Path
) -> None:
    metrics = evaluate(run / "bundle", cohort, tmp_path / "results", resamples=RESAMPLES).metrics
    for name in FIGURES:
        assert result.figures[name] == {key: metrics[name][key] for key in result.figures[name]}, name
    assert f"{metrics['f1']['value']:.3f}" in page
    assert f"{metrics['f1']['low']:.3f} to {metrics['f1']['high']:.3f}" in page
    assert metrics["class_ratio"] in page
    assert f"{metrics['constant_classifier']['f1']:.3f}" in page


def test_several_runs_are_averaged_each_at_its_own_threshold(
    result: ReportResult, run: Path, other_run: Path, tmp_path: Path
) -> None:
    both = report([run, other_run], tmp_path / "both.html", resamples=RESAMPLES)
    alone = report(other_run, tmp_path / "alone.html", resamples=RESAMPLES)
    assert alone.figures["recall"]["value"] != result.figures["recall"]["value"]
    for name in ("f1", "recall", "roc_auc", "false_calls_per_1000"):
        each = [result.figures[name]["value"], alone.figures[name]["value"]]
        assert both.figures[name]["value"] == pytest.approx(np.mean(each))
    text = both.page.read_text(encoding="utf-8")
    assert "network, mean of 2 seeds" in text
    assert "mean of 2 seeds, each at its own frozen threshold" in text


def test_equal_inputs_give_equal_bytes(result: ReportResult, run: Path, tmp_path: Path, page: str) -> None:
    again = report(run, tmp_path / "report.html", resamples=RESAMPLES).page.read_text(encoding="utf-8")
    # the commands alone hold paths, and they hold them as given
    assert again.replace(str(tmp_path), str(result.page.parent)) == page
    assert len(page) < 5 * 2**20


def test_it_needs_nothing_from_elsewhere(page: str) -> None:
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    script = re.search(r"<script>(.*?)</script>", page, re.DOTALL)
    assert policy is not None
    assert script is not None
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert policy[1].startswith("default-src 'none'; img-src data:;")
    assert f"script-src 'sha256-{digest}'" in policy[1]
    sources = re.findall(r"<(?:img|link|iframe|script|video)[^>]*\b(?:src|href)=\"([^\"]{0,30})", page)
    assert sources
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    assert not re.findall(r"\son\w+=", page), "no handlers inside elements, which the policy would refuse"


def test_the_label_of_the_field_is_at_both_ends(page: str) -> None:
    header, _, rest = page.partition("</header>")
    assert RESEARCH_USE in header
    assert RESEARCH_USE in rest.partition("<footer>")[2]


def test_donors_have_other_names_everywhere(page: str, run: Path, tmp_path: Path) -> None:
    visible = re.sub(r"data:image/webp;base64,[A-Za-z0-9+/=]+", "", page)
    visible = re.sub(r"\b[0-9a-f]{16,}\b", "", visible)  # hashes
    assert not re.findall(r"D\d\d", visible)
    assert "tube_donor-7_a" in page
    named = report(run, tmp_path / "named.html", resamples=20, show_donors=True).page.read_text(encoding="utf-8")
    assert "tube_D06_a" in named
    assert "donor-7" not in named


def test_hostile_names_are_text(tmp_path: Path) -> None:
    cell = pl.when(pl.col("donor_id") == "D06").then(pl.format("{}{}", "cell_id", pl.lit(HOSTILE))).otherwise("cell_id")
    site = pl.lit('"><img src=x onerror=alert(1)>')
    classes = Classes(positive=HOSTILE, negative="leukocyte")
    root = patients_cohort(tmp_path, cells=140, classes=classes, cell_id=cell, site=site)
    run = made_run(tmp_path / "run", root)
    page = report(run, tmp_path / "report.html", resamples=20).page.read_text(encoding="utf-8")
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert page.count("<script") == 2, "the data and the page's own"


def test_the_sealed_part_stays_sealed(tmp_path: Path) -> None:
    root = patients_cohort(tmp_path, cells=140, parts=PARTS | {"D13": "sealed"})
    run = made_run(tmp_path / "run", root)
    text = report(run, tmp_path / "report.html", resamples=20, show_donors=True).page.read_text(encoding="utf-8")
    assert "D13" not in text
    assert "S13" not in text
    assert "K13" not in text
    assert "S12" in text
    assert "K12" in text
    opened = report(run, tmp_path / "sealed.html", part="sealed", resamples=20, show_donors=True)
    assert any("sealed part was opened" in warning for warning in opened.warnings)
    assert "S13" in opened.page.read_text(encoding="utf-8")


def test_lines_and_patients_stand_side_by_side(page: str) -> None:
    section = page.partition('<section id="gap"')[2].partition("</section>")[0]
    assert "pool part, 16 CTC : 24 leukocyte" in section
    assert re.search(r"recall: 1\.000 on cell lines, 0\.\d{3} on patients \(lower by", section)
    assert "can't be compared" in section
    assert "Intervals, cell lines: only 2 donor(s) with positive cells: no interval for new patients" in section


def test_without_a_pool_the_way_to_one_is_told(tmp_path: Path) -> None:
    root = patients_cohort(tmp_path, cells=140, parts=PARTS | {"D04": "train", "D05": "train"})
    page = report(made_run(tmp_path / "run", root), tmp_path / "r.html", resamples=20).page.read_text(encoding="utf-8")
    assert "brightctc split cohort --pool" in page


def test_a_pool_that_has_taught_shows_no_gap(tmp_path: Path) -> None:
    """A cell of it in the training, without its label, is enough."""
    root = patients_cohort(tmp_path, cells=140)
    read = Cohort.read(root)
    train, judges = read.part("train"), read.part("validation")
    seen = Seen.of(
        train_cells=[*train["cell_id"], read.part("pool")["cell_id"][0]],
        validation_cells=judges["cell_id"],
        train_donors=train["donor_id"],
        validation_donors=judges["donor_id"],
    )
    page = report(made_run(tmp_path / "run", root, seen=seen), tmp_path / "r.html", resamples=20).page
    section = page.read_text(encoding="utf-8").partition('<section id="gap"')[2].partition("</section>")[0]
    assert "1 of these" in section
    assert "were in this bundle" in section


def test_figures_at_another_ratio_are_those_of_more_negatives() -> None:
    few, many = simulated(40, 200, 8, "CTC"), simulated(40, 400, 8, "CTC")
    f1, precision = at_ratio(many, 10)  # its own
    assert f1 == pytest.approx(many.counts.f1)
    assert precision == pytest.approx(many.figures["average_precision"].value)
    assert at_ratio(few, 10)[0] < few.counts.f1
    assert at_ratio(few, 10)[1] < few.figures["average_precision"].value
    assert at_ratio(few, 5)[1] == pytest.approx(few.figures["average_precision"].value)


def test_a_cartridge_of_one_class_is_marked(page: str) -> None:
    row = re.search(r"K-spiked</th>.*?</tr>", page, re.DOTALL)
    assert row is not None
    assert "the cartridge is the label there" in row[0]
    assert re.search(r"2 of 15 (cartridge|sample)s hold one class only", page)


def test_cartridges_that_are_not_shown_are_counted(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MOST_CARTRIDGES", 1)
    page = report(run, tmp_path / "report.html", resamples=20).page.read_text(encoding="utf-8")
    assert "14 further rows are not shown" in page
    assert "2 of 15 cartridges hold one class only" in page


@pytest.mark.parametrize(
    ("part", "met"),
    [("validation", "evaluated on cells of the validation part, which it has seen"),
     ("test", "evaluated on cells it has not seen")],
)  # fmt: skip
def test_checklists_say_whether_the_cells_were_seen(part: str, met: str, run: Path, tmp_path: Path) -> None:
    text = report(run, tmp_path / "report.html", part=part, resamples=20).page.read_text(encoding="utf-8")
    assert met in text
    assert f"cells of the {part} part (" in text


@pytest.mark.parametrize("word", ["complies with", "compliant", "STARD-compliant"])
def test_checklists_claim_nothing(page: str, word: str) -> None:
    assert word not in page.lower()
    assert "not known to brightctc: fill in" in page
    assert "it does not say that anything complies" in page


def test_an_unreadable_test_cell_stays_in_the_count(tmp_path: Path) -> None:
    root = patients_cohort(tmp_path, cells=140)
    cells = pl.read_csv(root / "cells.csv")
    lost = cells.filter((pl.col("donor_id") == "D07") & (pl.col("label") == "CTC"))["bright_field"][0]
    Path(lost).unlink()
    done = report(made_run(tmp_path / "run", root), tmp_path / "report.html", resamples=20)
    assert "1 CTC cells could not be read and count as missed" in done.warnings
    page = done.page.read_text(encoding="utf-8")
    assert 'class="lost"' in page
    assert "missing: there is no such file" in page
