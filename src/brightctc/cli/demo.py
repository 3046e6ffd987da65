"""`brightctc demo`: the whole way on made cells, by the commands that a user would type."""

import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from brightctc.cli.console import Overwrite, Printer
from brightctc.errors import UserError

PROGRAM = [sys.executable, "-m", "brightctc"]
PATTERN = "--pattern '{sample_id}/{cell_id}_{channel}.tif' --bright-field BF"
STEPS = (
    (
        "make an export: cells of two lines spiked into volunteers' blood, and patients' CTCs with their leukocytes",
        "simulate export --line-cells 230 --spiked-leukocytes 170 --leukocytes-per-ctc 5 "
        "--picture export.png --seed {seed}",
    ),
    (
        "make a blinded sample of a new patient, bright field alone",
        "simulate new_sample --blind --no-dapi --prefix N --line-cells 0 --spiked-leukocytes 0 --patients 1 "
        "--patient-ctcs 8 --leukocytes-per-ctc 25 --others 20 --seed {seed}",
    ),
    (
        "a table of cells beside the images",
        f"import export cohort {PATTERN} --dapi DAPI --table export/labels.csv --label label "
        "--positive CTC --negative leukocyte",
    ),
    ("what is wrong with it?", "check cohort"),
    (
        "patients are the test part; two volunteers are set aside, to see how much is lost from lines to patients",
        "split cohort --pool \"donor_id IN ('V07', 'V08')\"",
    ),
    ("train", "train cohort run-0 --seed 0"),
    ("train once more: how much is chance?", "train cohort run-1 --seed 1"),
    ("measure on the patients' cells, by bright field alone", "evaluate run-0/bundle cohort patients"),
    (
        "the blinded sample's cells, with the pixel size that its table tells",
        f"import new_sample new {PATTERN} --table new_sample/labels.csv",
    ),
    ("score them", "predict run-0/bundle new scores.csv"),
    ("a report of both trainings, beside simpler models", "report run-0 run-1 report.html"),
    ("a report of the new sample", "report scores.csv new_sample.html"),
    (
        "unblind it: the same cells with the truth beside them …",
        f"import new_sample unblinded {PATTERN} --table new_sample/truth.csv --label label "
        "--positive CTC --negative leukocyte",
    ),
    ("… and how did it do?", "evaluate run-0/bundle unblinded truth --part all"),
)
OWN = f"""brightctc import YOUR_EXPORT cohort {PATTERN} \\
    --table labels.csv --label label --positive CTC --negative leukocyte
brightctc check cohort
brightctc split cohort
brightctc train cohort run
brightctc report run report.html"""


def command(
    out: Annotated[Path, typer.Argument(help="A new folder for everything.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the made cells.")] = 0,
    overwrite: Overwrite = False,
) -> None:
    """Go the whole way on made cells: minutes on two cores, no network; each command is shown before it runs.

    Makes cells, trains twice, measures on patients' CTCs, scores a blinded sample, and ends with two reports.
    """
    from brightctc import files

    printer, start = Printer(), time.monotonic()
    files.refuse_other_things(out, "export/truth.csv")
    with files.new_folder(out, overwrite=overwrite):
        printer.say(f"everything goes into {out}")
    for number, (meaning, words) in enumerate(STEPS, start=1):
        line = words.replace("{seed}", str(seed))
        printer.say(f"\n{number}/{len(STEPS)} {meaning}\n$ brightctc {line}")
        done = subprocess.run([*PROGRAM, *shlex.split(line)], cwd=out, check=False)
        if done.returncode:
            raise UserError(
                f"step {number} of the demo ended with an error (above)", f"brightctc {line}", "see the error's own fix"
            )
    _end(printer, out, (time.monotonic() - start) / 60)


def _end(printer: Printer, out: Path, minutes: float) -> None:
    """Where to look, and what to run on own data."""
    printer.say(f"\ndone in {minutes:.1f} minutes. These are made cells: the figures say nothing about real ones.")
    look = {
        "report.html": "how good it is, on whom, and what was lost from lines to patients",
        "new_sample.html": "what it says of the blinded sample",
        "truth/figure.png": "how true that was",
        "export.png": "some of the cells",
    }
    printer.say("\nlook at")
    for name, words in look.items():
        printer.say(f"  {out / name}: {words}")
    printer.say(f"\nwith your own cells:\n\n{OWN}")
