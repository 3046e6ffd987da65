"""predict that is stopped: what was scored is kept, and the scores are the same in the end, byte by byte."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from brightctc import files
from brightctc.errors import UserError
from brightctc.predict import finishing, predict, predicting, scoring, work
from brightctc.predict.scoring import Chunk
from brightctc.predict.table import ScoresWriter, scores_table
from drawn import Export
from new_samples import as_cohort, spoil
from tiny_bundle import tiny_bundle

CELLS = 480
_RUN = """
import sys
from pathlib import Path
from brightctc.predict import predict, work
work.PIECE = 32
predict(*map(Path, sys.argv[1:4]), resume=True)
"""


@pytest.fixture(scope="module")
def cohort(export: Export, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """480 cells, five of them unreadable, over and over."""
    folder = tmp_path_factory.mktemp("cohort")
    export = replace(export, folder=spoil(export, folder / "export"))
    ids = pl.format("{}/{}", pl.int_range(pl.len()), "cell_id")
    return as_cohort(export, folder / "cohort", list(range(48)) * (CELLS // 48), cell_id=ids)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "PIECE", 32)


def stopped(chunks: Any, after: int) -> Any:
    """`score_blocks` that is interrupted after so many chunks."""

    def run(*arguments: Any, **options: Any) -> Iterator[Chunk]:
        for number, chunk in enumerate(chunks(*arguments, **options)):
            if number == after:
                raise KeyboardInterrupt
            yield chunk

    return run


def interrupt(monkeypatch: pytest.MonkeyPatch, bundle: Path, cohort: Path, scores: Path, after: int = 5) -> None:
    """Begin a scoring, and stop it on the way."""
    with monkeypatch.context() as patch:
        patch.setattr(predicting, "score_blocks", stopped(scoring.score_blocks, after))
        with pytest.raises(KeyboardInterrupt):
            predict(bundle, cohort, scores)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_killed_and_resumed_gives_the_same_bytes(
    bundle: Path, cohort: Path, tmp_path: Path, share: float, ending: str, small_pieces: None
) -> None:
    predict(bundle, cohort, tmp_path / f"whole.{ending}")
    scores = tmp_path / f"scores.{ending}"
    process = subprocess.Popen([sys.executable, "-c", _RUN, str(bundle), str(cohort), str(scores)])
    partial = work.folder_of(scores)
    while process.poll() is None and len(list(partial.glob("cells-*"))) < share * CELLS / 32:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    told = []
    result = predict(bundle, cohort, scores, resume=True, progress=lambda *report: told.append(report))
    if process.returncode == -signal.SIGKILL and told:  # nothing is told where all cells were scored by then
        assert told[0][1] > 0.5 * share * CELLS, "it began anew"
    assert scores.read_bytes() == (tmp_path / f"whole.{ending}").read_bytes()
    assert result.calls["unreadable"] == 5 * CELLS / 48
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [scores.name, "scores.meta.json", f"whole.{ending}", "whole.meta.json"]
    )


def test_a_stopped_scoring_is_not_thrown_away_unasked(
    bundle: Path, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_pieces: None
) -> None:
    interrupt(monkeypatch, bundle, cohort, tmp_path / "scores.csv")
    with pytest.raises(UserError, match="stopped before its end") as refused:
        predict(bundle, cohort, tmp_path / "scores.csv")
    assert "--resume" in (refused.value.fix or "")
    predict(bundle, cohort, tmp_path / "scores.csv", overwrite=True)
    assert not work.folder_of(tmp_path / "scores.csv").exists()


def test_what_was_kept_can_be_read(
    bundle: Path, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_pieces: None
) -> None:
    interrupt(monkeypatch, bundle, cohort, tmp_path / "scores.csv")
    pieces = sorted(work.folder_of(tmp_path / "scores.csv").glob("cells-*.parquet"))
    whole = predict(bundle, cohort, tmp_path / "whole.csv").table
    kept = pl.concat([pl.read_parquet(piece) for piece in pieces])
    assert 0 < kept.height < CELLS
    assert kept["cell_id"].equals(whole["cell_id"][: kept.height])
    assert kept["error"].equals(whole["error"][: kept.height])


def test_another_job_is_not_gone_on_with(
    bundle: Path, cohort: Path, export: Export, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_pieces: None
) -> None:
    interrupt(monkeypatch, bundle, cohort, tmp_path / "scores.csv")
    other = tiny_bundle(tmp_path / "other", name="other").folder
    with pytest.raises(UserError, match="another bundle"):
        predict(other, cohort, tmp_path / "scores.csv", resume=True)
    with pytest.raises(UserError, match="another input"):
        predict(bundle, as_cohort(export, tmp_path / "few", [1, 2]), tmp_path / "scores.csv", resume=True)
    predict(bundle, cohort, tmp_path / "scores.csv", resume=True)


def test_another_threshold_needs_no_new_scoring(
    bundle: Path, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_pieces: None
) -> None:
    interrupt(monkeypatch, bundle, cohort, tmp_path / "scores.csv")
    result = predict(bundle, cohort, tmp_path / "scores.csv", threshold="top=7", resume=True)
    assert result.calls[result.positive] == 7


def test_resume_with_nothing_to_go_on_with_begins(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    assert predict(bundle, cohort, tmp_path / "scores.csv", resume=True).cells == CELLS


def test_a_scoring_that_was_killed_after_its_last_word_is_not_refused(
    bundle: Path, cohort: Path, tmp_path: Path
) -> None:
    predict(bundle, cohort, tmp_path / "scores.csv")
    whole = [(tmp_path / name).read_bytes() for name in ("scores.csv", "scores.meta.json")]
    predict(bundle, cohort, tmp_path / "scores.csv", resume=True)
    assert [(tmp_path / name).read_bytes() for name in ("scores.csv", "scores.meta.json")] == whole
    other = tiny_bundle(tmp_path / "other", name="other").folder
    with pytest.raises(UserError, match="already exists"):
        predict(other, cohort, tmp_path / "scores.csv", resume=True)
    (tmp_path / "scores.meta.json").unlink()
    with pytest.raises(UserError, match="already exists"):
        predict(bundle, cohort, tmp_path / "scores.csv", resume=True)


def test_one_that_was_killed_between_its_two_files_is_not_refused(
    monkeypatch: pytest.MonkeyPatch, bundle: Path, cohort: Path, tmp_path: Path, small_pieces: None
) -> None:
    predict(bundle, cohort, tmp_path / "whole.csv")
    interrupt(monkeypatch, bundle, cohort, tmp_path / "scores.csv")
    (tmp_path / "scores.meta.json").write_text("{}")
    predict(bundle, cohort, tmp_path / "scores.csv", resume=True)
    assert (tmp_path / "scores.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_an_output_in_use_is_one_error(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    with files.lock(work.folder_of(tmp_path / "scores.csv")), pytest.raises(UserError, match="is writing here"):
        predict(bundle, cohort, tmp_path / "scores.csv")


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_that_fills_while_scoring_keeps_what_was_scored(
    bundle: Path, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_pieces: None
) -> None:
    predict(bundle, cohort, tmp_path / "whole.csv")
    real, written = Path.write_bytes, []

    def write_bytes(path: Path, data: bytes) -> int:
        written.append(path)
        return full() or 0 if len(written) > 3 else real(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_bytes)
        with pytest.raises(UserError, match="disk is full") as refused:
            predict(bundle, cohort, tmp_path / "scores.csv")
    assert refused.value.what == "the disk is full"
    assert "with --resume: 96 cells are scored and kept" in (refused.value.fix or "")
    assert not (tmp_path / "scores.csv").exists()
    predict(bundle, cohort, tmp_path / "scores.csv", resume=True)
    assert (tmp_path / "scores.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("name", ["scores.csv", "scores.parquet"])
def test_a_disk_that_fills_at_the_end_keeps_all_and_the_earlier_scores(
    bundle: Path, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_text("earlier")
    with monkeypatch.context() as patch:
        patch.setattr(ScoresWriter, "write", full)
        with pytest.raises(UserError, match="disk is full") as refused:
            predict(bundle, cohort, tmp_path / name, overwrite=True)
    assert f"{CELLS} cells are scored and kept" in (refused.value.fix or "")
    assert (tmp_path / name).read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, f"{name}.partial"]
    monkeypatch.setattr(predicting, "network", lambda *_: pytest.fail("scored again"))
    assert predict(bundle, cohort, tmp_path / name, resume=True, overwrite=True).cells == CELLS


def test_the_last_pass_holds_a_piece_at_a_time(
    bundle: Path, cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_pieces: None
) -> None:
    heights = []

    def table(cells: pl.DataFrame, *more: Any) -> pl.DataFrame:
        heights.append(cells.height)
        return scores_table(cells, *more)

    monkeypatch.setattr(finishing, "scores_table", table)
    predict(bundle, cohort, tmp_path / "scores.csv")
    assert heights == [32] * (CELLS // 32)
