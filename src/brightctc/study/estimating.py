"""What a study would run, and about how long it would take here."""

from collections.abc import Mapping
from dataclasses import dataclass

from brightctc.cohort import Cohort
from brightctc.recipe import DapiDistil, DapiPseudoLabels, DapiStudent, DapiWarmStart, Recipe
from brightctc.study.budgets import steps_of, training_cells
from brightctc.study.plan import OWN, Variant
from brightctc.study.running import Place

_OVERHEAD_SECONDS = 20.0  # a run: start, export, checks; scoring is not in it
_WARM_START_COST = 4  # its step has 128 images
_LOOKS = (
    3  # a cell is measured and embedded for teachers, or scored by one, in about the time of so many images of a step
)


@dataclass(frozen=True)
class Estimate:
    """A row of a dry run. steps: optimiser steps of each run; hours: of all its seeds, one after the other."""

    variant: str
    words: str
    runs: int
    steps: int | None
    hours: float
    problem: str | None = None


def estimates(place: Place, threads: int) -> list[Estimate]:
    """A row a variant; each different network is timed once, by a few steps."""
    pace: dict[str, float] = {}
    return [_estimate(place, variant, threads, pace) for variant in place.plan.variants]


def total_hours(found: list[Estimate], workers: int) -> float:
    """Of the whole study with so many runs at a time, without scoring and simple models."""
    return sum(row.hours for row in found) / workers


def _estimate(place: Place, variant: Variant, threads: int, pace: dict[str, float]) -> Estimate:
    runs = len(place.seeds_of(variant))
    failed = place.plan.failed.get(variant.name)
    if failed is not None:
        return Estimate(variant.name, variant.words, runs, None, 0.0, failed.what)
    if variant.recipe is None:
        return Estimate(variant.name, variant.words, runs, None, 0.0)
    recipe = variant.recipe
    learned = _learned(place.cohort, variant)
    steps = steps_of(recipe, *learned)
    key = _pace_key(recipe)
    if key not in pace:
        from brightctc.learn.pace import seconds_per_step  # torch

        pace[key] = seconds_per_step(recipe, threads)
    all_steps = steps + _steps_before(recipe, steps, sum(learned[::2]))
    hours = runs * recipe.train.folds * (all_steps * pace[key] + _OVERHEAD_SECONDS) / 3600
    return Estimate(variant.name, variant.words, runs, steps, hours)


def _steps_before(recipe: Recipe, steps: int, cells: int) -> int:
    """What a way does before the network's own steps, in steps of the same length: rather too many than too few."""
    way = recipe.dapi
    if isinstance(way, DapiDistil | DapiStudent):
        return _LOOKS * cells // recipe.train.batch_size
    if isinstance(way, DapiPseudoLabels):
        return way.teachers * steps
    if isinstance(way, DapiWarmStart):
        return _WARM_START_COST * way.first_steps
    return 0


def _pace_key(recipe: Recipe) -> str:
    of = recipe.train
    return f"{recipe.backbone} {recipe.preprocess.size} {recipe.dapi} {of.batch_size} {of.precision} {of.consistency}"


def _learned(cohort: Cohort, variant: Variant) -> tuple[int, int, int]:
    """Training cells, those with DAPI, those without a label: where no division is written yet, of the own split."""
    if variant.division != OWN and cohort.split is None:
        return cohort.cells.height // 2, 0, 0
    return training_cells(cohort)


def summary_of(found: list[Estimate], workers: int, threads: int) -> Mapping[str, object]:
    """For machines."""
    return {
        "runs": sum(row.runs for row in found),
        "expected_hours": round(total_hours(found, workers), 3),
        "at_a_time": workers,
        "threads": threads,
        "variants": [
            {"name": row.variant, "runs": row.runs, "steps": row.steps, "hours": round(row.hours, 3)} for row in found
        ],
    }
