"""What does the model call in blood without tumour cells, and how few of them would stand out?"""

from collections.abc import Callable, Sequence

from brightctc import files
from brightctc.cohort import Cohort
from brightctc.report.document import Section
from brightctc.study.blank import blank_study, require_blanks
from brightctc.study.blank_page import sections
from brightctc.study.measuring import Row
from brightctc.study.options import Options
from brightctc.study.plan import Plan
from brightctc.study.questions.given import bundles_of, bundles_or_runs
from brightctc.study.running import Place

Progress = Callable[..., None]

ASKS = "How many false calls does a sample of healthy blood give, and how few tumour cells would stand out?"


def plan(cohort: Cohort, options: Options) -> Plan:
    """The bundles that were given, or runs of the recipe. Raises UserError where no sample is blank."""
    require_blanks(cohort)
    return Plan((bundles_or_runs(cohort, options),))


def adds(place: Place, rows: Sequence[Row], progress: Progress | None) -> tuple[Section, ...]:
    """Score the samples without tumour cells; blank.csv, limits.csv and dilution.csv hold what was counted."""
    row = next((row for row in rows if row.kind != "baseline"), None)
    if row is None:
        return ()
    found = blank_study(bundles_of(place, row), place.cohort, seed=place.options.seed, progress=progress)
    for name, table in found.tables().items():
        if table.columns:
            files.write_text(place.study / name, table.write_csv())
    return sections(found)
