"""`brightctc train`."""

from pathlib import Path
from typing import Annotated

import typer

from brightctc.cli.console import Json, Overwrite, Printer
from brightctc.errors import UserError, typed


def command(
    cohort: Annotated[Path, typer.Argument(help="The cohort folder, checked and split.")],
    run: Annotated[Path, typer.Argument(help="Folder for the run; RUN/bundle will be the model.")],
    recipe: Annotated[
        str | None,
        typer.Option(help="A built-in recipe (default, accurate, paper) or a YAML file (default: default)."),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Change one setting: section.name=value. May be repeated."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of first weights, order and augmentation (default: 0).")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a run that was stopped, with its recipe and seed.")
    ] = False,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the arithmetic (default: all cores).")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Threads that decode images.")] = None,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Train a network on a cohort; RUN/bundle is the model."""
    printer = Printer(json)
    try:
        from brightctc.learn import train
    except ModuleNotFoundError as error:
        raise UserError(
            f"training needs {error.name}, which is not installed",
            "this Python environment",
            "pip install 'brightctc[train]'",
        ) from None

    with printer.progress() as progress:
        result = train(
            cohort,
            run,
            recipe=recipe,
            settings=settings or (),
            seed=seed,
            resume=resume,
            overwrite=overwrite,
            threads=threads,
            workers=workers,
            progress=progress,
        )
    kept = [row for row in result.history if row["kept"]]
    shown = [row for row in kept if row not in result.history[-5:]] + result.history[-5:]
    printer.table(
        ["epoch", "steps", "training loss", "validation loss", "validation F1", ""],
        [
            [
                row["epoch"],
                row["steps"],
                f"{row['train_loss']:.4f}",
                f"{row['validation_loss']:.4f}",
                f"{row['validation_f1']:.3f}",
                "kept" if row["kept"] else "",
            ]
            for row in shown
        ],
    )
    printer.warn(result.warnings)
    printer.say(
        f"threshold: a score of {result.bundle.threshold.score:.3f}, from which the largest F1 is expected "
        "(scores rank cells; 0.5 means nothing special)"
    )
    printer.say(f"model: {result.bundle.folder}")
    printer.say(f"next:  {typed('evaluate', result.bundle.folder, cohort, 'OUT')}")
    printer.done(result.summary())
