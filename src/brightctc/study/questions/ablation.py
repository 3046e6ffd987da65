"""Which augmentations help, and does DAPI in training? The paper's table, with the controls that it lacks."""

from collections.abc import Callable, Sequence

from brightctc.cohort import Cohort
from brightctc.recipe import Recipe
from brightctc.report.document import Section
from brightctc.study.budgets import base_recipe, changed_recipe, steps_of, training_cells, with_steps
from brightctc.study.measuring import Row
from brightctc.study.options import Options
from brightctc.study.plan import TEST, Exam, Plan, Variant
from brightctc.study.running import Place

ASKS = "Which augmentations help, and does it help to add DAPI images to the training cells?"
TESTED_ON_DAPI = Exam("dapi", "test", "test part, DAPI images", channel="dapi")
_PRESETS = {
    "none": "no augmentation",
    "AUG1": "rotations",
    "AUG2": "rotations and flips",
    "AUG3": "rotations, flips, brightness and contrast",
}
_REPEAT, _PERMUTED = "AUG3+repeat", "AUG3+permuted"


def adds(place: Place, rows: Sequence[Row], _progress: Callable[..., None] | None) -> tuple[Section, ...]:
    """What the controls are for, and what equal steps mean for the rows with DAPI."""
    if not any("DAPI" in row.name for row in rows):
        return ()
    words = (
        "AUG3+repeat has as many images as AUG3+DAPI, all of them bright field; AUG3+permuted has the same images as "
        "AUG3+DAPI, with labels of DAPI that mean nothing. A gain of AUG3+DAPI over both would be DAPI's own.",
    )
    if place.options.budget == "steps":
        words += (
            "All rows have equal optimiser steps, so the rows with DAPI show each bright-field image half as often. A "
            "loss against AUG3 can come from that alone; --budget epochs asks the other way round, where these rows "
            "have twice the steps.",
        )
    return (Section("How to read the rows with DAPI", words),)


def plan(cohort: Cohort, options: Options) -> Plan:
    """none, AUG1, AUG2, AUG3, and where there is DAPI: AUG3 with DAPI mixed in, and its two controls."""
    base = base_recipe(options)
    cells, stained, _ = training_cells(cohort)
    plain = changed_recipe(base, dapi={"way": "none"})
    steps = steps_of(changed_recipe(plain, augment={"preset": "AUG3"}), cells)
    rates = options.learning_rates or (base.train.learning_rate,)
    variants: list[Variant] = []
    pairs: list[tuple[str, str]] = []
    for rate in rates:
        end = f"@{rate:g}" if len(rates) > 1 else ""
        words = f", learning rate {rate:g}" if len(rates) > 1 else ""

        def ready(recipe: Recipe, rate: float = rate) -> Recipe:
            return with_steps(changed_recipe(recipe, train={"learning_rate": rate}), options.budget, steps)

        for name, meaning in _PRESETS.items():
            variants.append(
                Variant(name + end, meaning + words, ready(changed_recipe(plain, augment={"preset": name})))
            )
        pairs += [(f"{one}{end}", f"{two}{end}") for one, two in (("AUG1", "none"), ("AUG2", "AUG1"), ("AUG3", "AUG2"))]
        if stained:
            variants += _with_dapi(plain, ready, end, words)
            pairs += [(f"AUG3+DAPI{end}", f"{other}{end}") for other in ("AUG3", _REPEAT, _PERMUTED)]
    warnings = () if stained else ("no training cell has DAPI: the rows with DAPI and their controls are left out",)
    return Plan(tuple(variants), tuple(pairs), warnings=warnings)


def _with_dapi(plain: Recipe, ready: Callable[[Recipe], Recipe], end: str, words: str) -> list[Variant]:
    def mixed(control: str) -> Recipe:
        return ready(changed_recipe(plain, augment={"preset": "AUG3"}, dapi={"way": "mix", "control": control}))

    return [
        Variant(f"AUG3+DAPI{end}", f"AUG3, DAPI images as further training cells{words}", mixed("none"),
                exams=(TEST, TESTED_ON_DAPI)),
        Variant(f"{_REPEAT}{end}", f"AUG3, the same cells' bright field again in place of DAPI{words}",
                mixed("repeat"), kind="control"),
        Variant(f"{_PERMUTED}{end}", f"AUG3, DAPI with other cells' labels{words}", mixed("permuted"),
                kind="control"),
    ]  # fmt: skip
