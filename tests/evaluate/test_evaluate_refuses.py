"""What `evaluate` refuses: cells and donors that were seen, and bundles, cohorts and channels that don't fit."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from brightctc.bundle import WITHDRAWN, Seen
from brightctc.cohort import READ_IN_VIEW, Classes
from brightctc.errors import UserError
from brightctc.evaluate import evaluate
from drawn import NEGATIVE, POSITIVE
from evaluated import cohort_of
from tiny_bundle import tiny_bundle

Change = Callable[[pl.DataFrame], pl.DataFrame]


def seen_cells(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.with_columns(cell_id=pl.col("cell_id").replace("S05/c0000", "S00/c0000").replace("S00/c0001", "x"))


def of_a_seen_donor(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.with_columns(donor_id=pl.col("donor_id").replace("D05", "D00"))


def without_dapi(cells: pl.DataFrame) -> pl.DataFrame:
    return cells.with_columns(dapi=pl.when(pl.col("cell_id") == "S07/c0001").then(None).otherwise("dapi"))


def same(cells: pl.DataFrame) -> pl.DataFrame:
    return cells


@pytest.mark.parametrize(
    ("change", "options", "what", "fix"),
    [
        pytest.param(
            lambda cells: seen_cells(cells.filter(pl.col("cell_id") != "S00/c0000")),
            {},
            "1 of these 120 cells were in this bundle's training",
            "--part train",
            id="cell seen",
        ),
        pytest.param(of_a_seen_donor, {}, "1 of these 8 donors had cells", "--by cell_id", id="donor seen"),
        pytest.param(same, {"part": "holdout"}, "no part 'holdout'", "validation, test", id="unknown part"),
        pytest.param(same, {"part": "pool"}, "'pool' has no cells", "split again", id="empty part"),
        pytest.param(same, {"by": "site"}, "by 'site'", "donor_id", id="unknown unit"),
        pytest.param(
            lambda cells: cells.drop("donor_id"), {"by": "donor_id"}, "has a donor_id", "sample_id", id="no donors"
        ),
        pytest.param(same, {"channel": "CD45"}, "no channel 'CD45'", "bright_field or dapi", id="unknown channel"),
        pytest.param(without_dapi, {"channel": "dapi"}, "1 of 120 cells have no DAPI", "--channel", id="without DAPI"),
        pytest.param(
            lambda cells: cells.with_columns(label_source=pl.lit(READ_IN_VIEW)),
            {},
            "120 labels of the part 'test' were given with a score in view",
            "blind reading",
            id="score in view",
        ),
        pytest.param(same, {"resamples": 0}, "at least one resample", "2000", id="no resamples"),
        pytest.param(
            lambda cells: cells.with_columns(label=pl.lit(None, pl.String)),
            {},
            "has a label",
            "--label",
            id="no labels",
        ),
    ],
)
def test_refused(
    bundle: Path, images: pl.DataFrame, tmp_path: Path, change: Change, options: dict[str, Any], what: str, fix: str
) -> None:
    root = cohort_of(tmp_path / "cohort", change(images))
    with pytest.raises(UserError) as caught:
        evaluate(bundle, root, tmp_path / "out", **options)
    assert what in caught.value.what
    assert fix in str(caught.value.fix)
    assert not (tmp_path / "out").exists()


def test_a_donor_that_was_seen_may_be_measured_as_cells(bundle: Path, images: pl.DataFrame, tmp_path: Path) -> None:
    root = cohort_of(tmp_path / "cohort", of_a_seen_donor(images))
    found = evaluate(bundle, root, tmp_path / "out", by="cell_id", resamples=50).metrics
    assert "not for new patients" in found["stamps"][0]


def test_other_classes_are_refused(bundle: Path, images: pl.DataFrame, tmp_path: Path) -> None:
    root = cohort_of(tmp_path / "cohort", images, classes=Classes(negative=POSITIVE, positive=NEGATIVE))
    with pytest.raises(UserError, match="the bundle tells CTC from leukocyte"):
        evaluate(bundle, root, tmp_path / "out")


def test_a_bundle_of_two_channels_takes_both_and_has_no_control(
    cohort: Path, images: pl.DataFrame, tmp_path: Path
) -> None:
    model = tiny_bundle(tmp_path / "two", cohort=cohort, channels=("bright_field", "dapi")).folder
    assert evaluate(model, cohort, tmp_path / "out", resamples=50).metrics["roc_auc"]["value"] > 0.9
    with pytest.raises(UserError, match="this one takes both channels"):
        evaluate(model, cohort, tmp_path / "control", channel="dapi")
    root = cohort_of(tmp_path / "cohort", images.drop("dapi"))
    with pytest.raises(UserError, match="dapi is not given"):
        evaluate(model, root, tmp_path / "alone")


def test_a_withdrawn_bundle_is_refused(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    shutil.copytree(bundle, tmp_path / "bundle")
    (tmp_path / "bundle" / WITHDRAWN).write_text("{}")
    with pytest.raises(UserError, match="has withdrawn"):
        evaluate(tmp_path / "bundle", cohort, tmp_path / "out")


def test_a_bundle_that_knows_no_donors_says_so(cohort: Path, tmp_path: Path) -> None:
    seen = Seen.of(train_cells=["a"], validation_cells=["b"])
    model = tiny_bundle(tmp_path / "bundle", seen=seen)
    out = evaluate(model.folder, cohort, tmp_path / "out", resamples=50)
    assert "does not know the donors" in " ".join(out.warnings)


def test_an_unwritable_place_is_an_error(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="not a folder"):
        evaluate(bundle, cohort, tmp_path / "file" / "out", resamples=20)
