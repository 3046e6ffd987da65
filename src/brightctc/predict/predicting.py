"""The verb `predict`: a bundle and an input → a ranked table of its cells."""

import json
import shlex
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
import polars as pl

from brightctc import files
from brightctc.bundle import Bundle, SampleMeasures
from brightctc.predict.calling import CallRule
from brightctc.predict.concerns import contract_concerns, fault_concerns, seen_concerns
from brightctc.predict.file_names import Names
from brightctc.predict.result import PredictResult
from brightctc.predict.scoring import require_channels, score_cells
from brightctc.predict.source import Source, read_source
from brightctc.predict.table import (
    META_VERSION,
    Verdicts,
    meta_path,
    require_ending,
    scores_table,
    write_table,
)

Progress = Callable[..., None]
UNREADABLE = "unreadable"


def predict(
    bundle: Path,
    source: Path,
    scores: Path,
    *,
    threshold: str | None = None,
    pattern: str | None = None,
    bright_field: str | None = None,
    dapi: str | None = None,
    overwrite: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
) -> PredictResult:
    """Score every cell of an input and write the scores, whole or not at all.

    bundle: a bundle folder. source: a cohort, a folder of images or one image file.
    scores: the table to write, .csv or .parquet; SCORES.meta.json is written beside it.
    threshold: None for the bundle's own; `f1`, `recall=0.95` or `budget=200` as chosen on the bundle's validation
        cells; `top=N` calls the N highest of this input.
    pattern, bright_field, dapi: how a plain folder's file names are read, as for `brightctc import`; the bundle's
        own where not given.
    workers: threads that read images; a score does not depend on it.

    Raises UserError for what the user can fix. An image that can't be read is a row with its error.
    """
    bundle, source, scores = Path(bundle), Path(source), Path(scores)
    require_ending(scores)
    names = Names(pattern, bright_field, dapi)
    command = _command(bundle, source, scores, threshold, names)
    model = Bundle.read(bundle)
    rule = CallRule.of(model, threshold)
    given = read_source(source, model, names)
    require_channels(model, tuple(given.paths))
    with (  # opened first, so that an output that can't be written is known before the work, not after it
        files.new_file(scores, overwrite=overwrite) as table_file,
        files.new_file(meta_path(scores), overwrite=overwrite) as meta_file,
    ):
        verdicts, samples = _verdicts(model, given, rule, workers, progress)
        result = _result(model, given, rule, verdicts, scores)
        result = replace(result, warnings=_warnings(model, given, rule, verdicts, samples))
        write_table(result.table, table_file)
        meta_file.write_text(_meta(result, model, given, command), encoding="utf-8")
    return result


def _verdicts(
    bundle: Bundle, given: Source, rule: CallRule, workers: int | None, progress: Progress | None
) -> tuple[Verdicts, dict[str | None, SampleMeasures]]:
    """Run the stream to its end; what is kept of a cell is a few numbers."""
    cells = given.cells.height
    logit = np.full(cells, np.nan, np.float32)
    flags: list[tuple[str, ...]] = []
    error: list[str | None] = []
    samples: dict[str | None, SampleMeasures] = defaultdict(SampleMeasures)
    sample_ids = given.cells["sample_id"] if "sample_id" in given.cells.columns else pl.Series([None] * cells)
    for chunk in score_cells(bundle, given.paths, given.pixel_sizes, workers=workers):
        stop = chunk.start + len(chunk.logit)
        logit[chunk.start : stop] = chunk.logit
        flags += chunk.flags
        error += chunk.error
        for row, measures in enumerate(chunk.measures, chunk.start):
            if measures is not None:
                samples[sample_ids[row]].add(measures, given.pixel_sizes[row])
        if progress is not None:
            progress("scoring", stop, cells)
    score = bundle.score(logit)
    return Verdicts(logit, score, rule.called(logit, score), flags, error), dict(samples)


def _result(bundle: Bundle, given: Source, rule: CallRule, verdicts: Verdicts, scores: Path) -> PredictResult:
    table = scores_table(given.cells, verdicts, bundle.classes)
    counts = Counter(UNREADABLE if call is None else call for call in table["call"])
    return PredictResult(
        scores=scores,
        meta=meta_path(scores),
        table=table,
        bundle_hash=bundle.hash,
        threshold=rule.applied(verdicts.logit, verdicts.score, verdicts.called),
        positive=bundle.classes.positive,
        calls={name: counts[name] for name in (bundle.classes.positive, bundle.classes.negative, UNREADABLE)},
    )


def _warnings(
    bundle: Bundle,
    given: Source,
    rule: CallRule,
    verdicts: Verdicts,
    samples: Mapping[str | None, SampleMeasures],
) -> tuple[str, ...]:
    """Each once. The threshold's own belong to the rule that was used."""
    return tuple(
        dict.fromkeys(
            (
                *(warning for warning in bundle.warnings if warning not in bundle.threshold.warnings),
                *rule.warnings,
                *given.warnings,
                *fault_concerns(verdicts.error),
                *contract_concerns(bundle, samples),
                *seen_concerns(bundle, given.cells),
            )
        )
    )


def _meta(result: PredictResult, bundle: Bundle, given: Source, command: str) -> str:
    """SCORES.meta.json. image_root: what the column bright_field is relative to; cohort_root: null for no cohort."""
    values = {
        "format_version": META_VERSION,
        "brightctc": version("brightctc"),
        "command": command,
        "cohort_root": str(given.root) if given.kind == "cohort" else None,
        "image_root": str(given.root),
        "bundle_hash": bundle.hash,
        "bundle_name": bundle.about.name,
        "classes": bundle.classes.model_dump(),
        "threshold": result.threshold.level(),
        "precision": bundle.threshold.precision,
        "cells": result.table.height,
        "calls": result.calls,
        "flags": result.flags,
        "quality_limits": bundle.about.contract.quality.model_dump(mode="json"),
        "warnings": list(result.warnings),
    }
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def _command(bundle: Path, source: Path, scores: Path, threshold: str | None, names: Names) -> str:
    """The command line that does the same."""
    given = {
        "--threshold": threshold,
        "--pattern": names.pattern,
        "--bright-field": names.bright_field,
        "--dapi": names.dapi,
    }
    options = [word for option, value in given.items() if value is not None for word in (option, value)]
    return shlex.join(["brightctc", "predict", str(bundle), str(source), str(scores), *options])
