"""Doubt, measured on made cells: conformal sets, samples that look unlike, and what patients' cells get.

    python benchmarks/doubt.py [--repeats 500] [--work build/doubt]      (or: make bench-doubt)

A bundle is trained on volunteers' leukocytes and two lines at one site. It scores other volunteers of that site, of
three other sites and out of focus, and patients. Then all of it once more with other seeds, to confirm what was chosen
on the first. Writes docs/results/doubt.md.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from brightctc import Bundle, files, import_export, predict, simulate, split, train
from brightctc.bundle.likeness import FLAG
from brightctc.metrics import conformal_sets, roc_auc
from brightctc.simulate import chosen_settings
from machine import command, machine, versions

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/results/doubt.md"
ALPHAS = (0.05, 0.1, 0.2)
OTHER_SEEDS = 100  # added to each, to confirm
CALIBRATION = 150  # cells of each class
TRAINING = {"line_cells": 480, "spiked_leukocytes": 360, "volunteers": 12, "patient_ctcs": 0, "leukocytes_per_ctc": 0}
OTHERS = {"line_cells": 420, "spiked_leukocytes": 300, "volunteers": 12, "patient_ctcs": 0, "leukocytes_per_ctc": 0}
PATIENTS = {"line_cells": 0, "spiked_leukocytes": 0, "patient_ctcs": 180, "patients": 24, "leukocytes_per_ctc": 4}


INTRODUCTION = """# Doubt, measured

Made cells throughout: **no figure here says anything about real ones.** A bundle of the default recipe, trained on 12
volunteers' blood with two lines at the site `reference`; limits of whole samples from its own training and validation
samples.

## Conformal sets
"""


WHOLE = """One like sample in forty is expected above its limit. Told from the same site's: by the distance above the
centre, in units of the limit. The more cells a sample has, the more surely it is told. A site that the network takes
for its own is not told; the last two columns say whether it errs there. That only the upper side counts was decided on
the first samples, with an earlier recipe (docs/decisions/0025).
"""


@dataclass(frozen=True)
class Sample:
    """What the bundle scores: who, where, and what is set otherwise."""

    words: str
    counts: dict[str, Any]
    sites: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()


SAMPLES = {
    "same": Sample("other volunteers, the same site", OTHERS | {"line_cells": 1080, "spiked_leukocytes": 780,
                                                                "volunteers": 30}),
    "dim": Sample("site `dim`: 0.6 of the light, less even", OTHERS, ("dim",)),
    "sharp": Sample("site `sharp`: better focused", OTHERS, ("sharp",)),
    "coarse": Sample("site `coarse`: larger pixels, worse focused", OTHERS, ("coarse",)),
    "defocused": Sample("the same site, 6 µm further out of focus", OTHERS, (), ("sites.reference.focus_um=9",)),
    "patients": Sample("patients of the same site", PATIENTS),
}  # fmt: skip


def cohort(name: str, sample: Sample, seed: int, work: Path) -> Path:
    """Made and imported once."""
    export, root = work / f"{name}-export", work / name
    if not root.is_dir():
        if not export.is_dir():
            counts = sample.counts | {"prefix": f"{name}_"}
            settings = chosen_settings(counts=counts, sites=sample.sites, changes=sample.changes)
            simulate(export, settings=settings, seed=seed, dapi=False)
        import_export(
            export,
            root,
            pattern="{sample_id}/{cell_id}_{channel}.tif",
            bright_field="BF",
            table=export / "labels.csv",
            label="label",
            positive=("CTC",),
            negative=("leukocyte",),
        )
    return root


def trained(work: Path, seed: int) -> Bundle:
    """The bundle, trained once."""
    root = cohort("training", Sample("", TRAINING), seed, work)
    if not (root / "splits.csv").is_file():
        split(root, test_share=0.1, seed=seed)
    return train(root, work / "run", seed=seed, resume=True).bundle


@dataclass(frozen=True)
class Scored:
    """numbers: of each sample, how far above the centre it lies, in units of its limit (above 1: warned of)."""

    table: pl.DataFrame
    numbers: np.ndarray
    warnings: tuple[str, ...]

    def of(self, label: str) -> pl.DataFrame:
        """The cells of a class."""
        return self.table.filter(pl.col("label") == label)


def scored(bundle: Bundle, name: str, sample: Sample, seed: int, work: Path) -> Scored:
    """The samples' scores."""
    result = predict(bundle.folder, cohort(name, sample, seed, work), work / f"{name}.csv", overwrite=True)
    centre = 0.0 if bundle.about.shift is None else bundle.about.shift.centre
    numbers = [(row.unlike - centre) / (row.limit - centre) for row in result.shifts]
    return Scored(result.table, np.array(numbers), result.warnings)


def coverage(logit: np.ndarray, positive: np.ndarray, repeats: int) -> Iterator[list[str]]:
    """How often the set of a cell holds its class, over random halves into calibration and test."""
    rng = np.random.default_rng(0)
    for alpha in ALPHAS:
        held = {True: [], False: []}
        for _ in range(repeats):
            calibration = np.zeros(logit.size, bool)
            for kind in (True, False):
                calibration[rng.choice(np.flatnonzero(positive == kind), CALIBRATION, replace=False)] = True
            sets = conformal_sets(logit[calibration], positive[calibration], alpha)
            assert sets is not None
            may_be = dict(zip((False, True), sets.may_be(logit[~calibration]), strict=True))
            for kind, found in held.items():
                found.append(may_be[kind][positive[~calibration] == kind].mean())
        for kind, found in held.items():
            mean, error = float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(repeats))
            low, high = 1 - alpha, 1 - alpha + 1 / (CALIBRATION + 1)
            kept = low - 3 * error <= mean <= high + 3 * error
            yield [f"{alpha:g}", "CTC" if kind else "leukocyte", f"{low:.3f} to {high:.4f}", f"{mean:.4f}",
                   f"{error:.4f}", "yes" if kept else "**no**"]  # fmt: skip


def all_scored(work: Path, seed: int) -> tuple[Bundle, dict[str, Scored]]:
    """A bundle, and what it says of every kind of sample. seed: of its training; samples have those that follow."""
    bundle = trained(work, seed)
    numbered = enumerate(SAMPLES.items(), start=seed + 1)
    return bundle, {name: scored(bundle, name, sample, number, work) for number, (name, sample) in numbered}


def told_apart(table: pl.DataFrame) -> tuple[float, float]:
    """ROC-AUC of the cells' scores; the share of leukocytes that are called CTC."""
    cells = table.filter(pl.col("score").is_not_null())
    positive = (cells["label"] == "CTC").to_numpy()
    called = (cells["call"] == "CTC").to_numpy()
    return roc_auc(positive, cells["score"].to_numpy()), float(called[~positive].mean())


def shifts(bundle: Bundle, found: dict[str, Scored]) -> Iterator[str]:
    """Which samples are told to be unlike: a table."""
    same, limits = found["same"], bundle.about.shift
    assert limits is not None
    yield f"Limits from {limits.samples} validation samples and the spread between {limits.freedom + 2} in all.\n"
    yield head(
        "samples",
        "number",
        "cells in each",
        "above the limit",
        "told from the same site's, ROC-AUC",
        "warned of by the input contract",
        "CTCs told from leukocytes, ROC-AUC",
        "leukocytes called CTC",
    )
    for name, side in found.items():
        outside = int((side.numbers > 1).sum())
        auc = "—"
        if name != "same":
            both = np.concatenate([same.numbers, side.numbers])
            auc = f"{roc_auc(np.arange(both.size) >= same.numbers.size, both):.3f}"
        warned = any("outside the bundle's input contract" in words for words in side.warnings)
        share = f"{outside} ({outside / side.numbers.size:.0%})"
        cells = f"{side.table.height / side.numbers.size:.0f}"
        ranked, false = told_apart(side.table)
        row = [SAMPLES[name].words, side.numbers.size, cells, share, auc, "yes" if warned else "no", f"{ranked:.3f}",
               f"{false:.1%}"]  # fmt: skip
        yield f"| {' | '.join(map(str, row))} |"


def page(
    bundle: Bundle, found: dict[str, Scored], again: tuple[Bundle, dict[str, Scored]], repeats: int
) -> Iterator[str]:
    """The lines of doubt.md. again: with other seeds."""
    yield INTRODUCTION
    same = found["same"]
    labelled = same.table.filter(pl.col("score").is_not_null())
    logit = np.log(labelled["score"].to_numpy()) - np.log1p(-labelled["score"].to_numpy())
    positive = (labelled["label"] == "CTC").to_numpy()
    yield f"Scores of {logit.size:,} cells of other volunteers at the same site, divided at random {repeats} times into"
    yield f"{CALIBRATION} calibration cells of each class and a test set. How often a cell's set holds its class:\n"
    yield head("α", "class", "promised", "mean coverage", "standard error", "within 3 standard errors")
    for row in coverage(logit, positive, repeats):
        yield f"| {' | '.join(row)} |"
    patients = found["patients"]
    yield "\nFrom lines to patients it is **not promised**. With the bundle's own validation cells as calibration:\n"
    yield head("α", "class", "cells", "coverage at the same site", "coverage in patients (not promised)")
    for alpha in ALPHAS:
        sets = bundle.validation.sets(alpha)
        if sets is None:
            continue
        ends = bundle.score(np.array([sets.negative_up_to, sets.positive_from])).tolist()
        of_scores = replace(sets, negative_up_to=ends[0], positive_from=ends[1])
        for kind, label in ((1, "CTC"), (0, "leukocyte")):
            shares, count = [], 0
            for side in (same, patients):
                cells = side.of(label).filter(pl.col("score").is_not_null())
                shares.append(float(of_scores.may_be(cells["score"].to_numpy())[kind].mean()))
                count = cells.height
            yield f"| {alpha:g} | {label} | {count} | {shares[0]:.3f} | {shares[1]:.3f} |"
    yield "\n## Whole samples that look unlike\n"
    yield WHOLE
    yield from shifts(bundle, found)
    yield "\nOnce more, after that was decided: another training cohort, another bundle, other samples of every kind.\n"
    yield from shifts(*again)
    yield "\n## What the flag does to true cells\n"
    yield f"Share of cells with the flag `{FLAG}` (limit: 2 % of cells like the validation cells):\n"
    yield head("samples", "CTCs or line cells", "leukocytes")
    for name, side in found.items():
        flags = [side.of(label)["flags"].fill_null("") for label in ("CTC", "leukocyte")]
        shares = [f"{own.str.contains(FLAG).mean():.1%}" for own in flags]
        yield f"| {SAMPLES[name].words} | {' | '.join(shares)} |"
    yield "\nFlags hide and move nothing: a flagged CTC keeps its score, rank and call.\n"
    yield f"{machine()}. {versions()}. Made by `{command()}`."


def head(*names: str) -> str:
    """The first two lines of a table."""
    return f"| {' | '.join(names)} |\n|{' --- |' * len(names)}"


def main() -> None:
    """Make, train, score, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=500)
    parser.add_argument("--work", type=Path, default=ROOT / "build/doubt", help="keeps cohorts, run and scores")
    parser.add_argument("--page", type=Path, default=PAGE)
    options = parser.parse_args()
    bundle, found = all_scored(options.work, 0)
    again = all_scored(options.work / "again", OTHER_SEEDS)
    files.write_text(options.page, "\n".join(page(bundle, found, again, options.repeats)) + "\n")
    print(f"wrote {options.page}")


if __name__ == "__main__":
    main()
