"""`bundle.json`: everything a bundle knows of itself beside the network."""

import json
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from brightctc.bundle.contract import Contract
from brightctc.cohort.folder import Classes
from brightctc.preprocess import Channel, Preparation

FORMAT_VERSION = 1


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class BundleThreshold(_Frozen):
    """A cell is called positive where its logit is at least `logit`; `score` is the same level as a score.

    policy: how it was chosen on validation cells (`f1`, `recall=0.95`, …). precision: of the network it was
    chosen with; it holds for no other.
    """

    policy: str
    logit: float
    score: float
    precision: Literal["float32"] = "float32"
    warnings: tuple[str, ...] = ()


class ValidationCells(_Frozen):
    """Logits and labels of the validation cells, sorted by logit, so that other thresholds can be derived.

    No ids. donor: 0, 1, 2 … stand for the donors in order of first appearance, None where unknown.
    samples: number of samples they came from (looks per sample), at least 1.
    """

    logit: tuple[float, ...]
    positive: tuple[bool, ...]
    donor: tuple[int | None, ...]
    samples: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _one_of_each_per_cell(self) -> Self:
        if not len(self.logit) == len(self.positive) == len(self.donor):
            raise ValueError("logit, positive and donor differ in length")
        return self

    @classmethod
    def of(cls, logit: Any, positive: Any, donor: Any, samples: int = 1) -> Self:
        """From n logits, n booleans and n donor ids (or Nones), in any order."""
        rows = sorted(zip(map(float, logit), map(bool, positive), donor, strict=True), key=lambda row: row[:2])
        numbers: dict[str, int] = {}
        for _, _, name in rows:
            if name is not None:
                numbers.setdefault(name, len(numbers))
        return cls(
            logit=tuple(row[0] for row in rows),
            positive=tuple(row[1] for row in rows),
            donor=tuple(None if row[2] is None else numbers[row[2]] for row in rows),
            samples=samples,
        )

    @property
    def donors(self) -> list[str | None]:
        """The donor numbers as text, as `metrics.choose_threshold` takes them."""
        return [None if number is None else str(number) for number in self.donor]


class PartCounts(_Frozen):
    """Labelled cells of a part, and from how many donors (None where donors are unknown)."""

    positive: int
    negative: int
    donors: int | None = None


class Provenance(_Frozen):
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
    versions: dict[str, str] = {}
    pattern: str | None = None
    bright_field: str | None = None
    dapi: str | None = None
    assumptions: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class About(_Frozen):
    """The whole of `bundle.json`. parity: largest |score difference|, torch against OpenVINO, at export.

    parent: hash of the bundle that this one was derived from. files: name → SHA-256 of every other file.
    """

    format_version: Literal[1] = FORMAT_VERSION
    name: str
    classes: Classes
    channels: tuple[Channel, ...]
    preparation: Preparation
    threshold: BundleThreshold
    temperature: float | None = Field(None, gt=0, description="None: not calibrated")
    contract: Contract
    recipe: dict[str, Any]
    recipe_hash: str
    provenance: Provenance
    parent: str | None = None
    parity: float | None = Field(None, ge=0)
    files: dict[str, str]
    validation: ValidationCells

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to say at every use of this bundle."""
        return tuple(dict.fromkeys((*self.provenance.warnings, *self.threshold.warnings)))

    def to_text(self) -> str:
        """As JSON, indented, with each list of numbers or words on one line."""
        return _indented(self.model_dump(mode="json"), "") + "\n"


def _indented(value: Any, margin: str) -> str:
    if isinstance(value, dict) and value:
        inner = margin + "  "
        rows = [f"{inner}{json.dumps(key, ensure_ascii=False)}: {_indented(row, inner)}" for key, row in value.items()]
        return "{\n" + ",\n".join(rows) + f"\n{margin}}}"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
