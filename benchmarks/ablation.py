"""Real cells: the paper's ablation of augmentations and DAPI, with its controls, at equal optimiser steps.

    python benchmarks/ablation.py [--seeds 5] [--steps 160] [--work build/ablation]      (or: make bench-ablation)

4,918 Jurkat cells: mitotic among interphase, the nuclear stain in place of DAPI. 917 cells (300 mitotic) for training
and validation, 45 % for testing, of which a third is sealed and scored once at the end. 160 steps of 32 images are
about 5,000 images a run. A study that was stopped goes on; runs that are there are not done again.
"""

import argparse
import shutil
import time
from pathlib import Path

from ablation_page import write_page
from brightctc import files, split, study
from brightctc.study.options import Options
from brightctc.study.studying import Machines, StudyResult
from jurkat import DATA, ROOT, imported, say, unzipped

PAPERS_RATE = 1e-7


def prepared(work: Path) -> Path:
    """The cohort of Experiment_1, split once."""
    cohort = imported(unzipped(work), "Experiment_1", work / "cohort")
    if not (cohort / "splits.csv").is_file():
        split(cohort, test_share=0.45, seal=0.33, train_cells=917, train_positives=300, seed=0)
    return cohort


def asked(folder: Path, cohort: Path, options: Options, machines: Machines, sealed: bool) -> tuple[StudyResult, float]:
    """A study and the minutes that it took in all; kept beside it, since one that goes on takes less."""
    clock = folder.with_suffix(".minutes.json")
    start, former = time.perf_counter(), files.read_json(clock)["minutes"] if clock.is_file() else 0.0
    last = [0.0]

    def progress(task: str, done: int, total: int, note: str = "") -> None:
        if time.perf_counter() - last[0] > 30:
            last[0] = time.perf_counter()
            say(f"{task} {done}/{total} {note}")

    result = study(
        "ablation", cohort, folder, options, machines=machines, sealed=sealed, command="make bench-ablation",
        progress=progress,
    )  # fmt: skip
    minutes = former + (time.perf_counter() - start) / 60
    files.write_json(clock, {"minutes": minutes})
    return result, minutes


def main() -> None:
    """Both studies, then the page and its figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--work", type=Path, default=ROOT / "build/ablation", help="keeps the studies")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/results", help="folder of the page and its figure")
    parser.add_argument("--anew", action="store_true", help="forget former runs")
    given = parser.parse_args()
    if not DATA.is_file():
        raise SystemExit(f"{DATA.name} is missing: put it into {DATA.parent}, or set BRIGHTCTC_DATA")
    if given.anew:
        shutil.rmtree(given.work, ignore_errors=True)
    cohort = prepared(given.work)
    steps = (f"train.steps={given.steps}",)
    machines = Machines(parallel=2, threads=1)
    whole = asked(given.work / "study", cohort, Options(settings=steps, seeds=given.seeds), machines, True)
    slow = Options(settings=steps, seeds=1, learning_rates=(PAPERS_RATE,), baselines=())
    papers = asked(given.work / "papers_rate", cohort, slow, machines, False)
    write_page(whole, papers, given.steps, given.out)
    say(f"wrote {given.out / 'ablation.md'}")


if __name__ == "__main__":
    main()
