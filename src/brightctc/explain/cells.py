"""The cells that are explained: crops, outlines, and what the network says of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from brightctc.bundle import Bundle
from brightctc.bundle.runtime import Outputs, Scorer
from brightctc.cohort import Cohort, ImageFault, read_images
from brightctc.errors import UserError
from brightctc.evaluate.cells import Progress, cells_of, labelled
from brightctc.explain.places import enlarged, outline_in_input
from brightctc.measure import OutlinedCrop
from brightctc.preprocess import background_fault

_AT_ONCE = 64  # cells that are prepared and scored together


@dataclass(frozen=True)
class Explained:
    """n cells that could be read, in the cohort's order.

    rows: of the cohort. positive: bool (n,). seen: crop, background and outline of each. inputs: float32 (n, 1, size,
    size), what the network was fed. outputs: what it said.
    """

    bundle: Bundle
    rows: pl.DataFrame
    positive: np.ndarray
    seen: Sequence[OutlinedCrop]
    pixel_sizes: Sequence[float | None]
    inputs: np.ndarray
    outputs: Outputs

    @property
    def called(self) -> np.ndarray:
        """bool (n,), at the bundle's frozen threshold."""
        return self.outputs.logit >= self.bundle.threshold.logit

    @property
    def side(self) -> np.ndarray:
        """int (n,): 1 where the cell was called positive, −1 where not: the direction that its call speaks for."""
        return np.where(self.called, 1, -1)

    @property
    def plain(self) -> np.ndarray:
        """bool (n,): the logit has the sign of the call.

        Between 0 and the threshold it has not, and no place could be said to speak for the call.
        """
        return (self.outputs.logit >= 0) == self.called

    def outline(self, index: int) -> np.ndarray:
        """bool (size, size): the cell's outline in the network's input."""
        cell = self.seen[index].outline.cell
        return outline_in_input(cell, self.bundle.preparation, self.pixel_sizes[index])

    def activation(self, index: int) -> np.ndarray:
        """float32 (size, size): the class activation map, enlarged from the network's own coarse grid."""
        return enlarged(self.outputs.activation_map[index], self.inputs.shape[-1])


def chosen(bundle: Bundle, cohort: Cohort, part: str, most: int, seed: int) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Labelled rows of a part, `most` at most, both classes alike as far as there are cells; and warnings.

    Raises UserError for a bundle that takes more than bright field, and as `evaluate` does.
    """
    if bundle.about.channels != ("bright_field",):
        raise UserError(
            f"this bundle takes {' and '.join(bundle.about.channels)}, and bright field alone can be explained",
            bundle.folder,
            "train one that scores bright field alone (dapi.way=none, mix, virtual_stain or distil)",
        )
    rows, warnings = cells_of(bundle.classes, cohort, part)
    rows = rows.filter(labelled(cohort, rows))
    if rows.height <= most:
        return rows, warnings
    positive = cohort.positive(rows).to_numpy()
    few = min(positive.sum(), (~positive).sum())
    least = min(int(few), most // 2)
    wanted = {bool(side): most - least for side in (False, True)} | {bool(positive.sum() <= (~positive).sum()): least}
    rng = np.random.default_rng(seed)
    kept = np.concatenate([rng.permutation(np.flatnonzero(positive == side))[:count] for side, count in wanted.items()])
    words = f"{most} of {rows.height} labelled cells of the part are explained; --cells takes more"
    return rows[np.sort(kept).tolist()], (*warnings, words)


def read_cells(
    bundle: Bundle, cohort: Cohort, rows: pl.DataFrame, scorer: Scorer, progress: Progress | None
) -> tuple[Explained, list[str | None]]:
    """Read, outline and score the rows; and for each row why it could not be read, None where it could."""
    error: list[str | None] = []
    seen, kept = [], []
    sizes = cohort.pixel_sizes(rows)
    for index, image in enumerate(read_images(cohort.paths(rows, "bright_field"))):
        if isinstance(image, ImageFault):
            error.append(f"{image.kind}: {image.detail}")
        else:
            error.append(background_fault(bundle.preparation.settings, {"bright_field": image}))
        if not isinstance(image, ImageFault) and error[-1] is None:
            seen.append(OutlinedCrop.of(image))
            kept.append(index)
        if progress is not None:
            progress("outlining", index + 1, rows.height)
    read = rows[kept]
    kept_sizes = [sizes[index] for index in kept]
    inputs, outputs = scored([each.crop for each in seen], kept_sizes, bundle, scorer, progress, "scoring")
    positive = cohort.positive(read).to_numpy()
    return Explained(bundle, read, positive, seen, kept_sizes, inputs, outputs), error


def scored(
    crops: Sequence[np.ndarray],
    pixel_sizes: Sequence[float | None],
    bundle: Bundle,
    scorer: Scorer,
    progress: Progress | None,
    words: str,
) -> tuple[np.ndarray, Outputs]:
    """Prepare and score crops: network inputs float32 (n, 1, size, size), and outputs."""
    inputs = np.zeros((len(crops), *bundle.shape), np.float32)
    for index, (crop, pixel_size) in enumerate(zip(crops, pixel_sizes, strict=True)):
        inputs[index] = bundle.preparation.network_input({"bright_field": crop}, pixel_size)
    parts = []
    for start in range(0, max(len(crops), 1), _AT_ONCE):
        parts.append(scorer.run(inputs[start : start + _AT_ONCE]))
        if progress is not None and len(crops):
            progress(words, min(start + _AT_ONCE, len(crops)), len(crops))
    return inputs, Outputs.joined(parts)
