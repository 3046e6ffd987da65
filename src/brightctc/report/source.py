"""What a report is of: runs of one recipe on one cohort, or the scores of a new sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from brightctc import files
from brightctc.bundle import WITHDRAWN, Bundle
from brightctc.cohort import Classes, Cohort, fingerprint
from brightctc.errors import UserError, typed
from brightctc.predict.table import ENDINGS, META_VERSION, meta_path, read_scores, refuse_other_table

_RUN_VERSION = 1
_META = ("bundle_hash", "bundle_name", "classes", "command", "image_root", "threshold", "warnings", "brightctc")


@dataclass(frozen=True)
class Runs:
    """Finished runs that differ in their seed alone. folders: as given. cells: fingerprint of what they learned."""

    folders: tuple[Path, ...]
    bundles: tuple[Bundle, ...]
    cohort: Cohort
    cells: str

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the trainings."""
        return tuple(bundle.about.provenance.seed for bundle in self.bundles)


@dataclass(frozen=True)
class Scores:
    """A scores table and what its meta.json says. classes: of the bundle."""

    path: Path
    table: pl.DataFrame
    meta: dict[str, Any]
    classes: Classes

    @property
    def root(self) -> Path:
        """The folder that `bright_field` is relative to."""
        return Path(self.meta["image_root"])


def read_source(sources: Sequence[Path], cohort: Path | None) -> Runs | Scores:
    """Read what is to be reported. Raises UserError for everything else than runs that belong together, or scores."""
    if not sources:
        raise UserError("nothing to report on", "SOURCE", "give a run folder, or a scores table")
    tables = [path for path in sources if path.suffix in ENDINGS and not path.is_dir()]
    if not tables:
        return _runs(tuple(sources), cohort)
    if len(sources) > 1:
        raise UserError("a report is of runs, or of one scores table", tables[0], "write a report for each table")
    if cohort is not None:
        raise UserError("--cohort belongs to runs; scores know their images", tables[0], "leave --cohort out")
    return _scores(tables[0])


def is_study(folder: Path) -> bool:
    """Is this the folder of a study?"""
    return (folder / "study.yaml").is_file()


def refuse_beside_study(sources: Sequence[Path], options: Mapping[str, Any]) -> None:
    """A study's report is of that study alone, as it was measured. options: those that were given."""
    if len(sources) > 1:
        raise UserError("a report is of one study", sources[1], "write a report for each")
    given = [name for name, value in options.items() if value is not None]
    if given:
        raise UserError(
            f"{given[0]} does not belong to a study's report: it is written as the study was measured",
            sources[0],
            f"leave {given[0]} out",
        )
    if not (sources[0] / "findings.json").is_file():
        if (sources[0] / WITHDRAWN).exists():
            raise UserError("a donor of this study has withdrawn", sources[0], "start it anew without this donor")
        raise UserError("this study has no findings yet", sources[0], "start it once more: it goes on and writes them")


def _scores(path: Path) -> Scores:
    table = read_scores(path)
    meta_file = meta_path(path)
    if not meta_file.is_file():
        raise UserError(
            f"{meta_file.name} is missing beside the scores",
            path,
            "give a table that predict wrote, and keep both files together; "
            "the cells of an evaluation are in the report of its run",
        )
    meta = files.read_json(meta_file, format_version=META_VERSION)
    refuse_other_table(path, meta)
    again = "score again: brightctc predict"
    missing = [key for key in _META if key not in meta]
    if missing:
        raise UserError(f"{missing[0]!r} is missing in this file", meta_file, again)
    try:
        classes = Classes.model_validate(meta["classes"])
    except ValidationError:
        raise UserError("the classes in this file are not two names", meta_file, again) from None
    if not isinstance(meta["threshold"], dict) or "policy" not in meta["threshold"]:
        raise UserError("the threshold in this file has no policy", meta_file, again)
    return Scores(path, table, meta, classes)


def _runs(folders: tuple[Path, ...], moved: Path | None) -> Runs:
    started = [_started(folder) for folder in folders]
    bundles = tuple(_bundle(folder, facts) for folder, facts in zip(folders, started, strict=True))
    _refuse_different(folders, [bundle.about.recipe_hash for bundle in bundles], "recipe")
    _refuse_different(folders, [facts["run"]["cells"] for facts in started], "cohort or its split")
    for index, bundle in enumerate(bundles):
        if bundle.hash in [earlier.hash for earlier in bundles[:index]]:
            raise UserError("this run is given twice", folders[index], "give each seed once")
    cohort = _cohort(folders[0], started[0], moved)
    if fingerprint(cohort) != started[0]["run"]["cells"]:
        raise UserError(
            "the train and validation parts are not those that this run was trained on: "
            "another cohort, or one that was split again",
            cohort.root,
            f"give the cohort of the run with --cohort, or train again: {typed('train', cohort.root, folders[0])}",
        )
    return Runs(folders, bundles, cohort, started[0]["run"]["cells"])


def _started(folder: Path) -> dict[str, Any]:
    """The run's environment.json."""
    if not folder.exists():
        raise UserError("there is nothing here", folder, "check the path")
    if not (folder / "environment.json").is_file() or not (folder / "recipe.yaml").is_file():
        raise UserError(f"this is not a run{_rather(folder)}", folder, "give a folder that brightctc train wrote")
    if (folder / WITHDRAWN).exists():
        raise UserError("a donor of this run has withdrawn", folder, "train again without this donor")
    return files.read_json(folder / "environment.json", format_version=_RUN_VERSION)


def _rather(folder: Path) -> str:
    """What else it may be."""
    marks = {"bundle.json": "a bundle", "cohort.yaml": "a cohort", "metrics.json": "results of evaluate"}
    return next((f", but {words}" for name, words in marks.items() if (folder / name).is_file()), "")


def _bundle(folder: Path, facts: dict[str, Any]) -> Bundle:
    if not (folder / "bundle" / "bundle.json").is_file():
        raise UserError(
            "this run is not finished: it has no bundle yet",
            folder,
            f"finish it: {typed('train', facts.get('cohort', 'COHORT'), folder, '--resume')}",
        )
    return Bundle.read(folder / "bundle")


def _refuse_different(folders: Sequence[Path], values: Sequence[str], what: str) -> None:
    for folder, value in zip(folders, values, strict=True):
        if value != values[0]:
            raise UserError(
                f"this run has another {what} than {folders[0]}",
                folder,
                "one report is of the seeds of one recipe on one split; write a report for each",
            )


def _cohort(run: Path, facts: dict[str, Any], moved: Path | None) -> Cohort:
    if moved is None and "cohort" not in facts:
        raise UserError("this run does not say where its cohort lies", run, "say it with --cohort COHORT")
    root = moved or Path(facts["cohort"])
    if moved is None and not root.is_dir():
        raise UserError("the cohort of this run is not here any more", root, "say where it is with --cohort COHORT")
    return Cohort.read(root)
