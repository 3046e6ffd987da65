"""Cells → logits, as a stream in constant memory: shared by predict and evaluate."""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from brightctc.bundle import Bundle, CropMeasures
from brightctc.bundle.runtime import BATCH, Session
from brightctc.cohort import ImageFault, read_or_fault
from brightctc.engine import cores
from brightctc.errors import UserError
from brightctc.preprocess import Channel

MOST_CELLS = 512  # a chunk
_CHUNK_VALUES = 2**24  # input values a chunk holds at most: 64 MiB of float32
_TASK = 8  # cells a thread prepares at a time
NOT_FINITE = "no_score: the network gave no finite number for this cell"


@dataclass(frozen=True)
class Chunk:
    """The scored cells start … start + n − 1, in input order.

    logit: float32 (n,), NaN where the cell has none. error: per cell `kind: words`, None where all went well.
    flags: per cell what is unusual about its bright-field crop (`Contract.flags`).
    measures: per cell what the contract looked at; None where unread or not of bright field.
    embedding: float32 (n, d), NaN rows where the cell has none; None unless asked for.
    """

    start: int
    logit: np.ndarray
    error: list[str | None]
    flags: list[tuple[str, ...]]
    measures: list[CropMeasures | None]
    embedding: np.ndarray | None = None


@dataclass(frozen=True)
class _Prepared:
    """One cell, ready for the network; `values` is float32 (channels, size, size), None where it failed."""

    values: np.ndarray | None
    error: str | None = None
    measures: CropMeasures | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Cells:
    """What is to be scored, and how a cell of it is read and prepared."""

    bundle: Bundle
    paths: Mapping[Channel, Sequence[Path | None]]
    pixel_sizes: Sequence[float | None] | None

    def __len__(self) -> int:
        return len(next(iter(self.paths.values())))

    def prepared(self, rows: range) -> list[_Prepared]:
        return [self._one(row) for row in rows]

    def _one(self, row: int) -> _Prepared:
        size = None if self.pixel_sizes is None else self.pixel_sizes[row]
        crops: dict[Channel, np.ndarray] = {}
        for channel, files in self.paths.items():
            image = read_or_fault(files[row])
            if isinstance(image, ImageFault):
                words = image.detail if channel == "bright_field" else f"{channel}: {image.detail}"
                return _Prepared(None, f"{image.kind}: {words}")
            crops[channel] = image
        values = self.bundle.preparation.network_input(crops, size)
        if "bright_field" not in crops:
            return _Prepared(values)
        measures = CropMeasures.of(crops["bright_field"])
        return _Prepared(values, None, measures, tuple(self.bundle.about.contract.flags(measures, size)))


def score_cells(
    bundle: Bundle,
    paths: Mapping[Channel, Sequence[Path | None]],
    pixel_sizes: Sequence[float | None] | None = None,
    *,
    workers: int | None = None,
    threads: int | None = None,
    embeddings: bool = False,
) -> Iterator[Chunk]:
    """Score n cells; yields chunks of at most 512 in input order, every cell exactly once.

    paths: per channel n image files (None: this cell has none). A one-channel bundle takes the single channel that
        is given, also `dapi` where it knows its scale (the negative control); a two-channel bundle takes both.
    pixel_sizes: n times µm per pixel, None where unknown.
    workers: threads that read and prepare images. threads: of the network. Neither, nor the other cells, nor
        their order changes a cell's logit by one bit.

    Raises UserError, before the first chunk, where the channels don't fit the bundle.
    """
    require_channels(bundle, tuple(paths))
    cells = _Cells(bundle, paths, pixel_sizes)
    return _stream(cells, bundle.session(threads), workers or default_workers(), embeddings)


def require_channels(bundle: Bundle, channels: tuple[Channel, ...]) -> None:
    """Raise UserError where a bundle can't score these channels."""
    needed = bundle.about.channels
    missing = [channel for channel in needed if channel not in channels]
    if len(needed) > 1 and missing:
        raise UserError(
            f"this bundle takes {' and '.join(needed)} for every cell, and {' and '.join(missing)} is not given",
            bundle.folder,
            "give both channels, or train a bundle on bright field alone (dapi.way=none or mix)",
        )
    if len(needed) == 1 and len(channels) != 1:
        raise UserError("this bundle takes one channel", bundle.folder, f"give {needed[0]} alone")
    unknown = [channel for channel in channels if channel not in bundle.preparation.scales]
    if unknown:
        raise UserError(
            f"this bundle was trained without {unknown[0]} and can't prepare such images",
            bundle.folder,
            "use a bundle trained with dapi.way=mix, or score the bright field",
        )


def default_workers() -> int:
    """Reading threads: as many as this process may use cores, at most 8."""
    return min(8, cores())


def _stream(cells: _Cells, session: Session, workers: int, embeddings: bool) -> Iterator[Chunk]:
    step = max(BATCH, min(MOST_CELLS, _CHUNK_VALUES // math.prod(session.shape) // BATCH * BATCH))
    with ThreadPoolExecutor(workers, thread_name_prefix="prepare") as pool:
        ahead: deque[tuple[int, list[Future[list[_Prepared]]]]] = deque()
        try:
            for start in range(0, len(cells), step):
                stop = min(start + step, len(cells))
                tasks = [range(at, min(at + _TASK, stop)) for at in range(start, stop, _TASK)]
                ahead.append((start, [pool.submit(cells.prepared, rows) for rows in tasks]))
                if len(ahead) == 2:  # the next chunk is being read while the network works on this one
                    yield _scored(session, *ahead.popleft(), embeddings)
            if ahead:
                yield _scored(session, *ahead.popleft(), embeddings)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _scored(session: Session, start: int, tasks: list[Future[list[_Prepared]]], embeddings: bool) -> Chunk:
    cells = [cell for task in tasks for cell in task.result()]
    ready = [index for index, cell in enumerate(cells) if cell.values is not None]
    stacked = [cell.values for cell in cells if cell.values is not None]
    outputs = session.run(np.stack(stacked) if stacked else np.zeros((0, *session.shape), np.float32))
    logit = np.full(len(cells), np.nan, np.float32)
    logit[ready] = np.where(np.isfinite(outputs.logit), outputs.logit, np.nan)
    embedding = None
    if embeddings:
        embedding = np.full((len(cells), outputs.embedding.shape[1]), np.nan, np.float32)
        embedding[ready] = outputs.embedding
    return Chunk(
        start=start,
        logit=logit,
        error=[
            cell.error or (NOT_FINITE if np.isnan(value) else None) for cell, value in zip(cells, logit, strict=True)
        ],
        flags=[cell.flags for cell in cells],
        measures=[cell.measures for cell in cells],
        embedding=embedding,
    )
