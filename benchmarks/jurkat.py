"""Real cells: the default recipe beside simpler models, on the same splits, bright field only.

    python benchmarks/jurkat.py [--draws 5] [--work build/jurkat]      (or: make bench-jurkat)

4,918 Jurkat cells: mitotic (prophase to telophase) among interphase. Experiment_1 is split: 45 % test, and 917 cells
(300 mitotic) drawn from the rest for training and validation, five times. Experiment_2, of another day, holds
interphase cells alone: every call there is false. Two cells that stand in the data twice are left out once. A draw
that is done already is taken from the work folder.
"""

import argparse
import os
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from brightctc import evaluate, files, import_export, predict, read_recipe, split, train
from brightctc.baselines import BASELINES, Cells, fit, threshold
from brightctc.cohort import Cohort, read_images
from brightctc.metrics import sigmoid
from jurkat_page import Draw, Row, write_page

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("BRIGHTCTC_DATA") or ROOT.parent / "shared/data") / "jurkat_imaging_flow_cytometry.zip"
NETWORK = "default recipe"
DOUBLES = ("Experiment_1/exp1_01884", "Experiment_1/exp1_03418")  # the same cells as 01878 and 03416, `check` says
POSITIVE, NEGATIVE = ("Prophase", "Metaphase", "Anaphase", "Telophase"), ("G1", "S_phase", "G2")


def unzipped(work: Path) -> Path:
    """The folder of cells, unzipped once."""
    folder = work / "cells"
    if not folder.exists():
        with files.new_folder(folder) as beside, zipfile.ZipFile(DATA) as archive:
            archive.extractall(beside)
    return folder


def imported(cells: Path, experiment: str, cohort: Path) -> Path:
    """A cohort of one experiment's cells."""
    if not cohort.exists():
        import_export(
            cells,
            cohort,
            pattern="{folder}/{cell_id}_{channel}.tif",
            bright_field="BF",
            dapi="DNA",
            table=cells / "cells.csv",
            key="file_stem={folder}/{cell_id}",
            label="phase",
            positive=POSITIVE,
            negative=NEGATIVE,
            classes=("mitotic", "interphase"),
            where=f"experiment = '{experiment}' AND file_stem NOT IN {DOUBLES}",
        )
    return cohort


def draw(number: int, options: argparse.Namespace) -> Draw:
    """One draw of training cells: the network, then every baseline, on the same cells."""
    folder = options.work / f"draw-{number}"
    cells = unzipped(options.work)
    cohort = imported(cells, "Experiment_1", folder / "cohort")
    split(
        cohort,
        test_share=0.45,
        train_cells=options.train_cells,
        train_positives=options.train_positives,
        seed=0,
        draw=number,
        overwrite=True,
    )
    new_sample = imported(cells, "Experiment_2", options.work / "new_sample")
    say(f"draw {number}: training")
    rows = {NETWORK: network_row(folder, cohort, new_sample, options.settings)}
    for name, row in baseline_rows(cohort, new_sample):
        say(f"draw {number}: {name}")
        rows[name] = row
    parts = {part: Cohort.read(cohort).part(part) for part in ("train", "validation", "test")}
    learned = (parts["train"], parts["validation"])
    return Draw(
        cells=list(parts["test"]["cell_id"]),
        positive=(parts["test"]["label"] == "mitotic").to_numpy(),
        learned=(sum(part.height for part in learned), sum(int((p["label"] == "mitotic").sum()) for p in learned)),
        rows=rows,
    )


def network_row(folder: Path, cohort: Path, new_sample: Path, settings: list[str]) -> Row:
    """Train the default recipe; score the test part and the new sample."""
    start = time.perf_counter()
    bundle = train(cohort, folder / "run", settings=settings, overwrite=True).bundle.folder
    seconds = time.perf_counter() - start
    found = evaluate(bundle, cohort, folder / "results", overwrite=True).evaluation
    fresh = predict(bundle, new_sample, folder / "new_sample.csv", overwrite=True)
    share = fresh.calls["mitotic"] / fresh.table.height
    return Row(found.scored.logit, found.scored.called, found.scored.score, seconds, 1000 * share)


def baseline_rows(cohort: Path, new_sample: Path) -> Iterator[tuple[str, Row]]:
    """Fit every baseline on the training cells, its threshold on the validation cells."""
    learning, judging, test = (crops(cohort, part) for part in ("train", "validation", "test"))
    new, _ = crops(new_sample, None)
    for name in BASELINES:
        start = time.perf_counter()
        model = fit(name, *learning)
        seconds = time.perf_counter() - start
        line = threshold(model, *judging).logit
        logit = model.score(test[0])
        score = np.array([sigmoid(value) for value in logit])
        yield name, Row(logit, logit >= line, score, seconds, 1000 * float((model.score(new) >= line).mean()))


def crops(root: Path, part: str | None) -> tuple[Cells, np.ndarray]:
    """Bright-field crops and labels of a part, or of a whole cohort; every image has to be readable."""
    cohort = Cohort.read(root)
    rows = cohort.cells if part is None else cohort.part(part)
    paths = cohort.paths(rows, "bright_field")
    images = [image for image in read_images(paths) if isinstance(image, np.ndarray)]
    assert len(images) == rows.height, "an image can't be read"
    return Cells(images), cohort.positive(rows).to_numpy()


def say(text: str) -> None:
    """Print at once, also into a file."""
    print(text, flush=True)


def parser(description: str | None) -> argparse.ArgumentParser:
    """The options of everything that rests on the draws."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--draws", type=int, default=5)
    made.add_argument("--train-cells", type=int, default=917)
    made.add_argument("--train-positives", type=int, default=300)
    made.add_argument("--set", dest="settings", action="append", default=[], help="change the recipe")
    made.add_argument("--work", type=Path, default=ROOT / "build/jurkat", help="keeps the draws")
    made.add_argument("--out", type=Path, default=ROOT / "docs/results", help="folder of the page and its figure")
    return made


def all_draws(options: argparse.Namespace) -> list[Draw]:
    """Every draw; those that are done already are read from the work folder."""
    if not DATA.is_file():
        raise SystemExit(f"{DATA.name} is missing: put it into {DATA.parent}, or set BRIGHTCTC_DATA")
    recipe = read_recipe("default", options.settings)
    kind = f"{recipe.hash}-{options.train_cells}-{options.train_positives}"
    draws = []
    for number in range(options.draws):
        kept = options.work / f"draw-{number}" / f"{kind}.npz"
        if kept.is_file():
            say(f"draw {number}: done already")
        else:
            draw(number, options).write(kept)
        draws.append(Draw.read(kept))
    return draws


def main() -> None:
    """Do the draws that are not done yet, then write the page and its figure."""
    options = parser(__doc__).parse_args()
    draws = all_draws(options)
    known = Cohort.read(options.work / "draw-0" / "cohort").cells
    write_page(draws, dict(known.select("cell_id", "phase").iter_rows()), options.out)
    say(f"wrote {options.out / 'jurkat.md'}")


if __name__ == "__main__":
    main()
