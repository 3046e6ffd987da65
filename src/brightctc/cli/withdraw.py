"""`brightctc withdraw`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brightctc.cli.console import Json, Printer
from brightctc.errors import typed

if TYPE_CHECKING:
    from brightctc.withdraw import Holding, WithdrawResult

_WHAT_HAPPENS = {
    "scores": "rows are removed",
    "scoring": "deleted: a scoring that was stopped; score again without these cells",
    "features": "rows are removed",
    "chart": "deleted: chart the samples again without theirs",
    "evaluation": "rows are removed; its figures are marked",
    "explanation": "deleted: explain again without these cells",
    "report": "deleted: write it again without these cells",
    "bundle": "marked: predict and evaluate refuse it",
    "run": "marked",
    "study": "marked, its strata without this donor",
    "cohort": "rows are removed",
    "mention": "mentions the id: look at it by hand",
}

_BESIDE = {"features": "masks", "chart": "picture", "report": "PDF", "explanation": "files"}


def command(
    donor: Annotated[str, typer.Argument(help="The donor's id, as it stands in the column donor_id.")],
    paths: Annotated[list[Path], typer.Argument(help="Folders to search, with all below them.")],
    remove: Annotated[bool, typer.Option("--remove", help="Do it; without, it is only listed.")] = False,
    json: Json = False,
) -> None:
    """List the cohorts, runs, studies, bundles, scores and results that hold a donor; --remove takes them out.

    Rows and copied images are removed, original images outside a cohort never. What has learned from these cells or
    counted them is marked by a file WITHDRAWN.json. Databases and archives are not searched.
    """
    from brightctc.withdraw import withdraw

    printer = Printer(json)
    result = withdraw(donor, paths, remove=remove)
    _print(printer, result, remove, paths)
    printer.done(result.summary())
    if result.failed:
        raise typer.Exit(1)


def _print(printer: Printer, result: "WithdrawResult", remove: bool, paths: list[Path]) -> None:
    """A row a place, what can't be undone here, and what to do next."""
    rows = [_row(result, holding, remove) for holding in result.holdings]
    if rows:
        printer.table(["what", "cells", "where", "removal" if not remove else "done"], rows)
    originals = sum(holding.originals for holding in result.holdings)
    if originals:
        printer.say(f"{originals:,} original image files are not touched: delete them in the export yourself")
    if any(not holding.certain and holding.kind == "run" for holding in result.holdings):
        printer.say("a run without a bundle can't tell: delete it if it was trained on this donor's cells")
    printer.warn(result.warnings)
    places = " ".join(str(path) for path in paths)
    if not any(holding.certain for holding in result.holdings):
        printer.say(f"{result.donor!r} was found nowhere in {places}" + (", as far as it can be told" if rows else ""))
    elif not remove:
        printer.say(f"nothing was changed; next: {typed('withdraw', result.donor, *paths, '--remove')}")
    elif result.failed:
        printer.say("not everything could be done: mend what is named above and run the command again")
    else:
        printer.say("done; next: check and split the cohorts again (brightctc check COHORT), then train again")


def _row(result: "WithdrawResult", holding: "Holding", remove: bool) -> list[object]:
    what = _WHAT_HAPPENS[holding.kind]
    if holding.kind == "run" and not holding.certain:
        what = "stopped before its bundle was written: can't tell"
    if holding.images:
        made = _BESIDE.get(holding.kind, "copied images")
        what += f", {len(holding.images):,} {made} deleted"
    why = next((why for place, why in result.failed if place is holding), None)
    if remove and why is not None:
        what = f"FAILED: {why}"
    return [holding.kind, "" if holding.cells is None else f"{holding.cells:,}", str(holding.path), what]
