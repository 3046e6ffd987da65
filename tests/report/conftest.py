"""What the tests of report share: a cohort of lines and patients, two runs on it, and their reports."""

from pathlib import Path

import polars as pl
import pytest

from brightctc.report import ReportResult, report
from drawn import NEGATIVE, POSITIVE
from reported import made_run, patients_cohort

RESAMPLES = 200


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
