"""`brightctc split`."""

from pathlib import Path
from typing import Annotated

import typer

from brightctc.cli.console import Json, Printer


def command(
    cohort: Annotated[Path, typer.Argument(help="The cohort folder.")],
    seed: Annotated[int, typer.Option(help="Seed of the draw.")] = 0,
    json: Json = False,
) -> None:
    """Divide a cohort into training, validation and test parts, by donor."""
    from brightctc.cohort import split  # noqa: F401

    Printer(json).done({"cohort": cohort, "seed": seed})
