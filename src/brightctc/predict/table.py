"""The scores: a table with one row per input cell, in input order, and the JSON beside it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import polars as pl

from brightctc.cohort import Classes
from brightctc.cohort.folder import NUMBER_COLUMNS
from brightctc.errors import UserError
from brightctc.measure.table import FLAG_SEPARATOR, make_room
from brightctc.predict.ranking import ranks

META_VERSION = 1
COLUMNS = ("cell_id", "sample_id", "bright_field", "score", "call", "rank", "flags", "error")
MADE = ("score", "call", "rank", "flags", "error")
UNCERTAIN = "uncertain"
ENDINGS = (".csv", ".parquet")
_ROW_GROUP = 2**14  # rows


@dataclass(frozen=True)
class Verdicts:
    """What was found of n cells, in input order.

    logit: float32 (n,), score: float64 (n,), both NaN where there is none. called: bool (n,), called positive.
    uncertain: bool (n,), called uncertain instead; None: none is.
    flags: as `joined` writes them. error: in words; None where all went well.
    """

    logit: np.ndarray
    score: np.ndarray
    called: np.ndarray
    flags: Sequence[str | None]
    error: Sequence[str | None]
    uncertain: np.ndarray | None = None


def meta_path(scores: Path) -> Path:
    """Where the JSON beside a scores file lies: `sample7.csv` → `sample7.meta.json`."""
    return scores.with_suffix(".meta.json")


def refuse_other_table(scores: Path, meta: Mapping[str, Any]) -> None:
    """Raise UserError where the JSON beside a table is of another one, whose name differs in its ending alone."""
    ending = meta.get("ending", scores.suffix)
    if ending != scores.suffix:
        raise UserError(
            f"{meta_path(scores).name} is of {scores.with_suffix(ending).name}, not of this table",
            scores,
            "give tables names that differ in more than their ending",
        )


def refuse_shared_meta(scores: Path) -> None:
    """Raise UserError where a table lies here whose name differs in its ending alone: one JSON can't be of both."""
    for ending in ENDINGS:
        other = scores.with_suffix(ending)
        if other != scores and other.exists():
            raise UserError(
                f"{other.name} lies here, and {meta_path(scores).name} would have to be of both",
                scores,
                "give this table a name that differs in more than its ending",
            )


def require_ending(scores: Path) -> None:
    """Raise UserError for another ending than .csv or .parquet."""
    if scores.suffix not in ENDINGS:
        raise UserError(
            f"scores are written as .csv or .parquet, not as {scores.suffix or 'a file without an ending'}",
            scores,
            f"write e.g. {scores.with_suffix('.csv').name}",
        )


def scores_table(
    cells: pl.DataFrame, verdicts: Verdicts, classes: Classes, rank: np.ndarray | None = None
) -> pl.DataFrame:
    """The scores of `cells` (the input's columns), a row a cell; see COLUMNS, then the other columns.

    rank: int64 (n,), 0 where there is none; where it is not given, these are all cells.

    A cell without a score has an empty score, call and rank, and its error in words. A column of the input that
    has a name of the scores (from an earlier scoring) is kept, as `make_room` names it. Ids stand as they came, also
    where a spreadsheet would take them for formulas: a data file must not alter an id.
    """
    missing = np.isnan(verdicts.score)
    rank = ranks(verdicts.logit) if rank is None else rank
    call = pl.Series(np.where(verdicts.called, classes.positive, classes.negative), dtype=pl.String)
    if verdicts.uncertain is not None:
        call = call.set(pl.Series(verdicts.uncertain), UNCERTAIN)
    made = {
        "score": pl.Series(verdicts.score, dtype=pl.Float64, nan_to_null=True),
        "call": call.set(pl.Series(missing), None),
        "rank": pl.Series(rank, dtype=pl.Int64).set(pl.Series(missing), None),
        "flags": pl.Series(verdicts.flags, dtype=pl.String),
        "error": pl.Series(verdicts.error, dtype=pl.String),
    }
    given = as_given(cells)
    table = given.with_columns(series.alias(name) for name, series in made.items())
    return table.select(*COLUMNS, *(name for name in given.columns if name not in COLUMNS))


def joined(flags: Iterable[tuple[str, ...]]) -> list[str | None]:
    """The names of each cell's flags as one text; None where it has none."""
    return [FLAG_SEPARATOR.join(names) or None for names in flags]


def as_given(cells: pl.DataFrame) -> pl.DataFrame:
    """The input's rows as they stand beside scores: with a sample_id, and no column named as one of the scores'."""
    given = make_room(cells, MADE)
    if "sample_id" not in given.columns:
        given = given.with_columns(pl.lit(None, pl.String).alias("sample_id"))
    return given


class ScoresWriter:
    """Writes a scores file by its ending, table after table; what the file system refuses passes as OSError.

    Parquet gets row groups of some ten thousand cells; no more than that is held.
    """

    def __init__(self, file: BinaryIO, ending: str):
        """file: open for writing. ending: one of ENDINGS."""
        self._file, self._ending = file, ending
        self._held: list[pl.DataFrame] = []
        self._parquet: Any = None
        self._begun = False

    def write(self, table: pl.DataFrame) -> None:
        """Take in rows, with the same columns every time."""
        if self._ending == ".csv":
            # polars' own errors carry no number, so it writes to memory and Python to the disk
            self._file.write(table.write_csv(include_header=not self._begun).encode())
            self._begun = True
            return
        self._held.append(table)
        if sum(held.height for held in self._held) >= _ROW_GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is left; the file is whole now, and stays open."""
        if self._ending == ".parquet":
            self._flush()
            self._parquet.close()

    def _flush(self) -> None:
        import pyarrow.parquet as pq  # only here: who writes text need not wait for it

        if not self._held and self._parquet is not None:
            return
        rows = pl.concat(self._held).to_arrow(compat_level=pl.CompatLevel.oldest())
        self._held = []
        if self._parquet is None:
            self._parquet = pq.ParquetWriter(self._file, rows.schema, compression="zstd")
        self._parquet.write_table(rows)


def write_table(table: pl.DataFrame, target: Path) -> None:
    """Write a whole table by the ending; what the file system refuses (a full disk) passes as OSError."""
    with target.open("wb") as file:
        writer = ScoresWriter(file, target.suffix)
        for start in range(0, max(table.height, 1), _ROW_GROUP):
            writer.write(table[start : start + _ROW_GROUP])
        writer.close()


def read_scores(path: Path) -> pl.DataFrame:
    """Read a scores file of either ending, ids as text. Raises UserError where it is missing or malformed."""
    require_ending(path)
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path, glob=False)
        numbers = {"score": pl.Float64, "rank": pl.Int64, **dict.fromkeys(NUMBER_COLUMNS, pl.Float64)}
        names = pl.read_csv(path, n_rows=0, glob=False).columns
        return pl.read_csv(path, schema={name: numbers.get(name, pl.String) for name in names}, glob=False)
    except FileNotFoundError:
        raise UserError("this file is missing", path, "make it with: brightctc predict") from None
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise UserError(f"these scores can't be read: {str(error).splitlines()[0]}", path, "score again") from None
