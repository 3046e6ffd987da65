"""Which cells of a cohort calibrate a quantised network, and which judge it: as the bundle remembers, not the split."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
import polars as pl

from brightctc.bundle import Bundle
from brightctc.bundle.seen import salted_hash
from brightctc.cohort import Cohort, ImageFault, read_or_fault
from brightctc.errors import UserError, plural
from brightctc.predict.learned import cells_known_to
from brightctc.predict.preparers import default_workers
from brightctc.preprocess import Channel

Progress = Callable[..., None]
MOST, FEWEST = 300, 32  # calibrating cells; 100 did as well as 300 where all were of one kind (docs/decisions/0021)
_TASK = 32  # cells that are read and prepared at a time


@dataclass(frozen=True)
class Cells:
    """n labelled cells, ready for the network.

    inputs: float32 (n, channels, size, size). positive: bool (n,).
    """

    inputs: np.ndarray
    positive: np.ndarray


def calibrating_cells(bundle: Bundle, cohort: Cohort, progress: Progress | None = None) -> Cells:
    """Cells that the bundle was trained on: at most 300, as many of each class as there are, of as many donors.

    Which ones follows from their ids alone, not from their order. Raises UserError where there are fewer than 32.
    """
    rows = cells_known_to(bundle, cohort, "train")
    if rows.height < FEWEST:
        raise UserError(
            f"{plural(rows.height, 'cell')} of this cohort trained the bundle; to calibrate INT8 takes {FEWEST}",
            cohort.root,
            f"give the cohort it was trained on ({bundle.about.provenance.cohort!r}), with its labels",
        )
    return _ready(
        bundle, cohort, rows[_in_turn(rows, cohort, bundle.seen.salt)[:MOST]], progress, "reading training cells"
    )


def judging_cells(bundle: Bundle, cohort: Cohort, progress: Progress | None = None) -> Cells:
    """The cells that the bundle's threshold was chosen on. Raises UserError where a class is missing among them."""
    rows = cells_known_to(bundle, cohort, "validation")
    positive = cohort.positive(rows).to_numpy() if rows.height else np.zeros(0, dtype=bool)
    for name, found in ((bundle.classes.positive, positive.any()), (bundle.classes.negative, (~positive).any())):
        if not found:
            raise UserError(
                f"no {name} cell of this cohort was in the bundle's validation part: nothing can judge a precision",
                cohort.root,
                f"give the cohort it was trained on ({bundle.about.provenance.cohort!r}), with its labels",
            )
    return _ready(bundle, cohort, rows, progress, "reading validation cells")


def _in_turn(rows: pl.DataFrame, cohort: Cohort, salt: str) -> list[int]:
    """Every row's index: a cell of either class in turn, and within a class one of each donor (else sample) in turn."""
    column = next((name for name in ("donor_id", "sample_id") if name in rows.columns), None)
    donors = [None] * rows.height if column is None else rows[column].to_list()
    order = sorted(range(rows.height), key=lambda row: salted_hash(salt, "cell", rows["cell_id"][row]))
    groups: dict[bool, dict[str | None, list[int]]] = {True: {}, False: {}}
    positive = cohort.positive(rows).to_list()
    for row in order:
        groups[positive[row]].setdefault(donors[row], []).append(row)
    return list(_one_of_each([list(_one_of_each(list(donors.values()))) for donors in groups.values()]))


def _one_of_each(queues: Sequence[Sequence[int]]) -> Iterator[int]:
    return (item for item in chain.from_iterable(zip_longest(*queues)) if item is not None)


def _ready(bundle: Bundle, cohort: Cohort, rows: pl.DataFrame, progress: Progress | None, task: str) -> Cells:
    paths: dict[Channel, list[Path | None]] = {name: cohort.paths(rows, name) for name in bundle.about.channels}
    sizes, ids = cohort.pixel_sizes(rows), rows["cell_id"].to_list()
    inputs = np.empty((rows.height, *bundle.shape), np.float32)

    def prepare(row: int) -> None:
        crops: dict[Channel, np.ndarray] = {}
        for channel, files in paths.items():
            image = read_or_fault(files[row])
            if isinstance(image, ImageFault):
                raise UserError(
                    f"{ids[row]}: its {channel} image can't be read: {image.detail}",
                    files[row] or cohort.root,
                    "put the images back that the bundle was trained on",
                )
            crops[channel] = image
        inputs[row] = bundle.preparation.network_input(crops, sizes[row])

    with ThreadPoolExecutor(default_workers(), thread_name_prefix="prepare") as pool:
        for start in range(0, rows.height, _TASK):
            list(pool.map(prepare, range(start, min(start + _TASK, rows.height))))
            if progress is not None:
                progress(task, min(start + _TASK, rows.height), rows.height)
    return Cells(inputs, cohort.positive(rows).to_numpy())
