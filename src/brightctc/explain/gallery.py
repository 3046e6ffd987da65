"""`cells.png`: some cells, their maps, what is left without the cell, and the training cells nearest to them."""

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from brightctc.cohort import Cohort, ImageFault, read_or_fault
from brightctc.evaluate.panels import LINE, MUTED, POSITIVE
from brightctc.explain.erasing import without_cell, without_surroundings
from brightctc.explain.finding import Explanation
from brightctc.measure import OutlinedCrop

MOST, SHOWN = 8, 3  # cells; neighbours of each
_SIDE = 0.92  # inches
_SMOOTH = 48
_FOR_AGAINST = LinearSegmentedColormap.from_list("for and against", [LINE, "#F4F4F4", POSITIVE])


def draw_cells(found: Explanation, cohort: Cohort) -> Figure:
    """A row a cell: surest calls of each class and surest errors, where there are any.

    Rows are numbered, and hold no id: pictures are handed on in reports, where donors have other names.
    """
    chosen = drawn_cells(found)
    maps = list(found.attributions)
    near = 0 if found.neighbours is None else SHOWN
    heads = [
        "crop",
        *maps,
        "cell alone",
        "cell erased",
        *(f"training cell\nnearest {number + 1}" for number in range(near)),
    ]
    figure = Figure(figsize=(_SIDE * len(heads) + 0.9, (_SIDE + 0.2) * len(chosen) + 0.2), layout="constrained")
    panels = figure.subplots(len(chosen), len(heads), squeeze=False)
    for axes, head in zip(panels[0], heads, strict=True):
        failed = head in found.curves and not found.curves[head].faithful
        words = head.replace("integrated gradients", "integrated\ngradients")
        axes.set_title(f"{words}\nnot to be read" if failed else words, fontsize=7, color=MUTED if failed else "black")
    for number, (line, at) in enumerate(zip(panels, chosen, strict=True), start=1):
        _row(line, found, cohort, at, number)
    return figure


def drawn_cells(found: Explanation) -> list[int]:
    """Places among the attributed cells, in the order of rows: two of each kind of outcome, the surest first."""
    cells, index = found.cells, found.attributed
    positive, called, logit = cells.positive[index], cells.called[index], cells.outputs.logit[index]
    sure = np.abs(logit - cells.bundle.threshold.logit)
    order = np.argsort(-sure, kind="stable")
    kinds = [(True, True), (False, True), (True, False), (False, False)]
    taken = [[at for at in order if (positive[at], called[at]) == kind][: MOST // 4] for kind in kinds]
    return [int(at) for kind in taken for at in kind]


def _row(line: np.ndarray, found: Explanation, cohort: Cohort, at: int, number: int) -> None:
    cells, index = found.cells, int(found.attributed[at])
    seen, classes = cells.seen[index], cells.bundle.classes
    truth = classes.positive if cells.positive[index] else classes.negative
    call = classes.positive if cells.called[index] else classes.negative
    reach = max(float(np.quantile(np.abs(seen.background.departure), 0.995)), 0.05)
    axes = iter(line)
    first = next(axes)
    _crop(first, seen.background.departure, reach)
    first.contour(seen.outline.cell.astype(float), [0.5], colors=[POSITIVE], linewidths=0.7)
    first.set_ylabel(f"{truth}\ncalled {call}", fontsize=6.5)
    _score(first, cells.bundle.score(cells.outputs.logit[index]), f"row {number}")
    fed = cells.bundle.preparation.placed(seen.background.departure, cells.pixel_sizes[index])
    for values in found.attributions.values():
        _overlay(next(axes), fed, reach, values[at])
    for erase, logit in ((without_surroundings, found.erased.logit_alone), (without_cell, found.erased.logit_without)):
        panel = next(axes)
        _crop(panel, OutlinedCrop.of(erase(seen, index)).background.departure, reach)
        _score(panel, cells.bundle.score(logit[index]))
    if found.neighbours is not None:
        rows = found.neighbours.learned.rows
        for panel, place in zip(axes, found.neighbours.nearest[index].tolist(), strict=False):
            image = read_or_fault(cohort.paths(rows[[place]], "bright_field")[0])
            if not isinstance(image, ImageFault):
                _crop(panel, OutlinedCrop.of(image).background.departure, reach)
            panel.set_xlabel(str(rows["label"][place]), fontsize=6, color=MUTED, labelpad=1)
    for panel in line:
        panel.set(xticks=[], yticks=[])


def _crop(axes: Axes, departure: np.ndarray, reach: float) -> None:
    axes.imshow(departure, cmap="gray", vmin=-reach, vmax=reach, interpolation="nearest")
    axes.set(xticks=[], yticks=[])


def _overlay(axes: Axes, fed: np.ndarray, reach: float, values: np.ndarray) -> None:
    """Orange speaks for the call, blue against it, over what the network was fed: both (size, size)."""
    _crop(axes, fed, reach)
    values = cv2.GaussianBlur(values.astype(np.float32), (0, 0), len(values) / _SMOOTH)  # single pixels are noise
    most = max(float(np.quantile(np.abs(values), 0.99)), 1e-12)
    shade = np.clip(np.abs(values) / most, 0, 1) * 0.75
    axes.imshow(values, cmap=_FOR_AGAINST, vmin=-most, vmax=most, alpha=shade, interpolation="bilinear")


def _score(axes: Axes, score: np.ndarray, name: str = "") -> None:
    axes.set_xlabel(f"score {float(score):.3f}" + (f"\n{name}" if name else ""), fontsize=6, labelpad=1)
