"""`brightctc simulate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brightctc.cli.console import Json, Overwrite, Printer
from brightctc.errors import plural, typed

if TYPE_CHECKING:
    from brightctc.simulate import SimulateResult

PATTERN = "{sample_id}/{cell_id}_{channel}.tif"


def command(
    out: Annotated[Path, typer.Argument(help="The folder to write: an export as an instrument would leave it.")],
    cells: Annotated[int | None, typer.Option(metavar="N", help="About so many cells in all; shares stay.")] = None,
    scale: Annotated[float | None, typer.Option(metavar="X", help="Every count times X, such as 0.3.")] = None,
    line_cells: Annotated[int | None, typer.Option(metavar="N", help="Cells of two lung lines, spiked (529).")] = None,
    spiked_leukocytes: Annotated[int | None, typer.Option(metavar="N", help="Volunteers' leukocytes (388).")] = None,
    patient_ctcs: Annotated[int | None, typer.Option(metavar="N", help="Patients' CTCs (52).")] = None,
    leukocytes_per_ctc: Annotated[
        float | None, typer.Option(metavar="X", help="Patients' leukocytes to one of their CTCs (10).")
    ] = None,
    volunteers: Annotated[int | None, typer.Option(metavar="N", help="Donors of the spiked blood (8).")] = None,
    patients: Annotated[int | None, typer.Option(metavar="N", help="Donors of the CTCs (13).")] = None,
    others: Annotated[int | None, typer.Option(metavar="N", help="Ghosts, debris: without a label (0).")] = None,
    prefix: Annotated[str | None, typer.Option(help="Before sample and donor ids, so that two exports differ.")] = None,
    no_class_difference: Annotated[
        bool,
        typer.Option("--no-class-difference", help="Tumour cells are drawn as leukocytes: a negative control."),
    ] = False,
    objective: Annotated[
        str | None, typer.Option(help="10x (default); 20x: multislice, some fifteen times slower.")
    ] = None,
    site: Annotated[
        list[str] | None, typer.Option(help="reference, dim, sharp or coarse; several: donors go to them in turn.")
    ] = None,
    settings: Annotated[Path | None, typer.Option(help="A settings.yaml to start from.")] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting, such as optics.aperture=0.3."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="With the settings it decides every byte.")] = 0,
    no_dapi: Annotated[bool, typer.Option("--no-dapi", help="Bright field alone.")] = False,
    blind: Annotated[bool, typer.Option("--blind", help="labels.csv tells no label; truth.csv does.")] = False,
    masks: Annotated[Path | None, typer.Option(help="Folder for the true outlines, a label TIFF a cell.")] = None,
    picture: Annotated[Path | None, typer.Option(metavar="PNG", help="A picture of cells of every kind.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes (default: one a core).")] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Make cells from physics, with a known truth: an export to try everything on.

    Leukocytes, two lung lines and patients' CTCs in partially coherent bright field and DAPI, with the faults of a
    camera and an instrument. The defaults are the published cohort's counts. These are nobody's cells: figures measured
    on them say nothing about real ones.
    """
    from brightctc.simulate import chosen_settings, simulate

    printer = Printer(json)
    counts = {
        "line_cells": line_cells, "spiked_leukocytes": spiked_leukocytes, "patient_ctcs": patient_ctcs,
        "leukocytes_per_ctc": leukocytes_per_ctc, "volunteers": volunteers, "patients": patients, "others": others,
        "prefix": prefix, "class_difference": False if no_class_difference else None,
    }  # fmt: skip
    chosen = chosen_settings(
        file=settings,
        objective=objective,
        sites=site or (),
        counts=counts,
        changes=set_ or (),
        scale=scale,
        cells=cells,
    )
    with printer.progress() as progress:
        result = simulate(
            out, settings=chosen, seed=seed, dapi=not no_dapi, blind=blind, masks=masks, picture=picture,
            workers=workers, overwrite=overwrite, progress=progress,
        )  # fmt: skip
    _show(printer, result, blind, not no_dapi)
    printer.done(result.summary())


def _show(printer: Printer, result: "SimulateResult", blind: bool, dapi: bool) -> None:
    summary = result.summary()
    kinds = "" if blind else f": {', '.join(f'{count} {kind}' for kind, count in result.counts.items())}"
    printer.say(f"{plural(summary['cells'], 'made cell')} of {plural(summary['donors'], 'donor')}{kinds}")
    if not blind and not result.separations.is_empty():
        printer.say("ROC-AUC of single numbers, tumour cells against leukocytes (0.5: chance):")
        wide = result.separations.pivot("group", index=["statistic", "meaning"], values="roc_auc")
        groups = [name for name in ("patients", "lines") if name in wide.columns]
        rows: list[list[object]] = [
            [row["statistic"], *(f"{row[group]:.3f}" for group in groups), row["meaning"]] for row in wide.to_dicts()
        ]
        printer.table(["statistic", *(_with_counts(result, group) for group in groups), "what it is"], rows)
    files = "labels.csv, truth.csv (what was drawn), settings.yaml (with where each number is from)"
    printer.say(f"wrote {result.folder}: {files}")
    known = () if blind else ("--label", "label", "--positive", "CTC", "--negative", "leukocyte")
    words = ("--pattern", PATTERN, "--bright-field", "BF", *(("--dapi", "DAPI") if dapi else ()), *known)
    cohort = "new" if blind else "cohort"
    table = result.folder / "labels.csv"
    printer.say(f"next: {typed('import', result.folder, cohort, *words, '--table', table)}")
    if blind:
        printer.say(f"then: {typed('predict', 'BUNDLE', cohort, 'scores.csv')}")


def _with_counts(result: "SimulateResult", group: str) -> str:
    """`patients (52 : 520)`."""
    row = next(row for row in result.separations.to_dicts() if row["group"] == group)
    return f"{group} ({row['positives']} : {row['negatives']})"
