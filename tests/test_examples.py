"""The worked example for notebooks runs, and says what it found."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_corridor_runs_from_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    from corridor import corridor, made

    scores = corridor(made(tmp_path, cells=150), tmp_path / "work", ["train.epochs=2", "preprocess.size=32"])
    assert scores.height == 66
    assert set(scores["call"]) <= {"CTC", "leukocyte"}
    assert scores["rank"].is_sorted() or scores["rank"].n_unique() == 66
    printed = capsys.readouterr().out
    assert "average_precision:" in printed
    assert "validation F1" in printed
