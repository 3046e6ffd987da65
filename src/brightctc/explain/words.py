"""What an explanation comes to, in sentences."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from brightctc.bundle import Bundle
from brightctc.errors import plural
from brightctc.explain.differing import Difference
from brightctc.explain.finding import ACTIVATION, Explanation
from brightctc.explain.predicting import ALL, BORDER, SIZE
from brightctc.metrics import Interval

MOST_SAID = 6
"""Features that are named of those that differ most."""


def sentences(found: Explanation, bundle: Bundle) -> Iterator[str]:
    """The background first: what a reader has to hear before all else."""
    yield _background(found, bundle)
    called, empty = found.erased.called_empty(bundle.threshold.logit)
    if called:
        yield (
            f"Of {plural(empty, 'crop')} with the cell erased, {called} would be called {bundle.classes.positive}: "
            "an empty crop can look positive to this network. predict flags crops without a cell (no_cell)."
        )
    yield from _maps(found)
    if found.neighbours is not None:
        classes = (bundle.classes.positive, bundle.classes.negative)
        told = [
            f"{own:.0%} for {name} cells ({share:.0%} of all training cells are {name})"
            for name, own, share in zip(
                classes, found.neighbours.agreeing, found.neighbours.learned.shares, strict=True
            )
            if math.isfinite(own)
        ]
        yield f"Of the nearest training cells of others, those with the cell's own label are {', '.join(told)}."
    shares = {each.name: each for each in found.predicted}
    if shares:
        yield (
            f"Of the logit's variance, size alone predicts {_percent(shares[SIZE].share.value)}, all "
            f"{shares[ALL].features} features of bright field {_percent(shares[ALL].share.value)}, the border's pixels "
            f"{_percent(shares[BORDER].share.value)}."
        )
    yield from _differing(found)


def _background(found: Explanation, bundle: Bundle) -> str:
    classes, erased = bundle.classes, found.erased
    if erased.without.value is None:
        return "Whether the network looks at the background can't be told: a class is missing, or no cell was outlined."
    told = f"with the cell erased, ROC-AUC is {_shown(erased.without)}; as it is {_shown(erased.whole)}"
    turned = ", the other way round" if erased.turned else ""
    match erased.verdict:
        case "background":
            return (
                f"THE NETWORK READS THE BACKGROUND: {told}. What is left without the cell still tells "
                f"{classes.positive} from {classes.negative}{turned}, so scores may be of how cells were imaged, not "
                "of what they are. See brightctc check, and image both classes alike."
            )
        case "partly":
            return (
                f"Part of the score is left without the cell ({_percent(erased.kept)} of what it has above chance"
                f"{turned}): {told}. It may be light that the cell throws around it, or the background: look at the "
                "column “cell erased” of cells.png, and at what brightctc check says of the border."
            )
        case "cell":
            return f"The network looks at the cell: {told}; with the cell alone {_shown(erased.alone)}."
    return (
        f"Undecided whether the network looks at the cell: {told}. These cells are too few, or scored too badly, to "
        "tell; explain more cells."
    )


def _maps(found: Explanation) -> Iterator[str]:
    if not len(found.attributed):
        return
    good = [name for name in found.attributions if found.curves[name].faithful]
    bad = [f"{name} ({found.curves[name].failed})" for name in found.attributions if name not in good]
    if good:
        yield f"Maps that are better than a random order, by deletion and by insertion: {', '.join(good)}."
    if bad:
        yield f"Maps not shown to be better than a random order, not to be read as explanations: {', '.join(bad)}."
    if ACTIVATION in good:
        inside, area = mean_known(found.inside), mean_known(found.area[found.outlined])
        yield (
            f"{inside:.0%} of the activation map that speaks for the call lies inside the cell's outline, which takes "
            f"{area:.0%} of the crop."
        )
    between = int((~found.cells.plain).sum())
    if between:
        yield (
            f"{plural(between, 'cell')} whose logit lies between 0 and the threshold have no map: no place speaks for "
            "their call."
        )


def _differing(found: Explanation) -> Iterator[str]:
    for kinds in dict.fromkeys(row.kinds for row in found.differences):
        rows = [row for row in found.differences if row.kinds == kinds]
        sure = [row for row in rows if row.p_holm is not None and row.p_holm < 0.05]
        tested = sum(row.p_holm is not None for row in rows)
        largest = ", ".join(f"{row.feature} (δ {row.delta.value or 0.0:+.2f})" for row in rows[:MOST_SAID])
        after = (
            f"{len(sure)} of {tested} features are shown to differ, after Holm's correction{_for_want(rows)}"
            if tested
            else "too few donors for a test"
        )
        yield f"{kinds}, largest differences: {largest}; {after}. features.csv says what each of them is."


def _for_want(rows: Sequence[Difference]) -> str:
    """Where even a feature that tells all of them apart could not be shown to differ."""
    apart = [row for row in rows if row.p_holm is not None and abs(row.delta.value or 0.0) == 1]
    if apart and all((row.p_holm or 0) >= 0.05 for row in apart):
        return "; of so few donors not even features that tell all of them apart can be shown to"
    return ""


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{max(value, 0.0):.0%}"


def _shown(interval: Interval) -> str:
    if interval.value is None:
        return "undefined"
    ends = "" if interval.low is None or interval.high is None else f" ({interval.low:.2f} to {interval.high:.2f})"
    return f"{interval.value:.2f}{ends}"


def mean_known(values: np.ndarray) -> float:
    """Of the finite ones; NaN of none."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else math.nan
