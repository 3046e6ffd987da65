"""`brightctc predict`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from brightctc.cli.console import Json, Overwrite, Printer
from brightctc.errors import plural

if TYPE_CHECKING:
    import polars as pl

    from brightctc.predict import PredictResult

_SAMPLES = 20  # rows of the table by sample; the scores have them all


def command(
    bundle: Annotated[Path, typer.Argument(help="The trained model: RUN/bundle.")],
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="A cohort (plain or packed), a folder of images, or one image file.")
    ],
    scores: Annotated[Path, typer.Argument(help="The table to write: .csv or .parquet.")],
    threshold: Annotated[
        str | None,
        typer.Option(
            help="f1, recall=0.95, budget=20 (looks at a validation sample) or top=200 (cells of this input). Without: "
            "the bundle's own."
        ),
    ] = None,
    uncertain: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Call cells uncertain, so that at most this share of each class is called wrong; such as 0.1.",
        ),
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(help="File names of a plain folder: '{sample_id}/{cell_id}_{channel}.tif'.")
    ] = None,
    bright_field: Annotated[str | None, typer.Option(help="What {channel} says for bright field, e.g. BF.")] = None,
    dapi: Annotated[
        str | None, typer.Option(help="What {channel} says for DAPI; for a bundle of two channels.")
    ] = None,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "int8"],
        typer.Option(help="Of the arithmetic; auto: the fastest that the bundle was tested in on such a processor."),
    ] = "auto",
    device: Annotated[
        Literal["auto", "cpu", "cuda"], typer.Option(help="cuda: an NVIDIA GPU; auto: where there is one.")
    ] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Cores to use (all); with --engine ray: of each worker (1).")
    ] = None,
    engine: Annotated[Literal["local", "ray"], typer.Option(help="Where cells are scored.")] = "local",
    address: Annotated[
        str | None,
        typer.Option(help="ray: of the cluster; without, one on this machine. All machines see the folders."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a scoring that was stopped.")] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Score and rank the cells of a new sample."""
    from brightctc.predict import predict

    printer = Printer(json)
    with _kept(scores, printer), printer.progress() as progress:
        result = predict(
            bundle,
            source,
            scores,
            threshold=threshold,
            uncertain=uncertain,
            pattern=pattern,
            bright_field=bright_field,
            dapi=dapi,
            precision=precision,
            device=device,
            engine=engine,
            address=address,
            threads=threads,
            resume=resume,
            overwrite=overwrite,
            progress=progress,
        )
    _show(printer, result)
    printer.done(result.summary())


@contextmanager
def _kept(scores: Path, printer: Printer) -> Iterator[None]:
    """Whoever stops a scoring by Ctrl-C is told whether it can go on."""
    from brightctc.predict.work import folder_of

    try:
        yield
    except KeyboardInterrupt:
        if folder_of(scores).is_dir():
            printer.warn(["what was scored so far is kept: the same command with --resume goes on"])
        raise


def _show(printer: Printer, result: "PredictResult") -> None:
    candidates = result.calls[result.positive]
    uncertain = "" if result.threshold.sets is None else f"{result.calls['uncertain']:,} uncertain, "
    printer.say(
        f"{plural(result.cells, 'cell')}: {plural(candidates, 'candidate')} ({result.positive}), {uncertain}"
        f"{result.calls['unreadable']:,} "
        f"unreadable; threshold {_level(result)}" + ("" if result.precision == "float32" else f"; {result.precision}")
    )
    columns = ["rank", "cell_id", "score", "call", "flags"]
    top = result.top.with_columns(result.top["score"].round(4))
    printer.table(columns, _rows(top.select(columns)), title=f"the {top.height} highest scores")
    samples = result.samples
    if samples.height > 1:
        printer.table(samples.columns, _rows(samples.head(_SAMPLES)), title="by sample")
        if samples.height > _SAMPLES:
            printer.say(f"… and {samples.height - _SAMPLES} more samples")
    if result.flags:
        flags = ", ".join(f"{name} {count:,}" for name, count in result.flags.items())
        printer.say(f"flags, for information (docs: features and flags): {flags}")
    printer.warn(result.warnings)
    printer.say(f"wrote {result.scores} and {result.meta}")
    printer.say("a candidate is a cell to look at; For Research Use Only. Not for use in diagnostic procedures.")


def _level(result: "PredictResult") -> str:
    rule = result.threshold
    return rule.policy if rule.score is None else f"{rule.policy} (score {rule.score:.4f})"


def _rows(table: "pl.DataFrame") -> list[list[object]]:
    return [list(row) for row in table.iter_rows()]
