"""Figures in words, for the screen, the picture and pages alike."""

import re

from brightctc.metrics import Interval

_PLACES = re.compile(r"\.(\d+)f")
_MOST, _NEAR = 6, 1e-6


def shown(figure: Interval, form: str = ".3f") -> str:
    """A figure with its interval, such as "0.912 (0.870 to 0.940)"; "undefined" where it is."""
    if figure.value is None:
        return "undefined"
    if figure.low is None and figure.high is None:
        return in_digits(figure.value, form)
    ends = ("no bound" if end is None else in_digits(end, form) for end in (figure.low, figure.high))
    return f"{in_digits(figure.value, form)} ({' to '.join(ends)})"


def in_digits(number: float, form: str) -> str:
    """In this format, with as many digits more, up to six, as it takes not to print 0 or 1 for what is neither."""
    text, places = format(number, form), _PLACES.search(form)
    if places is None or min(abs(number), abs(abs(number) - 1)) < _NEAR:
        return text
    for more in range(int(places[1]) + 1, _MOST + 1):
        if abs(float(text.replace(",", ""))) not in (0, 1):
            break
        text = format(number, form.replace(places[0], f".{more}f"))
    return text
