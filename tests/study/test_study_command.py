"""`brightctc study` on the command line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from brightctc.cli.app import app
from brightctc.errors import UserError
from brightctc.study.options import pairs_of
from studied import TINY, drawn_cohort

SMALL = [f"--set={setting}" for setting in TINY]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_cohort(tmp_path_factory.mktemp("command"))


def run(*words: object) -> str:
    done = CliRunner().invoke(app, ["study", *map(str, words)], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.slow
def test_a_dry_run_lists_runs_and_hours(cohort: Path, tmp_path: Path) -> None:
    told = run("ablation", cohort, tmp_path / "s", *SMALL, "--seeds", 3, "--dry-run")
    assert "21 runs" in told
    assert "AUG3+permuted" in told
    summary = json.loads(run("ablation", cohort, tmp_path / "s", *SMALL, "--seeds", 3, "--dry-run", "--json"))
    assert summary["runs"] == 21
    assert summary["expected_hours"] > 0
    assert {row["steps"] for row in summary["variants"]} == {4}


@pytest.mark.slow
def test_from_declaration_to_report(cohort: Path, tmp_path: Path) -> None:
    words = ("dapi", cohort, tmp_path / "s", *SMALL, "--seeds", 1, "--baselines", "constant", "--resamples", 50,
             "--parallel", 1, "--threads", 1, "--pair", "mix:none", "--ways", "mix,channel")  # fmt: skip
    assert "hash" in run(*words, "--declare")
    told = run(*words)
    assert "mix against none: average precision" in told
    assert "report:" in told
    summary = json.loads(run(*words, "--json"))
    assert {row["name"] for row in summary["rows"]} == {"none", "mix", "channel", "constant"}
    assert summary["failed"] == {}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("ablation", "--learning-rates", "fast"), "'fast' is not a list of numbers"),
        (("ablation", "--learning-rates", "-1"), "is not a list of numbers above 0"),
        (("size", "--sizes", "10.5"), "is not a list of numbers"),
        (("ablation", "--pair", "AUG3"), "'AUG3' is not a pair"),
        (("ablation", "--pair", "AUG3:AUG3"), "is not a pair"),
        (("everything",), "no question called 'everything'"),
    ],
)
def test_what_is_mistyped(cohort: Path, tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    question, *options = words
    with pytest.raises(UserError, match=told):
        run(question, cohort, tmp_path / "s", *options)


def test_pairs_are_read_in_order() -> None:
    assert pairs_of(("b:a", "c:b")) == (("b", "a"), ("c", "b"))
    assert pairs_of(()) is None
