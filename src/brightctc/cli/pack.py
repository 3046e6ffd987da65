"""`brightctc pack`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brightctc.cli.console import Json, Overwrite, Printer
from brightctc.errors import plural, typed

if TYPE_CHECKING:
    from brightctc.cohort import PackResult


def command(
    cohort: Annotated[Path, typer.Argument(help="The cohort folder.")],
    packed: Annotated[Path, typer.Argument(help="The folder to write, such as cells.parquet.")],
    shard_cells: Annotated[int, typer.Option(metavar="N", help="Cells of a file at most.")] = 100_000,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write a cohort's cells with their images into a few Parquet files.

    What is written is a cohort: every command takes it in place of the other. Images are packed as their files are,
    and one that can't be read as its error. The split goes along.
    """
    from brightctc.cohort import pack

    printer = Printer(json)
    with printer.progress() as progress:
        result = pack(cohort, packed, shard_cells=shard_cells, overwrite=overwrite, progress=progress)
    _print(printer, result)
    printer.done(result.summary())


def _print(printer: Printer, result: "PackResult") -> None:
    """How much became how little."""
    sizes = f"{result.image_bytes / 1e6:,.1f} MB in {result.written_bytes / 1e6:,.1f} MB"
    images = f"{plural(result.cells, 'cell')}, {plural(result.images, 'image')}"
    printer.say(f"packed {images} into {plural(result.shards, 'file')}: {sizes}")
    printer.warn(result.warnings)
    printer.say(f"wrote {result.packed}; every command takes it as a cohort, such as: {typed('check', result.packed)}")
