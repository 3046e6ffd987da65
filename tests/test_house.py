"""The rules of the house: a quick --help, help and documents for every command, imports, names, pins."""

import ast
import json
import re
import shlex
import statistics
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import brightctc
from brightctc.recipe import WAYS

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
CODE = [path for folder in ("src", "tests", "benchmarks", "examples") for path in sorted((ROOT / folder).rglob("*.py"))]
HEAVY = (
    "torch",
    "timm",
    "polars",
    "openvino",
    "sklearn",
    "scipy",
    "skimage",
    "matplotlib",
    "pydantic",
    "numpy",
)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def each(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", [pytest.param(path, id=name_of(path)) for path in paths])


def commands() -> dict[str, Any]:
    """Name → command, as typer hands it to its command line; groups and what is in them, too."""
    from brightctc.cli.app import app

    def flat(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
        for name, command in group.commands.items():
            yield f"{before}{name}", command
            if hasattr(command, "commands"):
                yield from flat(command, f"{before}{name} ")

    return dict(flat(typer.main.get_command(app)))


def test_help_is_quick() -> None:
    brightctc_command = Path(sys.executable).parent / "brightctc"
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run([brightctc_command, "--help"], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    assert statistics.median(seconds) < 0.5


@pytest.mark.parametrize("name", commands())
def test_no_option_is_cut_in_a_narrow_terminal(name: str) -> None:
    from brightctc.cli.app import app

    shown = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "80"}, terminal_width=80).output
    assert "--" in shown
    assert not re.findall(r"--\S*…", shown)


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, json, brightctc.cli.app; print(json.dumps([m for m in sys.modules if '.' not in m]))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
    assert not set(HEAVY) & set(loaded)


def test_every_command_and_option_has_help() -> None:
    bare = []
    for name, command in commands().items():
        if not command.help:
            bare.append(name)
        bare += [f"{name} {each.name}" for each in command.params if not getattr(each, "help", None)]
    assert not bare


def test_help_has_no_words_that_markup_would_swallow() -> None:
    eaten = re.compile(r"\[[a-z]")
    texts = {name: [c.help, *(getattr(each, "help", "") for each in c.params)] for name, c in commands().items()}
    assert not [name for name, told in texts.items() if any(eaten.search(text or "") for text in told)]


def test_every_command_is_in_the_documents() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
    assert not [name for name in commands() if f"brightctc {name}" not in text]


@pytest.mark.slow  # loads torch
@pytest.mark.parametrize("name", brightctc.__all__)
def test_every_public_name_is_there_and_stays(name: str) -> None:
    for _ in range(2):  # its module, of the same name perhaps, is loaded by the first
        assert callable(getattr(brightctc, name))
        assert getattr(brightctc, name).__doc__


def test_unknown_public_names_are_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = brightctc.trian  # pyright: ignore[reportAttributeAccessIssue]


def test_ways_to_use_dapi_match_their_files() -> None:
    files = {path.stem for path in (ROOT / "src/brightctc/learn/ways").glob("*.py")} - {"__init__"}
    assert files == set(WAYS)


@each(SOURCES)
def test_nothing_inside_imports_the_package_root(path: Path) -> None:
    modules = {entry.stem for entry in (ROOT / "src/brightctc").iterdir()}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert "brightctc" not in [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom) and node.module == "brightctc":
            names = {alias.name for alias in node.names}
            assert names <= modules
            assert path.name == "__init__.py" or not names & set(brightctc.__all__), "a verb or its module?"


@each(SOURCES)
def test_what_is_public_is_described(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree), "the module"
    assert not [node.name for node in public(tree) if not ast.get_docstring(node)]


def public(tree: ast.Module | ast.ClassDef) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Classes, functions and methods whose names have no leading underscore."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node)


@each(SOURCES)
def test_every_user_error_has_a_fix(path: Path) -> None:
    without = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "UserError":
            given = len(node.args) >= 3 or any(word.arg in ("fix", None) for word in node.keywords)
            if not given and not any(isinstance(value, ast.Starred) for value in node.args):
                without.append(node.lineno)
    assert not without


@each(SOURCES)
def test_no_path_is_taken_for_a_pattern(path: Path) -> None:
    """polars reads `a[1]/cells.csv` from the folder `a1` unless told otherwise."""
    as_pattern = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("pl.read_csv", "pl.read_parquet"):
            from_memory = ast.unparse(node.args[0]).startswith("io.BytesIO")
            if not from_memory and not any(word.arg == "glob" for word in node.keywords):
                as_pattern.append(node.lineno)
    assert not as_pattern


@each(CODE)
def test_files_are_short_and_named_for_what_they_hold(path: Path) -> None:
    assert not re.search(r"utils?|helpers?|common|managers?", path.stem)
    if "tests" not in path.relative_to(ROOT).parts:  # tables of cases may be long
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_the_pinned_set_names_every_direct_part() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    named = ("train", "dev", "docs", "int8", "ray")
    wanted = [*project["dependencies"], *(each for name in named for each in extras[name])]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {plain(line) for line in lines if not line.startswith("#")}
    assert not {plain(part) for part in wanted} - pinned


def plain(requirement: str) -> str:
    """The package's name alone, as the index spells it."""
    return re.split(r"[\[<>=!~ ]", requirement)[0].lower().replace("_", "-")


def test_a_missing_dependency_fails_in_ci_alone(
    need: Callable[[object, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no browser"):
        need(None, "no browser")
    monkeypatch.delenv("CI")
    with pytest.raises(pytest.skip.Exception, match="no browser"):
        need(None, "no browser")
    need(object(), "it is there")


def test_a_command_can_be_pasted_into_a_shell() -> None:
    from brightctc.errors import typed

    assert typed("train", Path("my cells"), "RUN") == "brightctc train 'my cells' RUN"
    assert typed("split", "C", "--test", "origin = 'patient'") == """brightctc split C --test "origin = 'patient'\""""
    for word in ("it's $5", 'say "it\'s"', "`ls`'", "a\\'b", "!'"):
        assert shlex.split(typed(word)) == ["brightctc", word]


def test_an_unexpected_file_error_is_told_on_one_screen(tmp_path: Path) -> None:
    code = (
        "import sys; from brightctc.cli import app\n"
        "def refuse(*a, **k): raise PermissionError(13, 'Permission denied', 'cell.tif')\n"
        "app.app = refuse; app.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "Permission denied" in done.stderr
    assert "where: cell.tif" in done.stderr
    assert "Traceback" not in done.stderr
