"""`brightctc simulate`: what is written, that a seed decides it, and what bad settings get."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from brightctc.cli.app import app
from brightctc.cohort import MADE_SOURCE, Cohort, import_export, read_image, split
from brightctc.errors import UserError
from brightctc.settings import known_keys
from brightctc.simulate import Settings, SimulateResult, chosen_settings, simulate
from brightctc.simulate.people import NEGATIVE, POSITIVE, plan
from brightctc.simulate.priors import TAGS, tag_of
from brightctc.simulate.sites import Site
from brightctc.simulate.trivial import separations

FEW = {
    "line_cells": 4,
    "spiked_leukocytes": 4,
    "patient_ctcs": 2,
    "leukocytes_per_ctc": 2,
    "volunteers": 1,
    "patients": 2,
}
LABELS = (
    "cell_id", "sample_id", "label", "donor_id", "origin", "cell_line", "cancer_type", "site", "instrument",
    "cartridge_id", "x", "y", "pixel_size_um", "blood_volume_ml", "label_source",
)  # fmt: skip


def few(*changes: str, **counts: object) -> Settings:
    return chosen_settings(counts={**FEW, **counts}, changes=changes)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimulateResult:
    folder = tmp_path_factory.mktemp("made")
    return simulate(folder / "export", settings=few(others=4), masks=folder / "masks", picture=folder / "cells.png")


def test_it_is_an_export_of_16_bit_pairs_with_tables(made):
    labels = pl.read_csv(made.folder / "labels.csv")
    assert tuple(labels.columns) == LABELS
    assert set(labels["label_source"]) == {MADE_SOURCE}
    assert labels.height == 4 + 4 + 2 + 4 + 4
    for sample, cell in labels.select("sample_id", "cell_id").iter_rows():
        for channel in ("BF", "DAPI"):
            image = read_image(made.folder / sample / f"{cell}_{channel}.tif")
            assert (image.dtype, image.shape) == (np.uint16, (148, 148))
            assert 100 < image.mean() < 4095
    truth = pl.read_csv(made.folder / "truth.csv")
    assert truth["cell_id"].to_list() == labels["cell_id"].to_list()
    assert {"kind", "diameter_um", "index_difference", "focus_um", "lamp", "partner_kind", "objects", "specks"} <= set(
        truth.columns
    )
    assert (made.folder.parent / "cells.png").stat().st_size > 20_000


def test_who_gave_what(made):
    cells = made.labels
    assert dict(cells["label"].value_counts().iter_rows()) == {POSITIVE: 6, NEGATIVE: 8, None: 4}
    lines = cells.filter(pl.col("origin") == "cell_line")
    assert set(lines["cell_line"]) == {"A549", "Calu3"}
    assert set(lines["donor_id"]) == {"V01"}
    assert set(cells.filter(pl.col("origin") == "healthy_donor")["label"]) == {NEGATIVE, None}
    assert set(cells.filter(pl.col("origin") == "patient")["donor_id"]) == {"P01", "P02"}
    assert cells.group_by("sample_id").agg(pl.col("cell_id").n_unique() == pl.len())["cell_id"].all()
    assert cells["pixel_size_um"].unique().to_list() == [0.345]
    assert cells.select("sample_id", "x", "y").n_unique() == cells.height
    assert cells["y"].n_unique() > 3


def test_an_instruments_id_says_nothing_about_the_class():
    numbers = [(cell.number, cell.tumour) for cell in plan(Settings(), 0)]
    positions = {tumour: np.mean([number for number, each in numbers if each == tumour]) for tumour in (True, False)}
    assert positions[True] == pytest.approx(positions[False], rel=0.15)


def test_masks_lie_where_the_cell_is(made):
    for sample, cell, label in made.labels.select("sample_id", "cell_id", "label").iter_rows():
        mask = read_image(made.folder.parent / "masks" / sample / f"{cell}.tif")
        dapi = read_image(made.folder / sample / f"{cell}_DAPI.tif").astype(float)
        if label is not None:
            assert set(np.unique(mask)) >= {0, 1, 2}
            y, x = np.unravel_index(np.argmax(dapi), dapi.shape)
            assert mask[y, x] == 2
            assert dapi[mask == 2].mean() > 1.5 * dapi[mask == 0].mean()


def test_a_seed_decides_every_byte_whatever_the_workers(tmp_path):
    simulate(tmp_path / "one", settings=few(), seed=3, workers=1)
    simulate(tmp_path / "two", settings=few(), seed=3, workers=2)
    simulate(tmp_path / "other", settings=few(), seed=4, workers=1)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")
    same = bytes_of(tmp_path / "one").items() & bytes_of(tmp_path / "other").items()
    assert not [name for name, _ in same if name.endswith(".tif")]


def test_its_own_settings_file_makes_the_same_export_again(tmp_path, made):
    again = chosen_settings(file=made.folder / "settings.yaml")
    assert again == made.settings
    simulate(tmp_path / "again", settings=again)
    assert bytes_of(tmp_path / "again") == bytes_of(made.folder)


def test_every_number_shows_where_it_is_from(made):
    lines = (made.folder / "settings.yaml").read_text().splitlines()
    values = [line for line in lines if ": " in line and not line.startswith(("#", "format_version"))]
    assert len(values) == len(known_keys(Settings))
    assert not [line for line in values if not any(f"# [{tag}] " in line for tag in TAGS)]
    assert sum("# [G] " in line for line in values) > 50
    assert {tag_of(field) for field in Site.model_fields.values()} <= {"G", "M"}


def test_a_blinded_sample_tells_nothing_and_the_truth_is_beside_it(tmp_path):
    result = simulate(tmp_path / "blind", settings=few(prefix="N"), dapi=False, blind=True)
    shown = pl.read_csv(tmp_path / "blind" / "labels.csv")
    assert not {"label", "origin", "cell_line", "cancer_type"} & set(shown.columns)
    assert all(str(value).startswith("NS") for value in shown["sample_id"])
    assert "label" in result.truth.columns
    assert not list((tmp_path / "blind").rglob("*_DAPI.tif"))


def test_another_site_takes_the_same_cells_otherwise(tmp_path):
    both = {
        name: simulate(tmp_path / name, settings=chosen_settings(counts=FEW, sites=[name]))
        for name in ("reference", "dim", "coarse")
    }
    drawn = [each.truth.select("kind", "diameter_um", "nucleoli", "dna") for each in both.values()]
    assert drawn[0].equals(drawn[1])
    assert drawn[0].equals(drawn[2])
    levels = {name: np.median(read_image(next(each.folder.glob("*/*_BF.tif")))) - 100 for name, each in both.items()}
    assert levels["dim"] / levels["reference"] == pytest.approx(0.6, abs=0.15)
    assert both["coarse"].labels["pixel_size_um"][0] == pytest.approx(1.25 * 0.345)
    assert set(both["dim"].labels["site"]) == {"dim"}


def test_objects_of_neither_class_lie_in_samples_that_hold_cells():
    cells = plan(few(others=6, line_cells=0, spiked_leukocytes=0, patients=1, prefix="N"), 0)
    assert {(cell.sample.sample_id, cell.sample.donor_id) for cell in cells} == {("NS01", "NP01")}
    alone = plan(few(others=6, line_cells=0, spiked_leukocytes=0, patient_ctcs=0), 0)
    assert {cell.label for cell in alone} == {None}


def test_sites_take_donors_in_turn():
    cells = plan(chosen_settings(sites=["reference,dim", "sharp"]), 0)
    sites = {cell.sample.donor_id: cell.sample.site for cell in cells}
    assert [sites[f"V0{number}"] for number in (1, 2, 3, 4)] == ["reference", "dim", "sharp", "reference"]


@pytest.mark.parametrize(
    ("arguments", "cells"),
    [
        pytest.param({}, 1489, id="the paper's cohort and ten leukocytes a CTC"),
        pytest.param({"scale": 0.5}, 745, id="half"),
        pytest.param({"cells": 300}, 300, id="about so many"),
        pytest.param({"counts": {"leukocytes_per_ctc": 100}}, 529 + 388 + 52 + 5200, id="rarer"),
    ],
)
def test_counts(arguments, cells):
    made = plan(chosen_settings(**arguments), 0)
    assert len(made) == pytest.approx(cells, rel=0.03)
    assert len({(cell.sample.sample_id, cell.cell_id) for cell in made}) == len(made)


def test_tumour_cells_without_a_difference_are_leukocytes_by_another_name():
    cells = plan(chosen_settings(counts={"class_difference": False}), 0)
    assert {cell.kind for cell in cells} == {"lymphocyte", "monocyte", "granulocyte"}
    assert sum(cell.tumour for cell in cells) == 581


@pytest.mark.slow
def test_no_single_number_tells_patients_ctcs_and_the_border_tells_nothing(tmp_path):
    """52 CTCs among 260 leukocytes: the default error of a ROC-AUC at chance is 0.044."""
    counts = {"line_cells": 0, "spiked_leukocytes": 0, "leukocytes_per_ctc": 5}
    found = simulate(tmp_path / "export", settings=chosen_settings(counts=counts), dapi=False).separations
    areas = dict(found.filter(pl.col("group") == "patients").select("statistic", "roc_auc").iter_rows())
    assert set(areas) == {"mean", "contrast", "size", "nucleus_size", "border", "border_contrast"}
    assert max(areas.values()) < 0.85
    assert max(areas["border"], areas["border_contrast"], areas["mean"]) < 0.6
    assert areas["size"] > 0.6  # CTCs are larger than most leukocytes; that much is known of them


def test_separations_are_the_areas_whichever_way_they_point():
    table = pl.DataFrame(
        {
            "label": [POSITIVE, POSITIVE, NEGATIVE, NEGATIVE, None],
            "origin": ["patient"] * 5,
            **{name: [1.0, 2.0, 3.0, 4.0, 9.0] for name in ("mean", "contrast", "size", "nucleus_size", "border")},
            "border_contrast": [1.0, 2.0, 1.0, 2.0, 9.0],
        }
    )
    found = separations(table, POSITIVE, NEGATIVE)
    assert dict(found.select("statistic", "roc_auc").iter_rows()) == {
        "mean": 1.0, "contrast": 1.0, "size": 1.0, "nucleus_size": 1.0, "border": 1.0, "border_contrast": 0.5,
    }  # fmt: skip
    assert found["positives"].to_list() == [2] * 6


def test_the_export_is_imported_and_split_as_it_is(tmp_path, made):
    import_export(
        made.folder, tmp_path / "cohort", pattern="{sample_id}/{cell_id}_{channel}.tif", bright_field="BF", dapi="DAPI",
        table=made.folder / "labels.csv", label="label", positive=[POSITIVE], negative=[NEGATIVE],
    )  # fmt: skip
    split(tmp_path / "cohort", validation=0)
    cohort = Cohort.read(tmp_path / "cohort")
    assert cohort.part("test")["origin"].unique().to_list() == ["patient"]
    assert cohort.cells["pixel_size_um"].null_count() == 0


def test_multislice_sees_a_thick_cell_otherwise(tmp_path):
    one = chosen_settings(counts={**FEW, "spiked_leukocytes": 0, "patient_ctcs": 0}, changes=["optics.source_points=4"])
    thick = chosen_settings(
        file=None, counts=one.cohort.model_dump(), objective="20x", changes=["optics.source_points=4"]
    )
    assert (thick.optics.aperture, thick.optics.slices) == (0.45, 8)
    found = [simulate(tmp_path / str(slices), settings=chosen_settings(
        counts=one.cohort.model_dump(), objective="20x",
        changes=["optics.source_points=4", f"optics.slices={slices}"])) for slices in (1, 6)]  # fmt: skip
    images = [read_image(next(iter(sorted(each.folder.glob("*/*_BF.tif"))))).astype(float) for each in found]
    assert np.abs(images[0] - images[1]).max() > 0.02 * images[0].mean()
    assert np.corrcoef(images[0].ravel(), images[1].ravel())[0, 1] > 0.4


WRONG: dict[str, tuple[list[str], str]] = {
    "a negative size": (["--set", "optics.size=-5"], "optics.size"),
    "a negative diameter": (["--set", "kinds.a549.diameter_um=-1"], "kinds.a549.diameter_um"),
    "an aperture above the medium's index": (["--set", "optics.aperture=1.4"], "medium's index"),
    "a condenser above the aperture": (["--set", "optics.condenser=0.5"], "condenser"),
    "too coarse a drawing": (["--set", "optics.oversampling=1", "--set", "optics.pixel_size_um=1"], "oversampling"),
    "zero cells": (["--line-cells", "0", "--spiked-leukocytes", "0", "--patient-ctcs", "0"], "zero"),
    "--cells 0": (["--cells", "0"], "--cells"),
    "a scale of nothing": (["--scale", "0"], "--scale"),
    "a scale and a number": (["--scale", "1", "--cells", "5"], "exclude each other"),
    "a site's pixels too coarse": (
        ["--objective", "20x", "--site", "coarse", "--set", "sites.coarse.pixel_factor=1.9"],
        "oversampling",
    ),
    "a picture of another kind": (["--picture", "cells.jpg"], ".png"),
    "an unknown setting": (["--set", "optics.apertur=0.2"], "optics.aperture"),
    "an unknown kind": (["--set", "kinds.neuron.diameter_um=9"], "unknown setting"),
    "no value": (["--set", "optics.aperture"], "section.name=value"),
    "an unknown site": (["--site", "moon"], "moon"),
    "an unknown objective": (["--objective", "100x"], "10x"),
    "shares above one": (["--set", "kinds.lymphocytes=0.9"], "lymphocytes"),
    "a negative count": (["--patients", "-3"], "patients"),
    "no patients": (["--patients", "0"], "patients"),
    "a prefix that is a path": (["--prefix", "../x"], "prefix"),
    "an offset above the camera": (["--set", "camera.offset=5000"], "offset"),
    "a settings file that is not there": (["--settings", "none.yaml"], "none.yaml"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_settings_are_one_clear_error(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments, words = WRONG[case]
    result = CliRunner().invoke(app, ["simulate", "export", *arguments])
    assert isinstance(result.exception, UserError), result.output
    assert words in str(result.exception)
    assert result.exception.fix
    assert not (tmp_path / "export").exists()


@pytest.mark.parametrize("option", ["out", "masks", "picture"])
def test_what_exists_is_not_replaced(option, tmp_path):
    there = tmp_path / ("out.png" if option == "picture" else "out")
    there.mkdir()
    (there / "precious.txt").write_text("mine")
    targets: dict[str, Path] = {"out": tmp_path / "new", option: there}
    out = targets.pop("out")
    with pytest.raises(UserError, match=r"already exists|holds something else"):
        simulate(out, settings=few(), **targets)
    assert (there / "precious.txt").read_text() == "mine"


def test_overwrite_replaces_an_export_and_nothing_else(tmp_path):
    simulate(tmp_path / "export", settings=few())
    simulate(tmp_path / "export", settings=few(), seed=1, overwrite=True)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious.txt").write_text("mine")
    with pytest.raises(UserError, match="something else"):
        simulate(tmp_path / "other", settings=few(), overwrite=True)


def run(arguments: list[str]) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_the_command_prints_what_it_made_and_what_comes_next(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counts = [word for name, value in FEW.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    words = run(["simulate", "export", *counts])
    assert "14 made cells of 3 donors" in words
    assert "border" in words
    assert "brightctc import export cohort --pattern '{sample_id}/{cell_id}_{channel}.tif'" in words
    blind = run(["simulate", "blind", *counts, "--blind"])
    assert "patient_ctc" not in blind
    assert "predict" in blind


def test_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    call: Callable[..., None] = app
    call(args=["simulate", "export", "--cells", "12", "--json"], standalone_mode=False)
    summary = json.loads(capfd.readouterr().out)
    assert summary["cells"] == len(pl.read_csv(tmp_path / "export" / "labels.csv"))
    assert {"kinds", "separations", "donors"} <= set(summary)
