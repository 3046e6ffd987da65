"""results.csv: a row a run and exam, also for a run that failed. No times, hosts or paths."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from brightctc import files
from brightctc.errors import UserError
from brightctc.metrics import FIGURES
from brightctc.study.measuring import Row
from brightctc.study.plan import Variant
from brightctc.study.running import Place

_COUNTS = ("cells", "positives", "negatives", "tp", "fp", "tn", "fn")
_SCHEMA = {
    **dict.fromkeys(("variant", "kind"), pl.String),
    "seed": pl.Int64,
    **dict.fromkeys(("exam", "status", "error", "part", "channel"), pl.String),
    **dict.fromkeys(_COUNTS, pl.Int64),
    **dict.fromkeys(FIGURES, pl.Float64),
    "threshold_logit": pl.Float64,
    **dict.fromkeys(("steps", "epochs"), pl.Int64),
    **dict.fromkeys(("recipe", "bundle", "stamps", "marks"), pl.String),
}


def results_table(place: Place, rows: Sequence[Row], failed: Mapping[str, UserError]) -> pl.DataFrame:
    """Undefined figures are empty; an infinite one (looks without a true call) too."""
    found = [entry for row in rows for entry in _of_row(place, row)]
    return pl.DataFrame([*found, *_of_failed(place, rows, failed)], schema=_SCHEMA)


def write_results(study: Path, table: pl.DataFrame) -> None:
    """Whole or not at all."""
    files.write_text(study / "results.csv", table.write_csv())


def _of_row(place: Place, row: Row) -> Iterator[dict[str, Any]]:
    for seed, counts, found, scoring in zip(row.seeds, row.counts, row.by_seed, row.scorings, strict=True):
        yield {
            "variant": row.name,
            "kind": row.kind,
            "seed": seed,
            "exam": row.exam.name,
            "status": "done",
            "part": row.claim.part,
            "channel": row.claim.channel,
            **{name: getattr(counts, name) for name in _COUNTS},
            **{name: value if math.isfinite(value) else None for name, value in found.items()},
            "threshold_logit": scoring.threshold.logit,
            "bundle": scoring.bundle,
            **_of_run(place, row, seed),
            "stamps": "; ".join(row.claim.stamps) or None,
            "marks": "; ".join(row.marks) or None,
        }


def _of_run(place: Place, row: Row, seed: int) -> dict[str, Any]:
    result = place.study / "runs" / row.name / str(seed) / "result.json"
    if row.kind == "baseline" or not result.is_file():
        return {}
    values = files.read_json(result)
    return {name: values[name] for name in ("steps", "epochs", "recipe")}


def _of_failed(place: Place, rows: Sequence[Row], failed: Mapping[str, UserError]) -> Iterator[dict[str, Any]]:
    """A row for each run and exam without scores: why, where it is known."""
    done = {(row.name, seed, row.exam.name) for row in rows for seed in row.seeds}
    for variant in place.plan.variants:
        for seed in place.seeds_of(variant):
            for exam in variant.exams:
                if (variant.name, seed, exam.name) not in done:
                    yield {
                        "variant": variant.name,
                        "kind": variant.kind,
                        "seed": seed,
                        "exam": exam.name,
                        "status": "failed",
                        "error": _why(place, variant, seed, failed),
                        "marks": "; ".join(variant.marks) or None,
                    }


def _why(place: Place, variant: Variant, seed: int, failed: Mapping[str, UserError]) -> str:
    error = place.plan.failed.get(variant.name) or failed.get(f"{variant.name}/{seed}")
    return "not run yet" if error is None else error.what  # where it is wrong may be a path
