"""predict: the files it writes, whole or not at all, and the command."""

import errno
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from brightctc.bundle import Bundle
from brightctc.cli.app import app
from brightctc.errors import UserError
from brightctc.predict import predict, predicting
from brightctc.predict.table import read_scores, write_table
from drawn import PATTERN, POSITIVE, Export
from new_samples import NAMES, as_cohort, spoil

# --- outputs


def test_parquet_holds_the_same(export: Export, bundle: Path, tmp_path: Path) -> None:
    predict(bundle, export.folder, tmp_path / "a.csv", **NAMES)
    predict(bundle, export.folder, tmp_path / "b.parquet", **NAMES)
    one, two = read_scores(tmp_path / "a.csv"), read_scores(tmp_path / "b.parquet")
    assert one["score"].equals(two["score"])
    assert one.columns == two.columns
    assert (tmp_path / "b.meta.json").is_file()


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_scores_whose_path_looks_like_a_pattern_are_read_themselves(tmp_path: Path, ending: str) -> None:
    for name, score in (("a1", 0.25), ("a[1]", 0.75)):
        write_table(pl.DataFrame({"cell_id": ["c1"], "score": [score]}), tmp_path / f"{name}{ending}")
    assert read_scores(tmp_path / f"a[1]{ending}")["score"].to_list() == [0.75]


def test_the_meta_file_tells_how_the_scores_came_about(export: Export, bundle: Path, tmp_path: Path) -> None:
    cohort = as_cohort(export, tmp_path / "cohort")
    result = predict(bundle, cohort, tmp_path / "sample 7.csv", threshold="recall=0.9")
    meta = json.loads((tmp_path / "sample 7.meta.json").read_text())
    assert meta["format_version"] == 1
    assert meta["cohort_root"] == meta["image_root"] == str(cohort.resolve())
    assert meta["bundle_hash"] == Bundle.read(bundle).hash
    assert meta["threshold"] == {
        "policy": "recall=0.9",
        "logit": result.threshold.logit,
        "score": result.threshold.score,
    }
    assert meta["precision"] == "float32"
    assert meta["command"].endswith(f"'{tmp_path / 'sample 7.csv'}' --threshold recall=0.9")
    assert meta["calls"] == result.calls
    assert meta["warnings"] == list(result.warnings)
    plain = predict(bundle, export.folder, tmp_path / "b.csv", **NAMES)
    meta = json.loads(plain.meta.read_text())
    assert (meta["cohort_root"], meta["image_root"]) == (None, str(export.folder.resolve()))


def test_ids_and_columns_of_the_user_stay_as_they_are(export: Export, bundle: Path, tmp_path: Path) -> None:
    cohort = as_cohort(
        export,
        tmp_path / "cohort",
        cell_id=pl.format('=cmd,"{}', "cell_id"),
        score=pl.lit("earlier"),
        rank=pl.lit(1),
    )
    predict(bundle, cohort, tmp_path / "scores.csv")
    table = read_scores(tmp_path / "scores.csv")
    assert table["cell_id"][0] == '=cmd,"S00/c0000'
    assert table["input_score"].unique().to_list() == ["earlier"]
    assert table["score"].dtype == pl.Float64


def test_scores_of_scores_of_scores_keep_all_three(export: Export, bundle: Path, tmp_path: Path) -> None:
    earlier = {"score": pl.lit("second"), "input_score": pl.lit("first"), "input_input_score": pl.lit("other")}
    cohort = as_cohort(export, tmp_path / "cohort", **earlier)
    predict(bundle, cohort, tmp_path / "scores.csv")
    table = read_scores(tmp_path / "scores.csv")
    kept = {name: table[name][0] for name in table.columns if name.startswith("input_")}
    assert kept == {
        "input_score": "first",
        "input_input_score": "other",
        "input_input_input_score": "second",
    }
    assert table["score"].dtype == pl.Float64


@pytest.mark.parametrize("name", ["scores.txt", "scores", "scores.xlsx", "scores.csv.gz"])
def test_another_ending_is_refused(export: Export, bundle: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"\.csv or \.parquet"):
        predict(bundle, export.folder, tmp_path / name, **NAMES)


@pytest.mark.parametrize("existing", ["scores.csv", "scores.meta.json"])
def test_nothing_is_overwritten_unasked(export: Export, bundle: Path, tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_text("mine")
    with pytest.raises(UserError, match="already exists"):
        predict(bundle, export.folder, tmp_path / "scores.csv", **NAMES)
    assert [path.name for path in tmp_path.iterdir()] == [existing]
    assert (tmp_path / existing).read_text() == "mine"
    predict(bundle, export.folder, tmp_path / "scores.csv", overwrite=True, **NAMES)
    assert read_scores(tmp_path / "scores.csv").height == 48


def test_an_output_that_can_not_be_written_is_known_before_the_work(
    export: Export, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "score_blocks", lambda *_, **__: pytest.fail("scored"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file, not a folder"):
        predict(bundle, export.folder, tmp_path / "file" / "scores.csv", **NAMES)


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_full_disk_is_known_by_its_number(tmp_path: Path, ending: str, need: Callable[[object, str], None]) -> None:
    need(Path("/dev/full").exists(), "this system has no device that is always full")
    (tmp_path / f"scores{ending}").symlink_to("/dev/full")
    with pytest.raises(OSError) as refused:
        write_table(pl.DataFrame({"a": range(10_000)}), tmp_path / f"scores{ending}")
    assert refused.value.errno == errno.ENOSPC


# --- the command


def arguments(bundle: Path, source: Path, scores: Path, *more: str) -> list[str]:
    names = ["--pattern", PATTERN, "--bright-field", "BF"]
    return ["predict", str(bundle), str(source), str(scores), *names, *more]


def test_the_command_shows_candidates_and_warnings(export: Export, bundle: Path, tmp_path: Path) -> None:
    source = spoil(export, tmp_path / "spoiled")
    shown = CliRunner().invoke(app, arguments(bundle, source, tmp_path / "scores.csv"))
    assert shown.exit_code == 0, shown.output
    candidates = read_scores(tmp_path / "scores.csv")["call"].eq(POSITIVE).sum()
    assert f"48 cells: {candidates} candidates (CTC), 5 unreadable; threshold f1 (score 0.5003)" in shown.output
    assert "the 10 highest scores" in shown.output
    assert "warning: 5 of 48 cells" in shown.output
    assert "For Research Use Only. Not for use in diagnostic procedures." in shown.output
    assert "CTCs" not in shown.output
    assert sum(f"S0{sample} " in shown.output for sample in range(6)) == 6


def test_the_command_speaks_json(export: Export, bundle: Path, tmp_path: Path) -> None:
    more = ("--json", "--threshold", "top=2")
    shown = CliRunner().invoke(app, arguments(bundle, export.folder, tmp_path / "scores.csv", *more))
    summary = json.loads(shown.stdout)
    assert (summary["cells"], summary["calls"][POSITIVE], len(summary["top"])) == (48, 2, 10)
    assert [row["rank"] for row in summary["top"]] == list(range(1, 11))


def test_the_command_fails_on_one_screen(export: Export, bundle: Path, tmp_path: Path) -> None:
    brightctc = Path(sys.executable).parent / "brightctc"
    command = [brightctc, *arguments(bundle, export.folder, tmp_path / "scores.doc")]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    assert run.stderr.startswith("error: scores are written as .csv or .parquet")
    assert "fix:   write e.g. scores.csv" in run.stderr
    assert "Traceback" not in run.stderr
