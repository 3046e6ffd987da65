"""The JSON beside a scores file: what made it."""

import json
import shlex
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from brightctc.bundle import Bundle
from brightctc.bundle.processor import processor_class
from brightctc.predict.blocks import Source
from brightctc.predict.file_names import Names
from brightctc.predict.result import PredictResult
from brightctc.predict.table import META_VERSION


def meta_text(result: PredictResult, bundle: Bundle, given: Source, command: str) -> str:
    """SCORES.meta.json. image_root: what the column bright_field is relative to; cohort_root: null for no cohort.

    source: a hash of the input. processor: the class of processor that a precision other than float32 was used on.
    """
    values = {
        "format_version": META_VERSION,
        "brightctc": version("brightctc"),
        "command": command,
        "cohort_root": str(given.root) if given.kind == "cohort" else None,
        "image_root": str(given.root),
        "ending": result.scores.suffix,
        "source": given.identity,
        "bundle_hash": bundle.hash,
        "bundle_name": bundle.about.name,
        "classes": bundle.classes.model_dump(),
        "threshold": result.threshold.level(),
        "uncertain": result.threshold.sets_level(),
        "precision": result.precision,
        "processor": None if result.precision == "float32" else processor_class(bundle.precision),
        "device": result.device,
        "cells": result.cells,
        "calls": result.calls,
        "flags": result.flags,
        "shift_limits": None if bundle.about.shift is None else bundle.about.shift.model_dump(mode="json"),
        "shifts": result.summary()["shifts"],
        "quality_limits": bundle.about.contract.quality.model_dump(mode="json"),
        "warnings": list(result.warnings),
    }
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"


def command_line(bundle: Path, source: Path, scores: Path, options: Mapping[str, str | None], names: Names) -> str:
    """The command line that does the same."""
    given = {**options, "--pattern": names.pattern, "--bright-field": names.bright_field, "--dapi": names.dapi}
    words = [word for option, value in given.items() if value is not None for word in (option, value)]
    return shlex.join(["brightctc", "predict", str(bundle), str(source), str(scores), *words])
