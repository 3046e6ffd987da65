"""comparison.csv: declared pairs of variants on the same cells, by whole donors and, as a description, over seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from brightctc import files
from brightctc.evaluate.evaluation import LOOKS, Judged
from brightctc.metrics import Comparison, Interval, SeedTests, compare, holm, seed_tests
from brightctc.study.measuring import Row

BESIDE = ("average_precision", "f1", "roc_auc", "recall", "false_calls_per_1000")
_SCHEMA = {
    **dict.fromkeys(("exam", "first", "second", "figure"), pl.String),
    "primary": pl.Boolean,
    **dict.fromkeys(("first_value", "second_value", "difference", "low", "high", "p", "p_holm"), pl.Float64),
    "pairs": pl.Int64,
    "unit": pl.String,
    "seeds": pl.Int64,
    **dict.fromkeys(("p_seeds_paired", "least_p_seeds_paired", "p_seeds_unpaired"), pl.Float64),
    **dict.fromkeys(("least_p_seeds_unpaired", "p_seeds_welch"), pl.Float64),
    **dict.fromkeys(("reason", "stamps"), pl.String),
}


@dataclass(frozen=True)
class Pair:
    """first − second of one figure on the same cells. p_holm: of the primary figure, over the declared pairs."""

    first: Row
    second: Row
    figure: str
    primary: bool
    found: Comparison
    p_holm: float | None
    pairs: int
    over_seeds: SeedTests

    @property
    def difference(self) -> Interval:
        """With the interval of pairs."""
        return self.found.difference


def compared(rows: Sequence[Row], declared: Sequence[tuple[str, str]], primary: str) -> list[Pair]:
    """Every declared pair that was measured on the same cells, each exam by itself; the primary figure first.

    A declared pair that could not be measured still counts among those that Holm's correction is for.
    """
    by_name: dict[tuple[str, str], Row] = {(row.exam.name, row.name): row for row in rows if row.kind != "baseline"}
    names = (primary, *(name for name in BESIDE if name != primary))
    found: list[Pair] = []
    for exam in dict.fromkeys(row.exam.name for row in rows):
        pairs = [(by_name.get((exam, one)), by_name.get((exam, two))) for one, two in declared]
        pairs = [(one, two) if one and two and one.same_cells(two) else None for one, two in pairs]
        if any(pairs):
            comparisons = [None if pair is None else _compare(*pair, names) for pair in pairs]
            for name in names:
                found += _figure(
                    pairs, [None if each is None else each[name] for each in comparisons], name, name == primary
                )
    return found


def _figure(
    pairs: Sequence[tuple[Row, Row] | None], comparisons: Sequence[Comparison | None], name: str, primary: bool
) -> list[Pair]:
    corrected = holm([None if each is None else each.p for each in comparisons])
    return [
        Pair(*pair, name, primary, each, adjusted if primary else None, len(pairs), _over_seeds(*pair, name))
        for pair, each, adjusted in zip(pairs, comparisons, corrected, strict=True)
        if pair is not None and each is not None
    ]


def _compare(first: Row, second: Row, names: Sequence[str]) -> dict[str, Comparison]:
    """All figures from the same resamples, each of the cells that it is printed of."""

    def on(ours: Judged, theirs: Judged, wanted: Sequence[str]) -> dict[str, Comparison]:
        return compare(
            ours.positive,
            ours.scored,
            theirs.scored,
            wanted,
            unit=first.claim.unit,
            groups=ours.members,
            resamples=first.drawn.resamples,
            seed=first.drawn.seed,
        )

    found = on(first.judged, second.judged, [name for name in names if name != LOOKS])
    return found | on(first.looked_at, second.looked_at, [name for name in names if name == LOOKS])


def _over_seeds(first: Row, second: Row, name: str) -> SeedTests:
    ours, theirs = ([found[name] for found in row.by_seed] for row in (first, second))
    return seed_tests(ours, theirs, paired=first.seeds == second.seeds)


def comparison_table(pairs: Sequence[Pair]) -> pl.DataFrame:
    """A row a pair and figure."""
    return pl.DataFrame([_row(pair) for pair in pairs], schema=_SCHEMA)


def write_comparison(study: Path, table: pl.DataFrame) -> None:
    """Whole or not at all."""
    files.write_text(study / "comparison.csv", table.write_csv())


def _row(pair: Pair) -> dict[str, Any]:
    tests = pair.over_seeds
    return {
        "exam": pair.first.exam.name,
        "first": pair.first.name,
        "second": pair.second.name,
        "figure": pair.figure,
        "primary": pair.primary,
        "first_value": pair.first.figures[pair.figure].value,
        "second_value": pair.second.figures[pair.figure].value,
        "difference": pair.difference.value,
        "low": pair.difference.low,
        "high": pair.difference.high,
        "p": pair.found.p if pair.primary else None,
        "p_holm": pair.p_holm,
        "pairs": pair.pairs,
        "unit": pair.first.claim.unit,
        "seeds": min(len(pair.first.seeds), len(pair.second.seeds)),
        "p_seeds_paired": _finite(tests.paired),
        "least_p_seeds_paired": _finite(tests.paired_least),
        "p_seeds_unpaired": _finite(tests.unpaired),
        "least_p_seeds_unpaired": _finite(tests.unpaired_least),
        "p_seeds_welch": _finite(tests.welch),
        "reason": pair.found.reason,
        "stamps": "; ".join(pair.first.claim.stamps) or None,
    }


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else value
