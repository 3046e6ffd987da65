"""The scores: a table with one row per input cell, in input order, and the JSON beside it."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from brightctc.cohort import Classes
from brightctc.errors import UserError
from brightctc.measure.table import FLAG_SEPARATOR

META_VERSION = 1
COLUMNS = ("cell_id", "sample_id", "bright_field", "score", "call", "rank", "flags", "error")
ENDINGS = (".csv", ".parquet")
_SLICE = 100_000  # rows of text held in memory at a time


@dataclass(frozen=True)
class Verdicts:
    """What was found of n cells, in input order.

    logit: float32 (n,), score: float64 (n,), both NaN where there is none. called: bool (n,), called positive.
    """

    logit: np.ndarray
    score: np.ndarray
    called: np.ndarray
    flags: list[tuple[str, ...]]
    error: list[str | None]


def meta_path(scores: Path) -> Path:
    """Where the JSON beside a scores file lies: `sample7.csv` → `sample7.meta.json`."""
    return scores.with_suffix(".meta.json")


def require_ending(scores: Path) -> None:
    """Raise UserError for another ending than .csv or .parquet."""
    if scores.suffix not in ENDINGS:
        raise UserError(
            f"scores are written as .csv or .parquet, not as {scores.suffix or 'a file without an ending'}",
            scores,
            f"write e.g. {scores.with_suffix('.csv').name}",
        )


def ranks(score: np.ndarray) -> np.ndarray:
    """1 for the highest score, ties in input order; 0 where the score is NaN. int64 (n,)."""
    found = np.zeros(len(score), np.int64)
    scored = np.flatnonzero(~np.isnan(score))
    found[scored[np.argsort(-score[scored], kind="stable")]] = np.arange(1, len(scored) + 1)
    return found


def scores_table(cells: pl.DataFrame, verdicts: Verdicts, classes: Classes) -> pl.DataFrame:
    """The scores of `cells` (the input's columns), a row a cell; see COLUMNS, then the other columns.

    A cell without a score has an empty score, call and rank, and its error in words. A column of the input that
    has a name of the scores (from an earlier scoring) is kept as `input_<name>`. Ids stand as they came, also
    where a spreadsheet would take them for formulas: a data file must not alter an id.
    """
    missing = np.isnan(verdicts.score)
    rank = ranks(verdicts.score)
    call = np.where(verdicts.called, classes.positive, classes.negative)
    made = {
        "score": pl.Series(verdicts.score, dtype=pl.Float64, nan_to_null=True),
        "call": pl.Series([None if gone else str(c) for gone, c in zip(missing, call, strict=True)], dtype=pl.String),
        "rank": pl.Series([None if gone else int(r) for gone, r in zip(missing, rank, strict=True)], dtype=pl.Int64),
        "flags": pl.Series([FLAG_SEPARATOR.join(names) or None for names in verdicts.flags], dtype=pl.String),
        "error": pl.Series(verdicts.error, dtype=pl.String),
    }
    given = cells.rename({name: f"input_{name}" for name in cells.columns if name in made})
    if "sample_id" not in given.columns:
        given = given.with_columns(pl.lit(None, pl.String).alias("sample_id"))
    table = given.with_columns(series.alias(name) for name, series in made.items())
    return table.select(*COLUMNS, *(name for name in given.columns if name not in COLUMNS))


def write_table(table: pl.DataFrame, target: Path) -> None:
    """Write by the ending; what the file system refuses (a full disk) passes as OSError with its number."""
    # polars' own errors carry no number, so it writes to memory and Python to the disk, slice by slice
    with target.open("wb") as file:
        if target.suffix == ".parquet":
            memory = io.BytesIO()
            table.write_parquet(memory)
            file.write(memory.getbuffer())
            return
        for start in range(0, max(table.height, 1), _SLICE):
            text = table.slice(start, _SLICE).write_csv(include_header=start == 0)
            file.write(text.encode())


def read_scores(path: Path) -> pl.DataFrame:
    """Read a scores file of either ending, ids as text. Raises UserError where it is missing or malformed."""
    require_ending(path)
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        text = dict.fromkeys(("cell_id", "sample_id", "bright_field", "call", "flags", "error"), pl.String)
        return pl.read_csv(path, schema_overrides={**text, "score": pl.Float64, "rank": pl.Int64})
    except FileNotFoundError:
        raise UserError("this file is missing", path, "make it with: brightctc predict") from None
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise UserError(f"these scores can't be read: {str(error).splitlines()[0]}", path, "score again") from None
