"""What a study refuses before it trains: cells that stand in two parts, and what it says of shortcuts in the batch."""

from collections.abc import Callable

from brightctc import files
from brightctc.check.crops import read_crops
from brightctc.check.leakage import leakage_problems
from brightctc.check.problems import Problem
from brightctc.check.shortcuts import shortcut_problems
from brightctc.cohort import Cohort
from brightctc.errors import UserError, typed
from brightctc.study.declaring import cells_hash
from brightctc.study.running import Place

FORMAT_VERSION = 1
FILE = "checked.json"
_LEAKS = "_in_two_parts"


def safeguarded(place: Place, progress: Callable[..., None] | None) -> tuple[str, ...]:
    """Look once for leaks and shortcuts; returns warnings, which the report repeats.

    Raises UserError where a donor, a sample or the same picture (also turned, or of the other channel) stands in two
    parts. What was found is kept in checked.json beside the cells' hash.
    """
    path, cells = place.study / FILE, cells_hash(place.cohort)
    if path.is_file():
        kept = files.read_json(path, format_version=FORMAT_VERSION)
        if kept["cells"] == cells:
            return tuple(kept["warnings"])
    crops = read_crops(place.cohort, progress)
    leaks = [problem for problem in leakage_problems(place.cohort, crops) if problem.kind.endswith(_LEAKS)]
    if leaks:
        raise _refused(place.cohort, leaks)
    unknown_days: list[str | None] = [None] * place.cohort.cells.height
    found = shortcut_problems(place.cohort, crops, unknown_days)
    warnings = [problem.message for problem in found if problem.severity != "note"]
    files.write_json(path, {"format_version": FORMAT_VERSION, "cells": cells, "warnings": warnings})
    return tuple(warnings)


def _refused(cohort: Cohort, leaks: list[Problem]) -> UserError:
    first = leaks[0]
    more = f" (and {len(leaks) - 1} further kinds)" if len(leaks) > 1 else ""
    return UserError(
        f"{first.message}{more}: {', '.join(first.examples)}",
        cohort.root,
        f"{first.fix}; {typed('check', cohort.root)} lists all",
    )
