"""Measured cells: what separates the classes, baselines beside the network, outlines against the truth, speed.

    python benchmarks/morphology.py [--draws 5] [--work build/jurkat]      (or: make bench-morphology)

Writes docs/results/morphology.md and its figure, and docs/images/outlines.png. The draws are those of
benchmarks/jurkat.py, made first where they are not there yet. Outlines are checked on cells imaged by calculation,
which the tests draw.
"""

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from brightctc import measure
from brightctc.cohort import Cohort, CohortFile, write_cohort, write_image
from brightctc.measure import GROUPS, OutlinedCrop
from brightctc.measure.nucleus import nucleus
from brightctc.metrics import cliffs_delta
from drawn_optics import dapi_cell, dice, phase_cell
from jurkat import all_draws, parser, say
from morphology_page import Outlined, Separation, Speed, write_page
from morphology_pictures import draw_outlines

DEFOCUS = (-10, -5, -2, 0, 2, 5, 10)  # µm
RADII = (3.3, 4.5, 6.0, 7.5)  # µm, lymphocytes to tumour cells
SEEDS = 5
ROUNDS = 3


@dataclass(frozen=True)
class _Measured:
    """Every cell of the cohort: its features, and the phase it was gated to."""

    table: pl.DataFrame
    positive: np.ndarray


def measured(cohort: Path, work: Path) -> _Measured:
    """Measure the cohort by the command's own verb."""
    table = measure(cohort, work / "features.parquet", overwrite=True).table
    return _Measured(table, (table["label"] == "mitotic").to_numpy())


def separations(cells: _Measured) -> list[Separation]:
    """Cliff's δ of every feature, largest first."""
    found = []
    for group, features in GROUPS.items():
        for feature in features:
            column = feature.column("px")
            values = cells.table[column].fill_null(np.nan).to_numpy()
            delta = cliffs_delta(cells.positive, values)
            medians = tuple(float(np.nanmedian(values[kept])) for kept in (cells.positive, ~cells.positive))
            found.append(Separation(column, group, feature.meaning, delta, medians))
        say(f"effect sizes: {group}")
    return sorted(found, key=lambda each: -abs(each.delta.value or 0))


def outlined() -> list[Outlined]:
    """Dice of outlines against the truth, for each objective and defocus."""
    found = []
    for objective in ("10x", "20x"):
        for defocus in DEFOCUS:
            cells, ratios = [], []
            for radius in RADII:
                for seed in range(SEEDS):
                    crop, true = phase_cell(objective, radius, defocus, seed + 100)
                    cell = OutlinedCrop.of(crop).outline.cell
                    cells.append(dice(cell, true))
                    ratios.append(float(np.sqrt(cell.sum() / true.sum())))
            nuclei = []
            for radius in (2.3, 3.0, 4.5, 6.0):
                for seed in range(SEEDS):
                    crop, true, around = dapi_cell(objective, radius, defocus, seed + 100)
                    nuclei.append(dice(nucleus(crop, around).mask, true))
            found.append(Outlined(objective, defocus, cells, nuclei, ratios))
        say(f"outlines at {objective}")
    return found


def speeds(cohort: Path, work: Path) -> list[Speed]:
    """Cells a second of the command `brightctc measure`, from its start to its end."""
    held = Cohort.read(cohort)
    about = CohortFile(name="speed", classes=None, channels=("bright_field",))
    (work / "speed-40").mkdir(parents=True, exist_ok=True)
    paths = [str(path) for path in held.paths(held.cells, "bright_field")]
    bright = held.cells.select("cell_id").with_columns(bright_field=pl.Series(paths))
    write_cohort(work / "speed-40", bright, about)
    return [
        _speed("bright field, 40 px, real cells", work / "speed-40", work),
        _speed("bright field and DNA stain, 40 px, real cells", cohort, work),
        _speed("bright field, 148 px, calculated cells of 3.3 to 7.5 µm at 20×", large_cohort(work, about), work),
    ]


def large_cohort(work: Path, about: CohortFile) -> Path:
    """2,000 crops of 148 px: 40 calculated cells, each 50 times."""
    root = work / "speed-148"
    root.mkdir(parents=True, exist_ok=True)
    files = []
    for number in range(40):
        crop, _ = phase_cell("20x", RADII[number % 4], DEFOCUS[number % 7], number, size=148)
        files.append(root / f"{number}.tif")
        write_image(files[-1], crop)
    rows = {"cell_id": [f"c{n}" for n in range(2000)], "bright_field": [str(files[n % 40]) for n in range(2000)]}
    write_cohort(root, pl.DataFrame(rows), about)
    return root


def _speed(words: str, cohort: Path, work: Path) -> Speed:
    seconds, cells = [], 0
    command = [Path(sys.executable).parent / "brightctc", "measure", cohort, work / "speed.parquet"]
    for _ in range(ROUNDS):
        start = time.perf_counter()
        done = subprocess.run([*map(str, command), "--overwrite", "--json"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
        cells = json.loads(done.stdout)["cells"]
    say(f"{words}: {cells / statistics.median(seconds):.0f} cells/s")
    return Speed(words, cells, [cells / each for each in seconds])


def flagged(cells: _Measured) -> dict[str, float]:
    """Share of the cells of each phase whose object is made of two bodies."""
    doublet = pl.col("flags").fill_null("").str.contains("touching_cells")
    shares = cells.table.group_by("phase", maintain_order=True).agg(doublet.mean())
    return dict(shares.iter_rows())


def main() -> None:
    """Measure everything, then write the page and the pictures."""
    options = parser(__doc__).parse_args()
    draws = all_draws(options)
    cohort = options.work / "draw-0" / "cohort"
    cells = measured(cohort, options.work)
    write_page(
        draws=draws,
        separations=separations(cells),
        counts=(int(cells.positive.sum()), int((~cells.positive).sum())),
        doublets=flagged(cells),
        outlined=outlined(),
        speeds=speeds(cohort, options.work),
        out=options.out,
    )
    draw_outlines(options.out.parent / "images" / "outlines.png")
    say(f"wrote {options.out / 'morphology.md'}")


if __name__ == "__main__":
    main()
