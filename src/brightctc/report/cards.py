"""The headline: a card a figure, with its interval as a bar and what it is to be held against."""

import math
from dataclasses import dataclass

from brightctc.metrics import Interval
from brightctc.report.runs import Measured
from brightctc.report.table import ends, written


@dataclass(frozen=True)
class Bar:
    """Places in per cent of the bar's width; None where there is nothing to draw."""

    dot: float
    low: float | None
    high: float | None
    reference: float | None


@dataclass(frozen=True)
class Card:
    """A figure in the headline. beside: what to hold it against; scale: what the bar's ends stand for."""

    name: str
    value: str
    interval: str
    meaning: str
    beside: str = ""
    bar: Bar | None = None
    scale: tuple[str, str] = ("0", "1")


def cards(found: Measured) -> list[Card]:
    """False calls, looks, F1 with its class ratio and the constant classifier's, recall, average precision."""
    classes, ratio, constant = found.first.classes, found.first.class_ratio, found.first.constant
    share = constant.precision
    calls = found["false_calls_per_1000"]
    return [
        _card(f"False calls per 1,000 {classes.negative}", calls,
              f"of 1,000 {classes.negative} cells so many are called {classes.positive}", form=",.1f",
              top=_round_up(calls)),
        _card(f"Looks per true {classes.positive}", found["looks_per_true"],
              f"calls that a reader looks at to find one, at this class ratio ({ratio})", form=".2f",
              bottom=1.0, top=_round_up(found["looks_per_true"])),
        _card("F1", found["f1"], f"at {ratio}; F1 of other ratios can't be compared",
              beside=f"calling every cell {classes.positive} reaches {written(constant.f1)}", reference=constant.f1),
        _card("Recall", found["recall"], f"share of {classes.positive} that is called"),
        _card("Average precision", found["average_precision"], f"over all thresholds, at {ratio}",
              beside=f"chance reaches {written(share)}", reference=share),
    ]  # fmt: skip


def bar(figure: Interval, bottom: float = 0.0, top: float = 1.0, reference: float | None = None) -> Bar | None:
    """Where dot, whisker and reference lie between `bottom` and `top`; what has no bound goes to the scale's end."""
    if figure.value is None or not math.isfinite(figure.value) or top <= bottom:
        return None

    def place(value: float | None) -> float | None:
        if value is None or math.isnan(value):
            return None
        return round(100 * min(max((value - bottom) / (top - bottom), 0.0), 1.0), 2)

    dot = place(figure.value)
    assert dot is not None, "the value is there"
    return Bar(dot, place(figure.low), place(figure.high), place(reference))


def _card(
    name: str,
    figure: Interval,
    meaning: str,
    *,
    form: str = ".3f",
    bottom: float = 0.0,
    top: float = 1.0,
    beside: str = "",
    reference: float | None = None,
) -> Card:
    interval = f"95 % interval {ends(figure, form)}" if ends(figure) else f"no interval: {figure.reason or 'undefined'}"
    scale = (f"{bottom:g}", f"{top:,.4g}")
    return Card(name, written(figure, form), interval, meaning, beside, bar(figure, bottom, top, reference), scale)


def _round_up(figure: Interval) -> float:
    """A round number above what is finite of figure and interval, for a scale's end: 1, 2 or 5 times a power of ten."""
    finite = (value for value in (figure.value, figure.high) if value is not None and math.isfinite(value))
    highest = max(finite, default=1.0)
    steps = (step * 10**power for power in range(5) for step in (1, 2, 5))
    return float(next((step for step in steps if step >= highest), highest))
