"""From a trained network to its bundle: export, parity, threshold, contract, provenance."""

from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import nn

from brightctc.bundle import (
    Bundle,
    BundleParts,
    Contract,
    PartCounts,
    Provenance,
    Seen,
    ValidationCells,
    write_bundle,
)
from brightctc.bundle.runtime import Session
from brightctc.cohort import Cohort, holds_made_cells
from brightctc.learn import export
from brightctc.learn.crops import LabelledCells
from brightctc.learn.material import Material
from brightctc.learn.provenance import versions
from brightctc.metrics import choose_threshold
from brightctc.recipe import Recipe

MADE_CELLS = "trained on made cells: of no use for real ones"
PARITY_CELLS = 256
"""Validation cells on which both runtimes are compared, at most: torch needs long for thousands."""


def pack(
    folder: Path,
    network: nn.Module,
    cohort: Cohort,
    material: Material,
    recipe: Recipe,
    seed: int,
) -> Bundle:
    """Export the network, check it against torch on the validation cells, choose the threshold, write the bundle.

    The threshold is learned from the logits of the exported network: those that scoring will give.
    """
    cells, judges, validation, preparation = material.cells, material.judges, material.validation, material.preparation
    met = cells if material.unlabelled is None else cells.and_then(material.unlabelled)
    promised = export.Exported(network.float().cpu(), recipe.backbone.views)
    trained = export.torch_logits(promised, validation.inputs[:PARITY_CELLS])
    shape = (len(preparation.channels), preparation.settings.size, preparation.settings.size)
    onnx = export.to_onnx(promised, shape[0], shape[1])
    exported = Session(onnx, shape, threads=torch.get_num_threads()).run(validation.inputs).logit
    donors = _donors(judges)
    samples = _samples(judges)
    bright_field = [crop for crop in cells.crops["bright_field"] if crop is not None]
    return write_bundle(
        folder,
        onnx=onnx,
        weights=export.to_safetensors(network),
        parts=BundleParts(
            name=f"{cohort.about.name} {recipe.backbone.name} {seed}",
            classes=cohort.classes,
            preparation=preparation,
            threshold=choose_threshold(
                exported.astype(np.float64), judges.positive, "f1", donors=donors, samples=samples
            ),
            validation=ValidationCells.of(exported, judges.positive, donors, samples=samples),
            contract=Contract.learn(bright_field, cells.pixel_sizes, preparation.channels),
            recipe=recipe,
            provenance=_provenance(cohort, cells, judges, recipe, seed),
            seen=Seen.of(
                train_cells=met.rows["cell_id"],
                validation_cells=judges.rows["cell_id"],
                train_donors=_donors(met),
                validation_donors=donors,
                seed=seed,
            ),
            parity=export.parity(trained, exported[: len(trained)]),
        ),
    )


def _provenance(cohort: Cohort, cells: LabelledCells, judges: LabelledCells, recipe: Recipe, seed: int) -> Provenance:
    found = cohort.about.provenance
    assert cohort.split is not None, "a part was read, so the cohort is split"
    return Provenance(
        cohort=cohort.about.name,
        counts={"train": _counts(cells), "validation": _counts(judges)},
        split_by=cohort.split.by,
        seed=seed,
        versions=versions(),
        pattern=found.get("pattern"),
        bright_field=found.get("bright_field"),
        dapi=found.get("dapi"),
        assumptions=_assumptions(recipe),
        warnings=(*cohort.split.warnings, *((MADE_CELLS,) if holds_made_cells(cells.rows) else ())),
    )


def _assumptions(recipe: Recipe) -> tuple[str, ...]:
    """What a reader should know of choices that the figures rest on."""
    found = []
    if recipe.train.keep == "best":
        found.append("the kept epoch and the threshold were chosen on the same validation cells")
    if recipe.backbone.weights == "none":
        found.append("the network started from random weights, not from ImageNet's")
    if recipe.backbone.weights not in ("packaged", "imagenet", "none"):
        found.append("the network started from weights of a file; what these were trained on is not known")
    return tuple(found)


def _counts(cells: LabelledCells) -> PartCounts:
    donors = {donor for donor in _donors(cells) if donor is not None}
    positives = int(np.count_nonzero(cells.positive))
    return PartCounts(positive=positives, negative=cells.rows.height - positives, donors=len(donors) or None)


def _donors(cells: LabelledCells) -> list[str | None]:
    """Per cell its donor, its sample where the donor is unknown, else None."""
    columns = [name for name in ("donor_id", "sample_id") if name in cells.rows.columns]
    if not columns:
        return [None] * cells.rows.height
    return cells.rows.select(pl.coalesce(columns))[columns[0]].to_list()


def _samples(cells: LabelledCells) -> int:
    return cells.rows["sample_id"].n_unique() if "sample_id" in cells.rows.columns else 1
