"""Which network? The paper's four and the default one, on the same cells."""

from brightctc.cohort import Cohort
from brightctc.recipe import Backbone
from brightctc.study.budgets import base_recipe, changed_recipe, steps_of, training_cells, with_steps
from brightctc.study.options import Options
from brightctc.study.plan import Plan, Variant

ASKS = "Which network tells the classes apart best, of the paper's four and the default one?"
PAPERS = ("resnet50", "resnet34", "densenet121", "efficientnet_b4")
PACKAGED = Backbone().name  # the one network whose weights come with brightctc
RANDOM = "no ImageNet weights here: started from random ones"


def has_imagenet(name: str) -> bool:
    """Can ImageNet weights of this network be had here?"""
    from brightctc.learn.backbones import has_imagenet as found  # torch

    return found(name)


def plan(cohort: Cohort, options: Options) -> Plan:
    """A row a network; those whose ImageNet weights can't be had start from random weights, and say so."""
    base = base_recipe(options)
    steps = steps_of(base, *training_cells(cohort))
    variants = []
    for name in dict.fromkeys((*PAPERS, PACKAGED)):
        weights = "packaged" if name == PACKAGED else "imagenet" if has_imagenet(name) else "none"
        recipe = changed_recipe(base, backbone={"name": name, "weights": weights})
        marks = (RANDOM,) if weights == "none" else ()
        words = "the default network" if name == PACKAGED else "a network of the paper"
        variants.append(Variant(name, words, with_steps(recipe, options.budget, steps), marks=marks))
    marked = sum(bool(variant.marks) for variant in variants)
    warnings = (f"{marked} of {len(variants)} networks had no ImageNet weights: they can't be compared with those "
                "that had",) if marked else ()  # fmt: skip
    return Plan(tuple(variants), tuple((name, PACKAGED) for name in PAPERS), warnings=warnings)
