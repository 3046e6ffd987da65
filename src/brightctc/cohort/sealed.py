"""Who has looked at the sealed part: a list in the cohort's folder that only grows."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from brightctc import files
from brightctc.cohort.folder import Cohort
from brightctc.errors import UserError

FORMAT_VERSION = 1
FILE = "sealed.json"


def openings(cohort: Cohort) -> list[dict[str, str]]:
    """Every opening so far, in order: `by` (study, evaluate, …), `analysis` (a hash), `cells` (hash of the part)."""
    return _listed(cohort.root / FILE)


def open_sealed(cohort: Cohort, by: str, analysis: str) -> list[dict[str, str]]:
    """Record that the sealed part is scored now; returns every opening so far, this one included.

    The same analysis, gone on with after an interruption, is one opening. Raises UserError where there is no sealed
    part, or where the list can't be written.
    """
    opening = {"by": by, "analysis": analysis, "cells": _cells(cohort)}
    with files.lock(cohort.root):
        known = openings(cohort)
        if opening not in known:
            known = [*known, opening]
            _write(cohort.root / FILE, known)
    return known


def merge_openings(folders: Iterable[Path], target: Path) -> None:
    """Write into `target` every opening that any of these cohort folders knows of; nothing where there is none.

    What replaces a cohort may not forget what was opened in it.
    """
    known = [opening for folder in folders for opening in _listed(folder / FILE)]
    if known:
        _write(target / FILE, [opening for index, opening in enumerate(known) if opening not in known[:index]])


def _listed(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    found = files.read_json(path, format_version=FORMAT_VERSION).get("openings")
    if not isinstance(found, list):
        raise UserError("the list of openings is malformed", path, "restore the file")
    return found


def _write(path: Path, known: list[dict[str, str]]) -> None:
    content: dict[str, Any] = {"format_version": FORMAT_VERSION, "openings": known}
    files.write_json(path, content)


def _cells(cohort: Cohort) -> str:
    """16 hex digits of which cells are sealed."""
    return hashlib.sha256("\n".join(cohort.part("sealed")["cell_id"].sort()).encode()).hexdigest()[:16]


def times(count: int) -> str:
    """`once`, `twice`, `3 times`, for one or more."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def opened_words(known: list[dict[str, str]]) -> str:
    """How often the sealed part was opened, and what follows from it."""
    if not known:
        return "the sealed part was never opened"
    told = f"the sealed part was opened {times(len(known))}"
    return told if len(known) < 2 else f"{told}: choices made after the first opening may have learned from it"
