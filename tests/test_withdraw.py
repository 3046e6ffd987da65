"""A donor withdraws: every place that holds them is found, emptied or marked, and nothing else changes."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile
from typer.testing import CliRunner

from brightctc import files
from brightctc.bundle import Seen
from brightctc.cli.app import app
from brightctc.cohort import Classes, Cohort, CohortFile, split, write_cohort
from brightctc.errors import UserError
from brightctc.measure import measure
from brightctc.withdraw import mentions, removing, withdraw
from brightctc.withdraw.tables import read_rows, write_rows

CLASSES = Classes(negative="leukocyte", positive="CTC")


def make_cohort(folder: Path, *, copied: bool = True, images: Path | None = None) -> Path:
    """60 cells of six donors; two images a cell, in the cohort or in `images` by absolute path."""
    place = folder / "images" if images is None else images
    place.mkdir(parents=True)
    rows = []
    for index in range(60):
        names = {}
        for channel in ("bright_field", "dapi"):
            path = place / f"c{index:02d}_{channel}.tif"
            tifffile.imwrite(path, np.full((16, 16), index, np.uint16))
            names[channel] = path.relative_to(folder).as_posix() if images is None else str(path)
        donor = f"D{index % 6 + 1:02d}"
        rows.append(
            {
                "cell_id": f"c{index:02d}",
                **names,
                "label": "CTC" if index // 6 % 2 else "leukocyte",
                "donor_id": donor,
                "sample_id": f"S{index % 6 + 1:02d}",
                "note": "1.50",
            }
        )
    about = CohortFile(name="made", classes=CLASSES, channels=("bright_field", "dapi"), provenance={"copied": copied})
    folder.mkdir(exist_ok=True)
    write_cohort(folder, pl.DataFrame(rows), about)
    return folder


def make_bundle(folder: Path, donors: list[str]) -> Path:
    """The two files by which a bundle is known and searched."""
    folder.mkdir(parents=True)
    files.write_json(folder / "bundle.json", {"format_version": 1})
    seen = Seen.of(train_cells=["c00"], validation_cells=["c01"], train_donors=donors[:1], validation_donors=donors[1:])
    files.write_json(folder / "seen.json", seen.to_json())
    return folder


def goes_on_from(former: Path, folder: Path) -> Path:
    """A bundle of D03 and D04 that started from another one's weights."""
    make_bundle(folder, [])
    before = Seen.read(former / "seen.json").generations
    seen = Seen.of(train_cells=["c90"], validation_cells=["c91"], train_donors=["D03", "D04"], before=before)
    files.write_json(folder / "seen.json", seen.to_json())
    return folder


def make_scores(path: Path, cohort: Path, *, donors: bool = True) -> Path:
    """A score table of the cohort's cells, with its meta file."""
    cells = Cohort.read(cohort).cells.drop("part", strict=False)
    table = cells.select("cell_id", "sample_id", "bright_field", score=0.5, rank=pl.int_range(60), donor_id="donor_id")
    table = table if donors else table.drop("donor_id")
    path.parent.mkdir(parents=True, exist_ok=True)
    table.write_parquet(path) if path.suffix == ".parquet" else table.write_csv(path)
    files.write_json(path.with_suffix(".meta.json"), {"format_version": 1, "cells": 60})
    return path


def make_evaluation(folder: Path, cohort: Path) -> Path:
    folder.mkdir(parents=True)
    make_scores(folder / "scores.csv", cohort).with_suffix(".meta.json").unlink()
    files.write_json(folder / "metrics.json", {"format_version": 1})
    groups = {"group_by": ["all", "donor_id", "donor_id"], "group": ["all", "D01", "D02"], "cells": [60, 10, 10]}
    pl.DataFrame(groups).write_csv(folder / "groups.csv")
    return folder


def everything(root: Path) -> Path:
    """A laboratory's folder with one of each."""
    cohort = make_cohort(root / "cohort")
    split(cohort, test_share=0.3)
    make_bundle(root / "run" / "bundle", ["D01", "D02"])
    (root / "run" / "recipe.yaml").write_text("seed: 0\n")
    make_bundle(root / "elsewhere", ["D01"])
    make_bundle(root / "innocent", ["D02"])
    make_scores(root / "scores" / "a.csv", cohort)
    make_scores(root / "scores" / "b.parquet", cohort, donors=False)
    make_evaluation(root / "evaluation", cohort)
    (root / "stopped").mkdir()
    (root / "stopped" / "recipe.yaml").write_text("seed: 0\n")
    (root / "stopped" / "environment.json").write_text("{}")
    (root / "labels.csv").write_text("cell_id,donor_id\nc00,D01\n")  # the user's own: told, never edited
    return root


def snapshot(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file() and p.name != ".lock"}


def kinds(result) -> list[tuple[str, str, int | None]]:
    return [(held.kind, held.path.name, held.cells) for held in result.holdings]


def test_a_bundle_is_found_whose_first_weights_had_met_the_donor(tmp_path: Path) -> None:
    former = make_bundle(tmp_path / "former", ["D01"])
    second = goes_on_from(former, tmp_path / "second")
    goes_on_from(second, tmp_path / "third")
    assert [held.path.name for held in withdraw("D01", [tmp_path]).holdings] == ["former", "second", "third"]
    assert [held.path.name for held in withdraw("D03", [tmp_path]).holdings] == ["second", "third"]


FOUND = [
    ("evaluation", "evaluation", 10),
    ("scores", "a.csv", 10),
    ("scores", "b.parquet", 10),
    ("bundle", "elsewhere", None),
    ("bundle", "bundle", None),
    ("run", "run", None),
    ("run", "stopped", None),
    ("cohort", "cohort", 10),
    ("mention", "labels.csv", None),
]


def make_chart(path: Path, samples: list[str]) -> Path:
    """As `drift` writes it."""
    row = {"scores": "a.csv", "cells": 12, "unlike": 0.1, "centre": 0.0, "limit": 0.5, "concern": None}
    pl.DataFrame([row | {"sample_id": sample} for sample in samples]).write_csv(path)
    path.with_suffix(".png").write_bytes(b"the picture")
    return path


def test_control_charts_with_their_sample_are_deleted_with_the_picture(tmp_path: Path) -> None:
    make_cohort(tmp_path / "cohort")
    make_chart(tmp_path / "theirs.csv", ["S02", "S01"])
    make_chart(tmp_path / "named_by_donor.csv", ["D01"])
    others = make_chart(tmp_path / "others.csv", ["S02", "S03"])
    result = withdraw("D01", [tmp_path], remove=True)
    assert [(held.kind, held.path.name, len(held.images)) for held in result.removed] == [
        ("chart", "named_by_donor.csv", 1),
        ("chart", "theirs.csv", 1),
        ("cohort", "cohort", 20),
    ]
    assert sorted(path.name for path in tmp_path.glob("*.*")) == ["others.csv", "others.png"]
    assert others.read_bytes().count(b"S0") == 2


def test_a_sample_of_two_donors_leaves_its_chart(tmp_path: Path) -> None:
    cohort = make_cohort(tmp_path / "cohort")
    cells = read_rows(cohort / "cells.csv").with_columns(sample_id=pl.lit("pooled"))
    write_rows(cohort / "cells.csv", cells)
    make_chart(tmp_path / "chart.csv", ["pooled"])
    assert [held.kind for held in withdraw("D01", [tmp_path]).holdings] == ["cohort"]


@pytest.mark.parametrize("donors", [True, False], ids=["donors in the table", "donors in the cohort alone"])
def test_what_a_stopped_scoring_has_kept_is_deleted_whole(tmp_path: Path, donors: bool) -> None:
    cohort = make_cohort(tmp_path / "cohort")
    table = pl.read_csv(make_scores(tmp_path / "scores" / "a.csv", cohort, donors=donors)).drop("score")
    for name in ("of_all.csv.partial", "of_others.csv.partial", "partial"):
        (tmp_path / name).mkdir()
        files.write_json(tmp_path / name / "job.json", {"format_version": 2})
    table[:32].write_parquet(tmp_path / "of_all.csv.partial" / "cells-000000000000-000000000032.parquet")
    table[1:2].write_parquet(tmp_path / "of_others.csv.partial" / "cells-000000000000-000000000001.parquet")
    table.write_parquet(tmp_path / "partial" / "cells-000000000000-000000000060.parquet")  # no folder of predict's
    (held,) = (held for held in withdraw("D01", [tmp_path]).holdings if held.kind == "scoring")
    assert (held.path.name, held.cells) == ("of_all.csv.partial", 6)
    with files.lock(held.path):
        failed = withdraw("D01", [held.path], remove=True).failed
    assert not donors or "another brightctc process" in failed[0][1]
    assert held.path.is_dir()
    withdraw("D01", [tmp_path], remove=True)
    assert not held.path.exists()
    assert (tmp_path / "of_others.csv.partial").is_dir()
    assert (tmp_path / "partial").is_dir()


def test_figures_of_the_donors_own_samples_go_and_those_of_shared_ones_stay(tmp_path: Path) -> None:
    cohort = make_cohort(tmp_path / "study" / "divisions" / "cohort")
    pooled = pl.when(pl.col("cell_id").is_in(["c01", "c06"])).then(pl.lit("S12")).otherwise("sample_id")
    cells = pl.read_csv(cohort / "cells.csv", infer_schema=False).with_columns(sample_id=pooled)
    cells.write_csv(cohort / "cells.csv")
    scores = make_scores(tmp_path / "a.csv", cohort)
    samples = ["S01", "S02", "S12"]
    shifts = [{"sample_id": sample, "unlike": 0.5} for sample in samples]
    files.write_json(tmp_path / "a.meta.json", {"format_version": 1, "cells": 60, "shifts": shifts})
    evaluation = make_evaluation(tmp_path / "evaluation", cohort)
    by = {"group_by": ["all", "donor_id", *["sample_id"] * 3, "site"], "group": ["all", "D01", *samples, "S01"]}
    pl.DataFrame(by).write_csv(evaluation / "groups.csv")
    (tmp_path / "study" / "study.yaml").write_text("question: ablation\n")
    strata = {"by": by["group_by"], "stratum": by["group"]}
    pl.DataFrame(strata).write_csv(tmp_path / "study" / "strata.csv")

    assert withdraw("D01", [tmp_path], remove=True).failed == ()
    assert pl.read_csv(scores)["sample_id"].value_counts().filter(pl.col("sample_id") == "S12")["count"].to_list() == [
        1
    ]
    meta = files.read_json(tmp_path / "a.meta.json")
    assert [shift["sample_id"] for shift in meta["shifts"]] == ["S02", "S12"]
    assert meta["withdrawn_rows"] == 10
    for path, column in ((evaluation / "groups.csv", "group"), (tmp_path / "study" / "strata.csv", "stratum")):
        assert pl.read_csv(path)[column].to_list() == ["all", "S02", "S12", "S01"], "the last one is a site"


def test_an_evaluation_that_was_interrupted_is_found_again_and_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = make_evaluation(tmp_path / "evaluation", make_cohort(tmp_path / "cohort"))

    def full(path: Path, table: pl.DataFrame) -> None:
        if path.name == "groups.csv":
            raise UserError("the disk is full; nothing was changed", path)
        write_rows(path, table)

    with monkeypatch.context() as patch:
        patch.setattr(removing, "write_rows", full)
        assert len(withdraw("D01", [evaluation], remove=True).failed) == 1
    assert withdraw("D01", [evaluation], remove=True).failed == ()
    assert (evaluation / "WITHDRAWN.json").is_file()
    assert pl.read_csv(evaluation / "groups.csv")["group"].to_list() == ["all", "D02"]
    assert not withdraw("D01", [evaluation]).holdings


def test_features_masks_and_baselines_are_found_and_emptied(tmp_path: Path) -> None:
    cohort = make_cohort(tmp_path / "cohort")
    measure(cohort, tmp_path / "features.parquet", masks=tmp_path / "masks")
    measure(cohort, tmp_path / "plain.csv")
    scores = make_scores(tmp_path / "baselines" / "scores.csv", cohort)
    write_rows(scores, pl.read_csv(scores).rename({"score": "size"}))
    files.write_json(scores.parent / "baselines.json", {"format_version": 1})
    found = {holding.path.name: holding for holding in withdraw("D03", [tmp_path]).holdings}
    assert (found["features.parquet"].kind, found["features.parquet"].cells) == ("features", 10)
    assert len(found["features.parquet"].images) == 10
    assert (found["plain.csv"].kind, found["plain.csv"].images) == ("features", ())
    assert (found["baselines"].kind, found["baselines"].cells) == ("evaluation", 10)

    withdraw("D03", [tmp_path], remove=True)
    assert len(list((tmp_path / "masks").rglob("*.tif"))) == 50
    assert "D03" not in set(pl.read_parquet(tmp_path / "features.parquet")["donor_id"])
    assert pl.read_csv(tmp_path / "plain.csv").height == pl.read_csv(scores).height == 50
    assert files.read_json(tmp_path / "features.meta.json")["withdrawn_rows"] == 10
    assert (scores.parent / "WITHDRAWN.json").is_file()
    assert not withdraw("D03", [tmp_path]).holdings


def test_masks_are_deleted_only_where_measure_wrote_them(tmp_path: Path) -> None:
    cohort = make_cohort(tmp_path / "cohort")
    measure(cohort, tmp_path / "features.csv", masks=tmp_path / "masks")
    mine = tmp_path / "mine.tif"
    mine.write_text("mine")
    table = pl.read_csv(tmp_path / "features.csv", infer_schema=False).with_columns(mask=pl.lit("../mine.tif"))
    write_rows(tmp_path / "features.csv", table)
    withdraw("D03", [tmp_path], remove=True)
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_table_whose_path_looks_like_a_pattern_is_emptied_itself(tmp_path: Path, ending: str) -> None:
    cohort = make_cohort(tmp_path / "cohort")
    scores = make_scores(tmp_path / "scores" / f"a[1]{ending}", cohort)
    other = pl.DataFrame({"plate": [1]})
    beside = tmp_path / "scores" / f"a1{ending}"
    other.write_parquet(beside) if ending == ".parquet" else other.write_csv(beside)
    withdraw("D01", [scores], remove=True)
    assert set(read_rows(scores)["donor_id"]) == {"D02", "D03", "D04", "D05", "D06"}


def test_a_search_lists_everything_and_changes_nothing(tmp_path):
    root = everything(tmp_path / "lab")
    before = snapshot(root)
    result = withdraw("D01", [root])
    assert sorted(kinds(result), key=str) == sorted(FOUND, key=str)
    assert snapshot(root) == before
    assert result.removed == ()
    assert not next(held for held in result.holdings if held.path.name == "stopped").certain


def test_removal_takes_the_donor_out_everywhere(tmp_path):
    root = everything(tmp_path / "lab")
    before = Cohort.read(root / "cohort")
    result = withdraw("D01", [root], remove=True)
    assert result.failed == ()
    after = Cohort.read(root / "cohort")
    assert after.cells.equals(before.cells.filter(pl.col("donor_id") != "D01"))
    assert (root / "cohort" / "cells.csv").read_text().count("1.50") == 50
    assert len(list((root / "cohort" / "images").iterdir())) == 100
    assert all(path is not None and path.is_file() for path in after.paths(after.cells, "bright_field"))
    assert pl.read_csv(root / "scores" / "a.csv")["donor_id"].unique().sort().to_list() == [
        f"D0{n}" for n in range(2, 7)
    ]
    assert pl.read_parquet(root / "scores" / "b.parquet").height == 50
    assert files.read_json(root / "scores" / "a.meta.json")["withdrawn_rows"] == 10
    assert pl.read_csv(root / "evaluation" / "groups.csv")["group"].to_list() == ["all", "D02"]
    again = withdraw("D01", [root])
    assert {held.kind for held in again.holdings} == {"bundle", "run", "mention"}


def test_models_and_evaluations_are_marked_beside_their_hashed_files(tmp_path):
    root = everything(tmp_path / "lab")
    unchanged = {name: content for name, content in snapshot(root).items() if "seen" in name or "bundle.json" in name}
    withdraw("D01", [root], remove=True)
    withdraw("D02", [root / "run"], remove=True)
    marked = {str(path.parent.relative_to(root)) for path in root.rglob("WITHDRAWN.json")}
    assert marked == {"run", "run/bundle", "elsewhere", "evaluation"}
    assert unchanged.items() <= snapshot(root).items()
    mark = (root / "run" / "bundle" / "WITHDRAWN.json").read_text()
    assert "D01" not in mark
    assert len(json.loads(mark)["donors"]) == 2
    withdraw("D02", [root / "run"], remove=True)
    assert (root / "run" / "bundle" / "WITHDRAWN.json").read_text() == mark


@pytest.mark.parametrize("copied", [True, False])
def test_original_images_are_never_touched(tmp_path, copied):
    """Outside the cohort, or inside it but not put there by an import."""
    outside = make_cohort(tmp_path / "a", images=tmp_path / "export", copied=copied)
    inside = make_cohort(tmp_path / "b", copied=False)
    result = withdraw("D01", [outside, inside], remove=True)
    assert [(held.images, held.originals) for held in result.holdings] == [((), 20), ((), 20)]
    assert len(list((tmp_path / "export").iterdir())) == len(list((inside / "images").iterdir())) == 120


def test_a_copy_that_links_out_or_that_another_cell_uses_stays(tmp_path):
    cohort = make_cohort(tmp_path / "cohort")
    original = tmp_path / "original.tif"
    tifffile.imwrite(original, np.zeros((16, 16), np.uint16))
    (cohort / "images" / "c00_bright_field.tif").unlink()
    (cohort / "images" / "c00_bright_field.tif").symlink_to(original)
    cells = pl.read_csv(cohort / "cells.csv", infer_schema=False)
    shared = pl.when(pl.col("cell_id") == "c01").then(pl.lit("images/c06_dapi.tif")).otherwise(pl.col("dapi"))
    cells.with_columns(dapi=shared).write_csv(cohort / "cells.csv")
    (held,) = withdraw("D01", [cohort], remove=True).holdings
    assert (len(held.images), held.originals) == (18, 2)
    assert original.is_file()
    assert (cohort / "images" / "c06_dapi.tif").is_file()


def test_an_interrupted_removal_is_finished_by_the_next(tmp_path, monkeypatch):
    cohort = make_cohort(tmp_path / "cohort")
    split(cohort, test_share=0.3)

    def full(path: Path, table: pl.DataFrame) -> None:
        if path.name == "cells.csv":
            raise UserError("the disk is full; nothing was changed", path)
        write_rows(path, table)

    with monkeypatch.context() as patch:
        patch.setattr(removing, "write_rows", full)
        result = withdraw("D01", [cohort], remove=True)
    assert "disk is full" in result.failed[0][1]
    assert withdraw("D01", [cohort], remove=True).failed == ()
    assert Cohort.read(cohort).cells.height == 50


def test_a_cohort_in_use_is_left_and_the_others_are_done(tmp_path):
    first, second = make_cohort(tmp_path / "a"), make_cohort(tmp_path / "b")
    with files.lock(first):
        result = withdraw("D01", [tmp_path], remove=True)
    assert [(held.path, "another brightctc process" in why) for held, why in result.failed] == [(first, True)]
    assert Cohort.read(first).cells.height == 60
    assert Cohort.read(second).cells.height == 50


def test_a_file_that_cannot_be_deleted_is_named_and_the_others_are_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = make_cohort(tmp_path / "a"), make_cohort(tmp_path / "b")
    held_fast = first / "images" / "c06_dapi.tif"
    unlink = Path.unlink

    def refused(path: Path, missing_ok: bool = False) -> None:
        if path == held_fast:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), str(path))
        unlink(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refused)
        result = withdraw("D01", [tmp_path], remove=True)
    assert [(held.path, why) for held, why in result.failed] == [(first, f"Operation not permitted: {held_fast}")]
    assert Cohort.read(second).cells.height == 50
    assert Cohort.read(first).cells.height == 60
    assert withdraw("D01", [tmp_path], remove=True).failed == ()
    assert Cohort.read(first).cells.height == 50


def test_tables_without_donors_are_matched_by_cell_and_sample(tmp_path):
    """Ids restart per cartridge: the same id in another sample is another cell."""
    cohort = make_cohort(tmp_path / "cohort")
    other = pl.DataFrame(
        {"cell_id": ["c00", "c00", "c99"], "sample_id": ["S01", "S77", "S01"], "score": [0.1, 0.2, 0.3]}
    )
    other.write_csv(tmp_path / "scores.csv")
    withdraw("D01", [tmp_path], remove=True)
    assert pl.read_csv(tmp_path / "scores.csv")["sample_id"].to_list() == ["S77", "S01"]
    assert Cohort.read(cohort).cells.height == 50


@pytest.mark.parametrize(
    ("spoil", "where"),
    [
        pytest.param(lambda root: (root / "cohort" / "cells.csv").write_text("cell_id\n"), "cells.csv", id="cohort"),
        pytest.param(lambda root: (root / "elsewhere" / "seen.json").write_text("{"), "seen.json", id="bundle"),
        pytest.param(lambda root: (root / "x.csv").write_bytes(b"cell_id,score\n\xff\xfe\n"), "x.csv", id="table"),
        pytest.param(lambda root: (root / "x.parquet").write_bytes(b"PAR1"), "x.parquet", id="parquet table"),
    ],
)
def test_what_cannot_be_read_is_named_not_passed_over(tmp_path, spoil, where):
    root = everything(tmp_path / "lab")
    spoil(root)
    assert any(where in warning and "not searched" in warning for warning in withdraw("D01", [root]).warnings)


@pytest.mark.parametrize(
    ("donor", "path"), [pytest.param("D01", "missing", id="path"), pytest.param(" ", ".", id="empty id")]
)
def test_wrong_input_is_an_error(tmp_path, donor, path):
    with pytest.raises(UserError):
        withdraw(donor, [tmp_path / path])


@pytest.mark.parametrize("before", range(24))
def test_an_id_is_found_wherever_in_a_large_text_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: int
) -> None:
    monkeypatch.setattr(mentions, "_PIECE", 8)
    (tmp_path / "notes.txt").write_text("x" * before + " D01")
    (tmp_path / "more.txt").write_text("x" * before + "(D01), and further words\n")
    (tmp_path / "others.txt").write_text("x" * before + "xD01 " + "x" * before + " D01-2 D010 AD01 2-D01")
    assert [held.path.name for held in withdraw("D01", [tmp_path]).holdings] == ["more.txt", "notes.txt"]


def test_a_text_of_any_size_is_searched(tmp_path: Path) -> None:
    with (tmp_path / "notes.txt").open("wb") as file:
        file.truncate(51 * 2**20)
        file.seek(0, 2)
        file.write(b"\nD01\n")
    assert kinds(withdraw("D01", [tmp_path])) == [("mention", "notes.txt", None)]


def test_a_text_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    (tmp_path / "notes.txt").write_text("D01")
    monkeypatch.setattr(mentions, "_holds", refused)
    assert withdraw("D01", [tmp_path]).warnings == (f"not searched: {tmp_path / 'notes.txt'}: Permission denied",)


def test_the_command_is_dry_without_remove(tmp_path):
    root = everything(tmp_path / "lab")
    before = snapshot(root)
    shown = CliRunner().invoke(app, ["withdraw", "D01", str(root)])
    assert shown.exit_code == 0
    assert "nothing was changed" in shown.output
    assert "--remove" in shown.output
    assert snapshot(root) == before
    done = CliRunner().invoke(app, ["withdraw", "D01", str(root), "--remove", "--json"])
    assert {held["kind"]: held["removed"] for held in json.loads(done.stdout)["holdings"]}["cohort"] is True
    assert Cohort.read(root / "cohort").cells.height == 50
    nobody = CliRunner().invoke(app, ["withdraw", "D99", str(root)])
    assert "found nowhere" in nobody.output
