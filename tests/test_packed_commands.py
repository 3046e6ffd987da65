"""Every command on a packed cohort gives what it gives on the cohort itself, word for word and bit for bit."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from brightctc.cli.app import app
from brightctc.cohort import Cohort, pack
from evaluated import cohort_of, drawn_cells
from packs import small_groups
from studied import TINY
from tiny_bundle import tiny_bundle

SMALL = [word for setting in ("train.epochs=2", *TINY[:4], TINY[5]) for word in ("--set", setting)]
STUDY = ["--seeds", "1", "--baselines", "none", "--resamples", "50", "--parallel", "2", "--threads", "1",
         *(word for setting in TINY for word in ("--set", setting))]  # fmt: skip


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `plain` and `packed`, the same 180 cells, one of them without its image; and a bundle."""
    here = tmp_path_factory.mktemp("commands")
    site = pl.col("donor_id").str.slice(1).cast(pl.Int32) % 3
    cells = drawn_cells(here / "export").with_columns(site=site.replace_strict({0: "north", 1: "south", 2: "west"}))
    root = cohort_of(here / "plain", cells)
    table = Cohort.read(root).cells
    Path(table.filter(pl.col("part") == "test")["bright_field"][0]).unlink()
    # relative paths, so that they are the same words in both
    moved = pl.col("bright_field", "dapi").str.replace(str(here), "..", literal=True).str.replace("../", "images/")
    (root / "images").symlink_to(here)
    table.drop("part").with_columns(moved).write_csv(root / "cells.csv")
    with pytest.MonkeyPatch.context() as patch:
        small_groups(patch, 25)
        pack(root, here / "packed", shard_cells=100)
    tiny_bundle(here / "bundle", cohort=root)
    return here


def run(*words: object) -> dict[str, Any]:
    """A command with --json: what it says."""
    done = CliRunner().invoke(app, [*map(str, words), "--json"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code in ((0, 1) if words[0] == "check" else (0,)), done.output
    return json.loads(done.stdout.splitlines()[-1])


def checked(place: Path, out: Path) -> object:
    told = run("check", place)
    return [{k: v for k, v in each.items() if k != "fix"} for each in told["problems"]]


def divided(place: Path, out: Path) -> object:
    mine = out / place.name
    shutil.copytree(place, mine, symlinks=True)
    run("split", mine, "--test-share", 0.4, "--seal", 0.3, "--overwrite")
    return (mine / "splits.csv").read_text(), (mine / "splits.json").read_text()


def measured(place: Path, out: Path) -> object:
    run("measure", place, out / "features.csv", "--masks", out / "masks")
    masks = {path.relative_to(out): path.read_bytes() for path in sorted((out / "masks").rglob("*.tif"))}
    return (out / "features.csv").read_text(), masks


def evaluated_cells(place: Path, out: Path) -> object:
    run("evaluate", place.parent / "bundle", place, out / "results")
    return [(out / "results" / name).read_text() for name in ("metrics.json", "scores.csv", "groups.csv")]


def scored(place: Path, out: Path) -> object:
    run("predict", place.parent / "bundle", place, out / "scores.csv")
    return (out / "scores.csv").read_text()


def reported(place: Path, out: Path) -> object:
    run("predict", place.parent / "bundle", place, out / "scores.csv")
    run("report", out / "scores.csv", out / "report.html")
    page = (out / "report.html").read_text()
    assert page.count("data:image") > 10
    return page.replace(str(out), "OUT").replace(str(place), "COHORT")


def simple(place: Path, out: Path) -> object:
    run("baselines", place, out / "baselines", "--only", "constant,size", "--beside", place.parent / "bundle")
    return [(out / "baselines" / name).read_text() for name in ("baselines.csv", "scores.csv")]


def trained(place: Path, out: Path) -> object:
    run("train", place, out / "run", *SMALL, "--threads", 1)
    run("report", out / "run", out / "report.html")
    return (out / "run" / "history.csv").read_text(), (out / "run" / "bundle" / "model.onnx").read_bytes()


def studied(place: Path, out: Path) -> object:
    run("study", "transfer", place, out / "study", "--column", "site", *STUDY)  # divisions, and several processes
    return [(out / "study" / name).read_text() for name in ("results.csv", "comparison.csv")]


def packed_again(place: Path, out: Path) -> object:
    told = run("pack", place, out / "cells.parquet")
    return told["images"], told["faults"], (out / "cells.parquet" / "cells-00000.parquet").read_bytes()


QUICK = (checked, divided, measured, evaluated_cells, scored, reported, simple, packed_again)


def both(command: Callable[[Path, Path], object], places: Path, tmp_path: Path) -> list[object]:
    found = []
    for name in ("plain", "packed"):
        out = tmp_path / name
        out.mkdir()
        found.append(command(places / name, out))
    return found


@pytest.mark.parametrize("command", QUICK)
def test_a_command_does_the_same_on_a_packed_cohort(
    command: Callable[[Path, Path], object], places: Path, tmp_path: Path
) -> None:
    plain, packed = both(command, places, tmp_path)
    assert plain == packed


@pytest.mark.slow
@pytest.mark.parametrize("command", [trained, studied])
def test_a_network_learns_the_same_from_a_packed_cohort(
    command: Callable[[Path, Path], object], places: Path, tmp_path: Path
) -> None:
    plain, packed = both(command, places, tmp_path)
    assert plain == packed
