"""`brightctc evaluate`."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from brightctc.cli.console import Json, Overwrite, Printer

_ROWS = {
    "precision": "precision",
    "recall": "recall",
    "specificity": "specificity",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "MCC",
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}


def command(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder, such as RUN/bundle.")],
    cohort: Annotated[Path, typer.Argument(help="The cohort folder, split.")],
    out: Annotated[Path, typer.Argument(help="Folder for metrics.json, scores.csv, groups.csv and figure.png.")],
    part: Annotated[
        str,
        typer.Option(
            help="test, validation, train, pool, sealed; or all: every cell that is not sealed, for a new cohort."
        ),
    ] = "test",
    channel: Annotated[str, typer.Option(help="bright_field; or dapi: the negative control.")] = "bright_field",
    by: Annotated[
        str | None,
        typer.Option(help="Resample whole donor_id, sample_id or cell_id (default: as the cohort was split)."),
    ] = None,
    precision: Annotated[
        Literal["auto", "float32", "bfloat16", "int8"],
        typer.Option(help="Of the arithmetic; auto: the fastest that the bundle was tested in on such a processor."),
    ] = "auto",
    resamples: Annotated[int, typer.Option(min=1, help="Bootstrap resamples.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Measure a bundle on cells that it has not seen, with 95 % intervals."""
    from brightctc.evaluate import evaluate

    printer = Printer(json)
    with printer.progress() as progress:
        result = evaluate(
            bundle,
            cohort,
            out,
            part=part,
            channel=channel,
            by=by,
            precision=precision,
            resamples=resamples,
            seed=seed,
            overwrite=overwrite,
            progress=progress,
        )
    _show(printer, result.metrics)
    printer.warn(result.warnings)
    printer.say(f"picture: {result.picture}")
    printer.say(f"figures: {result.folder / 'metrics.json'}; per donor, sample, origin: groups.csv")
    printer.done(result.summary())


def _show(printer: Printer, metrics: dict[str, Any]) -> None:
    positive, negative = metrics["classes"]["positive"], metrics["classes"]["negative"]
    printer.say(f"{metrics['part']} part: {metrics['n']['cells']:,} cells, {metrics['class_ratio']}")
    printer.say(f"split by {metrics['split_by']}; {metrics['interval']['meaning']}")
    if metrics["arithmetic"]["processor"] is not None:
        printer.say("computed in {precision} ({processor})".format(**metrics["arithmetic"]))
    for stamp in metrics["stamps"]:
        printer.say(f"beside every figure: {stamp}")
    always = metrics["constant_classifier"]
    names = {
        "false_calls_per_1000": f"false calls per 1,000 {negative}",
        "looks_per_true": f"looks per true {positive}",
        "f1": f"F1 ({metrics['class_ratio']})",
        **_ROWS,
    }
    rows: list[list[object]] = [
        [words, _value(metrics[name]["value"]), _interval(metrics[name]), _value(always.get(name))]
        for name, words in names.items()
    ]
    printer.say("")
    printer.table(["figure", "value", "95 % interval", f"always {positive}"], rows)
    for reason in dict.fromkeys(metrics[name].get("reason") for name in names):
        if reason is not None:
            held = [words for name, words in names.items() if metrics[name].get("reason") == reason]
            printer.say(f"{', '.join(held) if len(held) < len(names) else 'all'}: {reason}")
    rare: list[list[object]] = [[row["prevalence"], row["text"]] for row in metrics["precision_at_prevalence"]]
    printer.say("")
    printer.table([f"{positive} : {negative}", "precision there, at this recall (exact 95 % bounds)"], rare)
    printer.say("")


def _value(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _interval(figure: dict[str, Any]) -> str:
    if figure["low"] is None and figure["high"] is None:
        return "–"
    return " to ".join("no bound" if end is None else _value(end) for end in (figure["low"], figure["high"]))
