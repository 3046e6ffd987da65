"""`brightctc review outcomes`."""

from pathlib import Path
from typing import Annotated

import typer

from brightctc.cli.console import Json, Printer
from brightctc.cli.review.options import Database


def command(
    table: Annotated[
        Path,
        typer.Argument(help="CSV or Excel with the columns cell_id and outcome (positive, negative or failed)."),
    ],
    scores: Annotated[
        Path | None, typer.Option(help="Only cells of this scores table; needed where a sample is here by several.")
    ] = None,
    db: Database = "review.db",
    json: Json = False,
) -> None:
    """Join what recovered cells turned out to be, by sequencing or the like, to their cells.

    All rows are joined or none. `brightctc review export --labels` then labels these cells by it.
    """
    from brightctc.review.outcomes import join_outcomes

    printer = Printer(json)
    found = join_outcomes(db, table, scores=scores)
    printer.say(", ".join(f"{count:,} {outcome}" for outcome, count in sorted(found.counts.items())))
    if found.changed:
        printer.warn([f"{found.changed} of them had another outcome before"])
    if found.unpicked:
        printer.warn([f"{found.unpicked} of them stand on no pick sheet: is this the right table?"])
    printer.done(found.summary())
