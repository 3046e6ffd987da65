"""Where a report comes from: versions, hashes, seeds, settings, and the commands that repeat each step."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from brightctc.errors import typed
from brightctc.report.source import Runs, Scores
from brightctc.report.table import Column, Table, table

_SPLIT = {
    "test": "--test",
    "test_share": "--test-share",
    "by": "--by",
    "validation": "--validation",
    "pool": "--pool",
    "seal": "--seal",
    "train_cells": "--train-cells",
    "train_positives": "--train-positives",
    "seed": "--seed",
    "draw": "--draw",
}


@dataclass(frozen=True)
class Provenance:
    """facts: name and value. commands: what it does, and the line to paste. settings: of the recipe, if any.

    Hashes are Markup: no donor's id is looked for in them.
    """

    facts: tuple[tuple[str, str | Markup], ...]
    commands: tuple[tuple[str, str], ...]
    settings: Table | None = None


def of_runs(runs: Runs, report_command: str) -> Provenance:
    """Of runs. report_command: the line that writes this report."""
    about = runs.bundles[0].about
    facts = [
        ("brightctc that wrote this report", version("brightctc")),
        ("versions at training", ", ".join(f"{name} {number}" for name, number in about.provenance.versions.items())),
        ("cohort", runs.cohort.about.name),
        ("fingerprint of the train and validation cells", escape(runs.cells)),
        ("recipe hash", escape(about.recipe_hash)),
        *(
            (f"bundle of seed {seed}", escape(bundle.hash))
            for seed, bundle in zip(runs.seeds, runs.bundles, strict=True)
        ),
    ]
    settings = [(key, "–" if value is None else str(value)) for key, value in _flat(about.recipe)]
    shown = table("Every setting of the recipe", [Column("setting"), Column("value")], settings)
    return Provenance(tuple((name, value) for name, value in facts if value), _commands(runs, report_command), shown)


def of_scores(scores: Scores, report_command: str) -> Provenance:
    """Of a scores table."""
    meta = scores.meta
    facts = (
        ("brightctc that wrote this report", version("brightctc")),
        ("brightctc that scored", str(meta["brightctc"])),
        ("bundle", str(meta["bundle_name"])),
        ("bundle hash", escape(str(meta["bundle_hash"]))),
    )
    return Provenance(facts, (("score", str(meta["command"])), ("this report", report_command)))


def command_of(sources: tuple[Path, ...], out: Path, options: dict[str, Any]) -> str:
    """The line that writes a report. options: name → value; None and False are left out."""
    given = [
        word
        for name, value in options.items()
        if value not in (None, False)
        for word in ((name,) if value is True else (name, value))
    ]
    return typed("report", *sources, out, *given)


def _commands(runs: Runs, report_command: str) -> tuple[tuple[str, str], ...]:
    cohort, root = runs.cohort, _as_given(runs.cohort.root)
    settings = {} if cohort.split is None else cohort.split.settings
    chosen = {key: value for key, value in settings.items() if key in _SPLIT and value is not None}
    division = [word for key, value in chosen.items() for word in (_SPLIT[key], value)]
    lines = [("import the cells", line)] if (line := _import_line(cohort.about.provenance, root)) else []
    lines += [("split the cohort", typed("split", root, *division))]
    for folder, seed in zip(runs.folders, runs.seeds, strict=True):
        recipe = folder / "recipe.yaml"
        lines.append((f"train seed {seed}", typed("train", root, folder, "--recipe", recipe, "--seed", seed)))
        lines.append((f"evaluate seed {seed}", typed("evaluate", folder / "bundle", root, f"{folder}-results")))
    beside = typed("baselines", root, "baselines", "--only", "constant,size,border")
    return (*lines, ("the simple models beside it", beside), ("this report", report_command))


def _import_line(made: dict[str, Any], root: Path) -> str | None:
    """The line that imported the cohort; None where its provenance does not tell. Folders are told by name alone."""
    if not {"export", "pattern", "bright_field"} <= made.keys():
        return None
    options = {"--pattern": "pattern", "--bright-field": "bright_field", "--dapi": "dapi", "--table": "table",
               "--key": "key", "--label": "label", "--where": "where"}  # fmt: skip
    words = [word for option, name in options.items() if made.get(name) for word in (option, made[name])]
    words += [w for o, n in (("--positive", "positive"), ("--negative", "negative")) if made.get(n)
              for w in (o, ",".join(made[n]))]  # fmt: skip
    words += [w for name, value in (made.get("constants") or {}).items() for w in ("--constant", f"{name}={value}")]
    return typed("import", made["export"], root, *words)


def _as_given(root: Path) -> Path:
    """From here where that goes down alone: a whole path may hold a person's name."""
    return root.relative_to(Path.cwd()) if root.is_relative_to(Path.cwd()) else root


def _flat(settings: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
