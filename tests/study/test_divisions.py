"""Splits that a study makes: a value left out, lines apart, draws; donors stay whole in all of them."""

from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from brightctc.cohort import Classes, Cohort, CohortFile, split, write_cohort
from brightctc.errors import UserError
from brightctc.learn.crops import teaching
from brightctc.study.divisions import (
    learnable,
    leave_out,
    lines_apart,
    values_of,
    write_draw,
    write_parts,
    write_shares,
)

CLASSES = Classes(negative="leukocyte", positive="CTC")


def cohort_of(root: Path, rows: list[dict[str, object]]) -> Cohort:
    """A cohort without images: only its table is looked at."""
    cells = pl.DataFrame(rows).with_columns(
        cell_id=pl.format("c{}", pl.int_range(pl.len())),
        bright_field=pl.format("images/{}.tif", pl.int_range(pl.len())),
    )
    root.mkdir(parents=True)
    write_cohort(root, cells, CohortFile(name="table", classes=CLASSES, channels=("bright_field",)))
    return Cohort.read(root)


def row(donor: int, label: str | None, **more: object) -> dict[str, object]:
    return {"donor_id": f"D{donor:02d}", "label": label, **more}


@pytest.fixture
def sites(tmp_path: Path) -> Cohort:
    """Twelve donors at three sites, each with both classes."""
    rows = [
        row(donor, label, site="ABC"[donor % 3], origin="patient" if donor < 4 else "cell_line")
        for donor in range(12)
        for label in ("CTC", "leukocyte")
        for _ in range(4)
    ]
    return cohort_of(tmp_path / "cohort", rows)


@pytest.fixture
def spiked(tmp_path: Path) -> Cohort:
    """Ten volunteers, each with cells of both lines and leukocytes of no line."""
    kinds = [("CTC", "A549"), ("CTC", "Calu3"), ("leukocyte", None)]
    return cohort_of(
        tmp_path / "cohort",
        [row(donor, label, cell_line=line) for donor in range(10) for label, line in kinds for _ in range(4)],
    )


def donors_of(cohort: Cohort, part: np.ndarray, name: str) -> set[str]:
    return set(cohort.cells["donor_id"].filter(pl.Series(part == name)))


def apart(cohort: Cohort, part: np.ndarray) -> bool:
    """No donor trains and judges."""
    seen = donors_of(cohort, part, "train") | donors_of(cohort, part, "validation")
    return not seen & donors_of(cohort, part, "test") and not donors_of(cohort, part, "train") & donors_of(
        cohort, part, "validation"
    )


@pytest.mark.parametrize("site", ["A", "B", "C"])
def test_a_site_left_out_is_the_test_part(sites: Cohort, site: str) -> None:
    part = leave_out(sites, "site", site, 0).part
    of_site = (sites.cells["site"] == site).to_numpy()
    assert (part[of_site] == "test").all()
    assert set(part[~of_site]) == {"train", "validation"}
    assert apart(sites, part)


def test_lines_that_share_their_volunteers(spiked: Cohort) -> None:
    found = leave_out(spiked, "cell_line", "A549", 0)
    line = spiked.cells["cell_line"].fill_null("").to_numpy()
    label = spiked.cells["label"].to_numpy()
    assert not (line[found.part == "train"] == "A549").any(), "none of the line trains"
    assert set(line[(found.part == "test") & (label == "CTC")]) == {"A549"}
    assert (label[found.part == "test"] == "leukocyte").any()
    assert apart(spiked, found.part)
    assert any("half of the donors that have cell_line 'A549'" in words for words in found.warnings), (
        "quoted: a donor's"
    )


def test_unlabelled_cells_of_the_value_teach_nothing(tmp_path: Path) -> None:
    """Donors of another line have cells of this one that nobody labelled: they would teach without their labels."""
    rows = [
        row(donor, label, cell_line="A549" if donor < 4 else "Calu3")
        for donor in range(12)
        for label in ("CTC", "leukocyte")
        for _ in range(4)
    ]
    rows += [row(donor, None, cell_line=line) for donor in range(4, 12) for line in ("A549", "Calu3")]
    cohort = cohort_of(tmp_path / "cohort", rows)
    found = leave_out(cohort, "cell_line", "A549", 0)
    write_parts(cohort, tmp_path / "left", parts=found)
    made = Cohort.read(tmp_path / "left")
    silent = made.cells.filter(pl.col("label").is_null())
    assert set(silent.filter(pl.col("cell_line") == "A549")["part"]) == {"pool"}
    assert set(silent.filter(pl.col("cell_line") == "Calu3")["part"]) == {"train", "validation"}
    assert set(made.cells.filter(teaching(made))["cell_line"]) == {"Calu3"}


def test_leukocyte_donors_are_held_out_where_the_value_leaves_none(tmp_path: Path) -> None:
    rows = [row(donor, "CTC", cancer_type="lung" if donor < 4 else "breast") for donor in range(8) for _ in range(5)]
    rows += [row(donor, "leukocyte", cancer_type=None) for donor in range(8, 16) for _ in range(5)]
    cohort = cohort_of(tmp_path / "cohort", rows)
    found = leave_out(cohort, "cancer_type", "lung", 0)
    label = cohort.cells["label"].to_numpy()
    assert (label[found.part == "test"] == "leukocyte").any()
    assert set(cohort.cells["cancer_type"].drop_nulls().filter(pl.Series(found.part[label == "CTC"] == "test"))) == {
        "lung"
    }
    assert apart(cohort, found.part)
    assert any("further donors" in words for words in found.warnings)


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("nothing", "there is no column 'nothing'"),
        ("instrument", "has one value, 'X'"),
        ("empty", "has no value"),
        ("cell_id", "values, a training for each"),
    ],
)
def test_columns_that_nothing_can_be_left_out_of(tmp_path: Path, column: str, words: str) -> None:
    rows = [row(donor, label, instrument="X") for donor in range(8) for label in ("CTC", "leukocyte") for _ in range(5)]
    cohort = cohort_of(tmp_path / "cohort", rows)
    cohort = Cohort(cohort.root, cohort.cells.with_columns(empty=pl.lit(None, pl.String)), cohort.about)
    with pytest.raises(UserError, match=words):
        values_of(cohort, column)


def test_a_value_of_negatives_alone_can_not_be_left_out(tmp_path: Path) -> None:
    rows = [row(d, "CTC" if d < 4 else "leukocyte", origin="patient" if d < 4 else "healthy") for d in range(8)]
    with pytest.raises(UserError, match="no CTC cell has origin 'healthy'"):
        leave_out(cohort_of(tmp_path / "cohort", rows), "origin", "healthy", 0)


def test_too_little_remains(tmp_path: Path) -> None:
    rows = [row(d, label, site="A" if d < 2 else "B") for d in range(3) for label in ("CTC", "leukocyte")]
    with pytest.raises(UserError, match="too few cells of both classes remain"):
        leave_out(cohort_of(tmp_path / "cohort", rows), "site", "A", 0)


def test_patients_and_lines(sites: Cohort) -> None:
    found = lines_apart(sites, 0)
    origin = sites.cells["origin"].to_numpy()
    assert set(origin[found.part == "test"]) == {"patient"}
    assert set(origin[found.part == "pool"]) == {"cell_line"}
    assert apart(sites, found.part)
    assert not donors_of(sites, found.part, "pool") & donors_of(sites, found.part, "train")


def test_without_patients_there_is_no_gap(spiked: Cohort) -> None:
    with pytest.raises(UserError, match="no cell is known to be a patient's"):
        lines_apart(spiked, 0)


def test_divisions_are_cohorts_that_find_the_same_images(sites: Cohort, tmp_path: Path) -> None:
    for name, write in (
        ("left", partial(write_parts, parts=leave_out(sites, "site", "A", 0))),
        ("shares", partial(write_shares, seed=0)),
    ):
        write(sites, tmp_path / "study" / "divisions" / name)
        made = Cohort.read(tmp_path / "study" / "divisions" / name)
        ours, theirs = (held.paths(held.cells, "bright_field") for held in (sites, made))
        assert [path.resolve() for path in ours if path] == [path.resolve() for path in theirs if path]
        assert not (made.root / ".lock").exists()


def test_draws_share_the_test_part(sites: Cohort, tmp_path: Path) -> None:
    split(sites.root, test_share=0.3, seal=0.3, seed=3)
    cohort = Cohort.read(sites.root)
    assert learnable(cohort) == cohort.cells.filter(pl.col("part").is_in(["train", "validation"])).height
    trained = []
    for draw in (0, 1):
        write_draw(cohort, tmp_path / f"draw-{draw}", cells=24, draw=draw)
        drawn = Cohort.read(tmp_path / f"draw-{draw}")
        for part in ("test", "sealed"):
            assert drawn.part(part)["cell_id"].equals(cohort.part(part)["cell_id"])
        trained.append(set(drawn.part("train")["cell_id"]) | set(drawn.part("validation")["cell_id"]))
    assert [len(cells) for cells in trained] == [24, 24]
    assert trained[0] != trained[1]


def test_a_split_that_its_settings_do_not_make_is_refused(sites: Cohort, tmp_path: Path) -> None:
    split(sites.root, test_share=0.3, seed=3)
    parts = pl.read_csv(sites.root / "splits.csv")
    swapped = parts.with_columns(part=pl.col("part").replace({"test": "train", "train": "test"}))
    swapped.write_csv(sites.root / "splits.csv")
    with pytest.raises(UserError, match="can't be made again from its settings"):
        write_draw(Cohort.read(sites.root), tmp_path / "draw", cells=24, draw=0)
