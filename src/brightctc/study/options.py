"""What a user may choose of a study; all of it stands in study.yaml."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from brightctc.errors import UserError
from brightctc.metrics import FIGURES
from brightctc.settings import Section

Budget = Literal["steps", "epochs"]
PRIMARY = "average_precision"
COUNTED_DOWN = ("false_calls_per_1000", "looks_per_true", "brier", "calibration_error")  # smaller is better


class Options(Section):
    """The options of every question; those that a question does not know are refused by its plan when given.

    seeds: runs of each variant. budget: what variants have in common, optimiser steps or epochs.
    resamples, seed: of the bootstrap and of all that a study draws itself.
    """

    recipes: tuple[str, ...] = ("default",)
    settings: tuple[str, ...] = ()
    seeds: int = Field(default=5, ge=1, le=100)
    budget: Budget = "steps"
    learning_rates: tuple[float, ...] = ()
    ways: tuple[str, ...] = ()
    column: str | None = None
    external: Path | None = None
    bundles: tuple[Path, ...] = ()
    sizes: tuple[int, ...] = ()
    cells: int = Field(default=400, ge=10)
    baselines: tuple[str, ...] | None = None
    primary: str = PRIMARY
    pairs: tuple[tuple[str, str], ...] | None = None
    resamples: int = Field(default=2000, ge=1)
    seed: int = Field(default=0, ge=0)


def require_primary(name: str) -> None:
    """Raise UserError where this is no figure that variants can be compared by."""
    if name not in FIGURES:
        raise UserError(f"there is no figure called {name!r}", "--primary", f"use one of {', '.join(FIGURES)}")


def pairs_of(texts: tuple[str, ...]) -> tuple[tuple[str, str], ...] | None:
    """`AUG3:AUG2` → ("AUG3", "AUG2"): the first is held against the second. None where none were given."""
    if not texts:
        return None
    found = []
    for text in texts:
        first, colon, second = text.partition(":")
        if not (first and colon and second) or first == second:
            raise UserError(f"{text!r} is not a pair of variants", "--pair", "write --pair AUG3:AUG2")
        found.append((first, second))
    return tuple(found)
