"""`brightctc review user`."""

from typing import Annotated

import typer

from brightctc.cli.console import Json, Printer
from brightctc.cli.review.options import Database
from brightctc.errors import UserError

_ADDRESS = "http://127.0.0.1:8000"
_ACTIONS = ("add", "list", "reset", "close", "open")


def command(
    action: Annotated[
        str,
        typer.Argument(help="add, list, reset (a new password), close (may no longer sign in) or open (may again)."),
    ],
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="The reader's name, as it is to stand on reports.")
    ] = None,
    lead: Annotated[
        bool, typer.Option("--lead", help="With add: a lead, who also settles, invites and signs reports.")
    ] = False,
    address: Annotated[
        str, typer.Option(help="With add and reset: how readers reach the server.", metavar="URL")
    ] = _ADDRESS,
    db: Database = "review.db",
    json: Json = False,
) -> None:
    """Readers of a review: add one, list them, shut one out.

    `add` prints a link with which the reader sets a password; it works once, within two days. Whoever is shut out keeps
    his grades.
    """
    from brightctc.review.people import invited, listed, reset, shut

    printer = Printer(json)
    if action not in _ACTIONS:
        raise UserError(f"{action!r} is no action", "ACTION", f"use one of {', '.join(_ACTIONS)}")
    if action == "list":
        found = listed(db)
        printer.table(
            ["name", "role", "may sign in"], [[one.name, one.role, "yes" if on else "no"] for one, on in found]
        )
        printer.done({"readers": [{"name": one.name, "role": one.role, "active": on} for one, on in found]})
        return
    if name is None:
        raise UserError("whose?", "NAME", f'give a name: brightctc review user {action} "A. Reader"')
    if action in ("add", "reset"):
        link = invited(db, name, lead=lead, address=address) if action == "add" else reset(db, name, address=address)
        printer.say(f"send this to {name}; it works once, within two days:\n  {link}")
        if address == _ADDRESS:
            printer.say("(for a server on this computer and port 8000; else: --address)")
        printer.done({"name": name, "link": link})
        return
    shut(db, name, out=action == "close")
    printer.say(f"{name} may {'no longer' if action == 'close' else 'again'} sign in")
    printer.done({"name": name, "active": action == "open"})
