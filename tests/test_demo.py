"""`brightctc demo`: what it prints, and what it refuses. (tests/test_docs.py goes the whole way.)"""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from brightctc.cli import demo
from brightctc.cli.app import app
from brightctc.errors import UserError


def run(folder: Path, *options: str) -> str:
    result = CliRunner().invoke(app, ["demo", str(folder), *options], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_it_shows_every_command_and_ends_with_where_to_look(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "PROGRAM", ["true"])
    words = run(tmp_path / "demo", "--seed", "7")
    shown = [line for line in words.splitlines() if line.startswith("$ brightctc ")]
    verbs = [line.split()[2] for line in shown]
    assert len(shown) == len(demo.STEPS)
    assert verbs == [
        "simulate", "simulate", "import", "check", "split", "train", "train", "evaluate", "import", "predict",
        "report", "report", "import", "evaluate",
    ]  # fmt: skip
    assert "--seed 7" in shown[0]
    end = words[words.index("look at") :]
    assert "report.html" in end
    assert "nothing about real ones" in words
    assert demo.OWN in end


def test_a_step_that_fails_ends_it(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "PROGRAM", ["false"])
    with pytest.raises(UserError, match="step 1 "):
        run(tmp_path / "demo")


def test_it_replaces_a_demo_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "PROGRAM", ["true"])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").write_text("mine")
    for words in ([], ["--overwrite"]):
        with pytest.raises(UserError, match="something else"):
            run(tmp_path / "mine", *words)
    (tmp_path / "old" / "export").mkdir(parents=True)
    (tmp_path / "old" / "export" / "truth.csv").write_text("")
    with pytest.raises(UserError, match="already exists"):
        run(tmp_path / "old")
    run(tmp_path / "old", "--overwrite")
    assert not list((tmp_path / "old").iterdir())
