"""`brightctc combine`."""

from pathlib import Path
from typing import Annotated

import typer

from brightctc.cli.console import Json, Overwrite, Printer
from brightctc.errors import UserError


def command(
    bundles: Annotated[
        list[Path],
        typer.Argument(
            metavar="BUNDLE... NEW",
            help="Bundles of one recipe on one split, such as a study's seeds. Last: the folder for the new bundle.",
        ),
    ],
    cohort: Annotated[Path, typer.Option(metavar="COHORT", help="The cohort that all of them were trained on.")],
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Average the networks of several seeds into one bundle: steadier scores, at as many times the cost.

    The threshold is chosen anew, on the validation cells. To come back to the cost of one network, let NEW teach one:
    brightctc train COHORT RUN --set dapi.way=student --set dapi.bundle=NEW --set backbone.views=1
    """
    from brightctc.learn import combine

    *members, out = bundles
    if len(members) < 2:
        raise UserError(
            "at least two bundles and the new one's folder are needed",
            "BUNDLE... NEW",
            "brightctc combine seed-0/bundle seed-1/bundle combined --cohort COHORT",
        )
    printer = Printer(json)
    with printer.progress() as progress:
        bundle = combine(members, cohort, out, overwrite=overwrite, progress=progress)
    printer.say(f"{len(members)} networks averaged; threshold (score) {bundle.threshold.score:.4f}")
    printer.warn(bundle.warnings)
    printer.say(f"bundle: {bundle.folder}")
    printer.done({"bundle": str(bundle.folder), "bundle_hash": bundle.hash, "threshold": bundle.threshold.score})
