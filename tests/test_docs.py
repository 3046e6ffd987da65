"""The documents keep up with the code: settings, commands, links, and a quickstart that runs as it stands."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import polars as pl
import pytest

from brightctc.recipe import known_keys

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """docs/ and examples/ can be imported from."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return monkeypatch


def quickstart() -> str:
    """The README's commands, as they stand."""
    block = re.search(r"<!-- quickstart -->\n```sh\n(.*?)```", README, re.DOTALL)
    assert block is not None
    return block[1]


def commands(text: str) -> list[list[str]]:
    """Words of each command; a line goes on behind a backslash or an indent."""
    joined = re.sub(r"\\?\n\s+", " ", text.strip())
    return [shlex.split(line) for line in joined.splitlines()]


def test_the_settings_page_is_written_from_the_settings(beside: pytest.MonkeyPatch) -> None:
    import write_settings

    text = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    assert write_settings.page() == text, "run: python docs/write_settings.py"
    assert not [key for key in known_keys() if f"| `{key}` |" not in text]


def test_the_features_page_is_written_from_the_features(beside: pytest.MonkeyPatch) -> None:
    import write_features

    text = (ROOT / "docs/features.md").read_text(encoding="utf-8")
    assert write_features.page() == text, "run: python docs/write_features.py"


def test_every_baseline_is_on_its_page() -> None:
    from brightctc.baselines import BASELINES

    text = (ROOT / "docs/baselines.md").read_text(encoding="utf-8")
    assert not [name for name in BASELINES if f"`{name}`" not in text]


def test_the_quickstart_page_and_the_demo_go_the_same_way(beside: pytest.MonkeyPatch) -> None:
    import demo

    page = (ROOT / "docs/quickstart.md").read_text(encoding="utf-8")
    shown = [words for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) for words in commands(block)]
    assert commands(demo.COMMANDS) == commands(quickstart())
    assert shown[: len(commands(quickstart()))] == commands(quickstart())


@pytest.mark.slow
def test_the_quickstart_runs_as_it_stands(beside: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from corridor import drawn

    drawn(tmp_path, cells=120)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = ["bash", "-euo", "pipefail", "-c", quickstart()]
    done = subprocess.run(shell, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    metrics = json.loads((tmp_path / "results/metrics.json").read_text(encoding="utf-8"))
    assert metrics["roc_auc"]["value"] > 0.8
    scores = pl.read_csv(tmp_path / "scores.csv")
    assert sorted(scores["rank"]) == list(range(1, scores.height + 1))
    assert scores["error"].null_count() == scores.height == 60


@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in PAGES])
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text(encoding="utf-8"))
    assert not [link for link in links if not (path.parent / link).exists()]


def test_make_targets_of_the_documents_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        word
        for path in PAGES
        for line in re.findall(r"^make ([a-z -]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        for word in line.split()
    }
    assert {"test", "demo", "install", "lint"} <= named <= targets


def test_the_changelog_tells_of_this_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_label_of_the_field_is_where_people_look() -> None:
    label = "For Research Use Only. Not for use in diagnostic procedures."
    for name in ("README.md", "docs/index.md", "src/brightctc/cli/app.py"):
        assert label in (ROOT / name).read_text(encoding="utf-8")
