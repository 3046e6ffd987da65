"""`brightctc measure`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brightctc.cli.console import Json, Overwrite, Printer

if TYPE_CHECKING:
    from brightctc.measure import MeasureResult


def command(
    cohort: Annotated[Path, typer.Argument(help="The cohort folder.")],
    features: Annotated[Path, typer.Argument(help="The table to write: .csv, .parquet, or .h5ad (AnnData).")],
    masks: Annotated[
        Path | None,
        typer.Option(help="Folder for a label TIFF a cell: 0 background, 1 cell, 2 nucleus, 3 other objects."),
    ] = None,
    cellprofiler: Annotated[
        bool, typer.Option("--cellprofiler", help="CellProfiler's features too; slower. Needs the extra 'measure'.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes (default: one a core).")] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Outline every cell; measure its morphology and the image's quality: a row a cell.

    The cell is outlined in bright field, its nucleus in DAPI where there is one. Flags (out of focus, two cells, cut
    off, debris, …) inform; their limits are learned from the cohort's training part, or from all of it before a split.
    """
    from brightctc.measure import measure

    printer = Printer(json)
    with printer.progress() as progress:
        result = measure(
            cohort,
            features,
            masks=masks,
            with_cellprofiler=cellprofiler,
            overwrite=overwrite,
            workers=workers,
            progress=progress,
        )
    _show(printer, result)
    printer.done(result.summary())


def _show(printer: Printer, result: "MeasureResult") -> None:
    from brightctc.measure import FLAGS

    printer.say(f"{result.table.height:,} cells measured; lengths in {result.unit.replace('um', 'µm')}")
    limits = result.limits.shown()
    flagged = result.table.height - result.table["flags"].null_count()
    printer.say(f"{flagged:,} cells have a flag; flags inform, they change nothing:")
    for name, words in FLAGS.items():
        if name in result.flags or name in limits:
            limit = f" ({limits[name]})" if name in limits else ""
            printer.say(f"  {name:<20} {result.flags.get(name, 0):>6,}  {words.partition(':')[0]}{limit}")
    if limits:
        source = "the whole cohort" if result.limits_from == "all" else f"the {result.limits_from} part"
        printer.say(f"limits: learned from {result.limits.cells:,} outlined cells of {source}")
    else:
        printer.say(f"too few outlined cells ({result.limits.cells}) to learn limits of focus, centring, size")
    printer.warn(result.warnings)
    meta = result.features.with_suffix(".meta.json").name
    printer.say(f"wrote {result.features} and {meta} (what each column and flag means)")
    printer.say("next: look at flagged cells; --masks FOLDER writes the outlines as images")
