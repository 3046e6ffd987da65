"""Any recipes side by side."""

from pathlib import Path

from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.study.budgets import base_recipe
from brightctc.study.options import Options
from brightctc.study.plan import Plan, Variant, folder_name

ASKS = "Which of these recipes tells the classes apart best?"


def plan(_cohort: Cohort, options: Options) -> Plan:
    """A row a recipe, as its file says; each is held against the first that is scored by bright field alone."""
    if len(options.recipes) < 2:
        raise UserError(
            "compare needs two recipes or more", "--recipe", "give each: --recipe default --recipe mine.yaml"
        )
    variants: dict[str, Variant] = {}
    for index, given in enumerate(options.recipes):
        recipe = base_recipe(options, index)
        name = folder_name(Path(given).stem)
        if name in variants:
            raise UserError(f"two recipes are called {name!r}", "--recipe", "rename one of the files")
        way = () if recipe.dapi.way != "channel" else ("scored with DAPI: not ranked",)
        variants[name] = Variant(name, f"recipe {name}", recipe, "unranked" if way else "network", marks=way)
    ranked = [name for name, variant in variants.items() if not variant.marks]
    return Plan(tuple(variants.values()), tuple((other, ranked[0]) for other in ranked[1:]))
