"""`brightctc report`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brightctc.cli.console import Json, Overwrite, Printer
from brightctc.errors import UserError, typed

if TYPE_CHECKING:
    from brightctc.report import ReportResult

_FIGURES = {"roc_auc": "ROC-AUC", "average_precision": "average precision", "f1": "F1"}


def command(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE... OUT.html",
            help="A run; several runs of one recipe (its seeds); a study; or one scores table. Last: the report, one "
            "file that needs no other.",
        ),
    ],
    cohort: Annotated[
        Path | None, typer.Option(help="The cohort of the runs, where it was moved since the training.")
    ] = None,
    part: Annotated[str, typer.Option(help="The part that runs are measured on.")] = "test",
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap, and of the cells that are drawn.")] = 0,
    explained: Annotated[
        Path | None, typer.Option(help="A folder that explain wrote of a run: what its network looks at, as a section.")
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write OUT.pdf as well; needs Chromium or Chrome.")] = False,
    show_donors: Annotated[
        bool, typer.Option("--show-donors", help="Name donors as the cohort does, instead of donor-1, donor-2 …")
    ] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Write a report for people: of runs, measured as by evaluate; of a study; or of a new sample's scores."""
    from brightctc.report import report

    *sources, out = paths
    if not sources:
        raise UserError("where to write is missing", "OUT.html", f"{typed('report', out, 'report.html')}")
    printer = Printer(json)
    with printer.progress() as progress:
        result = report(
            sources,
            out,
            cohort=cohort,
            part=part,
            resamples=resamples,
            seed=seed,
            explained=explained,
            pdf=pdf,
            show_donors=show_donors,
            overwrite=overwrite,
            progress=progress,
        )
    _show(printer, result)
    printer.warn(result.warnings)
    printer.say(f"report: {result.page}")
    if result.pdf is not None:
        printer.say(f"as PDF: {result.pdf}")
    printer.done(result.summary())


def _show(printer: Printer, result: "ReportResult") -> None:
    """The headline; of runs the standing rows, and what is lost from cell lines to patients."""
    from brightctc.evaluate.wording import shown

    printer.say(result.headline)
    for stamp in result.stamps:
        printer.say(f"beside every figure: {stamp}")
    if result.standing:
        rows: list[list[object]] = [
            [name, *(shown(row[figure]) for figure in _FIGURES)] for name, row in result.standing.items()
        ]
        printer.say("")
        printer.table(["model", *_FIGURES.values()], rows)
        printer.say("")
        printer.say("from cell lines to patients:")
        for sentence in result.gap:
            printer.say(f"  {sentence}")
