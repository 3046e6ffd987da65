"""Figures in words: nothing is printed as 0 or 1 that is neither."""

import pytest

from brightctc.evaluate.wording import in_digits, shown
from brightctc.metrics import Interval


@pytest.mark.parametrize(
    ("number", "form", "text"),
    [
        (0.04, ",.1f", "0.04"),
        (0.0, ",.1f", "0.0"),
        (1.0, ".3f", "1.000"),
        (0.99996, ".3f", "0.99996"),
        (0.996, ".2f", "0.996"),
        (-0.0002, "+.3f", "-0.0002"),
        (12.04, ",.1f", "12.0"),
        (1234.0, ",.1f", "1,234.0"),
        (1e-12, ".3f", "0.000"),
        (3, ",d", "3"),
    ],
)
def test_as_many_digits_as_it_takes(number: float, form: str, text: str) -> None:
    assert in_digits(number, form) == text


def test_its_ends_too() -> None:
    assert shown(Interval(0.04, 0.01, 0.049), ".1f") == "0.04 (0.01 to 0.05)"
