"""`brightctc review export`."""

from pathlib import Path
from typing import Annotated

import typer

from brightctc.cli.console import Json, Overwrite, Printer
from brightctc.cli.review.options import Database
from brightctc.errors import UserError, plural


def command(
    labels: Annotated[
        Path | None, typer.Option(help="The table of labels to write (CSV), for `brightctc import --table`.")
    ] = None,
    scores: Annotated[
        Path | None, typer.Option(help="Only cells of this scores table; needed where a sample is here by several.")
    ] = None,
    db: Database = "review.db",
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Labels that readers agreed on, to train and measure with.

    The class that is looked for where two readers or more say 3 or 4, `not` it where all say 1 or 2; cells that were
    read once, or that nobody could tell, have no label. `label_source` says whether it was given blind: `evaluate`
    refuses labels that were given with a score in view. Pick sheets are exported in the browser.
    """
    from brightctc.review.labels import export_labels

    if labels is None:
        raise UserError("what is to be exported?", "--labels", "brightctc review export --labels labels.csv")
    printer = Printer(json)
    found = export_labels(db, labels, scores=scores, overwrite=overwrite)
    printer.say(f"{plural(found.cells, 'graded cell')}, {found.labelled:,} with a label: {found.path}")
    printer.say(f"head of the chain: {found.head}")
    printer.done({"path": found.path, "cells": found.cells, "labelled": found.labelled, "head": found.head})
