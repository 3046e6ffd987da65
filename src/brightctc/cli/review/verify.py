"""`brightctc review verify`."""

from typing import Annotated

import typer

from brightctc.cli.console import Json, Printer
from brightctc.cli.review.options import Database
from brightctc.errors import plural


def command(
    db: Database = "review.db",
    head: Annotated[
        str | None, typer.Option(help="A head of the chain as an export or report prints it.", metavar="HASH")
    ] = None,
    json: Json = False,
) -> None:
    """Follow the chain of events: has anything been changed or taken out since it was written?

    Who can write to the database could write the whole chain anew. A head that was printed on an export or a report
    shows it: give it with --head.
    """
    from brightctc.review.verifying import verify

    printer = Printer(json)
    found = verify(db, head=head)
    printer.say(
        f"{plural(found.events, 'event')}: each follows from the one before it; all grades are those it tells of"
    )
    if found.number is not None:
        printer.say(f"the head that was given is of event {found.number}, {found.at} UTC")
    printer.say(f"head: {found.head}")
    printer.done(found.summary())
