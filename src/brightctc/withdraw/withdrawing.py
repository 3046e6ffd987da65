"""The verb `withdraw`: which places hold a donor; remove or mark them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from brightctc.errors import UserError
from brightctc.withdraw.holdings import Holding, donor_cells, find_holdings
from brightctc.withdraw.removing import remove


@dataclass(frozen=True)
class WithdrawResult:
    """What holds the donor. removed: what was removed or marked; failed: (place, why) of what could not be."""

    donor: str
    holdings: tuple[Holding, ...]
    removed: tuple[Holding, ...]
    failed: tuple[tuple[Holding, str], ...]
    warnings: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """JSON-able."""
        failed = {id(holding): why for holding, why in self.failed}
        return {
            "donor": self.donor,
            "holdings": [
                {
                    "kind": holding.kind,
                    "path": str(holding.path),
                    "cells": holding.cells,
                    "copied_images": len(holding.images),
                    "original_images": holding.originals,
                    "certain": holding.certain,
                    "removed": holding in self.removed,
                    "failed": failed.get(id(holding)),
                }
                for holding in self.holdings
            ],
            "warnings": list(self.warnings),
        }


def withdraw(donor: str, paths: Sequence[Path], *, remove: bool = False) -> WithdrawResult:
    """Find every cohort, run, bundle, evaluation, explanation, report and table below `paths` that holds a donor.

    With `remove`: rows of cohorts, splits, scores, features and evaluations go, with the masks beside features and the
    images that an import had copied into a cohort; original images outside are never touched. Reports and explanations,
    which show their cells, and control charts, which show their samples, are deleted, and what stopped scorings have
    kept. Bundles, runs and evaluations, which have
    learned from or counted these cells, are marked by a file WITHDRAWN.json (predict and evaluate refuse a marked
    bundle). Runs that were stopped before they wrote a bundle and files that only mention the id are listed, and left
    to the user.

    Search everything at once: tables without a donor column are searched by the cohorts' cell ids. Databases and
    archives are not searched. Raises UserError where a path is missing; one place that can't be changed does not keep
    the others from it.
    """
    if not donor.strip():
        raise UserError("the donor's id is empty", None, "give it as it stands in the column donor_id")
    searched = [Path(path) for path in paths]
    holdings, warnings = find_holdings(donor, searched)
    removed, failed = _remove_all(donor, holdings) if remove else ([], [])
    return WithdrawResult(donor, tuple(holdings), tuple(removed), tuple(failed), tuple(warnings))


def _remove_all(donor: str, holdings: Sequence[Holding]) -> tuple[list[Holding], list[tuple[Holding, str]]]:
    cells = donor_cells(donor, [holding.path for holding in holdings if holding.kind == "cohort"])
    removed, failed = [], []
    for holding in holdings:
        if holding.kind == "mention" or not holding.certain:
            continue
        try:
            remove(holding, cells)
            removed.append(holding)
        except UserError as error:
            failed.append((holding, error.what))
        except OSError as error:
            failed.append((holding, f"{error.strerror}: {error.filename}"))
    return removed, failed
