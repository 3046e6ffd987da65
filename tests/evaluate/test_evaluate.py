"""`evaluate`: figures of cells that the bundle has not seen, what they may claim, and what is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image
from sklearn import metrics as reference
from typer.testing import CliRunner

from brightctc.bundle import Bundle, BundleThreshold
from brightctc.cli.app import app
from brightctc.cohort import Cohort
from brightctc.cohort.sealed import openings
from brightctc.errors import UserError
from brightctc.evaluate import evaluate
from brightctc.evaluate.claim import BOTH, WITH_DAPI, claim_of, fed
from brightctc.metrics import clopper_pearson
from brightctc.predict.table import COLUMNS
from drawn import NEGATIVE, POSITIVE
from evaluated import STRICT, cohort_of
from tiny_bundle import tiny_bundle

FILES = {"metrics.json", "scores.csv", "groups.csv", "figure.png", "figure.svg"}


@pytest.fixture(scope="module")
def result(bundle: Path, cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return evaluate(bundle, cohort, tmp_path_factory.mktemp("result") / "out", resamples=300).folder


def metrics_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def scores_of(folder: Path) -> pl.DataFrame:
    return pl.read_csv(folder / "scores.csv")


def test_everything_is_written(result: Path) -> None:
    assert {path.name for path in result.iterdir()} == FILES
    with Image.open(result / "figure.png") as picture:
        assert picture.size == (2160, 2565)
    text = (result / "metrics.json").read_text(encoding="utf-8")
    assert str(result.parent) not in text
    assert "/tmp" not in text


def test_figures_are_scikit_learns_of_the_scores_file(result: Path) -> None:
    scores, found = scores_of(result), metrics_of(result)
    assert tuple(scores.columns[:8]) == COLUMNS
    truth = (scores["label"] == POSITIVE).to_numpy()
    called, score = (scores["call"] == POSITIVE).to_numpy(), scores["score"].to_numpy()
    assert 0 < found["confusion"]["fn"] < truth.sum(), "some positives are missed"
    assert sum(found["confusion"].values()) == len(truth) == found["n"]["cells"] == 120
    expected = {
        "f1": reference.f1_score(truth, called),
        "recall": reference.recall_score(truth, called),
        "precision": reference.precision_score(truth, called),
        "specificity": reference.recall_score(~truth, ~called),
        "balanced_accuracy": reference.balanced_accuracy_score(truth, called),
        "mcc": reference.matthews_corrcoef(truth, called),
        "roc_auc": reference.roc_auc_score(truth, score),
        "average_precision": reference.average_precision_score(truth, score),
        "brier": reference.brier_score_loss(truth, score),
        "looks_per_true": called.sum() / (called & truth).sum(),
        "false_calls_per_1000": 1000 * (called & ~truth).mean() / (~truth).mean(),
    }
    assert {name: found[name]["value"] for name in expected} == pytest.approx(expected)
    assert found["f1"]["low"] < found["f1"]["value"] < found["f1"]["high"]


def test_the_threshold_is_the_bundles_own(result: Path) -> None:
    found, scores = metrics_of(result), scores_of(result)
    assert found["threshold"] == {"policy": "f1", "logit": 1.2, "score": STRICT.score, "precision": "float32"}
    assert ((scores["score"] >= STRICT.score) == (scores["call"] == POSITIVE)).all()


def test_what_stands_beside_every_result(result: Path) -> None:
    found = metrics_of(result)
    positives, negatives = found["n"]["positive"], found["n"]["negative"]
    assert found["format_version"] == 1
    assert found["constant_classifier"]["f1"] == pytest.approx(2 * positives / (2 * positives + negatives))
    assert found["f1"]["class_ratio"] == found["class_ratio"] == f"{positives} CTC : {negatives} leukocyte"
    assert found["split_by"] == "donor_id"
    assert "whole donors" in found["interval"]["meaning"]
    assert found["stamps"] == []
    assert [row["prevalence"] for row in found["precision_at_prevalence"]] == ["1:10", "1:100", "1:1000", "1:10000"]
    assert "negatives without a false call" in found["precision_at_prevalence"][2]["text"]
    words = " ".join(found["warnings"])
    assert "few donors: 8 with positive cells" in words
    assert "no leukocyte was called: false calls per 1,000 are at most 52" in words


def test_groups_are_counted_with_exact_intervals(result: Path) -> None:
    groups, scores = pl.read_csv(result / "groups.csv"), scores_of(result)
    assert groups["group_by"].unique(maintain_order=True).to_list() == ["all", "donor_id", "sample_id", "origin"]
    one = groups.row(by_predicate=(pl.col("group_by") == "donor_id") & (pl.col("group") == "D05"), named=True)
    cells = scores.filter(pl.col("donor_id") == "D05")
    positive, called = cells["label"] == POSITIVE, cells["call"] == POSITIVE
    assert (one["cells"], one["positive"], one["tp"]) == (cells.height, positive.sum(), (positive & called).sum())
    assert (one["recall_low"], one["recall_high"]) == pytest.approx(clopper_pearson(one["tp"], one["positive"]))
    for name in ("donor_id", "sample_id", "origin"):
        assert groups.filter(pl.col("group_by") == name)["cells"].sum() == 120
    spiked = groups.filter(pl.col("group") == "cell_line").row(0, named=True)
    assert spiked["specificity"] is None
    assert spiked["roc_auc"] is None


def test_twice_gives_the_same_bytes_and_another_seed_other_intervals(
    bundle: Path, cohort: Path, result: Path, tmp_path: Path, picture: None
) -> None:
    again = evaluate(bundle, cohort, tmp_path / "again", resamples=300).folder
    for name in FILES:
        assert (again / name).read_bytes() == (result / name).read_bytes(), name
    other = metrics_of(evaluate(bundle, cohort, tmp_path / "other", resamples=300, seed=1).folder)
    assert other["brier"]["value"] == metrics_of(result)["brier"]["value"]
    assert other["brier"]["low"] != metrics_of(result)["brier"]["low"]


def test_unreadable_cells_stay_in_the_count(bundle: Path, images: pl.DataFrame, result: Path, tmp_path: Path) -> None:
    found, scores = metrics_of(result), scores_of(result)
    hit = scores.filter((pl.col("label") == POSITIVE) & (pl.col("call") == POSITIVE))["cell_id"][0]
    passed = scores.filter(pl.col("label") == NEGATIVE)["cell_id"][0]
    (tmp_path / "text.png").write_text("no image")
    broken = pl.when(pl.col("cell_id").is_in([hit, passed])).then(pl.lit(str(tmp_path / "text.png")))
    root = cohort_of(tmp_path / "cohort", images.with_columns(bright_field=broken.otherwise("bright_field")))
    out = evaluate(bundle, root, tmp_path / "out", resamples=50)
    lost = out.metrics
    assert lost["confusion"]["tp"] == found["confusion"]["tp"] - 1
    assert lost["confusion"]["fn"] == found["confusion"]["fn"] + 1
    assert lost["confusion"]["tn"] == found["confusion"]["tn"]
    assert (lost["unreadable"]["positive"], lost["unreadable"]["negative"]) == (1, 1)
    ranked = scores_of(out.folder).with_columns(pl.col("score").fill_null(-1.0))  # below all others
    area = reference.roc_auc_score((ranked["label"] == POSITIVE).to_numpy(), ranked["score"].to_numpy())
    assert lost["roc_auc"]["value"] == pytest.approx(area)
    assert "1 CTC cells could not be read and count as missed" in " ".join(out.warnings)
    row = scores_of(out.folder).filter(pl.col("cell_id") == hit).row(0, named=True)
    assert row["score"] is None
    assert row["error"]
    assert pl.read_csv(out.folder / "groups.csv")["unreadable"][0] == 2


def unlabelled(cells: pl.DataFrame) -> pl.DataFrame:
    """Every third cell loses its label; one gets a label that is no class."""
    number = pl.int_range(pl.len())
    label = pl.when(number % 3 == 0).then(None).when(number == 100).then(pl.lit("debris")).otherwise("label")
    return cells.with_columns(label=label)


def test_unlabelled_objects_count_as_looks_and_nothing_else(bundle: Path, images: pl.DataFrame, tmp_path: Path) -> None:
    root = cohort_of(tmp_path / "cohort", unlabelled(images))
    out = evaluate(bundle, root, tmp_path / "out", resamples=50)
    scores, found = scores_of(out.folder), out.metrics
    known = scores["label"].is_in([POSITIVE, NEGATIVE]).fill_null(False)
    called, hits = scores["call"] == POSITIVE, (scores["label"] == POSITIVE).fill_null(False)
    assert found["n"]["cells"] == known.sum() < scores.height == 120
    assert found["n"]["unlabelled"] == scores.height - known.sum()
    assert found["looks_per_true"]["looks_at_unlabelled"] == (called & ~known).sum() > 0
    assert found["looks_per_true"]["value"] == pytest.approx(int(called.sum()) / int((called & hits).sum()))
    assert found["precision"]["value"] == pytest.approx(int((called & hits).sum()) / int((called & known).sum()))


@pytest.mark.parametrize(
    ("options", "by", "stamp", "meaning"),
    [
        pytest.param({}, "donor_id", None, "whole donors", id="by donor"),
        pytest.param({}, "sample_id", "not for new patients", "whole samples", id="split by sample"),
        pytest.param({}, "cell_id", "cells and seeds only; not for new patients", "cells, each", id="split by cell"),
        pytest.param({}, "site", None, "whole donors", id="split by site"),
        pytest.param({"by": "cell_id"}, "donor_id", "cells and seeds only", "cells, each", id="resampled by cell"),
        pytest.param(
            {"by": "sample_id"}, "cell_id", "cells and seeds only", "whole samples", id="split cells, samples"
        ),
        pytest.param({"part": "train"}, "donor_id", "seen in training", "seen in training", id="training part"),
        pytest.param({"part": "validation"}, "donor_id", "seen in training", "no intervals", id="validation part"),
        pytest.param({"channel": "dapi"}, "donor_id", "negative control: DAPI images", "whole donors", id="DAPI"),
    ],
)
def test_every_figure_carries_what_it_may_claim(
    cohort: Path, images: pl.DataFrame, tmp_path: Path, options: dict[str, Any], by: str, stamp: str, meaning: str
) -> None:
    root = cohort_of(tmp_path / "cohort", images, by=by)
    parts = _parts_that_know_dapi(cohort)
    model = tiny_bundle(tmp_path / "bundle", cohort=root, threshold=STRICT, **parts)
    out = evaluate(model.folder, root, tmp_path / "out", resamples=50, **options)
    found = out.metrics
    assert found["split_by"] == by
    assert meaning in found["interval"]["meaning"]
    svg_free = [found[name].get("stamp") for name in ("f1", "roc_auc", "false_calls_per_1000")]
    groups = pl.read_csv(out.folder / "groups.csv")["stamp"].unique().to_list()
    for text in (*svg_free, *groups):
        assert text is None if stamp is None else stamp in text
    if stamp is not None:
        assert "for new patients like these" not in found["interval"]["meaning"]


def _parts_that_know_dapi(cohort: Path) -> dict[str, Any]:
    """A bright-field preparation that also knows the scale of DAPI images, as training with `mix` leaves it."""
    from tiny_bundle import tiny_parts

    alone = tiny_parts(cohort=cohort).preparation
    both = tiny_parts(cohort=cohort, channels=("bright_field", "dapi")).preparation
    return {"preparation": alone.model_copy(update={"scales": both.scales})}


def test_what_is_fed_dapi_is_not_called_bright_field(images: pl.DataFrame, tmp_path: Path) -> None:
    root = cohort_of(tmp_path / "cohort", images)
    folders = [
        tiny_bundle(tmp_path / "-".join(channels), cohort=root, channels=channels).folder
        for channels in (("bright_field",), ("bright_field", "dapi"))
    ]
    assert [fed(Bundle.read(folder)) for folder in folders] == ["bright_field", "bright_field and dapi"]
    assert fed(Bundle.read(folders[0]), "dapi") == "dapi"
    cohort = Cohort.read(root)
    claim = claim_of(Bundle.read(folders[1]).seen, cohort, cohort.part("train"), "train", BOTH, None)
    assert WITH_DAPI in claim.stamps


def test_under_six_donors_there_is_no_interval_but_the_values_of_each(
    bundle: Path, images: pl.DataFrame, tmp_path: Path
) -> None:
    few = images.filter(pl.col("donor_id") < "D09")  # five donors in the test part
    out = evaluate(bundle, cohort_of(tmp_path / "cohort", few), tmp_path / "out", resamples=50)
    f1 = out.metrics["f1"]
    assert f1["value"] is not None
    assert (f1["low"], f1["high"]) == (None, None)
    assert "no interval for new patients" in f1["reason"]
    assert "few donors: 5 with positive cells" in " ".join(out.warnings)
    assert "40 CTC cells can't show a recall of 95 % with 95 % confidence; that takes 59" in " ".join(out.warnings)
    groups = pl.read_csv(out.folder / "groups.csv").filter(pl.col("group_by") == "donor_id")
    assert groups["f1"].null_count() == 0
    assert groups.height == 5


def test_a_part_of_negatives_alone_counts_false_calls(bundle: Path, images: pl.DataFrame, tmp_path: Path) -> None:
    cells = images.filter(pl.col("label") == NEGATIVE)
    found = evaluate(bundle, cohort_of(tmp_path / "cohort", cells), tmp_path / "out", resamples=50).metrics
    assert found["f1"]["value"] is None
    assert "undefined" in found["f1"]["reason"]
    assert found["false_calls_per_1000"]["value"] is not None
    assert found["false_calls_per_1000"]["high"] > 0
    assert found["precision_at_prevalence"][0]["text"] == "there are no positives"


def test_a_new_cohort_is_scored_whole_and_without_a_split(bundle: Path, images: pl.DataFrame, tmp_path: Path) -> None:
    new = images.with_columns(donor_id=pl.format("N{}", "donor_id"), cell_id=pl.format("N{}", "cell_id"))
    root = cohort_of(tmp_path / "cohort", new)
    (root / "splits.csv").unlink()
    found = evaluate(bundle, root, tmp_path / "out", part="all", resamples=50).metrics
    assert (found["n"]["cells"], found["n"]["donors"], found["split_by"]) == (180, 12, "donor_id")


def test_all_leaves_sealed_cells_shut(bundle: Path, images: pl.DataFrame, tmp_path: Path) -> None:
    new = images.with_columns(donor_id=pl.format("N{}", "donor_id"), cell_id=pl.format("N{}", "cell_id"))
    root = cohort_of(tmp_path / "cohort", new)
    parts = pl.read_csv(root / "splits.csv")
    sealed = pl.when(pl.int_range(pl.len()) % 6 == 0).then(pl.lit("sealed")).otherwise("part")
    parts.with_columns(part=sealed).write_csv(root / "splits.csv")
    found = evaluate(bundle, root, tmp_path / "out", part="all", resamples=50)
    assert found.metrics["n"]["cells"] == 150
    assert any("30 sealed cells left out" in words for words in found.warnings)
    measured = set(pl.read_csv(tmp_path / "out" / "scores.csv")["cell_id"])
    assert measured.isdisjoint(parts.filter(sealed == "sealed")["cell_id"])
    assert not openings(Cohort.read(root))


def test_a_donor_without_an_id_falls_back_to_the_sample(bundle: Path, images: pl.DataFrame, tmp_path: Path) -> None:
    hidden = pl.when(pl.col("donor_id") == "D06").then(None).otherwise("donor_id")
    root = cohort_of(tmp_path / "cohort", images.with_columns(donor_id=hidden))
    found = evaluate(bundle, root, tmp_path / "out", resamples=50).metrics
    assert found["n"]["donors"] == 7, "the sample stands for a donor, but is none"
    assert any("15 of 120 labelled cells have no donor: each of their samples" in words for words in found["warnings"])
    last = pl.read_csv(tmp_path / "out" / "groups.csv").filter(pl.col("group_by") == "donor_id").row(-1, named=True)
    assert (last["group"], last["cells"]) == (None, 15)


def test_cells_that_a_model_picked_are_left_out(bundle: Path, images: pl.DataFrame, tmp_path: Path) -> None:
    picked = pl.when(pl.int_range(pl.len()) % 9 == 0).then(pl.lit("bundle x"))
    root = cohort_of(tmp_path / "cohort", images.with_columns(selected_by=picked))
    out = evaluate(bundle, root, tmp_path / "out", resamples=50)
    assert out.metrics["n"]["cells"] < 120
    assert "selected_by" in out.warnings[0]


def test_nothing_is_overwritten_unasked(bundle: Path, cohort: Path, result: Path, tmp_path: Path) -> None:
    shutil.copytree(result, tmp_path / "out")
    with pytest.raises(UserError, match="already exists"):
        evaluate(bundle, cohort, tmp_path / "out")
    evaluate(bundle, cohort, tmp_path / "out", resamples=20, overwrite=True)
    assert metrics_of(tmp_path / "out")["interval"]["resamples"] == 20
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/scores.csv").write_text("mine")
    with pytest.raises(UserError, match="holds something else"):
        evaluate(bundle, cohort, tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine/scores.csv").read_text() == "mine"


def test_no_better_than_the_constant_classifier_is_said(cohort: Path, tmp_path: Path) -> None:
    always = BundleThreshold(policy="f1", logit=-50.0, score=1e-21)
    model = tiny_bundle(tmp_path / "bundle", cohort=cohort, threshold=always)
    out = evaluate(model.folder, cohort, tmp_path / "out", resamples=50)
    assert out.metrics["f1"]["value"] == pytest.approx(out.metrics["constant_classifier"]["f1"])
    assert "no better than calling every cell CTC" in " ".join(out.warnings)


def test_the_command_prints_a_table_and_where_the_picture_lies(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke(
        app, ["evaluate", str(bundle), str(cohort), str(tmp_path / "out"), "--resamples", "50", "--by", "cell_id"]
    )
    assert run.exit_code == 0, run.output
    for words in (
        "false calls per 1,000 leukocyte",
        "looks per true CTC",
        "always CTC",
        "1:10000",
        "cells and seeds only; not for new patients",
        "warning:",
        str(tmp_path / "out" / "figure.png"),
    ):
        assert words in run.output


def test_the_command_speaks_json(bundle: Path, cohort: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = CliRunner().invoke(app, ["evaluate", str(bundle), str(cohort), str(out), "--resamples", "50", "--json"])
    assert run.exit_code == 0, run.output
    found = json.loads(run.stdout)
    assert found["out"] == str(out)
    assert {name: value for name, value in found.items() if name != "out"} == metrics_of(out)


def without(column: str, cells: pl.Expr) -> pl.Expr:
    return pl.when(cells).then(None).otherwise(column).alias(column)


def test_cells_of_nobody_known_are_no_donors(bundle: Path, images: pl.DataFrame, tmp_path: Path) -> None:
    """The test part has donors D04 to D11; of one neither donor nor sample is known, of another the sample alone."""
    nobody, sample = pl.col("donor_id") == "D11", pl.col("donor_id") == "D10"
    root = cohort_of(tmp_path / "cohort", images)
    cells = pl.read_csv(root / "cells.csv")
    cells.with_columns(without("sample_id", nobody), without("donor_id", nobody | sample)).write_csv(root / "cells.csv")
    found = evaluate(bundle, root, tmp_path / "out", resamples=100)
    assert (found.metrics["n"]["donors"], found.metrics["n"]["donors_with_positives"]) == (6, 6)
    assert len(set(found.evaluation.members)) == 8, "resampled as a sample, and as one of nobody known"
    told = [words for words in found.warnings if "of 120 labelled cells have" in words]
    assert [words.partition(":")[0] for words in told] == [
        "15 of 120 labelled cells have no donor",
        "15 of 120 labelled cells have neither donor nor sample",
    ]


def test_where_most_cells_are_of_nobody_known_there_is_no_interval(
    bundle: Path, images: pl.DataFrame, tmp_path: Path
) -> None:
    """By cells that are taken for donors there would be sixty of them."""
    known = pl.col("donor_id").is_in(["D00", "D01", "D02", "D03", "D04", "D05", "D06", "D07"])
    root = cohort_of(tmp_path / "cohort", images)
    cells = pl.read_csv(root / "cells.csv")
    cells.with_columns(without("sample_id", ~known), without("donor_id", ~known)).write_csv(root / "cells.csv")
    found = evaluate(bundle, root, tmp_path / "out", resamples=100).metrics
    assert found["f1"]["low"] is None
    assert "no interval for new patients" in found["f1"]["reason"]
