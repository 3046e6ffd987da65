"""Scoring speed: brightctc beside what people write in PyTorch and ONNX Runtime, on the same files, in one run.

    python benchmarks/speed.py [--rounds 3] [--quick]      (or: make bench-speed)

10,000 crops of 148 x 148 px in 16-bit TIFF files are scored to a scores file by ResNet50 and by the default recipe's
network: by PyTorch with a DataLoader, by ONNX Runtime with the same DataLoader, and by brightctc in float32, bfloat16
and INT8. Beside it: the network alone, reading alone, starting, memory, and what the processor could do at most.
Files and bundles are made once and kept in the work folder; figures are kept in a CSV as they are made, and a run that
was stopped goes on. Writes a page, a picture and the CSV of this class of processor: docs/results/speed-avx512-vnni.md,
.svg and .csv where that is its best instruction for INT8.
"""

import argparse
import os
from pathlib import Path

from brightctc.bundle.processor import instructions
from speed_bench import Bench
from speed_cells import SUBJECTS
from speed_page import write_page
from speed_results import Results

ROOT = Path(__file__).parents[1]
BUSY = 0.3  # other programs' load above which figures are not to be trusted
QUICK = {
    "files": 256,
    "few_files": 64,
    "slow_files": 48,
    "pilot": 16,
    "rounds": 1,
    "seconds": 0.2,
    "subjects": ["default-1"],
}


def parsed() -> argparse.Namespace:
    """The options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--files", type=int, default=10_000, help="that brightctc scores in each round")
    parser.add_argument("--few-files", type=int, default=4_000, help="that it scores in float32, and watched")
    parser.add_argument("--slow-files", type=int, default=1_000, help="of these, that the other ways score")
    parser.add_argument("--pilot", type=int, default=200, help="cells on which their settings are chosen")
    parser.add_argument("--seconds", type=float, default=5, help="that the network alone is timed for")
    parser.add_argument("--subjects", nargs="+", default=[each.name for each in SUBJECTS], help="networks")
    parser.add_argument("--quick", action="store_true", help="see that all works; the figures mean nothing")
    parser.add_argument("--again", action="store_true", help="measure anew what is in the CSV")
    parser.add_argument("--work", type=Path, default=ROOT / "build/speed", help="keeps files and bundles")
    parser.add_argument("--out", type=Path, help="folder of the page, its picture and its table")
    options = parser.parse_args()
    if options.quick:
        vars(options).update(QUICK)
    options.out = options.out or (options.work / "quick" if options.quick else ROOT / "docs/results")
    return options


def main() -> None:
    """Measure what is not measured yet, then write the page."""
    options = parsed()
    options.work.mkdir(parents=True, exist_ok=True)
    os.environ["XDG_CACHE_HOME"] = str(options.work.resolve() / "cache")  # of compiled networks; not the user's own
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"other programs are at work here (load {load:.1f}): the figures will be theirs, too", flush=True)
    kind = instructions("int8") or "no instructions for INT8"
    target = options.out / f"speed-{kind.replace('_', '-').replace(' ', '-')}.csv"
    results = Results.read(target, again=options.again or options.quick)
    Bench(results, options).all()
    print(f"wrote {write_page(results, kind)}")


if __name__ == "__main__":
    main()
