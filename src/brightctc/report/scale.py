"""Axes that fit what they show: ranges with a margin, round ticks, numbers without a tail."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axis import Axis

from brightctc.report.lettering import width

Range = tuple[float, float]
NUMBERS = 7.5  # points, of the numbers on axes
MOST, LEAST_APART, BETWEEN = 7, 0.5, 0.1  # ticks; inches from tick to tick, and between their numbers
_ROUND = (1, 2, 5)
_MOST_DIGITS = 9


def known(values: Iterable[float | None]) -> list[float]:
    """Those that are finite numbers."""
    return [value for value in values if value is not None and math.isfinite(value)]


def around(values: Iterable[float | None], margin: float, *, logarithmic: bool = False) -> Range:
    """Lowest and highest with a margin, as a share of the range, on both sides; unit range where there are none."""
    found = [value for value in known(values) if value > 0 or not logarithmic]
    if not found:
        return (1.0, 10.0) if logarithmic else (0.0, 1.0)
    if logarithmic:
        low, high = around(map(math.log10, found), margin)
        return 10**low, 10**high
    low, high = min(found), max(found)
    wide = (high - low) or 0.2 * abs(high) or 1.0
    if low == high:
        low, high = low - wide / 2, high + wide / 2
    return low - margin * wide, high + margin * wide


def set_ticks(axis: Axis, ticks: Sequence[float]) -> None:
    """These, with their numbers, and no others."""
    axis.set_ticks(ticks, in_numbers(ticks))
    axis.set_ticks([], minor=True)


def ticks_across(limits: Range, across: float, *, logarithmic: bool = False) -> list[float]:
    """As many round numbers within the limits as can be written side by side on so many inches."""
    scaled = np.log10 if logarithmic else np.asarray
    low, high = scaled(limits)
    for most in range(min(MOST, int(across / LEAST_APART)), 2, -1):
        ticks = round_ticks(limits, most, logarithmic=logarithmic)
        middles = across * (scaled(ticks) - low) / (high - low)
        halves = np.array([width(number, NUMBERS) / 2 for number in in_numbers(ticks)])
        if len(ticks) > 1 and np.all(np.diff(middles) - halves[1:] - halves[:-1] > BETWEEN):
            return ticks
    ticks = round_ticks(limits, 4, logarithmic=logarithmic)
    return ticks[:: max(1, len(ticks) - 1)]  # the first and the last


def round_ticks(limits: Range, most: int, *, logarithmic: bool = False) -> list[float]:
    """Round numbers within the limits, at most `most`."""
    ticks = _logarithmic(limits, most) if logarithmic else []
    if len(ticks) > 1:
        return ticks
    power = math.floor(math.log10((limits[1] - limits[0]) / most))
    for step in (part * 10.0 ** (power + more) for more in (0, 1, 2) for part in (1, 2, 2.5, 5)):
        first, last = math.ceil(limits[0] / step), math.floor(limits[1] / step)
        if last - first < most:
            return [round(number * step, _MOST_DIGITS + 3) for number in range(first, last + 1)]
    return [limits[0], limits[1]]


def in_numbers(ticks: Sequence[float]) -> list[str]:
    """With as many digits as tell them apart; a logarithmic axis has as few as each needs."""
    steps = np.diff(ticks)
    if len(ticks) > 2 and not np.allclose(steps, steps[0]):
        return [_number(tick, _digits([tick])) for tick in ticks]
    return [_number(tick, _digits(ticks)) for tick in ticks]


def _digits(ticks: Sequence[float]) -> int:
    """After the point."""
    for digits in range(_MOST_DIGITS):
        if all(math.isclose(round(tick, digits), tick, rel_tol=1e-9, abs_tol=1e-12) for tick in ticks):
            return digits
    return _MOST_DIGITS


def _number(tick: float, digits: int) -> str:
    return f"{tick:,.{digits}f}".replace("-", "−")


def _logarithmic(limits: Range, most: int) -> list[float]:
    """1, 2 and 5 times each power of ten, or fewer where these are too many."""
    powers = range(math.floor(math.log10(limits[0])), math.ceil(math.log10(limits[1])) + 1)
    for steps in (_ROUND, (1, 3), (1,)):
        ticks = [step * 10.0**power for power in powers for step in steps]
        ticks = [tick for tick in ticks if limits[0] <= tick <= limits[1]]
        if len(ticks) <= most:
            return ticks
    every = math.ceil(len(ticks) / most)
    return ticks[::every]
