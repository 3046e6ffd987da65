"""Training from the folder's point of view: the same bytes again, after a kill, and one clear error otherwise."""

import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile
import torch
from typer.testing import CliRunner

from brightctc import files
from brightctc.bundle import Bundle
from brightctc.cli.app import app
from brightctc.cohort import Cohort
from brightctc.cohort.folder import SplitFile, write_cohort, write_split
from brightctc.errors import UserError
from brightctc.learn import train
from brightctc.learn.loop import learning_rate
from brightctc.recipe import WAYS, Train

TINY = [
    "backbone.name=test_resnet",
    "backbone.weights=none",
    "preprocess.size=24",
    "train.epochs=3",
    "train.batch_size=16",
    "train.precision=float32",
    "backbone.views=1",
]
BEST = "train.keep=best"
RESULTS = ("history.csv", "result.json", "recipe.yaml", "bundle/bundle.json", "bundle/model.onnx", "bundle/seen.json")


@pytest.fixture
def cohort(drawn_cohort, tmp_path) -> Path:
    """80 training cells of 8 donors, 20 validation cells of 2, 20 test cells of 2."""
    shutil.copytree(drawn_cohort, tmp_path / "cohort")
    donor = pl.col("donor_id").str.slice(1).cast(pl.Int32)
    part = pl.when(donor < 8).then(pl.lit("train")).when(donor < 10).then(pl.lit("validation"))
    parts = Cohort.read(tmp_path / "cohort").cells.select("cell_id", part=part.otherwise(pl.lit("test")))
    write_split(tmp_path / "cohort", parts, SplitFile(by="donor_id", settings={}))
    return tmp_path / "cohort"


def same(first: Path, second: Path) -> list[str]:
    return [name for name in RESULTS if (first / name).read_bytes() != (second / name).read_bytes()]


class PackedError(Exception):
    """Raised instead of exporting, which takes seconds: the trained weights are all that these tests want."""


def fitted(
    cohort: Path, run: Path, settings: list[str], **options
) -> tuple[list[dict[str, str]], dict[str, torch.Tensor]]:
    """History (rows as text) and kept weights of a training that ends before its bundle is made."""

    def pack(_folder, networks, *_others):
        raise PackedError(networks[0].state_dict())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("brightctc.learn.run.pack", pack)
        with pytest.raises(PackedError) as caught:
            train(cohort, run, settings=settings, threads=1, **options)
    with (run / "history.csv").open() as file:
        return list(csv.DictReader(file)), caught.value.args[0]


def equal(first, second) -> bool:
    """Same history and, bit for bit, the same weights."""
    return first[0] == second[0] and all(torch.equal(first[1][name], second[1][name]) for name in first[1])


def edited(cohort: Path, *columns: pl.Expr) -> None:
    source = Cohort.read(cohort)
    write_cohort(cohort, source.cells.drop("part").with_columns(*columns), source.about)


def test_the_same_run_twice_gives_the_same_bytes(cohort, tmp_path):
    train(cohort, tmp_path / "a", settings=TINY, threads=1, workers=1)
    np.random.default_rng().random(7)
    torch.rand(3)  # what happened before in the process must not matter
    result = train(cohort, tmp_path / "b", settings=TINY, threads=1, workers=3)
    assert same(tmp_path / "a", tmp_path / "b") == []
    assert result.summary()["epochs"] == 3
    assert result.bundle.about.parity < 1e-4
    former = (tmp_path / "a/history.csv").read_text()
    fitted(cohort, tmp_path / "c", TINY, seed=1)
    assert (tmp_path / "c/history.csv").read_text() != former


def test_a_run_learns_the_drawn_cells(cohort, tmp_path):
    settings = [*TINY, "train.epochs=25", "train.learning_rate=3e-3"]
    history, _ = fitted(cohort, tmp_path / "run", settings)
    assert float(history[-1]["validation_f1"]) > 0.9
    assert float(history[-1]["train_loss"]) < float(history[0]["train_loss"])


@pytest.mark.parametrize(
    "setting",
    [
        pytest.param("augment.preset=none", id="no augmentation"),
        pytest.param("train.schedule=constant", id="constant learning rate"),
        pytest.param("train.class_weights=balanced", id="class weights"),
        pytest.param("train.steps=7", id="steps, ending within an epoch"),
        pytest.param("train.keep=best", id="the best epoch"),
        pytest.param("preprocess.intensity=per_crop", id="per crop"),
        pytest.param("train.precision=bfloat16", id="bfloat16"),
        pytest.param("backbone.dropout=0.3", id="dropout"),
    ],
)
def test_killed_and_resumed_gives_the_same_bytes(cohort, tmp_path, setting, monkeypatch):
    from brightctc.learn import checkpoint

    settings = [*TINY, setting]
    whole = fitted(cohort, tmp_path / "whole", settings)
    save, saves = checkpoint.save, []

    def killed(*arguments):
        save(*arguments)
        saves.append(1)
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        train(cohort, tmp_path / "parts", settings=settings, threads=1)
    monkeypatch.setattr(checkpoint, "save", save)
    assert equal(whole, fitted(cohort, tmp_path / "parts", (), resume=True))  # its own settings, not said again


def test_a_row_of_several_short_epochs_changes_no_weight(cohort, tmp_path, monkeypatch):
    from brightctc.learn import checkpoint, loop

    settings = [*TINY, "train.steps=23", "backbone.dropout=0.3"]
    every, weights = fitted(cohort, tmp_path / "every", settings)
    assert [row["epoch"] for row in every] == ["1", "2", "3", "4", "5"]
    monkeypatch.setattr(loop, "_ROWS", 3)  # 7 steps a row, at five an epoch
    save, killed = checkpoint.save, []

    def stopped(*arguments):
        save(*arguments)
        if not killed:
            killed.append(1)
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "save", stopped)
    with pytest.raises(KeyboardInterrupt):
        train(cohort, tmp_path / "some", settings=settings, threads=1)
    some, others = fitted(cohort, tmp_path / "some", settings, resume=True)
    assert [(row["epoch"], row["steps"]) for row in some] == [("2", "10"), ("4", "20"), ("5", "23")]
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert [row["validation_loss"] for row in some] == [every[at]["validation_loss"] for at in (1, 3, 4)]
    best, _ = fitted(cohort, tmp_path / "best", [*settings, BEST])
    assert len(best) == 5


@pytest.mark.slow
def test_kill_9_at_any_point_then_resume(cohort, tmp_path):
    options = [f"--set={setting}" for setting in TINY] + ["--threads=1", "--set=train.epochs=6"]
    command = [sys.executable, "-m", "brightctc", "train", str(cohort), str(tmp_path / "parts"), *options]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    for _ in range(2):
        process = subprocess.Popen([*command, "--resume"], stdout=subprocess.DEVNULL, env=environment)
        checkpoint = tmp_path / "parts" / "checkpoint" / "state.safetensors"
        former, deadline = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0, time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if checkpoint.exists() and checkpoint.stat().st_mtime_ns != former:
                break
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert subprocess.run([*command, "--resume"], stdout=subprocess.DEVNULL, env=environment).returncode == 0
    train(cohort, tmp_path / "whole", settings=[*TINY, "train.epochs=6"], threads=1)
    assert same(tmp_path / "whole", tmp_path / "parts") == []


def test_best_epoch_is_by_validation_f1_then_loss(cohort, tmp_path):
    history, _ = fitted(cohort, tmp_path / "run", [*TINY, BEST, "train.epochs=6"])
    best = max(history, key=lambda row: (float(row["validation_f1"]), -float(row["validation_loss"])))
    assert [row["epoch"] for row in history if row["kept"] == "true"] == [best["epoch"]]
    history, _ = fitted(cohort, tmp_path / "last", TINY)
    assert [row["kept"] for row in history] == ["false", "false", "true"]


@pytest.mark.parametrize("way", WAYS)
def test_every_way_trains(cohort, tmp_path, way):
    more = ["dapi.first_steps=2"] if way == "warm_start" else []
    if way == "student":
        more = [f"dapi.bundle={train(cohort, tmp_path / 'teacher', settings=TINY, threads=1).bundle.folder}"]
    history, weights = fitted(cohort, tmp_path / way, [*TINY, f"dapi.way={way}", *more])
    assert weights["conv1.0.weight"].shape[1] == (2 if way == "channel" else 1)
    assert history[0]["steps"] == ("10" if way == "mix" else "5")


def test_a_bundle_of_two_channels_says_so(cohort, tmp_path):
    train(cohort, tmp_path / "run", settings=[*TINY, "dapi.way=channel"], threads=1)
    assert Bundle.read(tmp_path / "run" / "bundle").about.channels == ("bright_field", "dapi")


def test_mix_never_shows_dapi_to_validation(cohort, tmp_path):
    """The judged images are bright field alone: nothing changes when the validation cells' DAPI images do."""
    first = fitted(cohort, tmp_path / "a", [*TINY, "dapi.way=mix"])
    cells = Cohort.read(cohort).cells
    other = cells.filter(pl.col("part") == "train")["dapi"][0]
    dapi = [own if part == "train" else other for part, own in cells.select("part", "dapi").iter_rows()]
    edited(cohort, pl.Series("dapi", dapi))
    assert equal(first, fitted(cohort, tmp_path / "b", [*TINY, "dapi.way=mix"]))


def dapi_for(cohort: Path, keep) -> None:
    cells = Cohort.read(cohort).cells
    edited(cohort, pl.Series("dapi", [row["dapi"] if keep(row) else None for row in cells.iter_rows(named=True)]))


def relabelled(cohort: Path, label: str) -> None:
    edited(cohort, pl.lit(label).alias("label"))


def truncated(cohort: Path) -> None:
    first = Path(Cohort.read(cohort).part("train")["bright_field"][0])
    copy = cohort / "broken.tif"
    copy.write_bytes(first.read_bytes()[:200])
    edited(cohort, pl.col("bright_field").replace(str(first), "broken.tif"))


def without_background(cohort: Path) -> None:
    first = Path(Cohort.read(cohort).part("train")["bright_field"][0])
    pixels = tifffile.imread(first).astype(np.float32)
    tifffile.imwrite(cohort / "centred.tif", pixels - pixels[0].max())
    edited(cohort, pl.col("bright_field").replace(str(first), "centred.tif"))


def constant(cohort: Path) -> None:
    tifffile.imwrite(cohort / "flat.tif", np.full((24, 24), 7, np.uint16))
    edited(cohort, pl.lit("flat.tif").alias("bright_field"))


@pytest.mark.parametrize(
    ("spoil", "settings", "words"),
    [
        pytest.param(lambda c: (c / "splits.csv").unlink(), [], "not split", id="no split"),
        pytest.param(lambda c: relabelled(c, "CTC"), [], "no 'leukocyte' cells", id="one class"),
        pytest.param(lambda c: relabelled(c, "other"), [], "no labelled cells", id="no labels"),
        pytest.param(truncated, [], "can't be read", id="a truncated image"),
        pytest.param(without_background, [], "1 bright-field crop can't be divided", id="a background of 0 or less"),
        pytest.param(
            lambda c: dapi_for(c, lambda row: row["label"] == "CTC"), ["dapi.way=mix"], "the stain itself", id="stain"
        ),
        pytest.param(lambda c: dapi_for(c, lambda row: False), ["dapi.way=mix"], "no training cell", id="no DAPI"),
        pytest.param(
            lambda c: dapi_for(c, lambda row: row["cell_id"] > "S03"),
            ["dapi.way=channel"],
            "no DAPI",
            id="DAPI missing",
        ),
        pytest.param(
            lambda c: dapi_for(c, lambda row: row["part"] != "validation"),
            ["dapi.way=channel"],
            "validation",
            id="validation without DAPI",
        ),
        pytest.param(lambda c: None, ["backbone.name=resnet999"], "no network called", id="unknown network"),
    ],
)
def test_what_can_not_be_trained_is_told(cohort, tmp_path, spoil, settings, words):
    spoil(cohort)
    with pytest.raises(UserError) as caught:
        train(cohort, tmp_path / "run", settings=[*TINY, *settings], threads=1)
    assert words in str(caught.value)
    assert caught.value.fix
    assert not (tmp_path / "run" / "recipe.yaml").exists()  # mended, the same command works


def test_what_can_not_be_trained_costs_no_former_run(cohort, tmp_path):
    fitted(cohort, tmp_path / "run", TINY)
    before = (tmp_path / "run/history.csv").read_text()
    (cohort / "splits.csv").unlink()
    with pytest.raises(UserError, match="not split"):
        train(cohort, tmp_path / "run", settings=TINY, threads=1, overwrite=True)
    assert (tmp_path / "run/history.csv").read_text() == before


def test_constant_crops_train_to_chance_without_a_crash(cohort, tmp_path):
    constant(cohort)
    history, _ = fitted(cohort, tmp_path / "run", TINY)
    assert float(history[-1]["validation_loss"]) < 10


def test_a_loss_that_is_no_number_stops_the_run(cohort, tmp_path, monkeypatch):
    from brightctc.learn import loop

    monkeypatch.setattr(loop.functional, "cross_entropy", lambda *a, **k: torch.tensor(float("nan")))
    with pytest.raises(UserError, match="not a number at step 1") as caught:
        train(cohort, tmp_path / "run", settings=TINY, threads=1)
    assert "learning_rate" in caught.value.fix


def test_a_run_is_not_overwritten_and_not_mixed_up(cohort, tmp_path):
    run = tmp_path / "run"
    train(cohort, run, settings=TINY, threads=1)
    with pytest.raises(UserError, match="a run here already"):
        train(cohort, run, settings=TINY, threads=1)
    with pytest.raises(UserError, match="another seed"):
        train(cohort, run, settings=TINY, threads=1, resume=True, seed=1)
    with pytest.raises(UserError, match="another recipe"):
        train(cohort, run, settings=[*TINY, "train.epochs=4"], threads=1, resume=True)
    with pytest.raises(UserError, match="another recipe"):
        train(cohort, run, recipe="default", resume=True)
    before = (run / "result.json").read_bytes()
    train(cohort, run, settings=TINY, threads=1, resume=True)  # nothing left to do
    train(cohort, run, resume=True)
    assert (run / "result.json").read_bytes() == before
    train(cohort, run, settings=TINY, threads=1, seed=1, overwrite=True)
    assert (run / "result.json").read_bytes() != before
    assert train(cohort, run, resume=True).result["seed"] == 1
    assert files.read_json(run / "environment.json")["cohort"] == str(cohort.resolve())


def test_a_run_of_a_withdrawn_donor_does_not_go_on(cohort, tmp_path):
    fitted(cohort, tmp_path / "run", TINY)
    (tmp_path / "run" / "WITHDRAWN.json").write_text("{}")
    with pytest.raises(UserError, match="withdrawn"):
        train(cohort, tmp_path / "run", settings=TINY, threads=1, resume=True)
    fitted(cohort, tmp_path / "run", TINY, overwrite=True)
    assert not (tmp_path / "run" / "WITHDRAWN.json").exists()


def test_a_folder_with_other_things_is_left_alone(cohort, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(UserError, match=r"thesis\.txt"):
            train(cohort, tmp_path / "mine", settings=TINY, overwrite=overwrite)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_two_writers_on_one_run(cohort, tmp_path):
    with files.lock(tmp_path / "run"), pytest.raises(UserError, match="another brightctc process"):
        train(cohort, tmp_path / "run", settings=TINY)


@pytest.mark.parametrize(
    ("settings", "steps", "shape"),
    [
        pytest.param(Train(schedule="constant", learning_rate=1e-7), range(100), "flat", id="constant"),
        pytest.param(Train(schedule="one_cycle", learning_rate=1e-3), range(100), "hill", id="one cycle"),
    ],
)
def test_learning_rate(settings, steps, shape):
    rates = [learning_rate(settings, step, 100) for step in steps]
    assert max(rates) == pytest.approx(settings.learning_rate)
    if shape == "hill":
        assert rates.index(max(rates)) == pytest.approx(20, abs=1)
        assert rates[-1] < 0.01 * max(rates)
        assert rates[0] < 0.1 * max(rates)


def test_command_line(cohort, tmp_path):
    options = [option for setting in TINY for option in ("--set", setting)]
    result = CliRunner().invoke(app, ["train", str(cohort), str(tmp_path / "run"), *options, "--threads", "1"])
    assert result.exit_code == 0, result.output
    assert "brightctc evaluate" in result.output
    assert "kept" in result.output


def test_a_size_that_is_known_of_the_cohort_holds_for_its_cells(cohort, tmp_path):
    """Scoring takes a cell's own µm per pixel, else the cohort's; so must training."""
    sized = [*TINY, "preprocess.fit=pad", "preprocess.um_per_pixel=0.5"]
    edited(cohort, pl.lit(0.25).alias("pixel_size_um"))
    first = fitted(cohort, tmp_path / "a", sized)
    edited(cohort, pl.lit(None).alias("pixel_size_um"))
    about = (cohort / "cohort.yaml").read_text()
    (cohort / "cohort.yaml").write_text(re.sub("pixel_size_um:.*", "pixel_size_um: 0.25", about))
    assert equal(first, fitted(cohort, tmp_path / "b", sized))
