"""`brightctc export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from brightctc.cli.console import Json, Overwrite, Printer

if TYPE_CHECKING:
    from brightctc.bundle import Tested


def command(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder, such as RUN/bundle; it stays as it is.")],
    new: Annotated[Path, typer.Argument(help="Folder for the new bundle.")],
    calibration: Annotated[
        Path,
        typer.Option(metavar="COHORT", help="The cohort that the bundle was trained on, with its images."),
    ],
    int8: Annotated[bool, typer.Option("--int8", help="Quantise to INT8 (needs the extra int8).")] = False,
    bf16: Annotated[bool, typer.Option("--bf16", help="Test bfloat16 (a processor with AVX512-BF16 or AMX).")] = False,
    accept_loss: Annotated[
        bool,
        typer.Option("--accept-loss", help="Write also what fails its guard; it is then used by name alone."),
    ] = False,
    overwrite: Overwrite = False,
    json: Json = False,
) -> None:
    """Make a bundle that scores faster, in INT8 or bfloat16, and refuse where that costs more than rounding.

    Calibrates on the bundle's training cells and judges on its validation cells; no other cell is read. Refuses where
    recall falls or average precision changes by more than 0.005, each precision at its own threshold.
    """
    from brightctc.quantise import export

    printer = Printer(json)
    with printer.progress() as progress:
        result = export(
            bundle,
            new,
            calibration=calibration,
            int8=int8,
            bf16=bf16,
            accept_loss=accept_loss,
            overwrite=overwrite,
            progress=progress,
        )
    first = result.tested[0]
    printer.say(f"this less float32, on the bundle's {first.cells:,} validation cells ({first.positives:,} positive)")
    shown = [_shown(tested) for tested in result.tested]
    rows: list[list[object]] = [[name, *(figures[name] for figures in shown)] for name in shown[0]]
    printer.table(["", *(tested.precision for tested in result.tested)], rows)
    printer.warn(result.warnings)
    printer.say(f"bundle: {result.bundle.folder}; predict and evaluate take what passed by themselves (--precision)")
    printer.done(result.summary())


def _shown(tested: "Tested") -> dict[str, str]:
    return {
        "largest change of a score": f"{tested.largest_difference:.4f}",
        "calls gained": f"{tested.calls_gained:,}",
        "calls lost": f"{tested.calls_lost:,}",
        "recall": f"{tested.recall_change:+.4f}",
        "F1": f"{tested.f1_change:+.4f}",
        "average precision": f"{tested.average_precision_change:+.4f}",
        "threshold (score)": f"{tested.threshold.score:.4f}",
        "made by": tested.way.replace("_", " "),
        "processors": tested.processor,
        "passed": "yes" if tested.passed else "no",
    }
