"""What a question wants to be run: variants, the cells that they learn from and are measured on, pairs to compare."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.recipe import Recipe

_PLAIN = re.compile(r"[^A-Za-z0-9+\-_.=@]+")
Kind = Literal["network", "control", "unranked", "baseline"]
OWN = ""  # the division that is the cohort's own split


def folder_name(text: str) -> str:
    """A text that names a folder: what is not a letter, a digit or one of `+-_.=@` is replaced, and told apart."""
    plain = _PLAIN.sub("_", text).strip(".") or "_"
    return plain if plain == text else f"{plain}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


@dataclass(frozen=True)
class Exam:
    """Cells that runs are measured on: a part of the division they were trained on, or of another cohort.

    words: what these cells are, for a table's heading.
    """

    name: str
    part: str
    words: str
    channel: str = "bright_field"
    cohort: Path | None = None


TEST = Exam("test", "test", "test part")
SEALED = Exam("sealed", "sealed", "sealed part")


@dataclass(frozen=True)
class Variant:
    """A row of a study: one recipe (or trained bundles, one a seed), run with every seed.

    name: of its folder and in tables; letters, digits and `+-_.=`. words: what it is. division: the name of the split
    that it is trained on; `{seed}` in it stands for the seed. marks: words that stand beside its figures.
    """

    name: str
    words: str
    recipe: Recipe | None
    kind: Kind = "network"
    division: str = OWN
    exams: tuple[Exam, ...] = (TEST,)
    marks: tuple[str, ...] = ()
    bundles: tuple[Path, ...] = ()

    def division_of(self, seed: int) -> str:
        """The division that this seed is trained on."""
        return self.division.replace("{seed}", str(seed))


@dataclass(frozen=True)
class Plan:
    """The runs of a question.

    pairs: (first, second), first minus second, of variants that are measured on the same cells. divisions: name → what
    writes that split into a new folder (see `divisions`). failed: variants that can't be run, and why. sealed: do
    divisions hold the cohort's sealed part?
    """

    variants: tuple[Variant, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    divisions: Mapping[str, Callable[[Cohort, Path], Any]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    failed: Mapping[str, UserError] = field(default_factory=dict)
    sealed: bool = True

    def variant(self, name: str) -> Variant:
        """Raises UserError for an unknown name."""
        for variant in self.variants:
            if variant.name == name:
                return variant
        known = ", ".join(variant.name for variant in self.variants)
        raise UserError(f"this study has no variant called {name!r}", "--pair", f"use {known}")
