"""From a trained network to its bundle: export, parity, threshold, contract, provenance."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from brightctc.bundle import (
    Bundle,
    BundleParts,
    BundleThreshold,
    Calibration,
    Contract,
    PartCounts,
    Provenance,
    Seen,
    ValidationCells,
    write_bundle,
)
from brightctc.bundle.likeness import FEWEST, Likeness
from brightctc.bundle.runtime import Session
from brightctc.bundle.shift import ShiftLimits
from brightctc.cohort import Cohort, holds_made_cells
from brightctc.learn import export
from brightctc.learn.batches import network_inputs
from brightctc.learn.crops import LabelledCells
from brightctc.learn.material import Material
from brightctc.learn.provenance import versions
from brightctc.learn.sources import Sources
from brightctc.learn.ways.mix import LARGEST_DIFFERENCE
from brightctc.metrics import fitted_calibration
from brightctc.recipe import DapiDistil, Recipe

MADE_CELLS = "trained on made cells: of no use for real ones"
_STAINED = 0.9
"""Share of the labelled cells with DAPI below which it is told: teachers learn from these alone."""
PARITY_CELLS = 256
"""Validation cells on which both runtimes are compared, at most: torch needs long for thousands."""


@dataclass(frozen=True)
class _Judged:
    """The cells that the threshold rests on, with the logits of networks that have not met their donors."""

    cells: LabelledCells
    logit: np.ndarray


def pack(
    folder: Path,
    networks: Sequence[nn.Module],
    materials: Sequence[Material],
    cohort: Cohort,
    recipe: Recipe,
    seed: int,
    sources: Sources,
) -> Bundle:
    """Export what was trained, check it against torch, choose the threshold, write the bundle.

    networks, materials: one of each; or with folds several, that are averaged. sources: what they have met, the new one
    has met, too. The threshold is learned from the logits of the exported network, those that scoring will give; with
    folds, from those of each cell's own fold.
    """
    first, views = materials[0], recipe.backbone.views
    parts = [export.Exported(network.float().cpu(), views) for network in networks]
    promised = parts[0] if len(parts) == 1 else export.averaged(parts, [each.preparation for each in materials])
    shape = (len(first.preparation.channels), first.preparation.settings.size, first.preparation.settings.size)
    onnx = export.to_onnx(promised, shape[0], shape[1])
    session = Session(onnx, shape, threads=torch.get_num_threads())
    outputs = session.run(first.validation.inputs)
    exported = outputs.logit
    trained = export.torch_logits(promised, first.validation.inputs[:PARITY_CELLS])
    judged = _Judged(first.judges, exported) if len(parts) == 1 else _out_of_fold(parts, materials)
    return write_bundle(
        folder,
        onnx=onnx,
        weights=export.to_safetensors(networks[0] if len(networks) == 1 else nn.ModuleList(networks)),
        parts=replace(
            _parts(cohort, materials, judged, recipe, seed, sources),
            parity=export.parity(trained, exported[: len(trained)]),
            **_likeness(session, outputs.embedding, first, len(parts)),
        ),
    )


def _parts(
    cohort: Cohort,
    materials: Sequence[Material],
    judged: _Judged,
    recipe: Recipe,
    seed: int,
    sources: Sources,
) -> BundleParts:
    first = materials[0]
    cells = first.cells if len(materials) == 1 else judged.cells  # each is in the training of all folds but one
    unlabelled = [each.unlabelled for each in materials if each.unlabelled is not None]
    met = functools.reduce(LabelledCells.and_then, unlabelled, cells)
    samples = _samples(judged.cells)
    bright_field = [crop for crop in cells.crops["bright_field"] if crop is not None]
    owners = judged.cells.owners
    validation = ValidationCells.of(judged.logit, judged.cells.positive, owners, samples=samples, folds=len(materials))
    calibration = calibration_of(judged.cells, judged.logit, recipe)
    return BundleParts(
        name=f"{cohort.about.name} {recipe.backbone.name} {seed}",
        classes=cohort.classes,
        preparation=first.preparation,
        threshold=BundleThreshold.chosen(validation, "f1", calibration),
        validation=validation,
        contract=Contract.learn(bright_field, cells.pixel_sizes, first.preparation.channels),
        recipe=recipe,
        provenance=_provenance(
            cohort,
            cells,
            judged.cells,
            recipe,
            seed,
            (*_assumptions(recipe, sources), *_taught(cells, recipe, met.rows["cell_id"].n_unique())),
            first.notes,
        ),
        seen=Seen.of(
            train_cells=met.rows["cell_id"].unique(maintain_order=True),
            validation_cells=judged.cells.rows["cell_id"],
            train_donors=met.donors,
            validation_donors=judged.cells.donors,
            taught=zip(cells.rows["cell_id"], cells.rows["label"], strict=True),
            seed=seed,
            before=sources.met,
        ),
        calibration=calibration,
    )


def _likeness(session: Session, judges: np.ndarray, material: Material, folds: int) -> dict[str, Any]:
    """The parts of a bundle that tell unlike cells; of folds, by the first one, which has not met its own judges."""
    if len(judges) < FEWEST:
        return {}
    learned = session.run(network_inputs(material.cells, material.preparation)).embedding
    likeness = Likeness.of(learned[:, : learned.shape[1] // folds], material.cells.positive)
    limit = None if likeness is None else likeness.limit(judges)
    if likeness is None or limit is None:
        return {}
    return {"likeness": likeness, "likeness_limit": limit, "shift": _shift(likeness, judges, learned, material)}


def _shift(likeness: Likeness, judges: np.ndarray, learned: np.ndarray, material: Material) -> ShiftLimits | None:
    """Limits of a sample; None where cells are of no known sample or donor."""
    of_judges, of_learned = material.judges.samples, material.cells.samples
    if None in of_judges or None in of_learned:
        return None
    return ShiftLimits.of(likeness, (judges, of_judges), (learned, of_learned))


def calibration_of(judges: LabelledCells, logit: np.ndarray, recipe: Recipe) -> Calibration | None:
    """Learned where the judging cells have decided nothing but a threshold, which does not depend on it."""
    found = None if recipe.train.keep == "best" else fitted_calibration(logit, judges.positive, judges.groups)
    return None if found is None else Calibration(temperature=found[0], knots=found[1])


def _out_of_fold(parts: Sequence[export.Exported], materials: Sequence[Material]) -> _Judged:
    logits = [
        export.torch_logits(part, material.validation.inputs) for part, material in zip(parts, materials, strict=True)
    ]
    cells = functools.reduce(LabelledCells.and_then, [material.judges for material in materials])
    return _Judged(cells, np.concatenate(logits))


def _provenance(
    cohort: Cohort,
    cells: LabelledCells,
    judges: LabelledCells,
    recipe: Recipe,
    seed: int,
    assumptions: tuple[str, ...],
    notes: tuple[str, ...],
) -> Provenance:
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
        assumptions=assumptions,
        warnings=(
            *cohort.split.warnings,
            *((MADE_CELLS,) if holds_made_cells(cells.rows) else ()),
            *_hardly_stained(cells, recipe),
            *notes,
        ),
    )


def _assumptions(recipe: Recipe, sources: Sources) -> tuple[str, ...]:
    """What a reader should know of choices that the figures rest on."""
    found = []
    if recipe.train.keep == "best":
        found.append("the kept epoch and the threshold were chosen on the same validation cells")
    if recipe.backbone.weights == "none":
        found.append("the network started from random weights, not from ImageNet's")
    found += sources.assumptions(recipe)
    if recipe.train.folds > 1:
        found.append(
            f"{recipe.train.folds} networks are averaged; the threshold rests on scores of single ones, of donors "
            "that they had not met"
        )
    return tuple(found)


def _taught(cells: LabelledCells, recipe: Recipe, met: int) -> tuple[str, ...]:
    """What labels were not alone in teaching. met: cells that were learned from, with a label and without."""
    stained, learned = int(cells.has("dapi").sum()), cells.rows.height
    found = []
    if isinstance(recipe.dapi, DapiDistil):
        found.append(f"teachers that saw DAPI of {stained} of {learned} labelled cells taught the network")
    if met > learned:
        found.append(f"{met - learned} cells without a label taught the network beside {learned} with one")
    return tuple(found)


def _hardly_stained(cells: LabelledCells, recipe: Recipe) -> tuple[str, ...]:
    if not isinstance(recipe.dapi, DapiDistil):
        return ()
    has, learned, found = cells.has("dapi"), cells.rows.height, []
    if has.sum() < _STAINED * learned:
        missing = int(np.count_nonzero(~has))
        found.append(f"{missing} of {learned} labelled training cells have no DAPI: no teacher learned from them")
    of_positives, of_negatives = (float(has[cells.positive == kind].mean()) for kind in (True, False))
    if abs(of_positives - of_negatives) > LARGEST_DIFFERENCE:
        found.append(
            f"{of_positives:.0%} of positive and {of_negatives:.0%} of negative training cells have DAPI: teachers "
            "learned another share of positives than there is"
        )
    return tuple(found)


def _counts(cells: LabelledCells) -> PartCounts:
    donors = {donor for donor in cells.donors if donor is not None}
    positives = int(np.count_nonzero(cells.positive))
    return PartCounts(positive=positives, negative=cells.rows.height - positives, donors=len(donors) or None)


def _samples(cells: LabelledCells) -> int:
    return len(set(cells.samples))
