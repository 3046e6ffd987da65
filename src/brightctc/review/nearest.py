"""The training cells that a network finds most like a cell, where the cohort that it has learned from is at hand."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from brightctc.bundle import Bundle
from brightctc.cohort import Cohort, ImageFault, read_or_fault
from brightctc.errors import UserError
from brightctc.predict.learned import LearnedCells

SHOWN = 5
Progress = Callable[..., None]


@dataclass(frozen=True)
class Near:
    """A training cell. bundle: the hash of the one that has learned from it; place: among its training cells.

    distance: 1 − cosine of the angle between the two cells' embeddings, from 0 to 2.
    """

    bundle: str
    place: int
    label: str
    distance: float


@dataclass(frozen=True)
class Nearest:
    """Training cells by the hash of the bundle that has learned from them."""

    cohort: Cohort | None = None
    learned: Mapping[str, LearnedCells] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, bundles: Sequence[Bundle], progress: Progress | None = None) -> "Nearest":
        """Those of a cohort for each of the bundles that has learned from it; all are scored, which takes a while.

        Raises UserError where none of the bundles has.
        """
        cohort = Cohort.read(folder)
        alike = [bundle for bundle in bundles if bundle.classes == cohort.classes]
        found = {bundle.hash: LearnedCells.of(bundle, cohort, progress) for bundle in alike}
        learned = {name: cells for name, cells in found.items() if cells is not None}
        if not learned:
            names = ", ".join(repr(bundle.about.provenance.cohort) for bundle in bundles)
            raise UserError(
                "no bundle that is here has learned from a cell of this cohort, or none of these can be read",
                folder,
                f"give the cohort that --bundle was trained on ({names})" if names else "give its --bundle, too",
            )
        return cls(cohort, learned)

    def has(self, bundle: Bundle | None) -> bool:
        """Are the training cells of this bundle here?"""
        return bundle is not None and bundle.hash in self.learned

    def near(self, bundle: Bundle, embedding: np.ndarray, owner: Hashable, cell_id: str) -> list[Near]:
        """The nearest first, at most SHOWN: none of the same owner, and not the cell itself. embedding: (d,)."""
        learned = self.learned[bundle.hash]
        found = learned.nearest(embedding[None], [owner], SHOWN + 1)
        if found is None:
            return []
        ids, labels = learned.rows["cell_id"], learned.rows["label"]
        near = [
            Near(bundle.hash, place, labels[place], distance)
            for place, distance in zip(found[0][0].tolist(), found[1][0].tolist(), strict=True)
            if ids[place] != cell_id
        ]
        return near[:SHOWN]

    def share(self, bundle: Bundle) -> float:
        """Of the bundle's training cells, the share that is positive."""
        return self.learned[bundle.hash].shares[0]

    def crop(self, bundle: str, place: int) -> np.ndarray | str:
        """A training cell's bright field as it was taken; or in words why there is none."""
        learned = self.learned.get(bundle)
        if self.cohort is None or learned is None or place >= learned.rows.height:
            return "there is no such training cell"
        path = self.cohort.paths(learned.rows[[place]], "bright_field")[0]
        image = read_or_fault(path)
        return image.detail if isinstance(image, ImageFault) else image
