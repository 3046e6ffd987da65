"""`brightctc check`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brightctc.cli.console import Json, Printer
from brightctc.errors import typed

if TYPE_CHECKING:
    from brightctc.check import CheckReport, Problem, Severity

_UNTESTED = ("shortcut", "no_labels", "empty_class", "unknown_label")  # then nothing was tested, or found
_STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def command(
    cohort: Annotated[Path, typer.Argument(help="The cohort folder.")],
    json: Json = False,
) -> None:
    """List everything that is wrong with a cohort, at once, with the fix. Exit code 1 where there are errors.

    Files and pixels, ids, labels and donors, copies and leakage between parts, classes that can be told from the
    batch instead of the cell, and personal data in ids, paths and image tags. Nothing is changed.
    """
    from brightctc.check import check

    printer = Printer(json)
    with printer.progress() as progress:
        report = check(cohort, progress=progress)
    _print(printer, report)
    printer.done(report.summary())
    if not report.ok:
        raise typer.Exit(1)


def _print(printer: Printer, report: "CheckReport") -> None:
    """A block a problem: what, how often, where, the fix; then the count and what to do next."""
    for problem in report.problems:
        _print_problem(printer, problem)
    counts = f"{_count(report, 'error')}, {_count(report, 'warning')}, {_count(report, 'note')}"
    printer.say(f"{report.cells:,} cells, {report.images:,} images checked: {counts}")
    if not any(problem.kind.startswith(_UNTESTED) for problem in report.problems):
        printer.say(
            "tested: none of sample, date, folder, crop size, bit depth and border pixels tells the class with a "
            "ROC-AUC of 0.7 or more (weaker hints: brightctc baselines, row border)"
        )
    if not report.ok:
        printer.say(f"next: mend the errors, then again: {typed('check', report.cohort)}")
    elif (report.cohort / "splits.csv").is_file():
        printer.say(f"next: {typed('train', report.cohort, 'RUN')}")
    else:
        printer.say(f"next: {typed('split', report.cohort)}")


def _count(report: "CheckReport", severity: "Severity") -> str:
    number = len(report.of(severity))
    return f"{number} {severity}{'' if number == 1 else 's'}"


def _print_problem(printer: Printer, problem: "Problem") -> None:
    printer.console.print(f"[{_STYLES[problem.severity]}]{problem.severity}[/] ", end="")
    printer.say(f"{problem.message}  [{problem.kind}]")
    if problem.examples:
        more = problem.count - len(problem.examples)
        pairs = any(" = " in example for example in problem.examples)  # two cells each
        tail = f" … and {more:,} more" if more > 0 and len(problem.examples) > 1 and not pairs else ""
        printer.say(f"    {', '.join(problem.examples)}{tail}")
    printer.say(f"    fix: {problem.fix}")
