"""What variants have in common: optimiser steps (the default), or epochs as in the paper.

Copies and DAPI images multiply an epoch's steps, and at a small learning rate a network moves as far as it has steps:
at equal epochs the rows with more images would win by steps alone.
"""

from typing import Any

from brightctc.cohort import Cohort
from brightctc.recipe import EPOCHS, Recipe, labelled_each, read_recipe
from brightctc.settings import validated
from brightctc.study.options import Budget, Options


def base_recipe(options: Options, index: int = 0) -> Recipe:
    """The recipe that was asked for, with its settings."""
    return read_recipe(options.recipes[index], options.settings)


def changed_recipe(recipe: Recipe, **sections: dict[str, Any]) -> Recipe:
    """The recipe with some settings replaced; a section `dapi` is replaced whole."""
    values = recipe.model_dump()
    for name, settings in sections.items():
        values[name] = settings if name == "dapi" else values[name] | settings
    return validated(Recipe, values, "the recipe of a variant")


def with_steps(recipe: Recipe, budget: Budget, steps: int) -> Recipe:
    """The recipe held to a number of steps; to its epochs where these are what variants have in common.

    Nothing stops a run early at equal steps: they would not be equal. Epochs that are left open would be more for a
    variant with fewer images.
    """
    if budget == "epochs":
        return recipe if recipe.train.epochs else changed_recipe(recipe, train={"epochs": EPOCHS})
    return changed_recipe(recipe, train={"steps": steps, "early_stop": None})


def steps_of(recipe: Recipe, train_cells: int, with_dapi: int = 0, unlabelled: int = 0) -> int:
    """Optimiser steps of a training on so many labelled cells, of which `with_dapi` have DAPI.

    unlabelled: cells that join where the recipe's way asks for them.
    """
    if recipe.train.steps is not None:
        return recipe.train.steps
    copies = 0 if recipe.augment.preset == "none" else recipe.augment.copies
    images = (train_cells + (with_dapi if recipe.dapi.way == "mix" else 0)) * (1 + copies)
    joining = recipe.joining(unlabelled)
    return recipe.train.total_steps(max(1, images // labelled_each(recipe.train.batch_size, images, joining)))


def training_cells(cohort: Cohort) -> tuple[int, int, int]:
    """Labelled cells of the train part, how many of them have DAPI, and cells that may teach without a label."""
    part = cohort.part("train")
    rows = part.filter(part["label"].is_in([cohort.classes.positive, cohort.classes.negative]))
    stained = rows.height - rows["dapi"].null_count() if "dapi" in rows.columns else 0
    return rows.height, stained, part.height - rows.height + int((cohort.cells["part"] == "pool").sum())
