"""The made cells: how fast, how exact, what single numbers tell of them, and how well they are outlined.

    python benchmarks/made_cells.py [--rounds 3] [--seeds 5]      (or: make bench-made-cells)

Writes docs/results/made-cells.md and docs/images/made-cells.png.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from brightctc.cohort import read_image
from brightctc.measure import OutlinedCrop
from brightctc.measure.nucleus import nucleus
from brightctc.simulate import OBJECTIVES, Settings, chosen_settings, simulate
from brightctc.simulate.draws import draw_scene
from brightctc.simulate.imaging import image_scene
from brightctc.simulate.instrument import draw_setting
from brightctc.simulate.settings import Camera, Optics
from brightctc.simulate.sites import Site
from machine import command, machine, versions

ROOT = Path(__file__).parents[1]
PAGE, PICTURE = ROOT / "docs/results/made-cells.md", ROOT / "docs/images/made-cells.png"
BRIGHT = Camera(full_well=1e9, read_noise=0, bits=16)  # next to no noise, so that calculations can be compared
EVEN = Site(lamp_sd=0, gradient=0, vignetting=0, dust=0, electrodes=0)
Row = list[str]


def speed(rounds: int, work: Path) -> Iterator[Row]:
    """Cells a second of the command, from its start to its end: the median of several, and the range."""
    cases = {
        "10x, bright field and DAPI": ("400", []),
        "10x, bright field alone": ("400", ["--no-dapi"]),
        "10x, one process": ("200", ["--workers", "1"]),
        "20x, multislice (8 slices)": ("24", ["--objective", "20x"]),
    }
    for words, (cells, options) in cases.items():
        found = []
        for _ in range(rounds):
            arguments = ["simulate", str(work / "speed"), "--cells", cells, *options, "--overwrite", "--json"]
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "brightctc", *arguments], check=True, capture_output=True, text=True
            )
            found.append(json.loads(done.stdout)["cells"] / (time.perf_counter() - start))
        yield [words, f"{statistics.median(found):.1f}", f"{min(found):.1f} to {max(found):.1f}"]


def exactness() -> Iterator[Row]:
    """How far cheaper calculations are from dearer ones: rms over the image's own contrast, median of 8 cells."""
    for objective in OBJECTIVES:
        points = Optics(**OBJECTIVES[objective]).source_points
        for words, cheap, dear in (
            ("24 source points, against 1,000", {"source_points": 24}, {"source_points": 1000}),
            (
                f"{points} source points (the default), against 1,000",
                {"source_points": points},
                {"source_points": 1000},
            ),
            ("thin object, against 12 slices", {"slices": 1, "source_points": 48}, {"slices": 12, "source_points": 48}),
            ("8 slices, against 12", {"slices": 8, "source_points": 48}, {"slices": 12, "source_points": 48}),
        ):
            departures = [departure(objective, cheap, dear, seed) for seed in range(8)]
            low, high = np.quantile(departures, [0.1, 0.9])
            yield [objective, words, f"{np.median(departures):.1%}", f"{low:.1%} to {high:.1%}"]


def departure(objective: str, cheap: dict[str, int], dear: dict[str, int], seed: int) -> float:
    """Rms of the difference of two calculations of one cell, over the dearer one's standard deviation."""
    images = []
    for changes in (cheap, dear):
        optics = Optics(**{**OBJECTIVES[objective], **changes})
        settings = Settings(optics=optics, camera=BRIGHT)
        kind = ("a549", "granulocyte", "patient_ctc", "lymphocyte")[seed % 4]
        half = optics.size * optics.pixel_size_um / 2
        quiet = settings.kinds.model_copy(update={"neighbours": 0.0, "doublets": 0.0, "apoptotic": 0.0})
        smooth = {"texture": 0.0, "nucleus_texture": 0.0, "granules": 0.0}  # drawn slab by slab, and so never the same
        quiet = quiet.model_copy(update={kind: quiet.named(kind).model_copy(update=smooth)})
        scene = draw_scene(kind, quiet, optics.medium, half, np.random.default_rng(seed))
        setting = draw_setting(EVEN, 0.0, 0.0, half, np.random.default_rng(seed))
        streams = (np.random.default_rng(seed), np.random.default_rng(seed))
        images.append(image_scene(scene, setting, EVEN, settings, streams, with_dapi=False).bright_field.astype(float))
    return float(np.sqrt(np.mean((images[0] - images[1]) ** 2)) / images[1].std())


def separations(seeds: int, work: Path) -> Iterator[Row]:
    """ROC-AUC of single numbers in the published cohort's counts, over seeds."""
    tables = []
    for seed in range(seeds):
        made = simulate(work / "cohort", seed=seed, dapi=False, overwrite=True)
        tables.append(made.separations.with_columns(seed=pl.lit(seed)))
    found = pl.concat(tables)
    for (statistic, meaning), rows in found.group_by("statistic", "meaning", maintain_order=True):
        cells: Row = [f"`{statistic}`", str(meaning)]
        for group in ("patients", "lines"):
            areas = rows.filter(pl.col("group") == group)["roc_auc"].to_numpy()
            cells.append(f"{areas.mean():.3f} [{areas.min():.3f}, {areas.max():.3f}]")
        yield cells


def outlines(work: Path) -> Iterator[Row]:
    """Dice of the outlines that `measure` finds, by kind; cells without a partner."""
    counts = {"line_cells": 100, "spiked_leukocytes": 200, "leukocytes_per_ctc": 1}
    masks, export = work / "masks", work / "outlined"
    made = simulate(export, settings=chosen_settings(counts=counts), masks=masks, picture=PICTURE, overwrite=True)
    alone = made.truth.filter(pl.col("partner_state").is_null())
    for (kind,), cells in alone.group_by("kind", maintain_order=True):
        pairs = [dices(export, masks, row["sample_id"], row["cell_id"]) for row in cells.iter_rows(named=True)]
        cell, inner = np.array(pairs).T
        yield [str(kind), str(len(pairs)), *(f"{v:.3f}" for v in (np.median(cell), np.quantile(cell, 0.05))),
               *(f"{v:.3f}" for v in (np.median(inner), np.quantile(inner, 0.05)))]  # fmt: skip


def dices(export: Path, masks: Path, sample: str, cell: str) -> tuple[float, float]:
    """Of the cell in bright field, and of its nucleus in DAPI."""
    mask = read_image(masks / sample / f"{cell}.tif")
    outline = OutlinedCrop.of(read_image(export / sample / f"{cell}_BF.tif")).outline.cell
    inner = nucleus(read_image(export / sample / f"{cell}_DAPI.tif"), outline).mask
    return dice(outline, np.isin(mask, (1, 2))), dice(inner, mask == 2)


def dice(found: np.ndarray, true: np.ndarray) -> float:
    """Twice the shared area over the sum of both."""
    return 2 * float((found & true).sum()) / max(1, int(found.sum() + true.sum()))


def table(columns: Row, rows: list[Row]) -> str:
    """Markdown; all columns but the first to the right."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(rounds: int, seeds: int, work: Path) -> str:
    """docs/results/made-cells.md."""
    return f"""# Made cells: speed, exactness, and what tells the classes apart

Cells of [`brightctc simulate`](../made-cells.md). **They are nobody's: no figure here says anything about real cells.**

![Some of every kind](../images/made-cells.png)

## Speed

Cells a second of the whole command, from its start to its end, images of 148 px; {rounds} rounds.

{table(["", "cells/s, median", "range"], list(speed(rounds, work)))}

## Exactness

Root mean square of the difference to a dearer calculation, over the contrast (standard deviation) of the dearer
one's crop; median of 8 cells without texture and noise, and their 10 to 90 % range. Few source points are not wrong
near a cell, but leave rings far from it; with 24 of them, the crops' border told lines from leukocytes
(docs/decisions/0014).

{table(["objective", "calculation", "median", "10 to 90 %"], list(exactness()))}

## Single numbers

ROC-AUC of tumour cells against the leukocytes of the same samples (0.5: chance; whichever way it points), published
cohort's counts: 52 CTCs and 520 leukocytes of patients, 529 cells of lines and 388 leukocytes of volunteers; mean of
{seeds} seeds [lowest, highest].

{table(["statistic", "what it is", "patients' CTCs", "lines"], list(separations(seeds, work)))}

## Outlines

Dice (twice the shared area over the sum of both) between the outlines of `brightctc measure` and the true ones, cells
without a clinging partner. The rules of `measure` were not changed after these cells were seen.

{table(["kind", "cells", "cell: median", "5 %", "nucleus: median", "5 %"], list(outlines(work)))}

{machine()}. {versions()}. Made by `{command()}`.
"""


def main() -> None:
    """Measure everything, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    PICTURE.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as work:
        PAGE.write_text(page(options.rounds, options.seeds, Path(work)), encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
