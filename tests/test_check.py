"""`check`: every kind of problem is found where it is planted, and none in a clean cohort."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from brightctc.check import check
from brightctc.cli.app import app
from brightctc.cohort import Classes, CohortFile, SplitFile, write_cohort, write_split
from drawn import cell_image, dapi_image
from drawn_faults import bead, blurred, even, neighbours, pair, round_cell, tilted, with_speck

ABOUT = CohortFile(
    name="made", classes=Classes(negative="leukocyte", positive="CTC"), channels=("bright_field", "dapi")
)
DONORS, CELLS = 20, 100
HANS = "Mueller_Hans_1956-03-12"  # nobody: a name and a birth date as they come in file names


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """100 cells of 20 donors, each donor with both classes; images by absolute path, so that tests can share them."""
    folder = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    rows = []
    for index in range(CELLS):
        donor, positive = index % DONORS, index // DONORS % 2 == 0
        paths = {name: str(folder / f"c{index:03d}_{name}.tif") for name in ("bright_field", "dapi")}
        tifffile.imwrite(paths["bright_field"], cell_image(rng, positive=positive))
        tifffile.imwrite(paths["dapi"], dapi_image(rng, positive=positive))
        rows.append(
            {
                "cell_id": f"S{donor:02d}/c{index:03d}",
                **paths,
                "label": "CTC" if positive else "leukocyte",
                "sample_id": f"S{donor:02d}",
                "donor_id": f"D{donor:02d}",
                "pixel_size_um": 0.65,
            }
        )
    return pl.DataFrame(rows)


class Bench:
    """A cohort to spoil: `cells` is the table, `image` replaces a cell's file, `check` writes and checks it."""

    def __init__(self, folder: Path, cells: pl.DataFrame):
        self.folder, self.cells, self.about = folder, cells, ABOUT
        self.parts: list[str] | None = None
        self.by = "donor_id"

    def image(self, row: int, pixels: np.ndarray, channel: str = "bright_field", **options) -> Path:
        path = self.folder / f"planted_{row}_{channel}.tif"
        tifffile.imwrite(path, pixels, **options)
        self.point(row, path, channel)
        return path

    def point(self, row: int, path: Path | str | None, channel: str = "bright_field") -> None:
        values = self.cells[channel].to_list()
        values[row] = None if path is None else str(path)
        self.cells = self.cells.with_columns(pl.Series(channel, values, dtype=pl.String))

    def pixels(self, row: int, channel: str = "bright_field") -> np.ndarray:
        return tifffile.imread(self.cells[channel][row])

    def positives(self, change: Callable[[np.ndarray], np.ndarray]) -> None:
        """Write the images of all rows anew, those of positive cells changed."""
        for row in range(self.cells.height):
            pixels = self.pixels(row)
            self.image(row, change(pixels) if self.positive(row) else pixels)

    def column(self, **columns) -> None:
        self.cells = self.cells.with_columns(**columns)

    def positive(self, row: int) -> bool:
        return self.cells["label"][row] == "CTC"

    def check(self):
        cohort = self.folder / "cohort"
        cohort.mkdir(exist_ok=True)
        write_cohort(cohort, self.cells, self.about)
        if self.parts is not None:
            parts = self.cells.select("cell_id", part=pl.Series(self.parts))
            write_split(cohort, parts, SplitFile(by=self.by, settings={}))
        return check(cohort)


@pytest.fixture
def bench(tmp_path, clean):
    return Bench(tmp_path, clean)


def donor_parts(bench: Bench) -> list[str]:
    """Donors 0–9 train, 10–13 validation, 14–19 test."""
    names = ["train"] * 10 + ["validation"] * 4 + ["test"] * 6
    return [names[int(donor[1:])] for donor in bench.cells["donor_id"]]


def test_a_clean_cohort_has_no_problem(bench):
    report = bench.check()
    assert report.problems == ()
    assert (report.ok, report.cells, report.images) == (True, 100, 200)
    bench.parts = donor_parts(bench)
    assert bench.check().problems == ()
    bench.by = "site"  # donors are whole, too
    assert bench.check().problems == ()


def text_file(bench):
    path = bench.folder / "notes.png"
    path.write_text("not an image")
    bench.point(3, path)


def truncated(bench):
    whole = bench.image(3, bench.pixels(3))
    whole.write_bytes(whole.read_bytes()[:-600])


def noise(bench, row=3, of=4):
    rng = np.random.default_rng(1)
    bench.image(row, (bench.pixels(of).astype(int) + rng.integers(-1, 2, (24, 24))).astype(np.uint16))


def in_parts(plant):
    """Plant, then split by donor so that cells 3 (train) and 19 (test) are in different parts."""

    def planted(bench):
        plant(bench)
        bench.parts = donor_parts(bench)

    return planted


def moved_cell(bench):
    bench.parts = donor_parts(bench)
    bench.parts[0] = "test"


def sample_across(bench):
    bench.column(sample_id=pl.col("sample_id").replace({"S00": "S19"}))
    bench.parts = donor_parts(bench)


def part_of_one_class(bench):
    bench.parts = ["validation" if part == "validation" and not bench.positive(row) else part
                   for row, part in enumerate(donor_parts(bench))]  # fmt: skip
    bench.parts = ["pool" if part == "validation" and bench.positive(row) else part
                   for row, part in enumerate(bench.parts)]  # fmt: skip


def by_cell(bench):
    bench.column(donor_id=pl.lit("D1"), sample_id=pl.lit("S1"))
    bench.parts = ["train" if row % 2 else "test" for row in range(CELLS)]
    bench.parts = [part if row % 3 else "validation" for row, part in enumerate(bench.parts)]
    bench.by = "cell_id"


def by_site_without_donors(bench):
    bench.column(site=pl.Series([f"H{row % DONORS}" for row in range(CELLS)]), donor_id=pl.lit("D1"))
    bench.column(sample_id=pl.lit("S1"))
    bench.parts = [("train", "test", "validation")[row % DONORS % 3] for row in range(CELLS)]
    bench.by = "site"


def unfit_split(bench):
    bench.parts = donor_parts(bench)
    bench.check()
    bench.parts, bench.cells = None, bench.cells.head(99)


def dated(bench):
    for row in range(CELLS):
        day = "2024:03:04" if bench.positive(row) else "2024:03:05"
        bench.image(row, bench.pixels(row), datetime=f"{day} 10:11:{row % 60:02d}")


def labelled(bench, **labels):
    bench.column(label=pl.col("label").replace(labels))


def by_class(bench, column, positive, negative):
    bench.column(**{column: pl.when(pl.col("label") == "CTC").then(pl.lit(positive)).otherwise(pl.lit(negative))})


def folders_by_class(bench):
    for row in range(CELLS):
        folder = bench.folder / ("wells_a" if bench.positive(row) else "wells_b")
        folder.mkdir(exist_ok=True)
        tifffile.imwrite(folder / f"{row}.tif", bench.pixels(row))
        bench.point(row, folder / f"{row}.tif")


def noisy_border(bench):
    """The same level in both classes, but another camera's noise around the cells of one of them."""
    rng = np.random.default_rng(2)

    def change(pixels):
        added = rng.normal(0, 25, pixels.shape)
        added[6:-6, 6:-6] = 0
        return (pixels + added).clip(0, 4095).astype(np.uint16)

    bench.positives(change)


PLANTED = [
    ("missing_file", "error", lambda b: b.point(3, b.folder / "gone.tif")),
    ("missing_file", "error", lambda b: b.point(3, None)),
    ("missing_file", "error", lambda b: b.point(3, b.folder / "gone.tif", "dapi")),
    ("unreadable_file", "error", text_file),
    ("unreadable_file", "error", truncated),
    ("not_grey", "error", lambda b: b.image(3, np.zeros((24, 24, 3), np.uint8), photometric="rgb")),
    ("stack", "error", lambda b: b.image(3, np.zeros((4, 24, 24), np.uint16), photometric="minisblack")),
    ("too_large", "error", lambda b: b.image(3, np.zeros((1100, 1100), np.uint8))),
    ("too_small", "error", lambda b: b.image(3, np.zeros((8, 8), np.uint16))),
    ("not_a_number", "error", lambda b: b.image(3, np.full((24, 24), np.nan, np.float32))),
    ("unsupported_type", "error", lambda b: b.image(3, np.zeros((24, 24), np.int16))),
    ("constant_image", "error", lambda b: b.image(3, np.full((24, 24), 7, np.uint16))),
    ("constant_image", "warning", lambda b: b.image(3, np.full((24, 24), 7, np.uint16), "dapi")),
    ("saturated", "warning", lambda b: b.image(3, np.where(b.pixels(3) > 2000, 4095, b.pixels(3)).astype(np.uint16))),
    ("no_cell", "warning", lambda b: b.image(3, even())),
    ("touching_cells", "note", lambda b: b.image(3, pair(24))),
    ("cut_off", "note", lambda b: b.image(3, np.roll(b.pixels(3), 9, axis=1))),
    ("off_centre", "note", lambda b: b.image(3, np.roll(b.pixels(3), 4, axis=1))),
    ("background_outside", "note", lambda b: b.image(3, (b.pixels(3) * 1.5).astype(np.uint16))),
    ("uneven_background", "note", lambda b: b.image(3, tilted(b.pixels(3)))),
    ("small_object", "note", lambda b: b.image(3, bead(24))),
    ("offset_32768", "error", lambda b: b.image(3, b.pixels(3) + np.uint16(32768))),
    ("offset_32768", "warning", lambda b: b.image(3, (b.pixels(3).astype(int) * 6 + 40000).astype(np.uint16))),
    ("no_background", "error", lambda b: b.image(3, b.pixels(3).astype(np.float32) - np.median(b.pixels(3)[0]))),
    ("channel_sizes_differ", "error", lambda b: b.image(3, b.pixels(3, "dapi")[2:, 2:], "dapi")),
    ("same_picture", "error", lambda b: b.point(3, b.cells["bright_field"][3], "dapi")),
    ("same_picture", "error", lambda b: b.image(3, b.pixels(3) // 2 + np.uint16(9), "dapi")),
    ("mixed_bit_depth", "note", lambda b: b.image(3, (b.pixels(3) // 16).astype(np.uint8))),
    ("mixed_pixel_size", "note", lambda b: b.column(pixel_size_um=pl.Series([0.5, 0.65] * 50))),
    ("impossible_pixel_size", "error", lambda b: b.column(pixel_size_um=pl.lit(0.0))),
    ("no_id", "error", lambda b: b.column(cell_id=pl.Series([None, *b.cells["cell_id"][1:]]))),
    ("duplicate_id", "error", lambda b: b.column(cell_id=pl.Series(["c", "c", *b.cells["cell_id"][2:]]))),
    ("unknown_label", "error", lambda b: b.column(label=pl.Series(["blast", *b.cells["label"][1:]]))),
    ("unknown_label", "error", lambda b: setattr(b, "about", b.about.model_copy(update={"classes": None}))),
    ("no_labels", "note", lambda b: b.column(label=pl.lit(None, pl.String))),
    ("other_origin", "warning", lambda b: by_class(b, "origin", "Patient", "cell_line")),
    ("no_donors", "warning", lambda b: setattr(b, "cells", b.cells.drop("donor_id"))),
    ("cell_without_donor", "warning", lambda b: b.column(donor_id=pl.Series([None, *b.cells["donor_id"][1:]]))),
    (
        "donor_without_class",
        "warning",
        lambda b: b.column(donor_id=pl.when(pl.col("donor_id") == "D00").then(None).otherwise("donor_id"),
                           label=pl.when(pl.col("donor_id") == "D19").then(None).otherwise("label")),
    ),
    ("empty_class", "error", lambda b: labelled(b, CTC="leukocyte")),
    ("few_cells", "warning", lambda b: setattr(b, "cells", b.cells.head(45))),
    ("few_donors", "warning", lambda b: b.column(donor_id=pl.lit("D1"))),
    ("few_donors", "warning", lambda b: b.column(donor_id=pl.format("D{}", pl.int_range(100) % 5))),
    ("few_donors", "note", lambda b: b.column(donor_id=pl.format("D{}", pl.int_range(100) % 10))),
    ("dapi_shares_differ", "warning", lambda b: [b.point(row, None, "dapi") for row in (0, 1, 2, 3)]),
    ("part_without_class", "warning", part_of_one_class),
    ("split_unfit", "error", unfit_split),
    ("same_pixels", "error", lambda b: b.point(3, b.cells["bright_field"][4])),
    ("same_pixels_in_two_parts", "error", in_parts(lambda b: b.point(3, b.cells["bright_field"][19]))),
    ("near_pixels", "warning", noise),
    ("near_pixels", "warning", lambda b: b.image(3, (b.pixels(4) // 16).astype(np.uint8))),
    ("near_pixels", "warning", lambda b: b.image(3, b.pixels(4)[::-1])),
    ("near_pixels", "warning", lambda b: b.image(3, np.rot90(b.pixels(4)))),
    ("near_pixels_in_two_parts", "error", in_parts(lambda b: noise(b, of=19))),
    ("same_dapi", "error", lambda b: b.point(3, b.cells["dapi"][4], "dapi")),
    ("donor_in_two_parts", "error", moved_cell),
    ("sample_in_two_parts", "error", sample_across),
    ("not_split_by_donor", "warning", by_cell),
    ("not_split_by_donor", "warning", by_site_without_donors),
    ("shortcut_sample_id", "warning", lambda b: b.column(sample_id=pl.format("{}_{}", "label", pl.int_range(100) % 4))),
    ("shortcut_site", "warning", lambda b: by_class(b, "site", "A", "B")),
    ("shortcut_instrument", "warning", lambda b: by_class(b, "instrument", "I1", None)),
    ("shortcut_cartridge_id", "warning", lambda b: by_class(b, "cartridge_id", "K1", "K2")),
    ("shortcut_imaged_on", "warning", lambda b: by_class(b, "imaged_on", "2024-03-04", "2024-03-05 10:00")),
    ("shortcut_came", "warning", lambda b: by_class(b, "came", "04.03.2024", "05.03.2024")),
    ("shortcut_imaging_day", "warning", dated),
    ("shortcut_folder", "warning", folders_by_class),
    ("shortcut_crop_size", "warning", lambda b: b.positives(lambda p: p[1:-1, 1:-1])),
    ("shortcut_dtype", "warning", lambda b: b.positives(lambda p: p.astype(np.float32))),
    ("shortcut_intensity", "warning", lambda b: b.positives(lambda p: p - np.uint16(160))),
    ("shortcut_border", "warning", noisy_border),
    ("personal_column", "warning", lambda b: b.column(date_of_birth=pl.lit("1956"))),
    ("personal_id", "warning", lambda b: b.column(donor_id=pl.col("donor_id").replace({"D03": HANS}))),
    ("personal_path", "warning", lambda b: b.point(3, b.folder / "Rossi Maria" / "c.tif")),
    ("personal_tag", "warning", lambda b: b.image(3, b.pixels(3), description="patient MRN 12345678")),
    ("personal_tag", "warning", lambda b: b.image(3, b.pixels(3), extratags=[(315, 2, 0, "Hans Mueller", True)])),
]  # fmt: skip


# what a problem brings with it, by its nature
COMPANIONS = {
    "constant_image": {"background_outside"},
    "offset_32768": {"background_outside"},
    "mixed_bit_depth": {"background_outside"},
    "no_background": {"background_outside", "mixed_bit_depth", "no_cell"},
    "saturated": {"background_outside", "uneven_background", "no_cell", "near_pixels"},
    "cut_off": {"off_centre", "small_object", "neighbour"},
    "off_centre": {"cut_off"},
    "shortcut_border": {"small_object"},
    "not_split_by_donor": {"few_donors"},
    "few_cells": {"few_donors"},
    "cell_without_donor": {"few_donors"},
    "donor_without_class": {"few_donors", "cell_without_donor"},
    "shortcut_dtype": {"mixed_bit_depth"},
    "shortcut_crop_size": {"mixed_crop_size", "channel_sizes_differ"},
    "shortcut_intensity": {"shortcut_border"},
    "near_pixels": {"mixed_bit_depth", "background_outside"},
    "personal_path": {"missing_file"},
    "empty_class": {"dapi_shares_differ"},
    "donor_in_two_parts": {"sample_in_two_parts"},
}


@pytest.mark.parametrize(
    ("kind", "severity", "plant"),
    [pytest.param(*planted, id=f"{number:02d} {planted[0]}") for number, planted in enumerate(PLANTED)],
)
def test_a_planted_problem_is_found_and_not_taken_for_others(bench, kind, severity, plant):
    plant(bench)
    report = bench.check()
    found = [problem for problem in report.problems if problem.kind == kind]
    assert found, [problem.kind for problem in report.problems]
    assert found[0].severity == severity
    assert found[0].message
    assert found[0].fix
    assert len(found[0].examples) <= 3
    assert {problem.kind for problem in report.problems} - {kind} <= COMPANIONS.get(kind, set())
    assert report.ok == (not any(problem.severity == "error" for problem in report.problems))
    assert json.loads(json.dumps(report.summary()))["cells"] == bench.cells.height


@pytest.mark.parametrize(
    ("kind", "crop"),
    [
        pytest.param("out_of_focus", blurred(round_cell(seed=1)), id="blurred"),
        pytest.param("debris", with_speck(round_cell(seed=1)), id="a speck"),
        pytest.param("neighbour", neighbours(), id="another cell"),
    ],
)
def test_image_quality_is_told_with_its_limit(bench, kind, crop):
    for row in range(CELLS):
        bench.image(row, crop if row == 7 else round_cell(seed=row))
    found = {problem.kind: problem for problem in bench.check().problems}[kind]
    assert (found.count, found.examples) == (1, (bench.cells["cell_id"][7],))
    assert ("limit learned from 100 cells" in found.message) == (kind == "out_of_focus")


def test_limits_of_quality_come_from_training_cells_alone(bench):
    bench.parts = donor_parts(bench)
    for row, part in enumerate(bench.parts):
        bench.image(row, round_cell(seed=row) if part == "train" else blurred(round_cell(seed=row)))
    found = {problem.kind: problem for problem in bench.check().problems}["out_of_focus"]
    assert found.count == bench.parts.count("validation") + bench.parts.count("test")
    assert "limit learned from 50 cells" in found.message


def test_everything_is_listed_at_once_errors_first(bench):
    bench.point(0, bench.folder / "gone.tif")
    bench.point(1, bench.folder / "gone.tif")
    bench.image(5, np.full((24, 24), 7, np.uint16))
    bench.column(donor_id=pl.lit("D1"))
    noise(bench)
    problems = bench.check().problems
    assert [(p.kind, p.count) for p in problems if p.severity == "error"] == [
        ("missing_file", 2),
        ("constant_image", 1),
    ]
    assert problems[0].examples == ("S00/c000", "S01/c001")
    severities = [problem.severity for problem in problems]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert {"near_pixels", "few_donors"} <= {problem.kind for problem in problems}


@pytest.mark.parametrize(
    ("column", "values"),
    [
        pytest.param("acquired", [f"run at {row}" for row in range(CELLS)], id="one value a cell"),
        pytest.param("imaged_on", ["2024-03-04"] * CELLS, id="one value"),
        pytest.param("site", [f"site {row % 3}" for row in range(CELLS)], id="both classes everywhere"),
        pytest.param(
            "origin", ["cell_line" if row // 20 % 2 == 0 else "healthy_donor" for row in range(CELLS)], id="origin"
        ),
        pytest.param("exposure", list(np.random.default_rng(3).uniform(1, 2, CELLS)), id="a number of no meaning"),
    ],
)
def test_columns_that_are_no_shortcut_raise_no_alarm(bench, column, values):
    bench.column(**{column: pl.Series(values)})
    assert bench.check().problems == ()


def test_a_condition_with_a_fixed_number_of_decimals_is_a_number(bench):
    """12.40 is no number as polars writes it, so it stays text in the table; of these there is almost one a cell."""
    drawn = np.random.default_rng(3).normal(0, 0.3, CELLS)
    of_class = np.where(bench.cells["label"] == "CTC", 20.0, 12.0)
    bench.column(exposure=pl.Series([f"{value:.2f}" for value in of_class + drawn]))
    (problem,) = bench.check().problems
    assert problem.kind == "shortcut_exposure"


def test_columns_that_divide_cells_alike_are_one_problem(bench):
    by_class(bench, "site", "A", "B")
    by_class(bench, "instrument", "I", "J")
    (problem,) = bench.check().problems
    assert problem.examples == ("site", "instrument")
    assert "STRONG" in problem.message
    assert "1.00" in problem.message


def test_examples_do_not_spread_what_looks_personal(bench):
    bench.column(donor_id=pl.col("donor_id").replace({"D03": HANS}))
    (problem,) = bench.check().problems
    assert "Mueller" not in json.dumps(bench.check().summary())
    assert problem.examples[0].startswith("donor_id Mu…")


def test_png_text_chunks_are_read(bench):
    from PIL.PngImagePlugin import PngInfo

    words = PngInfo()
    words.add_text("Comment", "DOB 12.03.1956", zip=True)
    path = bench.folder / "c3.png"
    Image.fromarray(bench.pixels(3)).save(path, pnginfo=words)
    bench.point(3, path)
    assert [problem.kind for problem in bench.check().problems] == ["personal_tag"]


def test_the_command_exits_with_1_on_errors_alone(bench):
    bench.column(donor_id=pl.format("D{}", pl.int_range(100) % 10))
    bench.check()
    cohort = str(bench.folder / "cohort")
    noted = CliRunner().invoke(app, ["check", cohort])
    assert noted.exit_code == 0
    assert "few donors: 10" in noted.output
    assert "next: brightctc split" in noted.output
    bench.point(3, bench.folder / "gone.tif")
    bench.check()
    failed = CliRunner().invoke(app, ["check", cohort])
    assert failed.exit_code == 1
    assert "[missing_file]" in failed.output
    as_json = json.loads(CliRunner().invoke(app, ["check", cohort, "--json"]).stdout)
    assert [problem["kind"] for problem in as_json["problems"]] == ["missing_file", "few_donors"]
    assert as_json["errors"] == 1


def few(each):
    def planted(bench):
        of_class = [bench.cells.filter(pl.col("label") == name).head(each) for name in ("CTC", "leukocyte")]
        bench.cells = pl.concat(of_class)

    return planted


def few_at_two_sites(bench):
    """Twelve cells a class, all but two of each at a site of their own."""
    few(12)(bench)
    bench.column(site=pl.Series([*"AAAAAAAAAABB", *"BBBBBBBBBBAA"]))


def without_images(bench):
    bench.column(bright_field=pl.format("gone/{}.tif", pl.int_range(CELLS)))


@pytest.mark.parametrize(
    ("plant", "kind"),
    [
        pytest.param(few(30), None, id="enough cells"),
        pytest.param(few(3), "shortcuts_untested", id="too few to test"),
        pytest.param(without_images, "shortcuts_untested", id="no image is there"),
        pytest.param(few_at_two_sites, "shortcuts_unsure", id="chance could do it"),
    ],
)
def test_it_is_said_whether_the_batch_was_tested(bench, plant, kind):
    plant(bench)
    found = {problem.kind: problem for problem in bench.check().problems if problem.kind.startswith("shortcut")}
    assert list(found) == ([] if kind is None else [kind])
    screen = CliRunner().invoke(app, ["check", str(bench.folder / "cohort")]).output
    assert ("border pixels tells the class with a ROC-AUC of 0.7 or more" in screen) == (kind is None)
    if kind == "shortcuts_unsure":
        assert "the column 'site': 0." in found[kind].message
