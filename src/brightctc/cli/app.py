"""Collects the commands and turns a UserError into one screen: what, where, fix."""

import sys
from importlib import import_module, metadata
from typing import Annotated

import typer
from rich.console import Console

from brightctc.errors import UserError

# command → its module in brightctc.cli; modules import their library inside the command, so that --help is quick
COMMANDS = {
    "demo": "demo",
    "simulate": "simulate",
    "import": "importing",
    "check": "check",
    "split": "split",
    "pack": "pack",
    "train": "train",
    "combine": "combine",
    "evaluate": "evaluate",
    "export": "export",
    "baselines": "baselines",
    "explain": "explain",
    "study": "study",
    "predict": "predict",
    "drift": "drift",
    "report": "report",
    "review": "review",
    "measure": "measure",
    "withdraw": "withdraw",
    "doctor": "doctor",
}

app = typer.Typer(
    name="brightctc",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    help="Find circulating tumour cells among leukocytes in bright-field single-cell images.\n\n"
    "For Research Use Only. Not for use in diagnostic procedures.\n\n"
    "--debug, with any command, shows the traceback of an error.",
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="The version, and nothing else.")] = False,
) -> None:
    if version:
        typer.echo(f"brightctc {metadata.version('brightctc')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


for _name, _module in COMMANDS.items():
    _command = import_module(f"brightctc.cli.{_module}").command
    if isinstance(_command, typer.Typer):
        app.add_typer(_command, name=_name)
    else:
        app.command(_name)(_command)


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 the user can fix it, 2 wrong usage."""
    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        app(args=arguments, prog_name="brightctc")
    except UserError as error:
        if debug:
            raise
        show_error(error)
        sys.exit(1)
    except OSError as error:  # of a file that no layer expected to fail
        if debug:
            raise
        fix = "check that it is there, that you may read and write it, and that the disk is sound"
        show_error(UserError(error.strerror or str(error), error.filename, fix))
        sys.exit(1)
    except KeyboardInterrupt:
        Console(stderr=True).print("stopped; nothing half written is left behind")
        sys.exit(130)


def show_error(error: UserError) -> None:
    """Print what, where and the fix to standard error."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(f"[bold red]error:[/] {_plain(error.what)}")
    if error.where:
        console.print(f"  where: {_plain(error.where)}")
    if error.fix:
        console.print(f"  fix:   {_plain(error.fix)}")


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
