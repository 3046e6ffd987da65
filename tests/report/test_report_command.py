"""`brightctc report`: what it prints, and a cohort that was moved."""

import json
import shutil
from pathlib import Path

from typer.testing import CliRunner

from brightctc.cli.app import app


def test_the_command_prints_the_headline_and_json(run: Path, cohort: Path, tmp_path: Path) -> None:
    shutil.copytree(cohort, tmp_path / "moved")
    command = ["report", str(run), str(tmp_path / "report.html"), "--resamples", "20"]
    done = CliRunner().invoke(app, [*command, "--cohort", str(tmp_path / "moved")])
    assert done.exit_code == 0, done.output
    assert "False calls per 1,000 leukocyte" in done.output
    assert "few donors" in done.output
    standing = [line.split()[0] for line in done.output.splitlines() if " to " in line and "(" in line]
    assert {"network", "size", "border"} <= set(standing)
    assert "from cell lines to patients:" in done.output
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert f"--cohort {tmp_path / 'moved'}" in page
    done = CliRunner().invoke(app, [*command, "--json", "--overwrite"])
    summary = json.loads(done.stdout)
    assert summary["kind"] == "runs"
    assert summary["pdf"] is None
    assert 0 <= summary["figures"]["roc_auc"]["value"] <= 1
    assert summary["standing"]["network"]["roc_auc"]["value"] == summary["figures"]["roc_auc"]["value"]
    assert summary["standing"]["constant"]["roc_auc"]["value"] == 0.5
    assert summary["gap"]
