"""Cells drawn for tests: an export of TIFF crops with a bright rim, a dark nucleus, and a label table.

Positive cells are a little larger and carry a dark nucleus; negatives have none. It is easy on purpose, and
nobody's cells: nothing scored on it says anything about real ones.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import tifffile

POSITIVE, NEGATIVE = "CTC", "leukocyte"
PATTERN = "{sample_id}/{cell_id}_{channel}.tif"


@dataclass(frozen=True)
class Export:
    folder: Path
    table: Path
    cells: pl.DataFrame

    def import_options(self) -> dict[str, object]:
        """Keyword arguments for `brightctc.import_export` (beside the export's and the cohort's path)."""
        return {
            "pattern": PATTERN,
            "bright_field": "BF",
            "dapi": "DAPI",
            "table": self.table,
            "label": "label",
            "positive": (POSITIVE,),
            "negative": (NEGATIVE,),
        }


def cell_image(rng: np.random.Generator, *, positive: bool, size: int = 24, bits: int = 12) -> np.ndarray:
    """A bright-field crop: uint16 (size, size); background near half of the bit depth."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2 + rng.normal(0, size / 40, 2)[:, None, None]
    radius = size * (rng.uniform(0.26, 0.34) if positive else rng.uniform(0.22, 0.30))
    r = np.hypot(x, y)
    unit = np.ones((size, size)) + rng.normal(0, 0.01, (size, size))
    unit += 0.15 * np.exp(-(((r - radius) / 1.5) ** 2)) - 0.08 * (r < radius)
    if positive:
        unit -= 0.25 * (np.hypot(x - 1, y) < radius * 0.55)
    level = 2 ** (bits - 1) * rng.uniform(0.95, 1.05)
    return np.clip(unit * level, 0, 2**bits - 1).astype(np.uint16)


def dapi_image(rng: np.random.Generator, *, positive: bool, size: int = 24, bits: int = 12) -> np.ndarray:
    """The nucleus in fluorescence: uint16 (size, size) on a dark background."""
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    radius = size * (0.2 if positive else 0.14) * rng.uniform(0.9, 1.1)
    image = 100 + rng.normal(0, 4, (size, size)) + 1200 * (np.hypot(x, y) < radius)
    return np.clip(image, 0, 2**bits - 1).astype(np.uint16)


def draw_export(
    folder: Path,
    *,
    cells: int = 120,
    donors: int = 12,
    positive_share: float = 0.4,
    size: int = 24,
    patients: int = 0,
    dapi: bool = True,
    seed: int = 0,
) -> Export:
    """Write an export and its label table (labels.csv beside it); every donor has cells of both classes.

    The last `patients` donors have origin `patient`; the others hold spiked lines (`cell_line`) and their own
    leukocytes (`healthy_donor`).
    """
    rng = np.random.default_rng(seed)
    rows = []
    for index in range(cells):
        donor = index % donors
        positive = (index // donors) % 10 < positive_share * 10
        sample, cell = f"S{donor:02d}", f"c{index // donors:04d}"
        (folder / sample).mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(folder / sample / f"{cell}_BF.tif", cell_image(rng, positive=positive, size=size))
        if dapi:
            tifffile.imwrite(folder / sample / f"{cell}_DAPI.tif", dapi_image(rng, positive=positive, size=size))
        of_patient = donor >= donors - patients
        rows.append(
            {
                "sample_id": sample,
                "cell_id": cell,
                "label": POSITIVE if positive else NEGATIVE,
                "donor_id": f"D{donor:02d}",
                "origin": "patient" if of_patient else ("cell_line" if positive else "healthy_donor"),
                "pixel_size_um": 0.65,
            }
        )
    table = pl.DataFrame(rows)
    path = folder.parent / f"{folder.name}_labels.csv"
    table.write_csv(path)
    return Export(folder, path, table)
