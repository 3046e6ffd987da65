"""Scoring on Ray Data: blocks travel to workers, one network each, and come back scored, in the order of the input.

A worker reads its cells itself, so every node must see the bundle and the images under the same paths; what travels is
where they are, and a few numbers a cell. A worker that dies is started again, and its blocks are scored again.
"""

import pickle
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from brightctc.bundle import Bundle
from brightctc.bundle.processor import Precision
from brightctc.engine import cores
from brightctc.engine.connection import connected, require_room
from brightctc.errors import UserError
from brightctc.predict.blocks import Block
from brightctc.predict.device import Device, network
from brightctc.predict.scoring import Chunk, score_blocks

_TRIES = 10  # of a worker that dies: one that always does is no accident
_WAVE = 64  # blocks a worker, that one run of Ray Data takes: what is planned ahead is held in memory


def score_on_ray(
    bundle: Bundle, blocks: Iterable[Block], *, threads: int, device: Device, address: str | None
) -> Iterator[Chunk]:
    """`score_blocks` on a Ray cluster, with as many workers as it has room for; the same scores.

    threads: CPUs of each worker. address: of a running cluster, host:port or `auto`; None: a Ray of this machine.
    Raises UserError where Ray is missing or can't be used, or where workers died again and again.
    """
    with connected(max(cores(), threads), address) as ray:
        require_room(ray, threads)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.execution_options.preserve_order = True
        context.raise_original_map_exception = True  # a worker's UserError, not one of Ray's around its text
        workers = max(1, int(ray.cluster_resources().get("CPU", threads)) // threads)
        wave: list[Block] = []
        for block in blocks:
            wave.append(block)
            if len(wave) == _WAVE * workers:
                yield from _scored(ray, bundle, wave, workers, threads, device)
                wave = []
        if wave:
            yield from _scored(ray, bundle, wave, workers, threads, device)


def _scored(
    ray: Any, bundle: Bundle, blocks: list[Block], workers: int, threads: int, device: Device
) -> Iterator[Chunk]:
    workers = min(workers, len(blocks))
    items = [{"block": pickle.dumps(block)} for block in blocks]
    scored = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
        _Worker,
        fn_constructor_args=(str(bundle.folder.resolve()), bundle.hash, bundle.precision, threads, device),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=threads,
        num_gpus=1 if device == "cuda" else 0,
        max_restarts=_TRIES,
        max_task_retries=_TRIES,
    )
    try:
        for row in scored.iter_rows():
            yield from pickle.loads(row["chunks"])  # noqa: S301 - from a worker of this very run
    except ray.exceptions.RayError as error:
        raise _words(error) from error


class _Worker:
    """One network, in a process of Ray's."""

    def __init__(self, folder: str, bundle_hash: str, precision: Precision, threads: int, device: Device):
        self._hash = bundle_hash
        self._bundle = Bundle.read(Path(folder)).at(precision)
        self._network = network(self._bundle, device, threads)
        self._threads = threads

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        """Score one block. Raises UserError where this node has another bundle under the same path."""
        if self._bundle.hash != self._hash:  # not in __init__: of what is raised there, Ray hands on the text alone
            raise UserError(
                f"the node {platform.node()} has another bundle under this path",
                self._bundle.folder,
                "copy the bundle to every node, or give a path that all of them share; then go on by --resume",
            )
        block = pickle.loads(batch["block"][0])  # noqa: S301 - from the process that asked for it
        return {
            "chunks": [pickle.dumps(list(score_blocks(self._bundle, [block], self._network, workers=self._threads)))]
        }


def _words(error: Exception) -> UserError:
    cause = getattr(error, "cause", None)
    if isinstance(cause, UserError):
        return cause
    first = (str(error).strip().splitlines() or [type(error).__name__])[-1][:200]
    fix = (
        "see that every node has this version of brightctc, and finds the bundle and the images; then go on by --resume"
    )
    return UserError(f"Ray could not score ({type(error).__name__}): {first}", "Ray", fix)
