"""`brightctc drift`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brightctc.cli.console import Json, Overwrite, Printer
from brightctc.errors import UserError, typed

if TYPE_CHECKING:
    from brightctc.drift import DriftResult


def command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="SCORES... OUT.csv",
            help="Scores of one bundle, in the order in which the samples were made. Last: the table to write; the "
            "chart is written beside it, as OUT.png.",
        ),
    ],
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """A control chart over samples: do their cells still look like those that the bundle was trained on?

    Each sample is one dot: how unlike the training cells its cells look to the network, with a limit that 39 of 40
    samples like those of the training stay below. A sample above it, or eight in a row above the centre, is a reason to
    look at focus, light and preparation before its scores are believed.
    """
    from brightctc.drift import drift

    *scores, out = paths
    if not scores:
        raise UserError("where to write is missing", "OUT.csv", typed("drift", out, "drift.csv"))
    printer = Printer(json)
    result = drift(scores, out, overwrite=overwrite)
    _show(printer, result)
    printer.done(result.summary())


def _show(printer: Printer, result: "DriftResult") -> None:
    from brightctc.drift.charting import MEANINGS, headline

    printer.say(headline(result.table))
    if result.concerns.height:
        rows: list[list[object]] = [
            [row["sample_id"] or row["scores"], row["cells"], f"{row['unlike']:+.2f}",
             f"{row['limit']:+.2f}", MEANINGS[row["concern"]]]
            for row in result.concerns.iter_rows(named=True)
        ]  # fmt: skip
        printer.table(["sample", "cells", "unlike", "limit", "concern"], rows)
    printer.say(f"table: {result.path}")
    printer.say(f"chart: {result.picture}")
