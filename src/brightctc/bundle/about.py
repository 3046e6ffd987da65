"""`bundle.json`: everything a bundle knows of itself beside the network."""

import json
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from brightctc.bundle.calibration import Calibration
from brightctc.bundle.contract import Contract
from brightctc.bundle.frozen import Frozen
from brightctc.bundle.likeness import LikenessLimit
from brightctc.bundle.processor import Precision
from brightctc.bundle.shift import ShiftLimits
from brightctc.bundle.tested import Tested
from brightctc.bundle.validation import BundleThreshold, ValidationCells
from brightctc.cohort.folder import Classes
from brightctc.preprocess import Channel, Preparation

FORMAT_VERSION = 1


class PartCounts(Frozen):
    """Labelled cells of a part, and from how many donors (None where donors are unknown)."""

    positive: int
    negative: int
    donors: int | None = None


class Provenance(Frozen):
    """Where the bundle comes from: counts, never ids.

    split_by: the column whose values stay together (`donor_id`, `sample_id`, `cell_id`).
    pattern, bright_field, dapi: how the cohort's images were found in their export, and the tokens of the
    channels there; `predict` on a bare export uses the same.
    versions: of the libraries that trained it. assumptions: what the recipe had to assume.
    warnings: what a user of the bundle should hear at every use (a split by cell, few positives).
    """

    cohort: str
    counts: dict[str, PartCounts]
    split_by: str
    seed: int
    versions: dict[str, str] = Field(default_factory=dict)
    pattern: str | None = None
    bright_field: str | None = None
    dapi: str | None = None
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class About(Frozen):
    """The whole of `bundle.json`. parity: largest |score difference|, torch against OpenVINO, at export.

    parent: hash of the bundle that this one was derived from. files: name → SHA-256 of every other file.
    threshold, validation: of the network in float32. precisions: what else it was tested in, each at most once.
    likeness: beyond which distance a cell is unlike the training cells; None where validation cells were too few.
    shift: within which limits a sample of cells is like those of the training; None where samples were too few.
    """

    format_version: Literal[1] = FORMAT_VERSION
    name: str
    classes: Classes
    channels: tuple[Channel, ...]
    preparation: Preparation
    threshold: BundleThreshold
    calibration: Calibration | None = Field(None, description="None: not calibrated")
    contract: Contract
    recipe: dict[str, Any]
    recipe_hash: str
    provenance: Provenance
    parent: str | None = None
    parity: float | None = Field(None, ge=0)
    files: dict[str, str]
    validation: ValidationCells
    precisions: tuple[Tested, ...] = ()
    likeness: LikenessLimit | None = None
    shift: ShiftLimits | None = None

    @model_validator(mode="after")
    def _precisions_are_of_the_same_cells(self) -> Self:
        if len({tested.precision for tested in self.precisions}) < len(self.precisions):
            raise ValueError("a precision stands here twice")
        if any(tested.validation.positive != self.validation.positive for tested in self.precisions):
            raise ValueError("a precision was tested on other cells")
        return self

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to say at every use of this bundle in float32."""
        return tuple(dict.fromkeys((*self.provenance.warnings, *self.threshold.warnings)))

    def tested(self, precision: Precision) -> Tested | None:
        """The test of a precision; None where there was none, as of float32."""
        return next((tested for tested in self.precisions if tested.precision == precision), None)

    def to_text(self) -> str:
        """As JSON, indented, with each list of numbers or words on one line."""
        return _indented(self.model_dump(mode="json"), "") + "\n"


def _indented(value: Any, margin: str) -> str:
    if isinstance(value, dict) and value:
        inner = margin + "  "
        rows = [f"{inner}{json.dumps(key, ensure_ascii=False)}: {_indented(row, inner)}" for key, row in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{margin}}}"
    if isinstance(value, list) and any(isinstance(row, dict) for row in value):
        inner = margin + "  "
        return "[\n" + ",\n".join(inner + _indented(row, inner) for row in value) + f"\n{margin}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
