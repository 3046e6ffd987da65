"""A scoring under way: a folder beside the scores, with what was scored so far, whole pieces only.

`SCORES.partial/` holds `job.json`, what is being scored by what, and `cells-<first>-<end>.parquet`, pieces of PIECE
cells. A scoring that was stopped, in whatever way, goes on after the last whole piece. Pieces are cut at the same
places always, so that the scores are the same, byte by byte, however often it was stopped.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from brightctc import files
from brightctc.bundle.sample_measures import figures
from brightctc.errors import UserError
from brightctc.predict.scoring import Chunk
from brightctc.predict.table import as_given, joined

FORMAT_VERSION = 2
PIECE = 1024
"""Cells in a piece: what is lost, at most, when a scoring is stopped."""
OWN = "brightctc:"
"""How the names of a piece's own columns begin."""
LOGIT, DTYPE, PIXEL_SIZE, UNLIKE = f"{OWN}logit", f"{OWN}dtype", f"{OWN}pixel_size_um", f"{OWN}unlike"
_PARTIAL, _JOB = ".partial", "job.json"
_NAME = re.compile(r"cells-(\d{12})-(\d{12})\.parquet")
_DIFFERENCES = {
    "bundle_hash": "another bundle",
    "precision": "another precision",
    "device": "another device",
    "source": "another input",
    "brightctc": "another version of brightctc",
}


def folder_of(scores: Path) -> Path:
    """Where the work on a scores file is kept: `sample7.csv` → `sample7.csv.partial`."""
    return scores.with_name(f"{scores.name}{_PARTIAL}")


def pieces_in(folder: Path) -> list[Path]:
    """Tables of the cells that a scoring which was stopped has kept in this folder; none of any other folder."""
    if folder.suffix != _PARTIAL or not (folder / _JOB).is_file():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))


class Work:
    """The pieces in a folder. job: what is scored by what, as in `job.json`."""

    def __init__(self, folder: Path, job: dict[str, Any], resume: bool):
        """Begin anew, or go on. The caller holds the folder's lock.

        Raises UserError where `resume` finds the work of another job.
        """
        self.folder = folder
        path = folder / _JOB
        if resume and path.is_file():
            _require_same(files.read_json(path, format_version=FORMAT_VERSION), job, folder)
        else:
            self._clear()
            files.write_json(path, {"format_version": FORMAT_VERSION, **job})
        self._pieces = self._whole()

    @property
    def done(self) -> int:
        """Cells that are scored and kept; the first ones of the input."""
        return self._pieces[-1][1] if self._pieces else 0

    def keep(self, chunks: Iterable[Chunk]) -> Iterator[int]:
        """Keep the results of the cells from `done` on; yields how many cells are done, after every chunk."""
        held: list[Chunk] = []
        left: pl.DataFrame | None = None  # rows that fill no piece yet
        reached = self.done
        for chunk in chunks:
            held.append(chunk)
            reached += len(chunk.logit)
            if reached - self.done >= PIECE:
                left, held = self._whole_pieces(_rows(left, held)), []
            yield reached
        if held or (left is not None and left.height):
            self._write(self._whole_pieces(_rows(left, held)))

    def tables(self) -> Iterator[pl.DataFrame]:
        """All pieces in order: the input's rows as in the scores, `flags`, `error`, and the columns of this module."""
        for first, end in self._pieces:
            yield pl.read_parquet(self.folder / _piece(first, end), glob=False)

    def logits(self) -> np.ndarray:
        """float32 (n,) of all cells, mapped from a file of this folder."""
        logit = self._mapped("logit.bin", np.float32)
        for first, end in self._pieces:
            piece = pl.read_parquet(self.folder / _piece(first, end), columns=[LOGIT], glob=False)
            logit[first:end] = piece[LOGIT].to_numpy()
        return logit

    def ranks(self) -> np.ndarray:
        """int64 (n,), zeros to be filled, mapped from a file of this folder."""
        return self._mapped("rank.bin", np.int64)

    def _mapped(self, name: str, dtype: type) -> np.ndarray:
        with files.new_file(self.folder / name) as path, path.open("wb") as file:
            left = self.done * np.dtype(dtype).itemsize
            while left:  # written, not only made as long: where the disk is full, it must be said here
                left -= file.write(bytes(min(left, 2**20)))
        return np.asarray(np.memmap(self.folder / name, dtype, "r+", shape=(self.done,)))

    def _whole_pieces(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Write as many pieces as there are; returns the rows that are left."""
        while rows.height >= PIECE:
            self._write(rows[:PIECE])
            rows = rows[PIECE:]
        return rows

    def _write(self, rows: pl.DataFrame) -> None:
        if rows.is_empty():
            return
        end = self.done + rows.height
        target = self.folder / _piece(self.done, end)
        memory = io.BytesIO()  # polars' own errors carry no number, so it writes to memory and Python to the disk
        rows.write_parquet(memory)
        with self.kept(), files.new_file(target) as path:
            path.write_bytes(memory.getbuffer())
        self._pieces.append((self.done, end))

    @contextmanager
    def kept(self) -> Iterator[None]:
        """What can't be written in here is told with how to go on afterwards."""
        try:
            yield
        except UserError as error:
            what = error.what.removesuffix("; nothing was changed")
            fix = f"{error.fix or 'run it again'}, with --resume: {self.done:,} cells are scored and kept"
            raise UserError(what, error.where, fix) from error

    def _whole(self) -> list[tuple[int, int]]:
        """The pieces that follow one another from the first cell on; a last, short one is of an earlier end."""
        found = [match for path in self.folder.iterdir() if (match := _NAME.fullmatch(path.name))]
        pieces: list[tuple[int, int]] = []
        for first, end in sorted((int(match[1]), int(match[2])) for match in found):
            if first == (pieces[-1][1] if pieces else 0):
                pieces.append((first, end))
        return pieces

    def _clear(self) -> None:
        for path in list(self.folder.iterdir()):
            if _NAME.fullmatch(path.name) or path.name in (_JOB, "logit.bin", "rank.bin"):
                path.unlink()


def _piece(first: int, end: int) -> str:
    return f"cells-{first:012d}-{end:012d}.parquet"


def _require_same(held: dict[str, Any], job: dict[str, Any], folder: Path) -> None:
    for key, words in _DIFFERENCES.items():
        if held.get(key) != job[key]:
            raise UserError(
                f"what was begun here was scored with {words}",
                folder,
                "say --overwrite instead of --resume to begin anew",
            )


def _rows(left: pl.DataFrame | None, chunks: Sequence[Chunk]) -> pl.DataFrame:
    """`left` and the cells of chunks, as rows of a piece."""
    cells = [chunk.cells for chunk in chunks if chunk.cells is not None]
    if not cells:
        assert left is not None, "scores are written of an input whose rows are known"
        return left
    crops = [measures for chunk in chunks for measures in chunk.measures]
    known = np.array([measures is not None for measures in crops], dtype=bool)
    measured = pl.DataFrame(
        {OWN + name: _spread(values, known) for name, values in figures([crop for crop in crops if crop]).items()}
    )
    rows = as_given(pl.concat(cells)).with_columns(
        pl.Series(LOGIT, np.concatenate([chunk.logit for chunk in chunks]), pl.Float32),
        pl.Series("flags", joined(names for chunk in chunks for names in chunk.flags), pl.String),
        pl.Series("error", [words for chunk in chunks for words in chunk.error], pl.String),
        pl.Series(PIXEL_SIZE, [size for chunk in chunks for size in chunk.pixel_sizes], pl.Float64),
        pl.Series(UNLIKE, np.concatenate([_unlike(chunk) for chunk in chunks]), pl.Float32),
        pl.Series(DTYPE, [None if crop is None else crop.dtype for crop in crops], pl.String),
        *measured.get_columns(),
    )
    return rows if left is None else pl.concat([left, rows])


def _unlike(chunk: Chunk) -> np.ndarray:
    return np.full(len(chunk.logit), np.nan, np.float32) if chunk.unlike is None else chunk.unlike


def _spread(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """One value for each of the cells that are known, NaN for the others."""
    spread = np.full(len(known), np.nan)
    spread[known] = values
    return spread
