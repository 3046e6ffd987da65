"""`train`: one recipe, one seed, one cohort → a run folder with its bundle."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from brightctc import files
from brightctc.bundle import WITHDRAWN, Bundle
from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.learn import backbones, batches, loop, ways
from brightctc.learn.crops import LabelledCells, Progress, read_part
from brightctc.learn.packing import pack
from brightctc.learn.provenance import environment, fingerprint
from brightctc.preprocess import Channel, Preparation
from brightctc.recipe import Recipe, read_recipe

FORMAT_VERSION = 1
_CONTENTS = ("recipe.yaml", "history.csv", "environment.json", "result.json", "checkpoint", "bundle")


@dataclass(frozen=True)
class TrainResult:
    """A finished run. history: a row an epoch; result: what `result.json` holds."""

    folder: Path
    bundle: Bundle
    history: list[dict[str, Any]]
    result: dict[str, Any]
    warnings: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """For `--json`."""
        return {"run": str(self.folder), "bundle": str(self.bundle.folder), **self.result}


def train(
    cohort: Path,
    run: Path,
    *,
    recipe: str | Path | Recipe = "default",
    settings: Iterable[str] = (),
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    threads: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train on the cohort's train part, judge on its validation part, and write `run/bundle`.

    recipe:   a built-in name, a YAML file or a Recipe. settings: `section.name=value`, applied in order.
    resume:   go on with a run that was stopped; it ends with the same bytes as one that was not.
    threads:  of the arithmetic (None: all cores); recorded, since sums differ in their last bits between counts.
    workers:  threads that decode images; of no influence on any result.
    Raises UserError for settings, cells or images that don't allow the training, and for a loss that is no number.
    """
    run, source = Path(run), Cohort.read(Path(cohort))
    chosen = _chosen(recipe, tuple(settings))
    _refuse_other_things(run)
    with files.lock(run):
        _prepare_folder(run, resume, overwrite)
        plan = _Plan(source, chosen, seed, _threads(run, threads, resume))
        identity = plan.identity()
        if resume and (run / "result.json").is_file() and (run / "bundle").is_dir():
            return _finished(run, identity)
        _record(run, plan, identity)
        return _train(run, plan, workers or min(4, os.cpu_count() or 1), progress)


@dataclass(frozen=True)
class _Plan:
    """All that a run depends on."""

    cohort: Cohort
    recipe: Recipe
    seed: int
    threads: int

    def identity(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.hash,
            "seed": self.seed,
            "threads": self.threads,
            "cells": fingerprint(self.cohort),
        }


def _train(run: Path, plan: _Plan, workers: int, progress: Progress | None) -> TrainResult:
    recipe, way = plan.recipe, ways.way(plan.recipe.dapi.way)
    wanted: tuple[Channel, ...] = ("bright_field",) if recipe.dapi.way == "none" else ("bright_field", "dapi")
    cells = read_part(plan.cohort, "train", wanted, workers=workers, progress=progress)
    judges = read_part(plan.cohort, "validation", way.CHANNELS, workers=workers, progress=progress)
    _refuse_one_class(cells, plan.cohort)
    originals = way.samples(ways.TrainingCells(cells.has("dapi"), cells.positive))
    images: dict[Channel, list[np.ndarray]] = {
        channel: [crop for crop in crops if crop is not None] for channel, crops in cells.crops.items()
    }
    preparation = Preparation.fit(recipe.preprocess, images, way.CHANNELS)

    torch.set_num_threads(plan.threads)
    torch.manual_seed(plan.seed)
    network = backbones.build(recipe.backbone, len(way.CHANNELS))
    _refuse_missing(judges, way.CHANNELS, plan.cohort)
    validation = loop.Validation(batches.network_inputs(judges, preparation), judges.positive)
    samples = batches.with_copies(originals, recipe.augment)
    walk = batches.Batches(cells, samples, preparation, recipe.augment, recipe.train.batch_size, plan.seed, _device())
    history = loop.fit(network, walk, validation, recipe.train, run / "checkpoint", progress)
    files.write_text(run / "history.csv", pl.DataFrame(history).write_csv())
    return _finish(run, plan, network, (cells, judges, validation, preparation), history)


def _finish(
    run: Path,
    plan: _Plan,
    network: nn.Module,
    learned: tuple[LabelledCells, LabelledCells, loop.Validation, Preparation],
    history: list[dict[str, Any]],
) -> TrainResult:
    cells, judges, validation, preparation = learned
    shutil.rmtree(run / "bundle", ignore_errors=True)  # of a run that was stopped while it wrote its result
    bundle = pack(
        run / "bundle", network, plan.cohort, (cells, judges), validation, preparation, plan.recipe, plan.seed
    )
    kept = next(row for row in history if row["kept"])
    result = {
        "format_version": FORMAT_VERSION,
        **plan.identity(),
        "bundle_hash": bundle.hash,
        "epochs": len(history),
        "steps": history[-1]["steps"],
        "kept_epoch": kept["epoch"],
        "validation_f1": kept["validation_f1"],
        "validation_loss": kept["validation_loss"],
        "threshold": bundle.threshold.score,
        "parity": bundle.about.parity,
    }
    files.write_json(run / "result.json", result)
    return TrainResult(run, bundle, history, result, bundle.warnings)


def _finished(run: Path, identity: dict[str, Any]) -> TrainResult:
    """A run that is already whole: nothing to do, if it is the same one."""
    result = files.read_json(run / "result.json", format_version=FORMAT_VERSION)
    _refuse_other(result, identity, run)
    bundle = Bundle.read(run / "bundle")
    return TrainResult(run, bundle, pl.read_csv(run / "history.csv").to_dicts(), result, bundle.warnings)


def _record(run: Path, plan: _Plan, identity: dict[str, Any]) -> None:
    """Write what is known before the first step; on resuming, hold it against what was written then."""
    started = run / "environment.json"
    if started.is_file():
        _refuse_other(files.read_json(started, format_version=FORMAT_VERSION)["run"], identity, run)
        return
    files.write_text(run / "recipe.yaml", plan.recipe.to_yaml())
    facts = {"format_version": FORMAT_VERSION, "run": identity, **environment(), "device": str(_device())}
    files.write_json(started, facts)


def _refuse_other(former: dict[str, Any], identity: dict[str, Any], run: Path) -> None:
    words = {"recipe": "recipe", "seed": "seed", "threads": "thread count", "cells": "cohort or its split"}
    changed = [words[key] for key in identity if former.get(key) != identity[key]]
    if changed:
        raise UserError(
            f"this run was started with another {' and another '.join(changed)}",
            run,
            "resume with what it was started with, or train into another folder",
        )


def _prepare_folder(run: Path, resume: bool, overwrite: bool) -> None:
    present = [name for name in (*_CONTENTS, WITHDRAWN) if (run / name).exists()]
    if overwrite:
        for name in present:
            (shutil.rmtree if (run / name).is_dir() else Path.unlink)(run / name)
    elif WITHDRAWN in present:
        raise UserError("a donor of this run has withdrawn", run, "train into another folder, or say --overwrite")
    elif present and not resume:
        raise UserError(
            "there is a run here already", run, "say --resume to go on with it, or --overwrite to replace it"
        )


def _refuse_other_things(run: Path) -> None:
    """A run's folder holds a run or nothing: with --overwrite, somebody's files could go otherwise."""
    present = [path.name for path in run.iterdir()] if run.is_dir() else []
    others = [name for name in present if name not in (*_CONTENTS, WITHDRAWN) and not name.startswith(".")]
    if others:
        raise UserError(
            f"this folder holds something else ({others[0]})", run, "give a new or empty folder for the run"
        )


def _chosen(recipe: str | Path | Recipe, settings: tuple[str, ...]) -> Recipe:
    if not isinstance(recipe, Recipe):
        return read_recipe(recipe, settings)
    if settings:
        raise UserError("settings go with a recipe's name or file", fix="build the Recipe with them instead")
    return recipe


def _threads(run: Path, threads: int | None, resume: bool) -> int:
    """A resumed run keeps its thread count unless told otherwise."""
    if threads is None and resume and (run / "environment.json").is_file():
        return int(files.read_json(run / "environment.json", format_version=FORMAT_VERSION)["run"]["threads"])
    return threads or int(os.environ.get("OMP_NUM_THREADS") or 0) or os.cpu_count() or 1


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _refuse_one_class(cells: LabelledCells, cohort: Cohort) -> None:
    for positive, name in ((True, cohort.classes.positive), (False, cohort.classes.negative)):
        if not (cells.positive == positive).any():
            raise UserError(f"the train part has no {name!r} cells", cohort.root / "splits.csv", "split again")


def _refuse_missing(cells: LabelledCells, channels: tuple[Channel, ...], cohort: Cohort) -> None:
    for channel in channels:
        missing = int(np.count_nonzero(~cells.has(channel)))
        if missing:
            raise UserError(
                f"{missing} validation cells have no {channel} image",
                cohort.root,
                "give them one, or split again",
            )
