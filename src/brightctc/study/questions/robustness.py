"""How much may another microscope or another day change the images before the calls go wrong?"""

from collections.abc import Callable, Sequence

import polars as pl

from brightctc import files
from brightctc.cohort import Cohort
from brightctc.report.document import Section
from brightctc.study.measuring import Row
from brightctc.study.options import Options
from brightctc.study.plan import Plan
from brightctc.study.questions.given import bundles_of, bundles_or_runs
from brightctc.study.robustness import robustness
from brightctc.study.running import Place

Progress = Callable[..., None]

ASKS = "How much may the images change before the model's calls go wrong?"


def plan(cohort: Cohort, options: Options) -> Plan:
    """The bundles that were given, or runs of the recipe."""
    return Plan((bundles_or_runs(cohort, options),))


def adds(place: Place, rows: Sequence[Row], progress: Progress | None) -> tuple[Section, ...]:
    """Score the same cells under graded changes; robustness.csv holds every figure."""
    row = next((row for row in rows if row.kind != "baseline"), None)
    if row is None:
        return ()
    found = robustness(
        bundles_of(place, row),
        row.cohort,
        row.cells[0].rows.filter(pl.Series(row.labelled)),
        [scoring.claim for scoring in row.scorings],
        row.drawn,
        cells=place.options.cells,
        seed=place.options.seed,
        progress=progress,
    )
    files.write_text(place.study / "robustness.csv", found.table().write_csv())
    return found.sections()
