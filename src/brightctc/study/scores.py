"""The scores of a run on an exam: a Parquet table and the JSON that says what may be claimed of it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from brightctc import files
from brightctc.bundle import BundleThreshold
from brightctc.cohort import Cohort
from brightctc.errors import UserError
from brightctc.evaluate.cells import ScoredCells, labelled
from brightctc.evaluate.claim import Claim
from brightctc.study.plan import Exam

FORMAT_VERSION = 1
_SEPARATOR = ";"


@dataclass(frozen=True)
class Scoring:
    """How cells were called, and what may be said of it. bundle: hash of the model; None for a simple one."""

    threshold: BundleThreshold
    claim: Claim
    warnings: tuple[str, ...]
    bundle: str | None = None

    @classmethod
    def of(cls, threshold: BundleThreshold, claim: Claim, warnings: tuple[str, ...], bundle: str | None = None) -> Self:
        """Each warning once."""
        return cls(threshold, claim, tuple(dict.fromkeys(warnings)), bundle)


def has_scores(folder: Path, exam: Exam) -> bool:
    """Was this exam scored, whole?"""
    return _about(folder, exam).is_file()


def write_scores(folder: Path, exam: Exam, cells: ScoredCells, scoring: Scoring) -> None:
    """The table first: the JSON beside it says that it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pl.DataFrame(
        {
            "cell_id": cells.rows["cell_id"],
            "logit": pl.Series(cells.logit, dtype=pl.Float64, nan_to_null=True),
            "score": pl.Series(cells.score, dtype=pl.Float64, nan_to_null=True),
            "called": cells.called,
            "flags": pl.Series([_SEPARATOR.join(flags) or None for flags in cells.flags], dtype=pl.String),
            "error": pl.Series(cells.error, dtype=pl.String),
        }
    )
    with files.new_file(_table(folder, exam), overwrite=True) as path:
        table.write_parquet(path)
    files.write_json(
        _about(folder, exam),
        {
            "format_version": FORMAT_VERSION,
            "threshold": scoring.threshold.model_dump(mode="json"),
            "claim": asdict(scoring.claim),
            "warnings": list(scoring.warnings),
            "bundle": scoring.bundle,
        },
    )


def read_scores(folder: Path, exam: Exam, cohort: Cohort, rows: pl.DataFrame) -> tuple[ScoredCells, Scoring]:
    """The scores of the exam's cells. rows: as `cells_of` gives them, in the order in which they were scored.

    Raises UserError where they are other cells.
    """
    about = files.read_json(_about(folder, exam), format_version=FORMAT_VERSION)
    claim = about["claim"]
    scoring = Scoring(
        BundleThreshold.model_validate(about["threshold"]),
        Claim(**claim | {"stamps": tuple(claim["stamps"]), "warnings": tuple(claim["warnings"])}),
        tuple(about["warnings"]),
        about["bundle"],
    )
    table = pl.read_parquet(_table(folder, exam), glob=False)
    if not table["cell_id"].equals(rows["cell_id"]):
        raise UserError("these scores are of other cells", folder, "remove this folder, and start the study again")
    return _cells(table, cohort, rows), scoring


def _cells(table: pl.DataFrame, cohort: Cohort, rows: pl.DataFrame) -> ScoredCells:
    return ScoredCells(
        rows=rows,
        positive=cohort.positive(rows).fill_null(False).to_numpy(),
        labelled=labelled(cohort, rows),
        logit=table["logit"].fill_null(float("nan")).to_numpy().astype(np.float64),
        score=table["score"].fill_null(float("nan")).to_numpy().astype(np.float64),
        called=table["called"].to_numpy(),
        error=table["error"].to_list(),
        flags=[tuple(flags.split(_SEPARATOR)) if flags else () for flags in table["flags"]],
        warnings=(),
    )


def _table(folder: Path, exam: Exam) -> Path:
    return folder / f"{exam.name}.parquet"


def _about(folder: Path, exam: Exam) -> Path:
    return folder / f"{exam.name}.json"
