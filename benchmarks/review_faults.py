"""A review server that is killed while grades are sent: thirty times; no acknowledged grade may be missing.

python benchmarks/review_faults.py [--times 30] [--db URL]      (or: make bench-faults)
"""

import argparse
import shutil
import sys
from pathlib import Path

from brightctc.review.verifying import verify

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))
from reviewed import draw_scores  # noqa: E402
from served import killed_while_grading, lost  # noqa: E402

CELLS = 80


def main() -> None:
    """Kill, start again, look every grade up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--db", help="URL of an empty database; by default an SQLite file")
    parser.add_argument("--work", type=Path, default=ROOT / "build/review-faults")
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    options.work.mkdir(parents=True)
    scores = draw_scores(options.work, CELLS * options.times)
    db = options.db or f"sqlite:///{options.work}/review.db"
    kept = killed_while_grading(scores, db, options.times, CELLS)
    missing = lost(db, kept)
    print(f"killed {options.times} times; {len(kept)} grades acknowledged, {len(missing)} missing; "
          f"the chain of {verify(db).events} events holds")  # fmt: skip
    if missing:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
