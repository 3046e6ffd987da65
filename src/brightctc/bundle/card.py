"""The model card: a bundle's README.md, for the person who was handed the folder."""

from brightctc.bundle.about import About
from brightctc.bundle.tested import LARGEST_CHANGE, Tested

RESEARCH_USE = "For Research Use Only. Not for use in diagnostic procedures."
_WAYS = {
    "hint": "the float32 network, computed in bfloat16",
    "post_training": "quantised after training, calibrated on training cells",
    "accuracy_aware": "quantised after training, with layers taken back to float32 until the guard passed",
}


def model_card(about: About) -> str:
    """The card as Markdown. Counts, never ids; its only figures come from validation cells, and say so."""
    sections = [
        f"# {about.name}\n\n{RESEARCH_USE}",
        f"A brightctc bundle. It scores single-cell images between 0 ({about.classes.negative}) and 1 "
        f"({about.classes.positive}). A cell called {about.classes.positive} is a candidate until a reader "
        "confirms it. A score is a rank, not a probability that the cell is what it is called.",
        f"## Trained on\n\n{_trained_on(about)}",
        f"## Input\n\n{_input(about)}",
        f"## Threshold\n\n{_threshold(about)}",
        *([f"## Precisions\n\n{_precisions(about)}"] if about.precisions else []),
        f"## Limits\n\n{_limits(about)}",
        "## Use\n\n```\nbrightctc predict THIS_FOLDER INPUT scores.csv\n```\n\nNo file of this folder may be "
        "changed: `brightctc` verifies each against the hashes in bundle.json, and every result keeps the hash of "
        "bundle.json itself.",
    ]
    return "\n\n".join(sections) + "\n"


def _trained_on(about: About) -> str:
    provenance = about.provenance
    rows = [
        f"| {part} | {counts.positive} | {counts.negative} | {counts.donors or 'not known'} |"
        for part, counts in provenance.counts.items()
    ]
    head = f"| part | {about.classes.positive} | {about.classes.negative} | donors |\n|---|---|---|---|\n"
    lines = [
        f"Cohort `{provenance.cohort}`, split by `{provenance.split_by}`, seed {provenance.seed}.",
        head + "\n".join(rows),
        f"Network `{about.recipe['backbone']['name']}`, recipe {about.recipe_hash}"
        + (f", derived from bundle {about.parent}." if about.parent else "."),
    ]
    return "\n\n".join(lines)


def _input(about: About) -> str:
    contract = about.contract
    depth = "floating point" if contract.bit_depth is None else f"{contract.bit_depth} bits in use"
    pixel = "not known" if contract.pixel_size is None else f"{contract.pixel_size} µm"
    return "\n".join(
        [
            f"- channels: {', '.join(about.channels)}",
            f"- pixels: {', '.join(contract.dtypes)}, {depth}; pixel size {pixel}",
            f"- crops: {contract.height} px high, {contract.width} px wide",
            f"- background {contract.background}; mean {contract.mean}",
            f"- contrast (sd / mean) {contract.contrast}",
            "",
            f"Ranges: 1st to 99th percentile of {contract.cells} training cells. `predict` warns where a "
            "sample leaves them; what the network does there was not measured.",
            "",
            _quality(about),
        ]
    )


def _quality(about: About) -> str:
    limits = about.contract.quality
    shown = "; ".join(f"`{flag}`: {words}" for flag, words in limits.shown().items())
    if not shown:
        return f"Too few training cells ({limits.cells}) had an outline to learn limits of image quality from."
    return f"Limits of the quality flags, from {limits.cells} outlined training cells: {shown}."


def _threshold(about: About) -> str:
    threshold, cells = about.threshold, about.validation
    called = [logit >= threshold.logit for logit in cells.logit]
    true = sum(call and positive for call, positive in zip(called, cells.positive, strict=True))
    return (
        f"Score {threshold.score:.4f} (logit {threshold.logit:.4f}, {threshold.precision}), chosen by `"
        f"{threshold.policy}` on the validation cells alone, then frozen. Of those same {len(cells.logit)} "
        f"cells it calls {sum(called)} {about.classes.positive}, among them {true} of the "
        f"{sum(cells.positive)} that are. These figures are from validation: they chose the threshold and "
        "flatter it. `brightctc evaluate` measures on cells that the bundle has not seen."
    )


def _precisions(about: About) -> str:
    first = about.precisions[0]
    head = (
        "| precision | tested on | largest change of a score | calls gained, lost | recall | F1 | average precision "
        "| threshold (score) | used unasked |\n|---|---|---|---|---|---|---|---|---|\n"
    )
    made = "\n".join(f"- `{tested.precision}`: {_made(tested)}" for tested in about.precisions)
    return (
        f"Faster arithmetic than float32, held against it on the same {first.cells} validation cells "
        f"({first.positives} {about.classes.positive}), each at its own threshold; changes are this precision less "
        f"float32.\n\n{head}{''.join(map(_guard, about.precisions))}\n{made}\n\nOne is used unasked where recall does "
        f"not fall and average precision changes by no more than {LARGEST_CHANGE}, and on the class of processor that "
        "it was tested on alone: elsewhere sums are cut into other pieces. These figures are from validation cells, "
        "which chose the thresholds."
    )


def _guard(tested: Tested) -> str:
    return (
        f"| {tested.precision} | {tested.processor} | {tested.largest_difference:.4f} "
        f"| {tested.calls_gained}, {tested.calls_lost} | {tested.recall_change:+.4f} | {tested.f1_change:+.4f} "
        f"| {tested.average_precision_change:+.4f} | {tested.threshold.score:.4f} "
        f"| {'yes' if tested.passed else 'no: asked for by name alone'} |\n"
    )


def _made(tested: Tested) -> str:
    fix = "; weights use half their range, so that sums of products can't overflow" if tested.overflow_fix else ""
    return f"{_WAYS[tested.way]}{fix}"


def _limits(about: About) -> str:
    limits = [
        "not calibrated: scores rank cells and are not odds"
        if about.calibration is None
        else f"calibrated on the validation cells, by {about.calibration.words}; not promised for patients where "
        "those were cell lines",
        "not measured on other instruments, stains, cancer types and cell lines than it was trained on",
        *about.warnings,
        *(f"assumed: {assumption}" for assumption in about.provenance.assumptions),
    ]
    return "\n".join(f"- {limit}" for limit in limits)
