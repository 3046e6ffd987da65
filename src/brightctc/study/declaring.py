"""study.yaml: the analysis as it was declared before any run, with its hash; a study that goes on must be the same."""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from brightctc import files
from brightctc.bundle import Bundle
from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.study.options import Options, require_primary
from brightctc.study.plan import Plan, Variant
from brightctc.study.running import baseline_names

FORMAT_VERSION = 1
FILE = "study.yaml"
_SHORT = 60  # letters of a value that an error still shows
_NAMES = {
    "cells": "cohort, its labels or its split",
    "external": "external cohort",
    "bundles": "bundles",
    "variants": "variants or their settings",
    "pairs": "pairs",
    "primary": "primary figure",
    "seeds": "number of seeds",
    "baselines": "baselines",
    "threads": "threads a run",
}


def declaration(question: str, asks: str, cohort: Cohort, options: Options, plan: Plan, threads: int) -> dict[str, Any]:
    """The content of study.yaml: no paths or times. Raises UserError for a primary figure or pairs that can't be."""
    require_primary(options.primary)
    baseline_names(options)
    for name in [name for pair in options.pairs or () for name in pair]:
        if plan.variant(name).kind == "unranked":
            raise UserError(
                f"{name} is scored with DAPI, and is not ranked beside rows of bright field alone",
                "--pair",
                "choose pairs of the other rows",
            )
    declared: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "question": question,
        "asked": asks,
        "cohort": cohort.about.name,
        "cells": cells_hash(cohort),
        "external": None if options.external is None else cells_hash(Cohort.read(options.external)),
        "bundles": [Bundle.read(bundle).hash for bundle in options.bundles],
        "seeds": options.seeds if not options.bundles else len(options.bundles),
        "budget": options.budget,
        "primary": options.primary,
        "pairs": [list(pair) for pair in pairs_in(options, plan)],
        "baselines": None if options.baselines is None else list(options.baselines),
        "resamples": options.resamples,
        "seed": options.seed,
        "robustness_cells": options.cells,
        "threads": threads,
        "variants": [_variant(variant) for variant in plan.variants],
    }
    return declared | {"hash": hash_of(declared)}


def hash_of(declared: dict[str, Any]) -> str:
    """SHA-256 (16 hex digits) of what is declared, whatever the order or comments of the file."""
    content = {key: value for key, value in declared.items() if key != "hash"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def cells_hash(cohort: Cohort) -> str:
    """16 hex digits of which cells there are, their images' paths, labels, donors and parts."""
    wanted = ("cell_id", "bright_field", "dapi", "label", "donor_id", "sample_id", "pixel_size_um", "part")
    rows = cohort.cells.select(name for name in wanted if name in cohort.cells.columns)
    return hashlib.sha256(rows.write_csv().encode()).hexdigest()[:16]


def pairs_in(options: Options, plan: Plan) -> tuple[tuple[str, str], ...]:
    """The pairs that were asked for, else the question's own."""
    return plan.pairs if options.pairs is None else options.pairs


def read_declared(study: Path) -> dict[str, Any] | None:
    """What was declared; None where nothing was. Raises UserError where the file was changed since."""
    path = study / FILE
    if not path.is_file():
        return None
    declared = files.read_yaml(path, format_version=FORMAT_VERSION)
    if declared.get("hash") != hash_of(declared):
        raise UserError(
            "the declared analysis was changed after it was written (its hash differs)",
            path,
            "restore the file; another analysis is another study, in another folder",
        )
    return declared


def declare(study: Path, declared: dict[str, Any]) -> None:
    """Write study.yaml where there is none. Raises UserError where the study was declared otherwise."""
    if not refuse_otherwise(study, declared):
        text = yaml.safe_dump(declared, sort_keys=False, allow_unicode=True, width=110)
        files.write_text(study / FILE, text, overwrite=False)


def refuse_otherwise(study: Path, declared: dict[str, Any]) -> bool:
    """Is the study declared, and as it was? Raises UserError where it was declared otherwise; False: not yet."""
    former = read_declared(study)
    if former is None:
        return False
    changed = [key for key in declared if key not in ("hash", "asked") and declared[key] != former.get(key)]
    if changed:
        raise UserError(
            f"this study was declared otherwise: {'; '.join(_otherwise(key, former, declared) for key in changed)}",
            study / FILE,
            "start it with what it was declared with, or give another folder",
        )
    return True


def _otherwise(key: str, former: dict[str, Any], declared: dict[str, Any]) -> str:
    """One thing that differs, with both values where they are short."""
    name = _NAMES.get(key, key)
    values = [str(content.get(key)) for content in (former, declared)]
    if key in ("variants", "cells", "external", "bundles") or max(map(len, values)) > _SHORT:
        return f"its {name} differ" if name.endswith("s") else f"its {name} differs"
    return f"{name} {values[0]}, not {values[1]}"


def _variant(variant: Variant) -> dict[str, Any]:
    return {
        "name": variant.name,
        "words": variant.words,
        "kind": variant.kind,
        "division": variant.division,
        "exams": [exam.name for exam in variant.exams],
        "marks": list(variant.marks),
        "recipe": None if variant.recipe is None else variant.recipe.model_dump(mode="json"),
    }
