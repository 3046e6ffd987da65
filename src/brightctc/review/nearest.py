"""The training cells that a network finds most like a cell, where the cohort that it has learned from is at hand."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from brightctc.bundle import WITHDRAWN, Bundle
from brightctc.bundle.seen import salted_hash
from brightctc.cohort import Cohort, ImageFault, read_or_fault
from brightctc.errors import UserError, plural
from brightctc.predict.learned import LearnedCells

SHOWN = 5
_NEARLY_0 = 0.005  # below it a distance is no number that two digits tell
_AT_ONCE = 50
Progress = Callable[..., None]
Hidden = Callable[[pl.DataFrame], Sequence[bool]]
"""Which of some training cells a reader is not to be shown."""


@dataclass(frozen=True)
class Near:
    """A training cell. key: by which its picture is asked for, of its id; distance: in words."""

    key: str
    label: str
    distance: str
    pixel_size_um: float | None


@dataclass(frozen=True)
class Learned:
    """Of one bundle. keys: of its training cells, by which their pictures are asked for."""

    bundle: Bundle
    cells: LearnedCells
    pixel_sizes: Sequence[float | None]

    @property
    def told(self) -> str:
        """How many of its training cells are here, and how many of these are positive."""
        here, of, positive = self.cells.rows.height, self.cells.of, int(self.cells.positive.sum())
        kind = self.bundle.classes.positive
        if here == of:
            return f"of all its {plural(of, 'training cell')}, {positive:,} are {kind}"
        return f"of the {here:,} of its {plural(of, 'training cell')} that are here, {positive:,} are {kind}"

    @cached_property
    def keys(self) -> dict[str, int]:
        """Key → place."""
        salt = self.bundle.seen.salt
        return {salted_hash(salt, "cell", cell): place for place, cell in enumerate(self.cells.rows["cell_id"])}


@dataclass(frozen=True)
class Nearest:
    """Training cells by the hash of the bundle that has learned from them."""

    cohort: Cohort | None = None
    learned: Mapping[str, Learned] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, bundles: Sequence[Bundle], progress: Progress | None = None) -> "Nearest":
        """Those of a cohort for each of the bundles that has learned from it; all are scored, which takes a while.

        Raises UserError where none of the bundles has.
        """
        cohort, learned = Cohort.read(folder), {}
        for bundle in bundles:
            cells = LearnedCells.found(bundle, cohort, progress) if bundle.classes == cohort.classes else None
            if cells is not None:
                learned[bundle.hash] = Learned(bundle, cells, cohort.pixel_sizes(cells.rows))
        if not learned:
            names = ", ".join(repr(bundle.about.provenance.cohort) for bundle in bundles)
            raise UserError(
                "no bundle that is here, and takes bright field alone, was taught with cells and labels of this cohort "
                "that can be read",
                folder,
                f"give the cohort that --bundle was trained on ({names})" if names else "give such a --bundle, too",
            )
        return cls(cohort, learned)

    def has(self, bundle: Bundle | None) -> bool:
        """Are the training cells of this bundle here, and has none of their donors withdrawn since?"""
        return bundle is not None and self._of(bundle.hash) is not None

    def near(self, bundle: Bundle, cell: pl.DataFrame, embedding: np.ndarray, hidden: Hidden) -> list[Near]:
        """The nearest first, at most SHOWN that may be shown. cell, embedding (1, d): as of `LearnedCells.nearest`."""
        learned = self.learned[bundle.hash]
        found = learned.cells.nearest(cell, embedding, learned.cells.rows.height)
        if found is None:
            return []
        (places,), (distances,) = found
        keys, near = list(learned.keys), []
        for start in range(0, len(places), _AT_ONCE):
            some = places[start : start + _AT_ONCE].tolist()
            rows = learned.cells.rows[some]
            for place, kept_back, distance in zip(some, hidden(rows), distances[start:], strict=False):
                if not kept_back:
                    label, size = learned.cells.rows["label"][place], learned.pixel_sizes[place]
                    near.append(Near(keys[place], label, _in_words(float(distance)), size))
            if len(near) >= SHOWN:
                break
        return near[:SHOWN]

    def crop(self, bundle: str, key: str, hidden: Hidden) -> np.ndarray | str:
        """A training cell's bright field as it was taken; or in words why there is none."""
        learned = self._of(bundle)
        place = None if learned is None else learned.keys.get(key)
        if self.cohort is None or learned is None or place is None:
            return "there is no such training cell"
        row = learned.cells.rows[[place]]
        if any(hidden(row)):
            return "this training cell is part of a sample that is still to be read blind"
        image = read_or_fault(self.cohort.paths(row, "bright_field")[0])
        return image.detail if isinstance(image, ImageFault) else image

    def _of(self, bundle: str) -> Learned | None:
        learned = self.learned.get(bundle)
        return None if learned is None or (learned.bundle.folder / WITHDRAWN).exists() else learned


def _in_words(distance: float) -> str:
    return "next to none" if distance < _NEARLY_0 else f"{distance:.2f}"
