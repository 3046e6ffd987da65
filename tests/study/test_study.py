"""Studies from the folder's point of view: what is run, what is written, what goes on after a stop."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import yaml

from brightctc.cohort import Cohort
from brightctc.cohort.sealed import openings
from brightctc.errors import UserError
from brightctc.evaluate import evaluate
from brightctc.report import report
from brightctc.study import running
from brightctc.study.running import workers_and_threads
from brightctc.study.studying import Machines, StudyResult
from brightctc.withdraw import withdraw
from studied import TINY, divide, drawn_cohort, tiny

ASKED = ("none", "mix", "channel", "virtual_stain")  # the others only take longer
RANKED = ("mix", "virtual_stain")
TABLES = ("results.csv", "comparison.csv", "strata.csv")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_cohort(tmp_path_factory.mktemp("studies"))


@pytest.fixture(scope="module")
def ablation(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """The whole ablation, once; tests only read it."""
    return tiny("ablation", cohort, tmp_path_factory.mktemp("ablation") / "study", seeds=1)


@pytest.fixture(scope="module")
def ways(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> StudyResult:
    """Four ways to use DAPI with two seeds; tests that change it copy it."""
    return tiny("dapi", cohort, tmp_path_factory.mktemp("ways") / "study", ways=ASKED)


def tables(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in TABLES}


def copied(result: StudyResult, tmp_path: Path) -> Path:
    """Beside where it was, so that relative paths hold."""
    target = result.folder.parent / f"copy-{tmp_path.name}"
    shutil.copytree(result.folder, target)
    return target


@pytest.mark.slow
def test_the_ablation_has_its_rows_and_its_controls(ablation: StudyResult) -> None:
    table = pl.read_csv(ablation.folder / "results.csv")
    test = table.filter(pl.col("exam") == "test")
    networks = test.filter(pl.col("kind") != "baseline")["variant"].to_list()
    assert networks == ["none", "AUG1", "AUG2", "AUG3", "AUG3+DAPI", "AUG3+repeat", "AUG3+permuted"]
    assert set(test.filter(pl.col("kind") == "control")["variant"]) == {"AUG3+repeat", "AUG3+permuted"}
    assert test.filter(pl.col("kind") == "baseline")["variant"].to_list() == ["constant", "size"]
    assert table.filter(pl.col("exam") == "dapi")["variant"].to_list() == ["AUG3+DAPI"]
    assert "negative control" in table.filter(pl.col("exam") == "dapi")["stamps"][0]


@pytest.mark.slow
def test_rows_have_equal_steps_unless_epochs_are_asked_for(ablation: StudyResult, cohort: Path, tmp_path: Path) -> None:
    steps = pl.read_csv(ablation.folder / "results.csv")["steps"].drop_nulls()
    assert set(steps) == {4}
    settings = (*(s for s in TINY if "steps" not in s), "train.epochs=2", "augment.copies=1")
    dry = tiny("ablation", cohort, tmp_path / "s", settings=settings, budget="epochs", dry_run=True)
    known = {row.variant: row.steps for row in dry.estimate}  # 60 training cells, batches of 16, two epochs
    assert (known["none"], known["AUG1"], known["AUG3"], known["AUG3+DAPI"]) == (6, 14, 14, 30)
    equal = tiny("ablation", cohort, tmp_path / "s", settings=settings, dry_run=True)
    assert len({row.steps for row in equal.estimate}) == 1
    assert not (tmp_path / "s").exists(), "a dry run writes nothing"


@pytest.mark.slow
def test_figures_are_those_of_evaluate(ablation: StudyResult, cohort: Path, tmp_path: Path) -> None:
    bundle = ablation.folder / "runs" / "AUG2" / "0" / "bundle"
    metrics = evaluate(bundle, cohort, tmp_path / "out", resamples=100).metrics
    row = next(row for row in ablation.rows if row.name == "AUG2")
    for name in ("f1", "roc_auc", "average_precision", "recall"):
        assert row.figures[name].as_dict() == {k: metrics[name][k] for k in row.figures[name].as_dict()}


@pytest.mark.slow
def test_one_seed_is_allowed_and_said(ablation: StudyResult) -> None:
    assert any("one seed" in warning for warning in ablation.warnings)
    page = (ablation.folder / "report.html").read_text(encoding="utf-8")
    assert "There is one seed" in page
    assert pl.read_csv(ablation.folder / "comparison.csv")["p_seeds_paired"].null_count() == len(ablation.pairs)


@pytest.mark.slow
def test_comparison_holds_declared_pairs_on_the_same_cells(ways: StudyResult) -> None:
    table = pl.read_csv(ways.folder / "comparison.csv")
    assert set(table.select("first", "second").iter_rows()) == {(way, "none") for way in RANKED}
    primary = table.filter(pl.col("primary"))
    assert primary["figure"].to_list() == ["average_precision"] * len(RANKED)
    primary = primary.filter(pl.col("first") == "mix")
    assert primary["least_p_seeds_paired"][0] == 0.5, "two paired seeds"
    values = {row.name: row.figures["average_precision"].value for row in ways.rows if row.exam.name == "test"}
    assert primary["difference"][0] == pytest.approx(values["mix"] - values["none"])  # pyright: ignore


@pytest.mark.slow
def test_a_row_that_needs_dapi_is_marked_and_not_paired(ways: StudyResult) -> None:
    channel = next(row for row in ways.rows if row.name == "channel")
    assert channel.kind == "unranked"
    assert "not ranked" in channel.marks[0]
    assert "channel" not in set(pl.read_csv(ways.folder / "comparison.csv")["first"])


@pytest.mark.slow
def test_size_terciles_and_donors_are_standing_rows(ways: StudyResult) -> None:
    table = pl.read_csv(ways.folder / "strata.csv")
    assert {"size", "donor_id", "site"} <= set(table["by"])
    of_size = table.filter((pl.col("by") == "size") & (pl.col("variant") == "none"))
    assert (
        of_size["cells"].sum()
        == table.filter((pl.col("by") == "donor_id") & (pl.col("variant") == "none"))["cells"].sum()
    )
    empty = table.filter(pl.col("positive") == 0)
    assert empty["recall"].null_count() == empty.height
    assert empty["empty"].null_count() == 0, "an empty stratum says so"


@pytest.mark.slow
def test_started_again_nothing_is_done_anew(ways: StudyResult, cohort: Path, tmp_path: Path) -> None:
    folder = copied(ways, tmp_path)
    before, times = tables(folder), {p: p.stat().st_mtime_ns for p in folder.glob("runs/*/*/bundle/model.onnx")}
    tiny("dapi", cohort, folder, ways=ASKED)
    assert tables(folder) == before
    assert times == {path: path.stat().st_mtime_ns for path in times}


@pytest.mark.slow
def test_what_is_missing_is_made_with_the_same_bytes(ways: StudyResult, cohort: Path, tmp_path: Path) -> None:
    folder = copied(ways, tmp_path)
    before = tables(folder)
    shutil.rmtree(folder / "runs" / "mix" / "1")
    shutil.rmtree(folder / "scores" / "mix" / "1")
    (folder / "scores" / "none" / "0" / "test.json").unlink()
    shutil.rmtree(folder / "scores" / "own")
    for name in TABLES:
        (folder / name).unlink()
    tiny("dapi", cohort, folder, ways=ASKED, machines=Machines(parallel=2, threads=1))
    assert tables(folder) == before, "in two processes as in one"


@pytest.mark.slow
def test_killed_and_started_again(ways: StudyResult, cohort: Path, tmp_path: Path) -> None:
    """kill -9 while runs are under way, in two processes; the tables are those of the study that was left alone."""
    folder = tmp_path / "study"
    words = [f"--set={setting}" for setting in TINY]
    command = [
        sys.executable, "-m", "brightctc", "study", "dapi", str(cohort), str(folder), *words, "--seeds", "2",
        "--ways", ",".join(ASKED),
        "--baselines", "constant,size", "--resamples", "100", "--threads", "1", "--parallel", "2",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(folder.glob("scores/*/*/test.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = len(list(folder.glob("scores/*/*/test.json")))
    assert 0 < done < 2 * len(ASKED), "it was stopped in between"
    time.sleep(1)  # its workers notice
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=300)
    assert tables(folder) == tables(ways.folder)


@pytest.mark.slow
def test_a_failed_run_is_a_row_and_the_others_go_on(tmp_path: Path) -> None:
    root = drawn_cohort(tmp_path)
    cells = pl.read_csv(root / "cells.csv").with_columns(
        dapi=pl.when(pl.col("label") == "CTC").then(pl.col("dapi"))
    )  # fmt: skip
    cells.write_csv(root / "cells.csv")
    result = tiny("dapi", root, tmp_path / "study", seeds=1, baselines=(), ways=("mix", "channel", "distil"))
    table = pl.read_csv(tmp_path / "study" / "results.csv")
    status = dict(table.select("variant", "status").iter_rows())
    assert {way for way, word in status.items() if word == "failed"} == {"mix", "channel", "distil"}
    assert set(status) == {"none", "mix", "channel", "distil"}
    why = dict(table.select("variant", "error").iter_rows())
    assert "the stain itself would be the label" in why["mix"]
    assert any("mix/0 failed" in warning for warning in result.warnings)
    assert "mix/0 failed" in (tmp_path / "study" / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_sealed_part_is_scored_once_and_counted(ways: StudyResult, cohort: Path, tmp_path: Path) -> None:
    own = tmp_path / "cohort"
    shutil.copytree(cohort, own)
    folder = tmp_path / "study"
    shutil.copytree(ways.folder, folder)
    first = tiny("dapi", own, folder, sealed=True, ways=ASKED)
    sealed = [row for row in first.rows if row.exam.name == "sealed"]
    assert {row.name for row in sealed} >= {"none", "mix", "constant"}
    assert len(openings(Cohort.read(own))) == 1
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "the sealed part was opened once" in page
    tiny("dapi", own, folder, ways=ASKED)
    assert len(openings(Cohort.read(own))) == 1, "its scores are there"
    assert "sealed" in set(pl.read_csv(folder / "results.csv")["exam"])


@pytest.mark.slow
def test_the_sealed_part_stays_closed_where_a_run_failed(tmp_path: Path) -> None:
    root = drawn_cohort(tmp_path)
    cells = pl.read_csv(root / "cells.csv").with_columns(
        dapi=pl.when(pl.col("label") == "CTC").then(pl.col("dapi"))
    )  # fmt: skip
    cells.write_csv(root / "cells.csv")
    with pytest.raises(UserError, match=r"1 run of this study failed \(mix/0\): the sealed part stays closed"):
        tiny("dapi", root, tmp_path / "study", seeds=1, baselines=(), ways=("mix",), sealed=True)
    assert not openings(Cohort.read(root))
    assert "mix/0 failed" in (tmp_path / "study" / "report.html").read_text(encoding="utf-8"), "the rest is told"
    assert set(pl.read_csv(tmp_path / "study" / "results.csv")["exam"]) == {"test"}


def test_a_question_that_divides_anew_opens_nothing(cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="divides the cells anew, without what is sealed"):
        tiny("transfer", cohort, tmp_path / "study", column="site", sealed=True)
    assert not openings(Cohort.read(cohort))
    assert not (tmp_path / "study").exists()


def test_declared_before_any_run(cohort: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    options = {"primary": "f1", "pairs": (("mix", "none"), ("none", "mix"))}
    declared = tiny("dapi", cohort, folder, declare_only=True, **options).declared
    assert [path.name for path in folder.iterdir() if not path.name.startswith(".")] == ["study.yaml"]
    kept = yaml.safe_load((folder / "study.yaml").read_text())
    assert kept["hash"] == declared["hash"]
    assert kept["primary"] == "f1"
    assert kept["pairs"] == [["mix", "none"], ["none", "mix"]]
    assert str(tmp_path) not in (folder / "study.yaml").read_text()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"primary": "roc_auc"}, "primary figure average_precision, not roc_auc"),
        ({"pairs": (("none", "mix"),)}, "pairs .* not"),
        ({"seeds": 3}, "number of seeds 2, not 3"),
        ({"resamples": 50}, "resamples 100, not 50"),
        ({"settings": (*TINY, "train.learning_rate=1e-4")}, "variants or their settings differ"),
        ({"machines": Machines(parallel=1, threads=2)}, "threads a run 1, not 2"),
    ],
)
def test_another_analysis_is_another_study(cohort: Path, tmp_path: Path, changes: dict, words: str) -> None:
    tiny("dapi", cohort, tmp_path / "study", ways=ASKED, declare_only=True)
    with pytest.raises(UserError, match=words):
        tiny("dapi", cohort, tmp_path / "study", ways=ASKED, declare_only=True, **changes)
    with pytest.raises(UserError, match=words):
        tiny("dapi", cohort, tmp_path / "study", ways=ASKED, dry_run=True, **changes)


def test_a_declaration_that_was_edited_is_refused(cohort: Path, tmp_path: Path) -> None:
    tiny("dapi", cohort, tmp_path / "study", declare_only=True)
    path = tmp_path / "study" / "study.yaml"
    path.write_text(path.read_text().replace("primary: average_precision", "primary: f1"))
    with pytest.raises(UserError, match="changed after it was written"):
        tiny("dapi", cohort, tmp_path / "study", declare_only=True)


@pytest.mark.parametrize(
    ("question", "changes", "words"),
    [
        ("nothing", {}, "no question called 'nothing'"),
        ("ablation", {"column": "site"}, "--column belongs to transfer"),
        ("dapi", {"sizes": (20,)}, "--sizes belongs to size"),
        ("dapi", {"ways": ("mix", "magic")}, "'magic' is none of the ways that are compared"),
        ("ablation", {"ways": ("mix",)}, "--ways belongs to dapi"),
        ("ablation", {"recipes": ("default", "paper")}, "asked of one recipe"),
        ("compare", {}, "compare needs two recipes"),
        ("dapi", {"primary": "accuracy"}, "no figure called 'accuracy'"),
        ("dapi", {"pairs": (("mix", "all"),)}, "no variant called 'all'"),
        ("dapi", {"baselines": ("magic",)}, "no baseline is called 'magic'"),
        ("dapi", {"pairs": (("channel", "none"),)}, "channel is scored with DAPI"),
        ("size", {"sizes": (20, 100_000)}, "100,000 cells were asked for"),
        ("size", {"sizes": (20,)}, "two sizes or more"),
        ("transfer", {"column": "site", "external": Path("x")}, "exclude each other"),
        ("transfer", {"column": "instrument"}, "no column 'instrument'"),
        ("transfer", {}, "no cell is known to be a patient's"),
    ],
)
def test_what_can_not_be_asked(cohort: Path, tmp_path: Path, question: str, changes: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        tiny(question, cohort, tmp_path / "study", **changes)


def test_a_folder_with_something_else_is_left_alone(cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "letters.txt").write_text("dear")
    with pytest.raises(UserError, match="holds something else"):
        tiny("dapi", cohort, tmp_path / "study")


def test_there_must_be_a_sealed_part_to_open(tmp_path: Path) -> None:
    root = drawn_cohort(tmp_path)
    divide(root, {0: "train", 6: "validation", 8: "test"})
    with pytest.raises(UserError, match="no sealed part"):
        tiny("dapi", root, tmp_path / "study", sealed=True)


@pytest.mark.slow
def test_the_report_can_be_written_again(ways: StudyResult, tmp_path: Path) -> None:
    report(ways.folder, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == (ways.folder / "report.html").read_bytes()
    page = (tmp_path / "again.html").read_text(encoding="utf-8")
    assert "D08" not in page
    report(ways.folder, tmp_path / "named.html", show_donors=True)
    assert "D08" in (tmp_path / "named.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_result_files_hold_no_paths(ways: StudyResult) -> None:
    for name in (*TABLES, "study.yaml", "checked.json"):
        assert str(ways.folder.parent) not in (ways.folder / name).read_text(encoding="utf-8"), name


@pytest.mark.slow
def test_a_donor_who_withdraws(ways: StudyResult, cohort: Path, tmp_path: Path) -> None:
    shutil.copytree(cohort, tmp_path / "cohort")
    shutil.copytree(ways.folder, tmp_path / "study")
    found = withdraw("D08", [tmp_path], remove=True)
    assert {"study", "scores", "cohort", "report"} <= {holding.kind for holding in found.removed}
    assert not found.failed
    assert "D08" not in (tmp_path / "study" / "strata.csv").read_text()
    assert not (tmp_path / "study" / "report.html").exists()
    with pytest.raises(UserError, match="withdrawn"):
        tiny("dapi", tmp_path / "cohort", tmp_path / "study")


@pytest.mark.parametrize(
    ("runs", "parallel", "threads", "declared", "expected"),
    [
        (10, None, None, None, (4, 1)),
        (2, None, None, None, (2, 2)),
        (10, 2, None, None, (2, 2)),
        (10, None, 2, None, (2, 2)),
        (10, None, None, 4, (1, 4)),
        (1, None, None, None, (1, 4)),
    ],
)
def test_cores_are_divided(monkeypatch: pytest.MonkeyPatch, runs, parallel, threads, declared, expected) -> None:
    monkeypatch.setattr(running.engine, "cores", lambda: 4)
    assert workers_and_threads(runs, parallel, threads, declared) == expected


@pytest.mark.slow
def test_ray_gives_the_same_results(ways: StudyResult, cohort: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    tiny("dapi", cohort, tmp_path / "study", ways=ASKED, machines=Machines(engine="ray", parallel=2, threads=1))
    assert tables(tmp_path / "study") == tables(ways.folder)
