"""Cells → logits, as a stream in constant memory: shared by predict, evaluate and study.

A pipeline of bounded queues: a block of the input is loaded ahead; its cells are read and prepared in parallel, some
tens at a time; the network works on what is ready, a batch a stream; results leave in the order of the input.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from brightctc.bundle import Bundle, CropMeasures
from brightctc.bundle.runtime import BATCH, Outputs, Scorer
from brightctc.errors import UserError
from brightctc.predict.blocks import Block, Loaded, of_files
from brightctc.predict.doubt import Doubt
from brightctc.predict.preparers import Hand, default_workers, preparers
from brightctc.predict.preparing import Prepared, Preparer
from brightctc.preprocess import Channel

TASK = 4 * BATCH
"""Cells that are prepared at a time."""
_AHEAD = 3  # tasks a worker that are prepared, or being prepared, before their turn
NOT_FINITE = "no_score: the network gave no finite number for this cell"


@dataclass(frozen=True)
class Chunk:
    """The scored cells start … start + n − 1, in input order.

    logit: float32 (n,), NaN where the cell has none. error: per cell `kind: words`, None where all went well.
    flags: per cell what is unusual about its bright-field crop (`Contract.flags`).
    measures: per cell what the contract looked at; None where unread or not of bright field.
    pixel_sizes: per cell µm per pixel, None where unknown. cells: their rows, where the input has any.
    embedding: float32 (n, d), NaN rows where the cell has none; None unless asked for.
    unlike: float32 (n,), what `ShiftLimits` makes of each cell, NaN where nothing; None where the bundle can't tell.
    """

    start: int
    logit: np.ndarray
    error: list[str | None]
    flags: list[tuple[str, ...]]
    measures: list[CropMeasures | None]
    pixel_sizes: Sequence[float | None]
    cells: pl.DataFrame | None = None
    embedding: np.ndarray | None = None
    unlike: np.ndarray | None = None


def score_cells(
    bundle: Bundle,
    paths: Mapping[Channel, Sequence[Path | None]],
    pixel_sizes: Sequence[float | None] | None = None,
    *,
    workers: int | None = None,
    threads: int | None = None,
    embeddings: bool = False,
) -> Iterator[Chunk]:
    """Score n cells; yields chunks of at most 32 in input order, every cell exactly once.

    paths: per channel n image files (None: this cell has none). A one-channel bundle takes the single channel that
        is given, also `dapi` where it knows its scale (the negative control); a two-channel bundle takes both.
    pixel_sizes: n times µm per pixel, None where unknown.
    workers: how many read and prepare images. threads: of the network. Neither, nor the other cells, nor
        their order changes a cell's logit by one bit.

    Raises UserError, before the first chunk, where the channels don't fit the bundle.
    """
    require_channels(bundle, tuple(paths))
    sizes = [None] * len(next(iter(paths.values()))) if pixel_sizes is None else pixel_sizes
    blocks, session = of_files(paths, sizes), bundle.session(threads)
    return score_blocks(bundle, blocks, session, cells=len(sizes), workers=workers, embeddings=embeddings)


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


def score_blocks(
    bundle: Bundle,
    blocks: Iterable[Block],
    scorer: Scorer,
    *,
    cells: int = 0,
    workers: int | None = None,
    embeddings: bool = False,
) -> Iterator[Chunk]:
    """Score the cells of blocks that follow one another; yields chunks of at most TASK cells, in order.

    scorer: of `bundle.session`. cells: about how many will come; of many, processes prepare them (see `preparers`).
    Blocks are loaded one ahead, in a thread of their own; where one can't be, the chunks before it come first, then its
    UserError.
    """
    workers = workers or default_workers()
    try:
        with (
            ThreadPoolExecutor(1, thread_name_prefix="load") as loader,
            preparers(Preparer.of(bundle), workers, cells) as hand,
        ):
            tasks, doubt = _Until(_tasks(blocks, loader)), Doubt.of(bundle)
            begun: deque[_Begun] = deque()
            for task, prepared in _prepared(hand, tasks, _AHEAD * workers):
                begun.append(_begin(scorer, task, prepared, doubt))
                if len(begun) > _AHEAD:  # by now the first of them is done, or nearly: `start` waits for its turn
                    yield begun.popleft().chunk(embeddings)
            while begun:
                yield begun.popleft().chunk(embeddings)
            tasks.end()
    finally:
        scorer.wait()


class _Until:
    """Tasks, up to the first that can't be had."""

    def __init__(self, tasks: Iterator[Loaded]):
        self._tasks = tasks
        self._error: UserError | None = None

    def __iter__(self) -> Iterator[Loaded]:
        try:
            yield from self._tasks
        except UserError as error:
            self._error = error

    def end(self) -> None:
        """Raise what ended them too early."""
        if self._error is not None:
            raise self._error


def _tasks(blocks: Iterable[Block], loader: Executor) -> Iterator[Loaded]:
    """The cells of the blocks, TASK at a time; the next block is loaded while one is taken apart."""
    left = iter(blocks)
    coming: Future[Loaded] | None = None
    while True:
        block = next(left, None)
        following = None if block is None else loader.submit(block.load)
        if coming is not None:
            loaded = coming.result()
            for begin in range(0, len(loaded), TASK):
                yield loaded.part(begin, min(begin + TASK, len(loaded)))
        if following is None:
            return
        coming = following


def _prepared(hand: Hand, tasks: Iterable[Loaded], ahead: int) -> Iterator[tuple[Loaded, Prepared]]:
    """Each task with what was prepared of it, in order; so many tasks are handed out ahead."""
    waiting: deque[tuple[Loaded, Future[Prepared]]] = deque()
    for task in tasks:
        waiting.append((task, hand(task)))
        if len(waiting) > ahead:
            first, future = waiting.popleft()
            yield first, future.result()
    while waiting:
        first, future = waiting.popleft()
        yield first, future.result()


@dataclass(frozen=True)
class _Begun:
    """A task that the network works on."""

    task: Loaded
    prepared: Prepared
    outputs: list[Future[Outputs]]
    doubt: Doubt | None

    def chunk(self, embeddings: bool) -> Chunk:
        """Its results; waits for them."""
        cells, ready = len(self.task), self.prepared.ready
        logit = np.full(cells, np.nan, np.float32)
        embedding = None
        outputs = Outputs.joined([future.result() for future in self.outputs])
        logit[ready] = np.where(np.isfinite(outputs.logit), outputs.logit, np.nan)
        if embeddings:
            embedding = np.full((cells, outputs.embedding.shape[1]), np.nan, np.float32)
            embedding[ready] = outputs.embedding
        error = [
            words or (NOT_FINITE if np.isnan(value) else None)
            for words, value in zip(self.prepared.error, logit, strict=True)
        ]
        prepared, task = self.prepared, self.task
        flags, unlike = prepared.flags, None
        if self.doubt is not None:
            flags, unlike = self.doubt.of_cells(flags, ready, outputs.embedding)
        return Chunk(
            task.start, logit, error, flags, prepared.measures, task.pixel_sizes, task.cells, embedding, unlike
        )


def _begin(scorer: Scorer, task: Loaded, prepared: Prepared, doubt: Doubt | None) -> _Begun:
    values = prepared.values
    starts = range(0, max(len(values), 1), BATCH)  # of no cells a batch too: it tells how wide the outputs are
    outputs = [scorer.start(values[start : start + BATCH]) for start in starts]
    return _Begun(task, prepared, outputs, doubt)
