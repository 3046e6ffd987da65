"""`brightctc review serve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brightctc.cli.console import Json, Printer
from brightctc.cli.review.options import Database
from brightctc.errors import UserError, plural

if TYPE_CHECKING:
    from brightctc.review import Served


def command(
    scores: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[SCORES]...",
            help="Scores tables of predict; none: what the database has from earlier.",
        ),
    ] = None,
    db: Database = "review.db",
    host: Annotated[
        str, typer.Option(help="Address to listen on. 127.0.0.1 is this computer alone.", metavar="ADDRESS")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535, metavar="N")] = 8000,
    blind: Annotated[
        int,
        typer.Option(
            help="Cells of a sample that are graded without score or rank before its gallery opens: half by rank, half "
            "at random. 0: no blind reading; grades then don't count as blind.",
            min=0,
            max=100_000,
            metavar="N",
        ),
    ] = 200,
    images: Annotated[
        list[Path] | None,
        typer.Option(
            help="A further folder whose images may be shown, where scores name some outside of their cohort."
        ),
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="TLS: the certificate's file (PEM).")] = None,
    key: Annotated[Path | None, typer.Option(help="TLS: the key's file (PEM).")] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Allow an address that others reach without TLS: passwords go in the open.")
    ] = False,
    proxy: Annotated[
        str | None,
        typer.Option(help="Address of a proxy of yours that does TLS: https://review.lab.example.", metavar="URL"),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(help="A further name that browsers call this server by. Repeatable.", metavar="HOST"),
    ] = None,
    new: Annotated[
        list[Path] | None,
        typer.Option(help="A folder whose folders leads may score as new samples in the browser. Repeatable."),
    ] = None,
    bundle: Annotated[
        list[Path] | None,
        typer.Option(help="A bundle: it may score new samples, and shows where its scores come from. Repeatable."),
    ] = None,
    training: Annotated[
        Path | None,
        typer.Option(
            help="The cohort that --bundle was trained on: a cell's page then shows the training cells nearest to it.",
            metavar="COHORT",
        ),
    ] = None,
    work: Annotated[Path, typer.Option(help="With --new: where their cohorts and scores are written.")] = Path(
        "review-samples"
    ),
    json: Json = False,
) -> None:
    """Grade cells in a browser.

    The first start prints a link with which the first reader, a lead, makes an account. Each reader grades some cells
    of a sample blind; then its ranked gallery opens. Every grade is on the disk before the page goes on, in a chain
    that `brightctc review verify` follows. Ctrl-C stops; start it again with the same --db to go on.
    """
    from brightctc.review import serve

    if (certificate is None) != (key is None):
        raise UserError("TLS needs a certificate and its key", "--certificate, --key", "give both")
    printer = Printer(json)
    serve(
        scores or [],
        db=db,
        host=host,
        port=port,
        images=images or [],
        blind=blind,
        tls=None if certificate is None or key is None else (certificate, key),
        plain=plain,
        proxy=proxy,
        hosts=name or [],
        new=new or [],
        bundles=bundle or [],
        training=training,
        work=work,
        progress=printer.progress,
        ready=lambda served: _show(printer, served),
    )


def _show(printer: Printer, served: "Served") -> None:
    cells = sum(sample.cells for sample in served.samples)
    printer.say(f"{plural(len(served.samples), 'sample')}, {plural(cells, 'cell')}: {served.address}")
    for line in served.training:
        printer.say(line)
    if served.invitation:
        printer.say(f"nobody has an account yet; make the first one here, within two days:\n  {served.invitation}")
    printer.say("Ctrl-C stops")
    printer.done(served.summary())
