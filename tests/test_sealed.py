"""Openings of the sealed part are counted, and never forgotten."""

from pathlib import Path

import pytest

from brightctc import files
from brightctc.baselines import baselines
from brightctc.cohort import Cohort
from brightctc.cohort.sealed import FILE, open_sealed, opened_words, openings
from brightctc.errors import UserError
from brightctc.evaluate import evaluate
from reported import PARTS, made_run, patients_cohort


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return patients_cohort(tmp_path, cells=140, parts=PARTS | {"D12": "sealed", "D13": "sealed"})


def test_each_analysis_is_counted_once(root: Path) -> None:
    cohort = Cohort.read(root)
    assert openings(cohort) == []
    assert len(open_sealed(cohort, "study", "aaaa")) == 1
    assert len(open_sealed(cohort, "study", "aaaa")) == 1, "gone on with"
    assert len(open_sealed(cohort, "evaluate", "bbbb")) == 2
    assert [opening["by"] for opening in openings(cohort)] == ["study", "evaluate"]


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "was never opened"), (1, "was opened once"), (2, "opened twice: choices made after"), (5, "5 times: choices")],
)
def test_words(count: int, words: str) -> None:
    assert words in opened_words([{}] * count)


def test_evaluate_and_baselines_leave_a_trace(root: Path, tmp_path: Path) -> None:
    run = made_run(tmp_path / "run", root)
    first = evaluate(run / "bundle", root, tmp_path / "one", part="sealed", resamples=20)
    assert any("opened once" in warning for warning in first.warnings)
    again = baselines(root, tmp_path / "two", part="sealed", only=("constant",), resamples=20)
    assert any("opened twice" in warning for warning in again.warnings)
    evaluate(run / "bundle", root, tmp_path / "test", resamples=20)
    assert len(openings(Cohort.read(root))) == 2, "the test part is no secret"


def test_simple_models_beside_another_network_or_with_another_seed_are_another_opening(root: Path, tmp_path: Path):
    one, two = (made_run(tmp_path / name, root, logit=logit) / "bundle" for name, logit in (("a", 1.0), ("b", 1.2)))
    asked = [(one, 0), (one, 0), (two, 0), (two, 1), (None, 1)]
    for number, (bundle, seed) in enumerate(asked):
        baselines(root, tmp_path / f"out{number}", bundle=bundle, seed=seed, part="sealed", only=("constant",),
                  resamples=20)  # fmt: skip
    assert len(openings(Cohort.read(root))) == 4


def test_a_malformed_list_is_refused(root: Path) -> None:
    files.write_json(root / FILE, {"format_version": 1, "openings": "none"})
    with pytest.raises(UserError, match="malformed"):
        openings(Cohort.read(root))


def test_there_must_be_a_sealed_part(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="'sealed' has no cells"):
        open_sealed(Cohort.read(patients_cohort(tmp_path, cells=140)), "study", "aaaa")
