"""Does DAPI help, in any of the ways that are known to recipes?"""

from typing import get_args

from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.recipe import WAYS, Dapi
from brightctc.study.budgets import base_recipe, changed_recipe, steps_of, training_cells, with_steps
from brightctc.study.options import Options
from brightctc.study.plan import Plan, Variant

ASKS = "Does DAPI in training help to score by bright field alone, and in which way?"
NEEDS_DAPI = "scored with DAPI: not ranked"
_COMPARED = tuple(way for way in WAYS if way != "student")  # which needs a bundle that is there already
_MEANINGS = {
    model.model_fields["way"].default: str(model.__doc__).splitlines()[0].rstrip(".")
    for model in get_args(get_args(Dapi)[0])
}


def plan(cohort: Cohort, options: Options) -> Plan:
    """A row a way, or a row for each that was named; each is held against bright field alone."""
    asked = _asked(options)
    base = base_recipe(options)
    cells, stained, _ = training_cells(cohort)
    if not stained:
        raise UserError(
            "no training cell has a DAPI image: there is nothing to compare",
            cohort.root,
            "import the cohort with --dapi",
        )
    steps = steps_of(changed_recipe(base, dapi={"way": "none"}), cells)
    variants = []
    for way in asked:
        recipe = with_steps(changed_recipe(base, dapi={"way": way}), options.budget, steps)
        needs = way == "channel"
        variants.append(
            Variant(way, _MEANINGS[way], recipe, "unranked" if needs else "network", marks=(NEEDS_DAPI,) * needs)
        )
    pairs = tuple((way, "none") for way in asked if way not in ("none", "channel"))
    return Plan(tuple(variants), pairs)


def _asked(options: Options) -> tuple[str, ...]:
    """Bright field alone, and what else was asked for, in the order of WAYS."""
    unknown = [way for way in options.ways if way not in _COMPARED]
    if unknown:
        raise UserError(
            f"{unknown[0]!r} is none of the ways that are compared", "--ways", f"use some of {', '.join(_COMPARED)}"
        )
    return tuple(way for way in _COMPARED if not options.ways or way in ("none", *options.ways))
