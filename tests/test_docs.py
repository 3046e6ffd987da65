"""The documents keep up with the code: settings, commands, links, and a quickstart that runs as it stands."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import tiny_brightctc
from brightctc.recipe import Recipe
from brightctc.settings import known_keys
from drawn import draw_export

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


FROM_NOTHING = {"made-cells.md"}  # pages whose commands make what they need


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """docs/ and examples/ can be imported from."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    return monkeypatch


def quickstart() -> str:
    """The README's commands on own data, as they stand."""
    block = re.search(r"<!-- quickstart -->\n```sh\n(.*?)```", README, re.DOTALL)
    assert block is not None
    return block[1]


def commands(text: str) -> list[list[str]]:
    """Words of each command; a line goes on behind a backslash or an indent."""
    joined = re.sub(r"\\?\n\s+", " ", text.strip())
    return [shlex.split(line, comments=True) for line in joined.splitlines()]


def blocks(page: Path, language: str = "sh") -> list[tuple[str, str]]:
    """The page's blocks of a language, each with why it is not run (empty: it is run)."""
    pattern = rf"(?:<!-- not run: (.+?) -->\n)?```{language}\n(.*?)```"
    return [(text, why) for why, text in re.findall(pattern, page.read_text(encoding="utf-8"), re.DOTALL)]


def each(paths: Iterable[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths])


def test_the_settings_page_is_written_from_the_settings(beside: pytest.MonkeyPatch) -> None:
    import write_settings

    text = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
    assert write_settings.page() == text, "run: python docs/write_settings.py"
    assert not [key for key in known_keys(Recipe) if f"| `{key}` |" not in text]


def test_the_features_page_is_written_from_the_features(beside: pytest.MonkeyPatch) -> None:
    import write_features

    text = (ROOT / "docs/features.md").read_text(encoding="utf-8")
    assert write_features.page() == text, "run: python docs/write_features.py"


def test_every_baseline_is_on_its_page() -> None:
    from brightctc.baselines import BASELINES

    text = (ROOT / "docs/baselines.md").read_text(encoding="utf-8")
    assert not [name for name in BASELINES if f"`{name}`" not in text]


def test_the_commands_page_is_written_from_the_commands(beside: pytest.MonkeyPatch) -> None:
    import write_commands

    assert write_commands.page() == (ROOT / "docs/commands.md").read_text(encoding="utf-8"), (
        "run: python docs/write_commands.py"
    )


def test_the_made_cells_page_is_written_from_the_settings(beside: pytest.MonkeyPatch) -> None:
    import write_made_cells

    text = (ROOT / "docs/made-cells.md").read_text(encoding="utf-8")
    assert write_made_cells.page() == text, "run: python docs/write_made_cells.py"


def test_every_page_is_in_the_sites_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = [path for folder in (ROOT / "docs", ROOT / "docs/results") for path in folder.glob("*.md")]
    assert not [path.name for path in pages if f"{path.relative_to(ROOT / 'docs')}\n" not in menu]


def test_readme_quickstart_and_demo_go_the_same_way() -> None:
    from brightctc.cli.demo import OWN

    page = [words for text, _ in blocks(ROOT / "docs/quickstart.md") for words in commands(text)]
    verbs = [words[1] for words in commands(quickstart())]
    assert verbs == ["import", "check", "split", "train", "report"] == [words[1] for words in commands(OWN)]
    assert not [words for words in commands(quickstart()) if words not in page]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages speak of: an export, its labels, a new sample, a cohort, a run, scores."""
    here = tmp_path_factory.mktemp("documents")
    export = draw_export(here / "export", cells=120, size=32)
    export.table.rename(here / "labels.csv")
    new = draw_export(here / "drawn_new", cells=30, donors=2, dapi=False, seed=1)
    new.table.unlink()
    new.folder.rename(here / "new_sample")
    for number, sample in enumerate(sorted((here / "new_sample").iterdir()), start=1):
        sample.rename(here / "new_sample" / f"new{number}")
    (here / "renamed").mkdir()
    for image in (here / "new_sample" / "new1").iterdir():
        shutil.copy(image, here / "renamed" / image.name.replace("_BF", "-bf"))
    (here / "my.yaml").write_text("train:\n  epochs: 1\n", encoding="utf-8")
    shell(here, "\n".join([quickstart(), "brightctc predict run/bundle new_sample scores.csv"]))
    shutil.copytree(here / "run", here / "run-0")
    shutil.copytree(here / "run", here / "run-1")
    return here


def shell(here: Path, text: str) -> None:
    """Run commands as a reader would, with everything made small."""
    shim = here / "bin" / "brightctc"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT / "tests/tiny_brightctc.py"}" "$@"\n')
    shim.chmod(0o755)
    path = f"{shim.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=here,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
    assert "Traceback" not in done.stderr


def typed_here(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Run one command, made small, in this process: torch is loaded once for all of them."""
    from brightctc.cli import main

    line = shlex.join(words)
    assert words[0] == "brightctc", f"not of brightctc: say why it is not run, by <!-- not run: … --> above it: {line}"
    monkeypatch.setattr(sys, "argv", ["brightctc", *tiny_brightctc.tiny(words[1:])])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code, line


@pytest.mark.slow
@each(path for path in PAGES if blocks(path))
def test_every_command_of_the_documents_runs(
    path: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from brightctc.cli import demo

    monkeypatch.setattr(demo, "PROGRAM", [sys.executable, str(ROOT / "tests/tiny_brightctc.py")])
    here = tmp_path / "here"
    here.mkdir() if path.name in FROM_NOTHING else shutil.copytree(prepared, here, symlinks=True)
    monkeypatch.chdir(here)
    for words in (words for text, why in blocks(path) if not why for words in commands(text)):
        if words:
            typed_here(words, monkeypatch)


@pytest.mark.slow
@each(path for path in PAGES if blocks(path, "python"))
def test_the_python_of_the_documents_runs(
    path: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ("run", "cohort") if path.name == "quickstart.md" else ()  # what its own lines make
    left_out = shutil.ignore_patterns("*.html", "scores.*", *made)
    shutil.copytree(prepared, tmp_path / "here", symlinks=True, ignore=left_out)
    monkeypatch.chdir(tmp_path / "here")
    image = np.random.default_rng(0).normal(1000, 10, (40, 40)).astype(np.uint16)
    for text, why in blocks(path, "python"):
        if not why:
            small = re.sub(r"\btrain\((.+)\)", rf"train(\1, settings={tiny_brightctc.TINY_TRAINING})", text)
            exec(compile(small, str(path), "exec"), {"bright_field": image, "dapi": image})


@each(PAGES)
def test_no_command_of_the_documents_hides(path: Path) -> None:
    """A block of commands has the one spelling that is looked for, and starts at the margin."""
    text = path.read_text(encoding="utf-8")
    fences = [fence for fence in re.findall(r"^([ >]*(?:```+|~~~+)\S*)", text, re.MULTILINE) if fence != "```"]
    assert set(fences) <= {"```sh", "```python", "```text"}
    bare = re.findall(r"^```\n(.*?)^```", re.sub(r"^```\w+\n.*?^```", "", text, flags=re.M | re.S), re.M | re.S)
    commands_there = [
        line for block in bare for line in block.splitlines() if re.match(r"[$ ]*(brightctc|pip|make) ", line)
    ]
    assert not commands_there


@pytest.mark.slow
def test_the_quickstart_leaves_what_it_says(prepared: Path) -> None:
    scores = pl.read_csv(prepared / "scores.csv")
    assert sorted(scores["rank"]) == list(range(1, scores.height + 1))
    assert scores["error"].null_count() == scores.height == 30
    assert (prepared / "run/bundle/model.onnx").is_file()
    assert "Research Use Only" in (prepared / "report.html").read_text(encoding="utf-8")


@each(PAGES)
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
