"""`brightctc review backup`."""

from pathlib import Path
from typing import Annotated

import typer

from brightctc.cli.console import Json, Overwrite, Printer
from brightctc.cli.review.options import Database


def command(
    out: Annotated[Path, typer.Argument(help="The file to write: an SQLite database.")],
    db: Database = "review.db",
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Copy the database to a file, also while the server runs.

    The copy is an SQLite file, also of PostgreSQL: `brightctc review serve --db sqlite:///OUT` opens it. Its chain is
    followed before it gets its name.
    """
    from brightctc.review.backup import backup

    printer = Printer(json)
    head = backup(db, out, overwrite=overwrite)
    printer.say(f"copied to {out}, and the chain of the copy holds\nhead: {head}")
    printer.done({"out": out, "head": head})
