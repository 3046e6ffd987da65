"""The report of a new sample: candidates, never more; and every cell that could not be read."""

import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from brightctc.cohort import read_image
from brightctc.evaluate.claim import MADE
from brightctc.predict import predict
from brightctc.report import report
from brightctc.report.thumbnails import thumbnail
from drawn import Export, draw_export
from new_samples import NAMES, spoil
from tiny_bundle import tiny_bundle


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """120 drawn cells of four samples."""
    return draw_export(tmp_path_factory.mktemp("sample") / "export", cells=120, donors=4, dapi=False)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "bundle").folder


@pytest.fixture(scope="module")
def spoiled(sample: Export, bundle: Path) -> Path:
    """Scores of the sample with five images that can't be read."""
    root = sample.folder.parent
    predict(bundle, spoil(sample, root / "spoiled"), root / "scores.csv", **NAMES)
    return root / "scores.csv"


def test_candidates_unreadable_cells_and_flags_are_listed(spoiled: Path, tmp_path: Path) -> None:
    result = report(spoiled, tmp_path / "report.html")
    page = result.page.read_text(encoding="utf-8")
    scores = pl.read_csv(spoiled)
    candidates = scores.filter(pl.col("call") == "CTC")
    assert result.headline == f"{candidates.height} candidates of 115 read (5 unread)"
    assert result.headline in page
    assert result.summary()["counts"] == {"candidates": candidates.height, "read": 115, "unread": 5}
    assert "candidate until readers confirm it" in page
    assert "A score is not a probability" in page
    for cell, error in scores.filter(pl.col("error").is_not_null()).select("cell_id", "error").iter_rows():
        assert cell in page
        assert error.partition(":")[0] in page
    gallery = page.partition('<section id="cells"')[2].partition("</section>")[0]
    shown = re.findall(r'<span class="id">([^<]+)', gallery)
    assert shown == scores.drop_nulls("rank").sort("rank")["cell_id"].head(60).to_list()
    first = scores.filter(pl.col("rank") == 1).row(0, named=True)
    own = thumbnail(read_image(spoiled.parent / "spoiled" / first["bright_field"])).uri
    assert re.findall(r'<img src="([^"]+)', gallery)[0] == own
    table = page.partition('<section id="candidates"')[2].partition("</section>")[0]
    assert table.count('<th scope="row"') == candidates.height


def test_no_candidate_is_not_negative(sample: Export, bundle: Path, tmp_path: Path) -> None:
    scores = tmp_path / "scores.parquet"
    predict(bundle, sample.folder, scores, **NAMES)
    table = pl.read_parquet(scores)
    table.with_columns(call=pl.lit("leukocyte"), score=pl.col("score") * 0.1).write_parquet(scores)
    page = report(scores, tmp_path / "report.html").page.read_text(encoding="utf-8")
    assert "0 candidates of 120 read (0 unread)" in page
    assert "compatible with up to 3 cells" in page
    visible = re.sub(r"<style>.*?</style>|<script.*?</script>", "", page, flags=re.DOTALL)
    assert "negative" not in re.sub(r"var\(--negative\)", "", visible).lower()


def test_an_image_that_is_gone_leaves_its_place(sample: Export, bundle: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(sample.folder, copy)
    predict(bundle, copy, tmp_path / "scores.csv", **NAMES)
    top = pl.read_csv(tmp_path / "scores.csv").sort("rank")["bright_field"][0]
    (copy / top).unlink()
    page = report(tmp_path / "scores.csv", tmp_path / "report.html").page.read_text(encoding="utf-8")
    assert "missing: there is no such file" in page
    assert page.count('<img src="data:image/webp;base64,') == 59


def test_a_long_list_says_what_it_left_out(spoiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from brightctc.report import scores

    monkeypatch.setattr(scores, "ROWS", 10)
    page = report(spoiled, tmp_path / "report.html").page.read_text(encoding="utf-8")
    called = pl.read_csv(spoiled).filter(pl.col("call") == "CTC").height
    assert f"{called - 10} further rows are not shown." in page


def test_donors_of_scores_have_other_names(spoiled: Path, tmp_path: Path) -> None:
    known = pl.read_csv(spoiled).with_columns(donor_id=pl.lit("Meier7"), sample_id=pl.lit("tube-Meier7"))
    known.write_csv(tmp_path / "scores.csv")
    shutil.copy(spoiled.with_suffix(".meta.json"), tmp_path / "scores.meta.json")
    page = report(tmp_path / "scores.csv", tmp_path / "report.html").page.read_text(encoding="utf-8")
    assert "Meier7" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", page)
    assert "tube-donor-1" in page


def test_equal_scores_give_equal_bytes(spoiled: Path, tmp_path: Path) -> None:
    first = report(spoiled, tmp_path / "report.html").page.read_bytes()
    assert report(spoiled, tmp_path / "report.html", overwrite=True).page.read_bytes() == first
    assert len(first) < 5 * 2**20


@pytest.mark.parametrize(("source", "warned"), [("made", True), ("markers", False)])
def test_scores_of_made_cells_say_so(source: str, warned: bool, spoiled: Path, tmp_path: Path) -> None:
    for name in ("scores.csv", "scores.meta.json"):
        shutil.copy(spoiled.parent / name, tmp_path / name)
    table = pl.read_csv(spoiled).with_columns(label_source=pl.lit(source))
    table.write_csv(tmp_path / "scores.csv")
    result = report(tmp_path / "scores.csv", tmp_path / "report.html")
    assert (MADE in result.warnings) == warned
    assert (MADE in result.page.read_text(encoding="utf-8")) == warned


def test_pictures_that_are_gone_are_told(sample: Export, bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(sample.folder, tmp_path / "images")
    predict(bundle, tmp_path / "images", tmp_path / "scores.csv", **NAMES)
    assert not any(
        "could not be read" in words for words in report(tmp_path / "scores.csv", tmp_path / "a.html").warnings
    )
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    told = report(tmp_path / "scores.csv", tmp_path / "b.html").warnings
    assert any("60 of 60 pictures could not be read" in words and "in images" in words for words in told)
