"""Who prepares cells, threads or processes, changes nothing but the time it takes."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from brightctc.bundle import Bundle
from brightctc.errors import UserError
from brightctc.predict import predict, preparers, score_cells
from brightctc.predict.preparers import preparers as opened
from drawn import Export
from new_samples import as_cohort, spoil

PROCESS: Any = "__import__('os').getpid()"  # a task for `eval`, whose result is who did it
DEATH: Any = "__import__('os')._exit(1)"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes for any number of cells."""
    monkeypatch.setattr(preparers, "MANY", 1)


def started(hand: Callable[[Any], Any]) -> set[int]:
    """Hand over tasks until another process did one; who did them."""
    found, end = set[int](), time.monotonic() + 60
    while found <= {os.getpid()} and time.monotonic() < end:
        found.add(hand(PROCESS).result())
    return found


def test_threads_begin_and_processes_take_their_place() -> None:
    with opened(eval, 2, cells=preparers.MANY) as hand:  # pyright: ignore[reportArgumentType]
        assert hand(PROCESS).result() == os.getpid(), "at once"
        assert started(hand) > {os.getpid()}
        assert {hand(PROCESS).result() for _ in range(8)}.isdisjoint({os.getpid()})


@pytest.mark.parametrize(("workers", "cells"), [(2, 3999), (1, 10**6)])
def test_few_cells_and_one_worker_start_no_process(workers: int, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparers, "processes", lambda _: pytest.fail("started processes"))
    with opened(eval, workers, cells) as hand:  # pyright: ignore[reportArgumentType]
        assert hand(PROCESS).result() == os.getpid()


def killed() -> None:
    with opened(eval, 2, cells=preparers.MANY) as hand:  # pyright: ignore[reportArgumentType]
        started(hand)
        hand(DEATH).result()


def test_a_process_that_dies_is_one_error() -> None:
    with pytest.raises(UserError, match="a worker process ended before its work was done"):
        killed()


@pytest.mark.usefixtures("few")
def test_processes_write_the_same_scores(export: Export, bundle: Path, tmp_path: Path) -> None:
    export = replace(export, folder=spoil(export, tmp_path / "export"))
    ids = pl.format("{}/{}", pl.int_range(pl.len()), "cell_id")
    cohort = as_cohort(export, tmp_path / "cohort", list(range(48)) * 60, cell_id=ids)
    for name, workers in (("threads", 1), ("processes", 2)):
        predict(bundle, cohort, tmp_path / f"{name}.csv", workers=workers)
    assert (tmp_path / "threads.csv").read_bytes() == (tmp_path / "processes.csv").read_bytes()


@pytest.mark.usefixtures("few")
def test_a_stream_that_is_left_early_ends_its_processes(export: Export, bundle: Path) -> None:
    image = next(export.folder.glob("S00/*_BF.tif"))
    stream = score_cells(Bundle.read(bundle), {"bright_field": [image] * 2000}, workers=2)
    next(stream)
    stream.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert not list(stream)
