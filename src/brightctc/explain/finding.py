"""Everything that an explanation finds, in its order."""

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from brightctc.bundle.runtime import Scorer
from brightctc.cohort import Cohort, owners_of
from brightctc.evaluate.cells import Progress
from brightctc.explain import mapping
from brightctc.explain.background import Erased, erased
from brightctc.explain.cells import Explained
from brightctc.explain.differing import Difference, differences, kinds_of
from brightctc.explain.faithful import Curves, curves, random_orders
from brightctc.explain.morphology import OF_STAIN, Morphology, morphology_of
from brightctc.explain.neighbours import Neighbours, neighbours
from brightctc.explain.places import share_inside
from brightctc.explain.predicting import Predicted, predicted
from brightctc.explain.units import Units

ACTIVATION = "activation map"
WITHOUT_TORCH = (
    "integrated gradients, Grad-CAM and the check with random weights need torch and captum: "
    "pip install 'brightctc[train]'"
)
WITHOUT_UMAP = "maps of features and embeddings need umap-learn: pip install 'brightctc[explain]'"
NO_GRAD_CAM = (
    "Grad-CAM is left out: this network scores a token of its own, not the places of its last feature maps; such an "
    "activation map says little, too"
)
ONE_OF_SEVERAL = "gradients are those of the first of the bundle's networks; all else is of their average"


@dataclass(frozen=True)
class Explanation:
    """Of n explained cells, m of which were attributed.

    inside: float64 (n,), share of the activation map that speaks for the call and lies in the outline; NaN without an
    outline, and where the logit has not the sign of the call (`cells.plain`). Such cells are not attributed.
    area: float64 (n,), share of the input that the outline takes.
    attributed: int (m,), places among the cells. attributions: name → float (m, size, size), positive where a place
    speaks for the cell's call. curves: of these, and of a random order. likeness: name → rank correlation with maps of
    random weights, float64 (m,). maps: name → float (n, 2).
    """

    cells: Explained
    erased: Erased
    inside: np.ndarray
    area: np.ndarray
    attributed: np.ndarray
    attributions: dict[str, np.ndarray]
    curves: dict[str, Curves]
    likeness: dict[str, np.ndarray]
    neighbours: Neighbours | None
    morphology: Morphology
    predicted: list[Predicted]
    differences: list[Difference]
    maps: dict[str, np.ndarray]
    warnings: tuple[str, ...]

    @property
    def outlined(self) -> np.ndarray:
        """bool (n,): a cell was found in the crop."""
        return self.area > 0


def explanation_of(
    cells: Explained, cohort: Cohort, scorer: Scorer, units: Units, most: int, seed: int, progress: Progress | None
) -> Explanation:
    """All of it. most: cells that are attributed."""
    outlines = [cells.outline(index) for index in range(len(cells.seen))]
    towards = [cells.side[index] * cells.activation(index) for index in range(len(cells.seen))]
    inside = [
        share_inside(map_, outline) if outline.any() and plain else np.nan
        for map_, outline, plain in zip(towards, outlines, cells.plain, strict=True)
    ]
    without = erased(cells, scorer, units, seed, progress)
    attributed = _attributed(cells, most, seed)
    attributions, likeness, warnings = _attributions(cells, towards, attributed, seed, progress)
    size = cells.inputs.shape[-1]
    orders = {**attributions, "random": random_orders(len(attributed), size, seed)}

    def tell(done: int) -> None:
        if progress is not None:
            progress("deleting and inserting", done, len(attributed))

    found = curves(orders, cells.inputs[attributed], cells.side[attributed], scorer, tell)
    near = neighbours(cells, cohort, progress)
    morphology = morphology_of(cohort, cells.rows["cell_id"].to_list(), seed, progress)
    maps = _maps(cells, morphology)
    return Explanation(
        cells=cells,
        erased=without,
        inside=np.array(inside, dtype=np.float64),
        area=np.array([outline.mean() for outline in outlines], dtype=np.float64),
        attributed=attributed,
        attributions=attributions,
        curves=found,
        likeness=likeness,
        neighbours=near,
        morphology=morphology,
        predicted=_predicted(cells, morphology, units),
        differences=_differences(cohort, morphology, units),
        maps=maps,
        warnings=(
            *_learned(cells),
            *warnings,
            *morphology.warnings,
            *([] if maps or len(cells.seen) < mapping.FEWEST else [WITHOUT_UMAP]),
        ),
    )


def _learned(cells: Explained) -> list[str]:
    if "part" not in cells.rows.columns or not (cells.rows["part"] == "train").any():
        return []
    return ["these are training cells: the network has learned their labels, so all of this flatters it; --part test"]


def _attributed(cells: Explained, most: int, seed: int) -> np.ndarray:
    """Outlined cells, by chance, called and not called alike as far as there are."""
    rng = np.random.default_rng(seed)
    found = np.array([each.outline.found for each in cells.seen], dtype=bool) & cells.plain
    sides = [rng.permutation(np.flatnonzero(found & (cells.called == side))) for side in (True, False)]
    few = min(len(sides[0]), len(sides[1]), most // 2)
    counts = [min(len(side), max(few, most - min(len(other), most - few))) for side, other in (sides, sides[::-1])]
    return np.sort(np.concatenate([side[:count] for side, count in zip(sides, counts, strict=True)])[:most])


def _attributions(
    cells: Explained, towards: list[np.ndarray], attributed: np.ndarray, seed: int, progress: Progress | None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], list[str]]:
    size = cells.inputs.shape[-1]
    empty = np.zeros((0, size, size), np.float32)
    found = {ACTIVATION: np.stack([towards[index] for index in attributed]) if len(attributed) else empty}
    if not len(attributed):
        return found, {}, []
    if find_spec("torch") is None or find_spec("captum") is None:
        return found, {}, [WITHOUT_TORCH]
    from brightctc.explain.gradients import GRAD_CAM, attributions  # torch takes seconds to load, and may be missing

    more = attributions(cells.bundle, cells.inputs[attributed], seed, progress)
    side = cells.side[attributed][:, None, None]
    found |= {name: side * values for name, values in more.maps.items()}
    warnings = [*([ONE_OF_SEVERAL] if more.networks > 1 else []), *([] if GRAD_CAM in more.maps else [NO_GRAD_CAM])]
    return found, more.likeness, warnings


def _predicted(cells: Explained, morphology: Morphology, units: Units) -> list[Predicted]:
    ids = cells.rows["cell_id"].to_list()
    kinds = [group for group in dict.fromkeys(morphology.groups.values()) if group != OF_STAIN]
    tables = {group: morphology.of(ids, group) for group in kinds}
    logit = cells.outputs.logit.astype(np.float64)
    return predicted(logit, tables, [each.crop for each in cells.seen], cells.positive, units)


def _differences(cohort: Cohort, morphology: Morphology, units: Units) -> list[Difference]:
    rows = morphology.rows
    classes = cohort.classes
    positive = cohort.positive(rows).fill_null(False).to_numpy()
    by = {"donor": "donor_id", "sample": "sample_id"}.get(units.unit, "cell_id")
    everyone = Units(units.unit, owners_of(rows, by), units.resamples, units.seed)
    found: list[Difference] = []
    for kinds in kinds_of(rows, positive, (classes.positive, classes.negative)):
        found += differences(kinds, morphology.features, morphology.groups, everyone)
    return found


def _maps(cells: Explained, morphology: Morphology) -> dict[str, np.ndarray]:
    if not mapping.is_there() or len(cells.seen) < mapping.FEWEST:
        return {}
    ids = cells.rows["cell_id"].to_list()
    kinds = [group for group in dict.fromkeys(morphology.groups.values()) if group != OF_STAIN]
    features = np.concatenate([morphology.of(ids, group) for group in kinds], axis=1)
    return {"features": mapping.umap(features), "embedding": mapping.umap(cells.outputs.embedding)}
