"""`brightctc review`: a group of commands."""

from importlib import import_module

import typer

# command → its module in this folder; modules import their library inside the command, so that --help is quick
COMMANDS = {
    "serve": "serve",
    "user": "user",
    "export": "export",
    "outcomes": "outcomes",
    "verify": "verify",
    "backup": "backup",
    "withdraw": "withdraw",
}

command = typer.Typer(
    no_args_is_help=True,
    help="Grade ranked cells in a browser, blind first, and agree on which to pick.\n\n"
    "`serve` opens the page; the other commands are about the database that it writes.",
)
for _name, _module in COMMANDS.items():
    command.command(_name)(import_module(f"brightctc.cli.review.{_module}").command)
