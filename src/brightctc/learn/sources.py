"""Bundles that a training rests on: whose weights it starts from, and which one teaches it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import polars as pl

from brightctc.bundle import Bundle, Seen
from brightctc.bundle.seen import FILE_NAME as SEEN
from brightctc.cohort import Cohort
from brightctc.errors import UserError, plural
from brightctc.learn import ways
from brightctc.learn.crops import JUDGING
from brightctc.learn.rebuilding import recipe_of
from brightctc.learn.ways.student import teacher_of
from brightctc.recipe import DapiStudent, Recipe

_OF_NONE = ("packaged", "imagenet", "none")


@dataclass(frozen=True)
class Sources:
    """weights: the bundle whose weights a training starts from. teacher: the one that teaches it. None: there is none.

    What they have met, the new bundle has met, too.
    """

    weights: Bundle | None = None
    teacher: Bundle | None = None

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """The bundles that a recipe names.

        A weights file that was taken out of its bundle can't be asked; the new bundle then says so. Raises UserError
        where a bundle was changed, or a donor of it has withdrawn, or where a student has no teacher.
        """
        folder = Path(recipe.backbone.weights).parent
        bundled = recipe.backbone.weights not in _OF_NONE and (folder / SEEN).is_file()
        teacher = teacher_of(recipe.dapi) if isinstance(recipe.dapi, DapiStudent) else None
        return cls(Bundle.read(folder) if bundled else None, teacher)

    @property
    def identity(self) -> dict[str, str | None]:
        """What a run that is gone on with must have been started with."""
        hashes = {"source": self.weights, "teacher": self.teacher}
        return {name: None if bundle is None else bundle.hash for name, bundle in hashes.items()}

    @property
    def met(self) -> tuple[Seen, ...]:
        """For the new bundle's `Seen.before`: each training once."""
        found = [each for bundle in (self.weights, self.teacher) if bundle for each in bundle.seen.generations]
        return tuple({each.salt: each for each in found}.values())

    def assumptions(self, recipe: Recipe) -> list[str]:
        """What a reader should know of them."""
        found = []
        if self.weights is not None:
            found.append(
                f"the network started from the weights of bundle {self.weights.hash}; cells and donors that these have "
                "met count as met by this one"
            )
        elif recipe.backbone.weights not in _OF_NONE:
            found.append("the network started from weights of a file; what these were trained on is not known")
        if self.teacher is not None:
            found.append(
                f"bundle {self.teacher.hash} taught the network; cells and donors that it has met count as met by "
                "this one"
            )
        return found

    def refuse_within(self, run: Path) -> None:
        """They must not lie in the run's own folder, which is emptied before they are read once more.

        Raises UserError where one does.
        """
        for bundle in (self.weights, self.teacher):
            if bundle is not None and bundle.folder.resolve().is_relative_to(run.resolve()):
                raise UserError(
                    "this bundle lies in the folder of the run that is to rest on it",
                    bundle.folder,
                    "train into another folder",
                )

    def refuse_knowing(self, cohort: Cohort, recipe: Recipe) -> None:
        """They must not have met cells or donors that judge: the new network would be told the answers.

        With folds or teachers, training cells judge the weights, too; with folds, they judge a bundle that teaches. It
        may have been judged by the validation part itself, as a bundle of the same split has been, if that decided
        nothing of its network.
        Raises UserError where they have, or where the bundle that teaches tells other classes apart.
        """
        if self.weights is not None:
            _refuse_weights(self.weights.seen, cohort, recipe)
        if self.teacher is not None:
            _refuse_teacher(self.teacher, cohort, recipe.train.folds > 1)


def _refuse_weights(seen: Seen, cohort: Cohort, recipe: Recipe) -> None:
    crossed = recipe.train.folds > 1 or ways.way(recipe.dapi).CROSSED
    parts = ("train", *JUDGING) if crossed else JUDGING
    cells, donors = _met(seen, cohort, parts)
    if cells or donors:
        raise UserError(
            f"these first weights have met {_both(cells, donors)} of the {_listed(parts)} part: "
            + ("folds and teachers would know" if crossed else "figures on them would flatter")
            + (" the answers that they are to find" if crossed else " this training"),
            f"backbone.weights={recipe.backbone.weights}",
            "start from packaged weights, or from a bundle of other donors",
        )


def _refuse_teacher(teacher: Bundle, cohort: Cohort, folds: bool) -> None:
    if teacher.classes != cohort.classes:
        raise UserError(
            f"not the classes of {cohort.root.name}", teacher.folder, "give a bundle that tells these apart"
        )
    parts = ("train", *JUDGING) if folds else JUDGING
    chosen = recipe_of(teacher).train.keep == "best"
    cells, donors = _met(teacher.seen, cohort, parts, may_judge=() if folds or chosen else ("validation",))
    if cells or donors:
        raise UserError(
            f"the bundle that teaches knows {_both(cells, donors)} of the {_listed(parts)} part: figures on them would "
            "flatter this training",
            teacher.folder,
            "give a bundle that was trained on this split without folds and with train.keep=last, or on other donors",
        )


def _met(seen: Seen, cohort: Cohort, parts: Sequence[str], may_judge: Sequence[str] = ()) -> tuple[int, int]:
    """How many cells and donors of these parts it has seen.

    may_judge: of these parts it may, as a bundle of the same split, if it has not learned them. Where that split does
    not keep donors whole, both have met the donors of validation cells in training, and these are no news.
    """
    counts = {"cell_id": 0, "donor_id": 0}
    asked = {"cell_id": seen.part_of_cell, "donor_id": seen.part_of_donor}
    rows = cohort.cells
    for column in counts.keys() & set(rows.columns):
        learned = set() if not may_judge else set(rows.filter(pl.col("part") == "train")[column])
        for part in parts:
            judges = set(rows.filter(pl.col("part") == part)[column].drop_nulls()) - learned
            found = [asked[column](each) for each in judges]
            counts[column] += sum(was is not None and not (part in may_judge and was == "validation") for was in found)
    return counts["cell_id"], counts["donor_id"]


def _both(cells: int, donors: int) -> str:
    return f"{plural(cells, 'cell')} and {plural(donors, 'donor')}"


def _listed(parts: Sequence[str]) -> str:
    return f"{', '.join(parts[:-1])} or {parts[-1]}"
