"""`brightctc review withdraw`."""

from typing import Annotated

import typer

from brightctc.cli.console import Json, Printer
from brightctc.cli.review.options import Database
from brightctc.errors import plural


def command(
    donor: Annotated[str, typer.Argument(help="The donor's id, as it stands in donor_id.")],
    db: Database = "review.db",
    json: Json = False,
) -> None:
    """Take a donor out of a review: names, paths, places and notes of their cells. This can't be undone.

    Grades and events stay and name nobody; the chain still holds. Backups and exported files are elsewhere: look for
    those, too (`brightctc withdraw`).
    """
    from brightctc.review.forgetting import forget

    printer = Printer(json)
    found = forget(db, donor)
    printer.say(
        f"{plural(found.cells, 'cell')} and {plural(found.samples, 'sample')} have no name any more; "
        f"{plural(found.texts, 'text')} and {plural(found.reports, 'signed report')} are gone"
    )
    printer.done(found.summary())
