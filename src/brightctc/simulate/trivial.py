"""Could one tell the made classes apart by a single number? The ROC-AUC of each, so that nobody has to guess."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from brightctc.metrics import roc_auc

BORDER_PX = 8
STATISTICS = {
    "mean": "mean grey level of the crop",
    "contrast": "its standard deviation over its mean",
    "size": "true area of the cell",
    "nucleus_size": "true area of the nucleus",
    "border": "mean grey level of the crop's border",
    "border_contrast": "standard deviation of the border over its mean",
}


@dataclass(frozen=True)
class Trivial:
    """A crop's simple numbers; areas in µm²."""

    mean: float
    contrast: float
    size: float
    nucleus_size: float
    border: float
    border_contrast: float


def trivial_of(image: np.ndarray, masks: np.ndarray, pixel_um: float) -> Trivial:
    """image: (h, w) bright field; masks: (h, w), 1 cell, 2 nucleus."""
    around = np.ones(image.shape, bool)
    around[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = False
    border = image[around].astype(np.float64)
    whole = image.astype(np.float64)
    area = pixel_um**2
    return Trivial(
        mean=float(whole.mean()),
        contrast=float(whole.std() / whole.mean()),
        size=float(np.isin(masks, (1, 2)).sum() * area),
        nucleus_size=float((masks == 2).sum() * area),
        border=float(border.mean()),
        border_contrast=float(border.std() / border.mean()),
    )


def separations(table: pl.DataFrame, positive: str, negative: str) -> pl.DataFrame:
    """Per statistic the ROC-AUC (0.5 to 1, whichever way it points) of patients' tumour cells and of lines.

    Each is against the leukocytes of the same samples; a row each, with the counts.

    table: a row a cell with the statistics, `label`, and `origin` (patient, cell_line or healthy_donor).
    """
    spiked = pl.col("origin").is_in(["cell_line", "healthy_donor"])
    groups = {"patients": pl.col("origin") == "patient", "lines": spiked}
    rows = []
    for group, condition in groups.items():
        cells = table.filter(condition & pl.col("label").is_in([positive, negative]))
        is_positive = (cells["label"] == positive).to_numpy()
        if not is_positive.any() or is_positive.all():
            continue
        for name, words in STATISTICS.items():
            area = roc_auc(is_positive, cells[name].to_numpy())
            rows.append(
                {
                    "group": group,
                    "statistic": name,
                    "roc_auc": round(max(area, 1 - area), 4),
                    "positives": int(is_positive.sum()),
                    "negatives": int((~is_positive).sum()),
                    "meaning": words,
                }
            )
    columns = ["group", "statistic", "roc_auc", "positives", "negatives", "meaning"]
    return pl.DataFrame(rows, schema=None if rows else columns)
