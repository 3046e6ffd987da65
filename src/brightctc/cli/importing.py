"""`brightctc import`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brightctc.cli.console import Json, Overwrite, Printer
from brightctc.errors import typed

if TYPE_CHECKING:
    from brightctc.cohort.imported import ImportResult

_MOST_VALUES = 8  # unlabelled values on the screen; cohort.yaml has more


def command(
    export: Annotated[Path, typer.Argument(help="The folder with the exported image files, at any depth.")],
    cohort: Annotated[Path, typer.Argument(help="The cohort folder to make.")],
    pattern: Annotated[str, typer.Option(help="What the file names say, e.g. '{sample_id}/{cell_id}_{channel}.tif'.")],
    bright_field: Annotated[str | None, typer.Option(help="What {channel} says for bright field, e.g. BF.")] = None,
    dapi: Annotated[str | None, typer.Option(help="What {channel} says for DAPI, where there is some.")] = None,
    table: Annotated[Path | None, typer.Option(help="A label table: .csv (comma, semicolon or tab) or .xlsx.")] = None,
    key: Annotated[
        str | None,
        typer.Option(help="How a row finds its cell: COLUMN='{folder}/{cell_id}'. Without: sample_id and cell_id."),
    ] = None,
    label: Annotated[str | None, typer.Option(help="The column that tells the classes.")] = None,
    positive: Annotated[str | None, typer.Option(help="Its values of the positive class: A,B.")] = None,
    negative: Annotated[str | None, typer.Option(help="Its values of the negative class: C,D.")] = None,
    classes: Annotated[
        str | None, typer.Option(help="The classes' names, positive first: CTC,leukocyte. Without: the value itself.")
    ] = None,
    where: Annotated[
        str | None, typer.Option(help="Only these cells: a SQL condition, e.g. \"site = 'Milan'\".")
    ] = None,
    constant: Annotated[
        list[str] | None, typer.Option(help="A column that is the same for all cells: donor_id=D1. Repeatable.")
    ] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy the images into the cohort; else they stay.")] = False,
    subtract: Annotated[
        int, typer.Option(min=0, help="With --copy: take this off every pixel, e.g. an offset of 32768.")
    ] = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Make a cohort of an instrument's export and a label table."""
    from brightctc.cohort import import_export

    printer = Printer(json)
    with printer.progress() as progress:
        result = import_export(
            export,
            cohort,
            pattern=pattern,
            bright_field=bright_field,
            dapi=dapi,
            table=table,
            key=key,
            label=label,
            positive=_values(positive) or (),
            negative=_values(negative) or (),
            classes=_values(classes),
            where=where,
            constants=_constants(constant or []),
            copy=copy,
            subtract=subtract,
            overwrite=overwrite,
            progress=progress,
        )
    _show(printer, result, where)
    printer.done(result.summary())


def _values(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(value.strip() for value in text.split(",") if value.strip())


def _constants(pairs: list[str]) -> dict[str, str]:
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE, such as donor_id=D1", param_hint="--constant")
        found[name.strip()] = value.strip()
    return found


def _show(printer: Printer, result: "ImportResult", where: str | None) -> None:
    printer.say(f"{result.cells:,} cells from {result.files:,} image files{_channels(result)}")
    shown = {"samples": result.samples, "donors": result.donors, "with DAPI": result.with_dapi}
    columns = [name for name, n in shown.items() if n]
    has_origin = any(group.origin for group in result.groups)
    rows: list[list[object]] = []
    for group in result.groups:
        counts = {"samples": group.samples, "donors": group.donors, "with DAPI": group.with_dapi}
        origin = [group.origin or "not known"] if has_origin else []
        rows.append([group.label or "(unlabelled)", *origin, group.cells, *(counts[name] for name in columns)])
    if len(rows) > 1:
        total = ["all", *([""] if has_origin else []), result.cells, *(shown[name] for name in columns)]
        rows.append(total)
    printer.say("")
    printer.table(["class", *(["origin"] if has_origin else []), "cells", *columns], rows)
    printer.say("")
    if result.unlabelled_values:
        listed = [f"{value or '(empty)'} {n:,}" for value, n in result.unlabelled_values.items()]
        more = ", …" if len(listed) > _MOST_VALUES else ""
        printer.say(f"unlabelled, by value: {', '.join(listed[:_MOST_VALUES])}{more}")
    if where is not None:
        printer.say(f"left out by --where: {result.left_out:,} cells")
    printer.warn(result.warnings)
    printer.say(f"written: {result.cohort}\nnext: {typed('check', result.cohort)}")


def _channels(result: "ImportResult") -> str:
    named = [f"{name} {n:,}" for name, n in result.channels.items() if name]
    return f" ({', '.join(named)})" if named else ""
