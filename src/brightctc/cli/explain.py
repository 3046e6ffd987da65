"""`brightctc explain`."""

from pathlib import Path
from typing import Annotated

import typer

from brightctc.cli.console import Json, Overwrite, Printer


def command(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder, such as RUN/bundle.")],
    cohort: Annotated[Path, typer.Argument(help="The cohort folder, split.")],
    out: Annotated[Path, typer.Argument(help="Folder for explain.json, cells.csv, features.csv and pictures.")],
    part: Annotated[
        str,
        typer.Option(
            help="The part whose labelled cells are explained: test, validation, train or pool; never sealed."
        ),
    ] = "test",
    cells: Annotated[int, typer.Option(min=2, help="Explain at most so many, both classes alike.")] = 500,
    attributed: Annotated[
        int, typer.Option(min=0, help="Of these, compute attributions of so many, and check them; seconds each.")
    ] = 48,
    by: Annotated[
        str | None,
        typer.Option(help="Resample whole donor_id, sample_id or cell_id (default: as the cohort was split)."),
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap, of the cells drawn, of noise.")] = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """What a network looks at, and what makes the classes differ.

    Is the cell or the background read? Which places speak for a call, and can such a map be believed? Which training
    cells are most alike? How much of the score does size alone predict? Which features differ between the classes, and
    between cell lines and patients?
    """
    from brightctc.explain import explain

    printer = Printer(json)
    with printer.progress() as progress:
        result = explain(
            bundle,
            cohort,
            out,
            part=part,
            cells=cells,
            attributed=attributed,
            by=by,
            resamples=resamples,
            seed=seed,
            overwrite=overwrite,
            progress=progress,
        )
    for sentence in result.record["sentences"]:
        printer.say(f"- {sentence}")
    printer.warn(result.warnings)
    printer.say(f"pictures: {', '.join(path.name for path in sorted(result.folder.glob('*.png')))} in {result.folder}")
    printer.say(f"figures: {result.folder / 'explain.json'}; per cell: cells.csv; what differs: features.csv")
    printer.done(result.summary())
