"""`brightctc split`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brightctc.cli.console import Json, Overwrite, Printer
from brightctc.errors import typed

if TYPE_CHECKING:
    from brightctc.cohort import SplitResult


def command(
    cohort: Annotated[Path, typer.Argument(help="The cohort folder.")],
    test: Annotated[
        str | None, typer.Option(metavar="SQL", help="Cells of the test part, such as \"origin = 'patient'\".")
    ] = None,
    test_share: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Share of the cells for the test part (default 0.3).")
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="What stays whole: donor_id, else sample_id, else the cell.")
    ] = None,
    validation: Annotated[float, typer.Option(metavar="SHARE", help="Share of what is not test.")] = 0.2,
    pool: Annotated[
        str | None, typer.Option(metavar="SQL", help="Cells to set aside: nothing learns from them.")
    ] = None,
    seal: Annotated[float, typer.Option(metavar="SHARE", help="Share of the test part to keep sealed.")] = 0.0,
    train_cells: Annotated[
        int | None, typer.Option(metavar="N", help="Labelled cells of train and validation together; others to pool.")
    ] = None,
    train_positives: Annotated[int | None, typer.Option(metavar="K", help="Positives among --train-cells.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of every choice.")] = 0,
    draw: Annotated[int, typer.Option(help="Another draw of train and validation; test and sealed stay.")] = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Divide a cohort into train, validation, test, pool and sealed parts, donors whole.

    Without --test or --test-share, patients (origin = 'patient') are the test part where both classes then remain
    for training, else a share of 0.3. Every cell goes to exactly one part.
    """
    from brightctc.cohort import split

    printer = Printer(json)
    result = split(
        cohort, test=test, test_share=test_share, by=by, validation=validation, pool=pool, seal=seal,
        train_cells=train_cells, train_positives=train_positives, seed=seed, draw=draw, overwrite=overwrite,
    )  # fmt: skip
    _print(printer, result)
    printer.done(result.summary())


def _print(printer: Printer, result: "SplitResult") -> None:
    """A row a part, the warnings, and what to do next."""
    groups = {"donor_id": "donors", "sample_id": "samples"}.get(result.by, result.by)
    titles = {"positive_share": "positive", "groups": groups, "groups_with_positives": "with positives"}
    rows = [[_shown(name, value) for name, value in row.items()] for row in result.parts.to_dicts()]
    printer.table([titles.get(name, name) for name in result.parts.columns], rows)
    settings = result.settings
    chosen = settings["test"] or f"a share of {settings['test_share']:g}"
    printer.say(f"test: {chosen}; split by {result.by}; seed {settings['seed']}, draw {settings['draw']}")
    printer.warn(result.warnings)
    if settings["pool"] is None and settings["test"] == "origin = 'patient'":
        printer.say(
            "to see what is lost from cell lines to patients, set donors of lines aside before training, such as "
            "--pool \"donor_id = '…'\""
        )
    printer.say(f"next: {typed('check', result.cohort)} (does a cell stand in two parts?)")
    printer.say(f"then: {typed('train', result.cohort, 'RUN')}")


def _shown(column: str, value: object) -> object:
    return f"{value:.1%}" if column == "positive_share" and isinstance(value, float) else value
