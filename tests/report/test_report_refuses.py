"""What is no report's business is refused in one sentence with a fix, before the long work."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from brightctc import files
from brightctc.bundle import WITHDRAWN
from brightctc.cli.app import app
from brightctc.errors import UserError
from brightctc.report import pdf, report, runs, sheet
from reported import made_run
from tiny_bundle import tiny_parts


@pytest.fixture(autouse=True)
def no_long_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is scored in these tests."""

    def scored(*_: object) -> None:
        raise AssertionError("scored before it was refused")

    monkeypatch.setattr(runs, "scored_cells", scored)


def unfinished(root: Path) -> list[Path]:
    shutil.rmtree(root / "run" / "bundle")
    return [root / "run"]


def withdrawn(root: Path) -> list[Path]:
    files.write_json(root / "run" / "bundle" / WITHDRAWN, {})
    return [root / "run"]


def marked(root: Path) -> list[Path]:
    files.write_json(root / "run" / WITHDRAWN, {})
    return [root / "run"]


def changed(key: str, value: object) -> Callable[[Path], list[Path]]:
    """The run beside one whose facts say something else."""

    def made(root: Path) -> list[Path]:
        shutil.copytree(root / "run", root / "other")
        facts = files.read_json(root / "other" / "environment.json")
        inner = facts["run"] if key in facts["run"] else facts
        inner[key] = value
        files.write_json(root / "other" / "environment.json", facts)
        return [root / "run", root / "other"]

    return made


def other_recipe(root: Path) -> list[Path]:
    recipe = tiny_parts().recipe
    cohort = Path(files.read_json(root / "run" / "environment.json")["cohort"])
    other = recipe.model_copy(update={"train": recipe.train.model_copy(update={"epochs": 7})})
    return [root / "run", made_run(root / "other", cohort, recipe=other)]


def moved(root: Path) -> list[Path]:
    facts = files.read_json(root / "run" / "environment.json")
    files.write_json(root / "run" / "environment.json", facts | {"cohort": str(root / "nowhere")})
    return [root / "run"]


def of_old(root: Path) -> list[Path]:
    facts = files.read_json(root / "run" / "environment.json")
    del facts["cohort"]
    files.write_json(root / "run" / "environment.json", facts)
    return [root / "run"]


def split_again(root: Path) -> list[Path]:
    facts = files.read_json(root / "run" / "environment.json")
    facts["run"]["cells"] = "0" * 16
    files.write_json(root / "run" / "environment.json", facts)
    return [root / "run"]


def scores(root: Path, name: str = "scores.csv") -> Path:
    (root / name).write_text("cell_id,sample_id,bright_field,score,call,rank,flags,error\n")
    return root / name


def poor_meta(**changes: object) -> Callable[[Path], list[Path]]:
    """Scores whose meta file holds all but the right things."""
    keys = ("bundle_hash", "bundle_name", "command", "image_root", "warnings", "brightctc")
    whole = {"classes": {"positive": "CTC", "negative": "leukocyte"}, "threshold": {"policy": "f1"}}
    known = {"format_version": 1, **dict.fromkeys(keys, ""), **whole, **changes}

    def made(root: Path) -> list[Path]:
        files.write_json(root / "scores.meta.json", {key: value for key, value in known.items() if value is not None})
        return [scores(root)]

    return made


@pytest.mark.parametrize(
    ("make", "what", "fix"),
    [
        pytest.param(lambda root: [root / "nothing"], "nothing here", "check the path", id="missing"),
        pytest.param(lambda root: [root], "this is not a run", "brightctc train wrote", id="a folder"),
        pytest.param(lambda root: [root / "run/bundle"], "not a run, but a bundle", "train wrote", id="a bundle"),
        pytest.param(unfinished, "not finished", "--resume", id="unfinished"),
        pytest.param(withdrawn, "has withdrawn", "train again", id="withdrawn bundle"),
        pytest.param(marked, "has withdrawn", "train again", id="withdrawn run"),
        pytest.param(other_recipe, "another recipe than", "a report for each", id="other recipe"),
        pytest.param(changed("cells", "f" * 16), "another cohort or its split", "a report for each", id="other cells"),
        pytest.param(changed("threads", 2), "given twice", "each seed once", id="twice"),
        pytest.param(moved, "not here any more", "--cohort", id="moved cohort"),
        pytest.param(of_old, "does not say where its cohort", "--cohort", id="a run of old"),
        pytest.param(split_again, "not those that this run was trained on", "--cohort", id="another split"),
        pytest.param(lambda root: [scores(root)], "scores.meta.json is missing", "predict wrote", id="no meta"),
        pytest.param(poor_meta(bundle_hash=None), "'bundle_hash' is missing", "score again", id="poor meta"),
        pytest.param(poor_meta(classes={}), "classes in this file", "score again", id="no classes"),
        pytest.param(poor_meta(threshold={}), "threshold in this file", "score again", id="no policy"),
        pytest.param(lambda root: [root / "none.csv"], "file is missing", "brightctc predict", id="no scores"),
        pytest.param(lambda root: [scores(root), root / "run"], "or of one scores table", "each table", id="both"),
        pytest.param(lambda root: [], "nothing to report on", "a run folder", id="nothing"),
    ],
)
def test_sources_that_are_none(
    run: Path, tmp_path: Path, make: Callable[[Path], list[Path]], what: str, fix: str
) -> None:
    shutil.copytree(run, tmp_path / "run")
    with pytest.raises(UserError, match=what) as told:
        report(make(tmp_path), tmp_path / "report.html")
    assert fix in str(told.value.fix)
    assert not (tmp_path / "report.html").exists()


def test_where_it_is_written(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"not 'report\.pdf'") as told:
        report(run, tmp_path / "report.pdf")
    assert "report.html" in str(told.value.fix)
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(UserError, match="already exists"):
        report(run, tmp_path / "report.html")
    monkeypatch.setattr(sheet, "browser", lambda: "chromium")
    (tmp_path / "other.pdf").write_text("mine")
    with pytest.raises(UserError, match="already exists"):
        report(run, tmp_path / "other.html", pdf=True)
    assert (tmp_path / "report.html").read_text() == "mine"


def test_a_missing_browser_is_told_first(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda name: None)
    monkeypatch.setattr(pdf.sys, "platform", "linux")
    with pytest.raises(UserError, match="needs Chromium or Chrome") as told:
        report(run, tmp_path / "report.html", pdf=True)
    assert "leave --pdf out" in str(told.value.fix)


def test_a_browser_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="could not print the report"):
        pdf.print_page("/bin/false", tmp_path / "report.html", tmp_path / "report.pdf")
    with pytest.raises(UserError, match="could not print the report"):
        pdf.print_page(str(tmp_path / "no-browser"), tmp_path / "report.html", tmp_path / "report.pdf")


def test_the_part_must_hold_labelled_cells_that_no_bundle_saw(run: Path, tmp_path: Path) -> None:
    for part, what in (("tests", "there is no part"), ("sealed", "has no cells"), ("all", "training or validation")):
        with pytest.raises(UserError, match=what):
            report(run, tmp_path / "report.html", part=part)


def test_the_command_tells_of_an_error_on_one_screen(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["report", str(tmp_path), str(tmp_path / "report.html")])
    assert isinstance(done.exception, UserError)
    done = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert isinstance(done.exception, UserError)
    assert "where to write" in done.exception.what
