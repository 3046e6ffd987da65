"""`brightctc study`."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from brightctc.cli.console import Json, Printer
from brightctc.errors import UserError, plural

if TYPE_CHECKING:
    from brightctc.study.studying import StudyResult


def command(
    question: Annotated[
        str,
        typer.Argument(help="ablation, backbones, dapi, transfer, robustness, size, blank or compare."),
    ],
    cohort: Annotated[Path, typer.Argument(help="The cohort folder, checked and split.")],
    study: Annotated[Path, typer.Argument(help="Folder of the study; one that was stopped goes on.")],
    recipe: Annotated[
        list[str] | None,
        typer.Option(help="A built-in recipe or a YAML file; compare takes several. Default: default."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="Change one setting of the recipe: section.name=value.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=100, help="Runs of each variant.")] = 5,
    budget: Annotated[
        Literal["steps", "epochs"], typer.Option(help="What variants have in common; epochs is the paper's way.")
    ] = "steps",
    learning_rates: Annotated[str | None, typer.Option(help="ablation: a row for each, such as 1e-7,1e-4.")] = None,
    ways: Annotated[
        str | None, typer.Option(help="dapi: some of its ways, such as mix,distil. Default: all; each takes its time.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="transfer: leave out one value of this column at a time.")] = None,
    external: Annotated[Path | None, typer.Option(help="transfer: also test on this cohort.")] = None,
    bundle: Annotated[
        list[Path] | None,
        typer.Option(help="robustness, blank: a trained model; several count as seeds. Without: runs are trained."),
    ] = None,
    sizes: Annotated[str | None, typer.Option(help="size: numbers of labelled cells, such as 100,200,400.")] = None,
    cells: Annotated[int, typer.Option(min=10, help="robustness: cells that are looked at, at most.")] = 400,
    baselines: Annotated[
        str | None,
        typer.Option(help="Simple models beside the rows, by commas (constant, size, …); none: none. Default: all."),
    ] = None,
    primary: Annotated[str, typer.Option(help="The figure that decides, declared before any run.")] = (
        "average_precision"
    ),
    pair: Annotated[
        list[str] | None,
        typer.Option(help="A pair to be tested, such as AUG3:AUG2. May be repeated. Default: the question's own."),
    ] = None,
    declare: Annotated[
        bool, typer.Option("--declare", help="Write study.yaml, the analysis and its hash, and stop before any run.")
    ] = False,
    open_sealed: Annotated[
        bool, typer.Option("--open-sealed", help="When all is done, score the sealed part, once; openings are counted.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be run and about how long it takes; write nothing.")
    ] = False,
    engine: Annotated[Literal["local", "ray"], typer.Option(help="Where runs are done.")] = "local",
    address: Annotated[
        str | None,
        typer.Option(help="ray: of the cluster; without, one on this machine. All machines see the folders."),
    ] = None,
    parallel: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time (default: as cores and memory allow).")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of each run; recorded (default: cores divided).")
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap and of divisions that the study draws.")] = 0,
    json: Json = False,
) -> None:
    """Answer a question by many runs: variants, seeds, simple models beside them, honest statistics, a report.

    What is there is not done again: start the same command once more to go on, or to score the sealed part.
    """
    printer = Printer(json)
    try:
        from brightctc.study.options import Options, pairs_of
        from brightctc.study.studying import Machines
        from brightctc.study.studying import study as run
    except ModuleNotFoundError as error:
        raise UserError(
            f"a study needs {error.name}, which is not installed",
            "this Python environment",
            "pip install 'brightctc[train]'",
        ) from None

    options = Options(
        recipes=tuple(recipe or ("default",)),
        settings=tuple(settings or ()),
        seeds=seeds,
        budget=budget,
        learning_rates=tuple(_numbers(learning_rates, "--learning-rates")),
        ways=_names(ways) or (),
        column=column,
        external=external,
        bundles=tuple(bundle or ()),
        sizes=tuple(int(number) for number in _numbers(sizes, "--sizes")),
        cells=cells,
        baselines=_names(baselines),
        primary=primary,
        pairs=pairs_of(tuple(pair or ())),
        resamples=resamples,
        seed=seed,
    )
    with printer.progress() as progress:
        result = run(
            question,
            cohort,
            study,
            options,
            machines=Machines(engine, address, parallel, threads),
            declare_only=declare,
            dry_run=dry_run,
            sealed=open_sealed,
            command=f"brightctc {shlex.join(sys.argv[1:])}",
            progress=progress,
        )
    if dry_run:
        _show_estimate(printer, result)
    elif declare:
        pairs = ", ".join(f"{first} − {second}" for first, second in result.declared["pairs"])
        printer.say(f"declared: {result.folder / 'study.yaml'}, hash {result.declared['hash']}")
        printer.say(f"figure that decides: {result.declared['primary']}; pairs to be tested: {pairs or 'none'}")
        printer.warn(result.warnings)
        printer.say("next: the same command without --declare, with the same --primary and --pair")
    else:
        _show(printer, result)
    printer.done(result.summary())


def _numbers(text: str | None, option: str) -> list[float]:
    """By commas."""
    try:
        found = [float(part) for part in text.split(",")] if text else []
    except ValueError:
        found = [-1.0]
    if any(number <= 0 for number in found) or (option == "--sizes" and any(n != int(n) for n in found)):
        raise UserError(f"{text!r} is not a list of numbers above 0", option, "write them by commas, such as 100,200")
    return found


def _names(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    return () if text == "none" else tuple(text.split(","))


def _show_estimate(printer: Printer, result: "StudyResult") -> None:
    from brightctc.study.estimating import total_hours
    from brightctc.study.running import duration

    rows: list[list[object]] = [
        [row.variant, row.words, row.runs, "" if row.steps is None else row.steps,
         row.problem or duration(60 * row.hours)]
        for row in result.estimate
    ]  # fmt: skip
    printer.table(["row", "what it is", "runs", "steps each", "one after the other"], rows)
    printer.warn(result.warnings)
    hours = total_hours(list(result.estimate), result.workers)
    runs = sum(row.runs for row in result.estimate)
    printer.say(
        f"{plural(runs, 'run')}, {result.workers} at a time with {result.declared['threads']} thread(s) each: about "
        f"{duration(60 * hours)} of training on this machine (a few steps of each network were timed; scoring and "
        "simple models come on top)"
    )


def _show(printer: Printer, result: "StudyResult") -> None:
    from brightctc.evaluate.wording import shown
    from brightctc.report.table import written
    from brightctc.study.tables import heading
    from brightctc.study.wording import NAMES, form_of, verdict

    primary = str(result.declared["primary"])
    names = dict.fromkeys((primary, "f1", "recall", "false_calls_per_1000"))
    for exam in dict.fromkeys(row.exam.name for row in result.rows):
        rows = [row for row in result.rows if row.exam.name == exam]
        printer.say(f"\n{heading(rows)}")
        for stamp in rows[0].claim.stamps:
            printer.say(f"beside every figure: {stamp}")
        lines: list[list[object]] = [
            [
                row.shown,
                len(row.seeds),
                shown(row.figures[primary], form_of(primary)),
                *(written(row.figures[name], form_of(name)) for name in names if name != primary),
            ]
            for row in rows
        ]
        printer.table(["row", "seeds", *(NAMES[name] for name in names)], lines)
    printer.say("")
    for pair in result.pairs:
        if pair.primary:
            printer.say(verdict(pair, with_exam=True).text)
    printer.warn(result.warnings)
    printer.say(f"report: {result.report}")
    printer.say(f"tables: {result.folder / 'results.csv'}, comparison.csv, strata.csv")
