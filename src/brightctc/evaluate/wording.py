"""Figures in words, for the screen and the picture alike."""

from brightctc.metrics import Interval


def shown(figure: Interval, form: str = ".3f") -> str:
    """A figure with its interval, such as "0.912 (0.870 to 0.940)"; "undefined" where it is."""
    if figure.value is None:
        return "undefined"
    if figure.low is None and figure.high is None:
        return f"{figure.value:{form}}"
    ends = ("no bound" if end is None else f"{end:{form}}" for end in (figure.low, figure.high))
    return f"{figure.value:{form}} ({' to '.join(ends)})"
