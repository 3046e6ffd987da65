"""The verb `combine`: bundles of several seeds → one bundle that averages their networks."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from brightctc import files
from brightctc.bundle import Bundle, BundleParts, BundleThreshold, Seen, ValidationCells, write_bundle
from brightctc.bundle.folder import ABOUT
from brightctc.bundle.runtime import Session
from brightctc.cohort import Cohort
from brightctc.errors import UserError, plural
from brightctc.learn import export
from brightctc.learn.batches import network_inputs
from brightctc.learn.crops import LabelledCells, Progress, read_part, refuse_without_background
from brightctc.learn.packing import PARITY_CELLS, calibration_of
from brightctc.learn.rebuilding import rebuilt, recipe_of
from brightctc.recipe import Recipe

_WHERE = "combine"


def combine(
    bundles: Sequence[Path],
    cohort: Path,
    out: Path,
    *,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Bundle:
    """Average the networks of several bundles that were trained on one split, such as a study's seeds.

    The threshold and the calibration are learned anew, from the averaged logits of the cohort's validation cells; what
    tells unlike cells and samples is the first bundle's. Scoring takes as many times longer.

    bundles: at least two, of one recipe. cohort: that all of them were trained on, with its split.
    Raises UserError where bundles differ in more than their seeds, or have not learned from just this split.
    """
    out = Path(out)
    files.refuse_other_things(out, ABOUT)
    files.refuse_existing(out, overwrite)
    members = [Bundle.read(Path(folder)) for folder in bundles]
    _refuse_different(members)
    read = Cohort.read(Path(cohort))
    learned, judging = (_labelled_rows(read, part)["cell_id"] for part in ("train", "validation"))
    for member in members:
        _refuse_other_split(member, learned, judging, read)
        _refuse_other_cells(member, read)
    first, recipe = members[0], recipe_of(members[0])
    judges = read_part(read, "validation", first.about.channels, workers=workers or 1, progress=progress)
    refuse_without_background(judges, first.preparation.settings, read)
    averaged = _averaged(members)
    size = first.preparation.settings.size
    onnx = export.to_onnx(averaged, len(first.about.channels), size)
    inputs = network_inputs(judges, first.preparation)
    exported = Session(onnx, (len(first.about.channels), size, size), threads=torch.get_num_threads()).run(inputs).logit
    trained = export.torch_logits(averaged, inputs[:PARITY_CELLS])
    networks = nn.ModuleList(member.network for member in averaged.exported)
    return write_bundle(
        out,
        onnx=onnx,
        weights=export.to_safetensors(networks),
        parts=_parts(members, recipe, read, judges, exported, export.parity(trained, exported[: len(trained)])),
        overwrite=overwrite,
    )


def _averaged(members: Sequence[Bundle]) -> export.Averaged:
    """All of them on inputs that are prepared as the first one's."""
    return export.averaged([rebuilt(member)[0] for member in members], [member.preparation for member in members])


def _parts(
    members: Sequence[Bundle], recipe: Recipe, cohort: Cohort, judges: LabelledCells, logit: np.ndarray, parity: float
) -> BundleParts:
    first = members[0]
    samples = first.about.validation.samples
    validation = ValidationCells.of(logit, judges.positive, judges.owners, samples=samples)
    calibration = calibration_of(judges, logit, recipe)
    seeds = ", ".join(str(member.about.provenance.seed) for member in members)
    told = f"the networks of {len(members)} seeds ({seeds}) are averaged"
    provenance = first.about.provenance
    return BundleParts(
        name=f"{first.about.name} and {plural(len(members) - 1, 'other')}",
        classes=first.classes,
        preparation=first.preparation,
        threshold=BundleThreshold.chosen(validation, "f1", calibration),
        validation=validation,
        contract=first.about.contract,
        recipe=recipe,
        provenance=provenance.model_copy(update={"assumptions": (*provenance.assumptions, told)}),
        seen=_seen(members, cohort),
        calibration=calibration,
        parity=parity,
        parent=first.hash,
        likeness=first.likeness,
        likeness_limit=first.about.likeness,
        shift=first.about.shift,
    )


def _seen(members: Sequence[Bundle], cohort: Cohort) -> Seen:
    """Every cell that any of them has met: of the cohort, since a bundle can be asked, not read.

    What their first weights had met is handed on as it is.
    """
    rows = cohort.cells
    met = np.any([member.seen.own.has_cells(rows["cell_id"]) for member in members], axis=0)
    validation = (rows["part"] == "validation").to_numpy()
    donors = rows["donor_id"] if "donor_id" in rows.columns else pl.Series([None] * rows.height, dtype=pl.String)
    known = rows.filter(pl.col("label").is_not_null())
    pairs = zip(known["cell_id"], known["label"], strict=True)
    return Seen.of(
        train_cells=rows["cell_id"].filter(met & ~validation),
        validation_cells=rows["cell_id"].filter(met & validation),
        train_donors=donors.filter(met & ~validation),
        validation_donors=donors.filter(met & validation),
        taught=[pair for pair in pairs if all(member.seen.was_taught(*pair) for member in members)],
        seed=members[0].about.provenance.seed,
        before={each.salt: each for member in members for each in member.seen.before}.values(),
    )


def _labelled_rows(cohort: Cohort, part: str) -> pl.DataFrame:
    return cohort.part(part).filter(pl.col("label").is_in([cohort.classes.positive, cohort.classes.negative]))


def _refuse_different(members: Sequence[Bundle]) -> None:
    if len(members) < 2:
        raise UserError("there is one bundle: nothing to combine", _WHERE, "give the bundles of several seeds")
    if len({member.hash for member in members}) < len(members):
        raise UserError("a bundle is given twice", _WHERE, "give each once")
    first, alike = members[0], "combine bundles of one recipe on one split, which differ in their seeds"
    facts: dict[str, Callable[[Bundle], Any]] = {
        "recipe": lambda bundle: bundle.about.recipe_hash,
        "classes": lambda bundle: bundle.classes,
        "channels": lambda bundle: bundle.about.channels,
        "window of the crop": lambda bundle: bundle.preparation.window,
    }
    for other in members[1:]:
        for name, of in facts.items():
            if of(other) != of(first):
                raise UserError(f"not the {name} of {first.folder}", other.folder, alike)
    for member in members:
        if member.about.validation.folds > 1:
            raise UserError(
                "this bundle averages folds, which no common cells have judged",
                member.folder,
                "combine bundles of one network each (train.folds=1)",
            )
        if any("seeds" in words and "averaged" in words for words in member.about.provenance.assumptions):
            raise UserError("this bundle is combined already", member.folder, "give the bundles that it was made of")


def _refuse_other_split(member: Bundle, learned: pl.Series, judging: pl.Series, cohort: Cohort) -> None:
    parts = {"train": learned, "validation": judging}
    for part, cells in parts.items():
        missing = sum(member.seen.own.part_of_cell(cell) != part for cell in cells)
        if missing:
            raise UserError(
                f"{missing} of {len(cells)} {part} cells of {cohort.root.name} were not in this bundle's {part} part",
                member.folder,
                "give the cohort and the split that it was trained on",
            )


def _refuse_other_cells(member: Bundle, cohort: Cohort) -> None:
    """What the new bundle is to know of what it has met is written from the cohort: all of it must be there."""
    same = "give the cohort that it was trained on, as it was then"
    if member.classes != cohort.classes:
        raise UserError(f"not the classes of {cohort.root.name}", member.folder, same)
    met = sum(len(cells) for cells in member.seen.cells.values())
    there = int(member.seen.own.has_cells(cohort.cells["cell_id"]).sum())
    if there < met:
        raise UserError(
            f"{met - there} of {met} cells that it has met are not in {cohort.root.name}", member.folder, same
        )
    rows = _labelled_rows(cohort, "train")
    others = sum(not member.seen.was_taught(*pair) for pair in zip(rows["cell_id"], rows["label"], strict=True))
    if others and member.seen.taught:
        raise UserError(f"{others} of {rows.height} training cells had another label then", member.folder, same)
