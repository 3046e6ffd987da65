"""`brightctc baselines`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from brightctc.cli.console import Json, Overwrite, Printer


def command(
    cohort: Annotated[Path, typer.Argument(help="The cohort folder, split.")],
    out: Annotated[Path, typer.Argument(help="Folder for baselines.csv, baselines.json, scores.csv and figure.png.")],
    beside: Annotated[
        Path | None, typer.Option(metavar="BUNDLE", help="A network trained on the same split, as a row beside them.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="constant, size, intensity, border, hand_features, hog_linear, hog_rbf; several by commas."),
    ] = None,
    part: Annotated[str, typer.Option(help="The part to measure on.")] = "test",
    by: Annotated[
        str | None,
        typer.Option(help="Resample whole donor_id, sample_id or cell_id (default: as the cohort was split)."),
    ] = None,
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the folds and of the bootstrap.")] = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """What simple models reach on the same cells: always the same answer, size, intensity, border, hand features, HOG.

    Fitted on the train part, called at thresholds from the validation part, measured on the test part, bright field
    alone. A network is worth its trouble as far as it is better; where the border alone predicts the class, the batch
    is the label.
    """
    from brightctc.baselines import baselines

    printer = Printer(json)
    with printer.progress() as progress:
        result = baselines(
            cohort,
            out,
            bundle=beside,
            only=only or (),
            part=part,
            by=by,
            resamples=resamples,
            seed=seed,
            overwrite=overwrite,
            progress=progress,
        )
    _show(printer, result.record)
    printer.warn(result.warnings)
    printer.say(f"picture: {result.picture}")
    printer.say(f"figures: {result.folder / 'baselines.csv'}; per cell: {result.folder / 'scores.csv'}")
    printer.done(result.summary())


def _show(printer: Printer, record: dict[str, Any]) -> None:
    printer.say(f"{record['part']} part: {record['n']['cells']:,} cells, {record['class_ratio']}")
    printer.say(f"split by {record['split_by']}; {record['interval']['meaning']}")
    for stamp in record["stamps"]:
        printer.say(f"beside every figure: {stamp}")
    printer.say("")
    rows: list[list[object]] = [
        [
            name,
            _value(model["roc_auc"]),
            _figure(model["average_precision"]),
            *(_value(model[key]) for key in ("f1", "recall", "false_calls_per_1000")),
        ]
        for name, model in record["models"].items()
    ]
    printer.table(["model", "ROC-AUC", "average precision", "F1", "recall", "false per 1,000"], rows)
    shown: list[list[object]] = [
        [name, *(_figure(model["network_minus_this"][key]) for key in ("roc_auc", "average_precision"))]
        for name, model in record["models"].items()
        if "network_minus_this" in model
    ]
    if shown:
        printer.say("")
        printer.table(["network minus", "ROC-AUC", "average precision"], shown)
    printer.say("")


def _figure(figure: dict[str, Any]) -> str:
    if figure["low"] is None or figure["high"] is None:
        return _value(figure)
    return f"{_value(figure)} ({figure['low']:.3f} to {figure['high']:.3f})"


def _value(figure: dict[str, Any]) -> str:
    value = figure["value"]
    return "–" if value is None else f"{value:.3f}" if abs(value) < 10 else f"{value:.0f}"
