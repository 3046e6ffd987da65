"""What a check finds: problems, grouped by kind, counted, each with its fix."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Problem:
    """One kind of problem, wherever it occurs in the cohort.

    kind:     machine name.
    severity: error: figures on this cohort would be wrong or impossible; warning: they may mislead;
              note: worth knowing.
    count:    how many cells, donors, columns … are concerned (the message says which).
    examples: up to three of them: cell ids, donors, columns; `a = b` for a pair.
    """

    kind: str
    severity: Severity
    count: int
    examples: tuple[str, ...]
    message: str
    fix: str


@dataclass(frozen=True)
class CheckReport:
    """All that `check` found. problems: errors first, then warnings, then notes.

    images: how many image files were asked for (bright field and DAPI).
    """

    cohort: Path
    cells: int
    images: int
    problems: tuple[Problem, ...]

    def of(self, severity: Severity) -> tuple[Problem, ...]:
        """The problems of one severity."""
        return tuple(problem for problem in self.problems if problem.severity == severity)

    @property
    def ok(self) -> bool:
        """Is there no error?"""
        return not self.of("error")

    @property
    def warnings(self) -> tuple[str, ...]:
        """The messages of the warnings."""
        return tuple(problem.message for problem in self.of("warning"))

    def summary(self) -> dict[str, Any]:
        """JSON-able: every problem, and how many there are of each severity."""
        return {
            "cohort": str(self.cohort),
            "cells": self.cells,
            "images": self.images,
            "ok": self.ok,
            **{f"{severity}s": len(self.of(severity)) for severity in SEVERITIES},
            "problems": [asdict(problem) for problem in self.problems],
        }


def found(kind: str, severity: Severity, where: Iterable[object], message: str, fix: str) -> Problem:
    """A problem at each of `where`; the first few become its examples."""
    places = [str(place) for place in where]
    return Problem(kind, severity, len(places), tuple(places[:MOST_EXAMPLES]), message, fix)


def ordered(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Errors first, then warnings, then notes; the order within each is kept."""
    return tuple(sorted(problems, key=lambda problem: SEVERITIES.index(problem.severity)))
