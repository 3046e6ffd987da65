"""The control chart over samples."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from brightctc import drift
from brightctc.cli.app import app
from brightctc.drift.charting import ONE_SIDE, OUTSIDE
from brightctc.errors import UserError

LIMITS = {"centre": 0.1}


def scored(folder: Path, name: str, *numbers: float, **changes: Any) -> Path:
    """A SCORES.meta.json of samples with these numbers and a limit of 0.6, about 0.1."""
    shifts = [
        {"sample_id": f"{name}-{index}", "cells": 50, "unlike": number, "limit": 0.6, "shifted": False}
        for index, number in enumerate(numbers)
    ]
    meta = {"format_version": 1, "bundle_hash": "b", "bundle_name": "tiny", "shift_limits": LIMITS, "shifts": shifts}
    (folder / f"{name}.meta.json").write_text(json.dumps(meta | changes), encoding="utf-8")
    return folder / f"{name}.csv"


def test_samples_stand_in_the_order_given_and_those_above_are_told(tmp_path: Path) -> None:
    found = drift([scored(tmp_path, "b", 0.2, 0.61), scored(tmp_path, "a", -0.41)], tmp_path / "drift.csv")
    table = pl.read_csv(tmp_path / "drift.csv")
    assert table["sample_id"].to_list() == ["b-0", "b-1", "a-0"]
    assert table["scores"].to_list() == ["b.csv", "b.csv", "a.csv"]
    assert table["concern"].to_list() == [None, OUTSIDE, None], "nearer is no fault"
    assert table["centre"].to_list() == pytest.approx([0.1] * 3)
    assert found.concerns["sample_id"].to_list() == ["b-1"]
    assert found.picture.read_bytes().startswith(b"\x89PNG")


def test_eight_in_a_row_above_the_centre_are_told(tmp_path: Path) -> None:
    numbers = [0.2] * 7 + [0.0] * 9 + [0.2] * 9 + [0.1] + [0.2] * 3
    found = drift([scored(tmp_path, "s", *numbers)], tmp_path / "drift.csv").table
    assert (found["concern"] == ONE_SIDE).arg_true().to_list() == [23, 24]


def test_a_sample_with_an_id_after_a_hundred_without_is_charted(tmp_path: Path) -> None:
    meta = json.loads(scored(tmp_path, "s", *[0.0] * 130).with_suffix(".meta.json").read_text(encoding="utf-8"))
    nameless = [shift | {"sample_id": None} for shift in meta["shifts"][:120]]
    scores = scored(tmp_path, "s", shifts=nameless + meta["shifts"][120:])
    assert drift([scores], tmp_path / "drift.csv").table["sample_id"].null_count() == 120


def test_equal_scores_give_equal_bytes(tmp_path: Path) -> None:
    given = [scored(tmp_path, "s", 0.2, 0.9)]
    files = [drift(given, tmp_path / f"{name}.csv") for name in ("a", "b")]
    assert files[0].path.read_bytes() == files[1].path.read_bytes()
    assert files[0].picture.read_bytes() == files[1].picture.read_bytes()


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"shift_limits": None}, "can't judge whole samples"),
        ({"shifts": []}, "no sample of these scores can be judged"),
    ],
)
def test_what_can_not_be_charted_is_told(tmp_path: Path, changes: dict[str, Any], what: str) -> None:
    with pytest.raises(UserError, match=what):
        drift([scored(tmp_path, "s", 0.2, **changes)], tmp_path / "drift.csv")
    assert not (tmp_path / "drift.csv").exists()


def test_other_faults_are_told(tmp_path: Path) -> None:
    first = scored(tmp_path, "s", 0.2)
    with pytest.raises(UserError, match="another bundle"):
        drift([first, scored(tmp_path, "t", 0.2, shift_limits={"centre": 0.3})], tmp_path / "drift.csv")
    with pytest.raises(UserError, match="missing beside the scores"):
        drift([tmp_path / "none.csv"], tmp_path / "drift.csv")
    with pytest.raises(UserError, match=r"written as \.csv"):
        drift([first], tmp_path / "drift.png")
    old = scored(tmp_path, "old", 0.2)
    meta = json.loads((tmp_path / "old.meta.json").read_text(encoding="utf-8"))
    del meta["shifts"]
    (tmp_path / "old.meta.json").write_text(json.dumps(meta), encoding="utf-8")
    with pytest.raises(UserError, match="says nothing of whole samples"):
        drift([old], tmp_path / "drift.csv")
    old.write_text("scores", encoding="utf-8")
    with pytest.raises(UserError, match="these are scores"):
        drift([first], old, overwrite=True)
    assert old.read_text(encoding="utf-8") == "scores", "the chart's own table was forgotten in the command"
    drift([first], tmp_path / "drift.csv")
    with pytest.raises(UserError, match="already exists"):
        drift([first], tmp_path / "drift.csv")


def test_the_command_shows_samples_with_a_concern(tmp_path: Path) -> None:
    given = scored(tmp_path, "s", 0.2, 0.9)
    done = CliRunner().invoke(app, ["drift", str(given), str(tmp_path / "drift.csv")])
    assert done.exit_code == 0, done.output
    assert "2 samples: 1 above the limit" in done.stdout
    assert "s-1" in done.stdout
    done = CliRunner().invoke(app, ["drift", str(given), str(tmp_path / "drift.csv"), "--json", "--overwrite"])
    assert json.loads(done.stdout)["concerns"][0]["sample_id"] == "s-1"
    assert CliRunner().invoke(app, ["drift", str(given)]).exit_code != 0
