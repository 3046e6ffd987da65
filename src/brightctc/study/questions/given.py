"""Questions about trained models: those of `--bundle`, or else of runs that the study trains itself."""

from brightctc.bundle import Bundle
from brightctc.cohort import Cohort
from brightctc.study.budgets import base_recipe
from brightctc.study.measuring import Row
from brightctc.study.options import Options
from brightctc.study.plan import TEST, Exam, Variant
from brightctc.study.running import Place

ALL = Exam("all", "all", "all cells")


def bundles_or_runs(cohort: Cohort, options: Options) -> Variant:
    """One row: given bundles count as seeds of one recipe. An undivided cohort is measured on whole."""
    if options.bundles:
        exams = (ALL if cohort.split is None else TEST,)
        return Variant("bundle", "the given model", None, exams=exams, bundles=options.bundles)
    return Variant("recipe", f"recipe {options.recipes[0]}", base_recipe(options))


def bundles_of(place: Place, row: Row) -> list[Bundle]:
    """The trained models of a row's seeds: those that were scored, and none that was refused."""
    given, runs = place.plan.variant(row.name).bundles, place.study / "runs" / row.name
    return [Bundle.read(given[seed] if given else runs / str(seed) / "bundle") for seed in row.seeds]
