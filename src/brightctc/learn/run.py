"""`train`: one recipe, one seed, one cohort → a run folder with its bundle."""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import polars as pl
import torch
from torch import nn

from brightctc import files
from brightctc.bundle import WITHDRAWN, Bundle
from brightctc.cohort import Cohort, fingerprint, fingerprint_of
from brightctc.errors import UserError
from brightctc.learn import backbones, loop, ways
from brightctc.learn.crops import Progress, teaching
from brightctc.learn.lessons import Learner
from brightctc.learn.material import Material, gather
from brightctc.learn.packing import pack
from brightctc.learn.provenance import device, environment, versions
from brightctc.learn.sources import Sources
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
    recipe: str | Path | Recipe | None = None,
    settings: Iterable[str] = (),
    seed: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    threads: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> TrainResult:
    """Train on the cohort's train part, judge on its validation part, and write `run/bundle`.

    recipe:   a built-in name, a YAML file or a Recipe. settings: `section.name=value`, applied in order.
    resume:   go on with a run that was stopped; it ends with the same bytes as one that was not. What isn't said of
              recipe, settings, seed and threads is as it was started with. Not resumed: None are `default` and seed 0.
    threads:  of the arithmetic (None: all cores); recorded, since sums differ in their last bits between counts.
    workers:  threads that decode images; of no influence on any result.
    Raises UserError for settings, cells or images that don't allow the training, and for a loss that is no number.
    """
    run = Path(run)
    begun = _begun(run) if resume else {}
    chosen = _chosen(run / "recipe.yaml" if begun and recipe is None and not settings else recipe, tuple(settings))
    first: int = begun.get("seed", 0) if seed is None else seed
    plan = _Plan(
        Cohort.read(Path(cohort)), chosen, first, threads or begun.get("threads") or _threads(), Sources.of(chosen)
    )
    _refuse_other_things(run)
    plan.sources.refuse_within(run)
    plan.cohort.refuse_undivided()
    plan.sources.refuse_knowing(plan.cohort, plan.recipe)
    with files.lock(run):
        _refuse_present(run, resume, overwrite)
        if resume and (run / "result.json").is_file() and (run / "bundle").is_dir():
            return _finished(run, plan.identity())
        material = gather(plan.cohort, plan.recipe, plan.seed, workers or min(4, os.cpu_count() or 1), progress)
        torch.set_num_threads(plan.threads)
        materials = material.folds(plan.recipe, plan.seed)
        learners = [_learner(plan, each, number) for number, each in enumerate(materials)]
        if overwrite:  # not before now: what can't be trained must not cost the former run
            _clear(run)
        _record(run, plan, plan.identity())
        history: list[dict[str, Any]] = []
        for number, (learner, each) in enumerate(zip(learners, materials, strict=True)):
            history += _fitted(run, plan, learner, each, number, progress)
        files.write_text(run / "history.csv", pl.DataFrame(history).write_csv())
        return _finish(run, plan, [learner.network for learner in learners], materials, history)


@dataclass(frozen=True)
class _Plan:
    """All that a run depends on. sources: the bundles that it rests on."""

    cohort: Cohort
    recipe: Recipe
    seed: int
    threads: int
    sources: Sources

    def identity(self) -> dict[str, Any]:
        return {
            "recipe": self.recipe.hash,
            "seed": self.seed,
            "threads": self.threads,
            "cells": fingerprint(self.cohort),
            **self.sources.identity,
            "unlabelled": fingerprint_of(self.cohort.cells.filter(teaching(self.cohort)))
            if ways.way(self.recipe.dapi).unlabelled and self.cohort.split is not None
            else None,
        }


def _learner(plan: _Plan, material: Material, fold: int) -> Learner:
    """The network of one fold before its first step, and what is learned beside it."""
    torch.manual_seed(plan.seed + 1_000_003 * fold)
    network = backbones.build(plan.recipe.backbone, len(material.preparation.channels))
    return Learner(network, material.way.lesson(network))


def _fitted(
    run: Path, plan: _Plan, learner: Learner, material: Material, number: int, progress: Progress | None
) -> list[dict[str, Any]]:
    """Train one fold's network; its history."""
    folds = plan.recipe.train.folds
    checkpoint = run / "checkpoint" / (f"fold-{number + 1}" if folds > 1 else "")

    def tell(task: str, done: int, of: int, note: str = "") -> None:
        if progress is not None:
            progress(task if folds == 1 else f"{task}, fold {number + 1} of {folds}", done, of, note)

    course = ways.Course(material, plan.recipe, plan.seed, device(), checkpoint, tell)
    often = material.way.before(learner, course)
    steps = material.batches(plan.recipe, plan.seed, device(), often)
    history = loop.fit(learner, steps, material.validation, plan.recipe.train, checkpoint, tell)
    return history if folds == 1 else [{"fold": number + 1, **row} for row in history]


def _finish(
    run: Path,
    plan: _Plan,
    networks: list[nn.Module],
    materials: list[Material],
    history: list[dict[str, Any]],
) -> TrainResult:
    shutil.rmtree(run / "bundle", ignore_errors=True)  # of a run that was stopped while it wrote its result
    bundle = pack(run / "bundle", networks, materials, plan.cohort, plan.recipe, plan.seed, plan.sources)
    kept = [row for row in history if row["kept"]]
    result = {
        "format_version": FORMAT_VERSION,
        **plan.identity(),
        "bundle_hash": bundle.hash,
        "epochs": sum({row.get("fold"): row["epoch"] for row in history}.values()),
        "steps": sum({row.get("fold"): row["steps"] for row in history}.values()),
        "kept_epoch": kept[0]["epoch"] if len(kept) == 1 else [row["epoch"] for row in kept],
        "validation_f1": fmean(row["validation_f1"] for row in kept),
        "validation_loss": fmean(row["validation_loss"] for row in kept),
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
    return TrainResult(run, bundle, pl.read_csv(run / "history.csv", glob=False).to_dicts(), result, bundle.warnings)


def _record(run: Path, plan: _Plan, identity: dict[str, Any]) -> None:
    """Write what is known before the first step; on resuming, hold it against what was written then."""
    started = run / "environment.json"
    if started.is_file():
        known = files.read_json(started, format_version=FORMAT_VERSION)
        _refuse_other(known["run"], identity, run)
        _refuse_other_machine(known, plan.recipe, run)
        return
    files.write_text(run / "recipe.yaml", plan.recipe.to_yaml())
    facts = {
        "format_version": FORMAT_VERSION,
        "run": identity,
        "cohort": str(plan.cohort.root.resolve()),  # the one file of a run that may hold a path; `report` reads it
        **environment(),
        "device": str(device()),
        "precision": _precision(plan.recipe),
    }
    files.write_json(started, facts)


def _precision(recipe: Recipe) -> str:
    """What `auto` comes to here."""
    return "bfloat16" if loop.uses_bfloat16(recipe.train.precision, device()) else "float32"


def _refuse_other(former: dict[str, Any], identity: dict[str, Any], run: Path) -> None:
    words = {
        "recipe": "recipe",
        "seed": "seed",
        "threads": "thread count",
        "cells": "cohort or its split",
        "source": "bundle to start from",
        "teacher": "bundle that teaches",
        "unlabelled": "choice of cells without a label",
    }
    changed = [words[key] for key in identity if former.get(key) != identity[key]]
    if changed:
        raise UserError(
            f"this run was started with another {' and another '.join(changed)}",
            run,
            "resume with what it was started with, or train into another folder",
        )


def _refuse_other_machine(known: dict[str, Any], recipe: Recipe, run: Path) -> None:
    """Half a training here and half there would be neither's."""
    here = versions()
    changed = [f"{name} {old}" for name, old in known["versions"].items() if here.get(name) != old]
    if known["device"] != str(device()):
        changed.append(f"the device {known['device']}")
    if known.get("precision", _precision(recipe)) != _precision(recipe):
        changed.append(f"{known['precision']} arithmetic")
    if changed:
        raise UserError(
            f"this run was started with {', '.join(changed)}: gone on with others, it would end with other bytes",
            run,
            "resume it there, or start anew: --overwrite (in a study: remove this folder)",
        )


def _refuse_present(run: Path, resume: bool, overwrite: bool) -> None:
    if overwrite:
        return
    if (run / WITHDRAWN).exists():
        raise UserError("a donor of this run has withdrawn", run, "train into another folder, or say --overwrite")
    if not resume and any((run / name).exists() for name in _CONTENTS):
        raise UserError(
            "there is a run here already", run, "say --resume to go on with it, or --overwrite to replace it"
        )


def _clear(run: Path) -> None:
    for name in (*_CONTENTS, WITHDRAWN):
        path = run / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _refuse_other_things(run: Path) -> None:
    """A run's folder holds a run or nothing: with --overwrite, somebody's files could go otherwise."""
    present = [path.name for path in run.iterdir()] if run.is_dir() else []
    others = [name for name in present if name not in (*_CONTENTS, WITHDRAWN) and not name.startswith(".")]
    if others:
        raise UserError(
            f"this folder holds something else ({others[0]})", run, "give a new or empty folder for the run"
        )


def _chosen(recipe: str | Path | Recipe | None, settings: tuple[str, ...]) -> Recipe:
    if not isinstance(recipe, Recipe):
        return read_recipe(recipe or "default", settings)
    if settings:
        raise UserError("settings go with a recipe's name or file", fix="build the Recipe with them instead")
    return recipe


def _begun(run: Path) -> dict[str, Any]:
    """What a run was started with; empty where it never was."""
    started = run / "environment.json"
    return files.read_json(started, format_version=FORMAT_VERSION)["run"] if started.is_file() else {}


def _threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS") or 0) or os.cpu_count() or 1
